/*
 * control_codec -- requests and replies of the control socket, as both ends see them
 *
 * smtpguardctl encodes requests and decodes replies, the manager the other way round.  An encoder
 * writes one whole frame into the caller's buffer; a decoder takes one frame from the start of
 * the caller's bytes and says how many they were.
 *
 * Everything decoded is bounded: a request frame CONTROL_REQUEST_MAX, a reply frame
 * CONTROL_REPLY_MAX, CONTROL_CANDIDATES_MAX candidates; strings hold no NUL inside, but may hold
 * any other byte: escape before printing, except `text`, which the manager has made printable.
 * Decoded pointers lie in the decoder and are good until the next decode or its end.
 */
#ifndef PROTO_CONTROL_CODEC_H
#define PROTO_CONTROL_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONTROL_REQUEST_MAX    65536u  /* payload bytes */
#define CONTROL_REPLY_MAX      262144u /* payload bytes */
#define CONTROL_TEXT_MAX       131072u /* of one reply; longer output goes in several */
#define CONTROL_CANDIDATES_MAX 256u

/* Sizes that hold any whole frame: for the readers' buffers. */
#define CONTROL_REQUEST_FRAME_MAX (CONTROL_REQUEST_MAX + 8u)
#define CONTROL_REPLY_FRAME_MAX	  (CONTROL_REPLY_MAX + 8u)

enum control_kind { CONTROL_EXECUTE, CONTROL_COMPLETE, CONTROL_HELP };

struct control_request {
	uint32_t id;
	enum control_kind kind;
	bool json;
	const char *line; /* never NULL */
};

struct control_candidate {
	const char *word;
	const char *help;
};

struct control_reply {
	uint32_t id;	 /* of the request; 0: not about one request (a protocol error) */
	uint32_t status; /* sysexits */
	bool final;
	uint32_t error_column; /* 1-based; 0 none */
	const uint8_t *text;   /* may be NULL when text_length is 0 */
	size_t text_length;
	const char *prompt; /* "" in replies that are not final; never NULL */
	unsigned candidates;
	const struct control_candidate *candidate;
};

enum control_result {
	CONTROL_MORE, /* not a whole frame yet */
	CONTROL_READY,
	CONTROL_BAD_FRAME,   /* the stream is lost: close it */
	CONTROL_BAD_MESSAGE, /* a frame whose payload is refused; *ret_size says how long it was */
};

struct control_decoder;

/* NULL: no memory. One per direction of a connection, or one for all connections of a loop. */
struct control_decoder *control_decoder_create(void);
void control_decoder_destroy(struct control_decoder *decoder);

enum control_result control_decode_request(struct control_decoder *decoder, const uint8_t *bytes,
    size_t length, struct control_request *ret_request, size_t *ret_size);
enum control_result control_decode_reply(struct control_decoder *decoder, const uint8_t *bytes,
    size_t length, struct control_reply *ret_reply, size_t *ret_size);

/* Bytes of the whole frame, or 0 when it would be above its cap (or has too many candidates). */
size_t control_request_size(const struct control_request *request);
size_t control_reply_size(const struct control_reply *reply);

/* Writes the frame; returns its length, 0 when it does not fit in `size` or in its cap. */
size_t control_encode_request(const struct control_request *request, uint8_t *buffer, size_t size);
size_t control_encode_reply(const struct control_reply *reply, uint8_t *buffer, size_t size);

#endif
