/*
 * sync_codec -- messages between the two hosts of a pair, as frames
 *
 * Both hosts encode and decode: one whole frame (frame.h; its type is the message's kind) into the
 * caller's buffer, one frame from the start of the caller's bytes.  A frame's length is checked
 * against SYNC_MESSAGE_MAX as soon as its header is there; the message is unpacked into the
 * decoder's own memory, and each field is checked (sync_check.h).  What is refused has a name.
 * Pure: no I/O, no clock.
 *
 * Decoded pointers lie in the decoder and are good until the next decode or its end.
 */
#ifndef PROTO_SYNC_CODEC_H
#define PROTO_SYNC_CODEC_H

#include "proto/sync_reason.h"
#include "proto/sync_types.h"

#define SYNC_FRAME_MAX (SYNC_MESSAGE_MAX + 8u) /* holds any whole frame */

enum sync_result {
	SYNC_MORE, /* not a whole frame yet */
	SYNC_READY,
	SYNC_REFUSED, /* the stream cannot be trusted again: close it */
};

struct sync_decoder;

/* NULL: no memory. */
struct sync_decoder *sync_decoder_create(void);
void sync_decoder_destroy(struct sync_decoder *decoder);

/* READY: the message and how many bytes it was; REFUSED: why. */
enum sync_result sync_decode(struct sync_decoder *decoder, const uint8_t *bytes, size_t length,
    struct sync_message *ret_message, size_t *ret_size, enum sync_reason *ret_reason);

/* SYNC_BAD_FRAME_LENGTH: above `size`, or SYNC_FRAME_MAX. */
enum sync_reason sync_encode(
    const struct sync_message *message, uint8_t *buffer, size_t size, size_t *ret_length);

#endif
