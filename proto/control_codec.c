#include "proto/control_codec.h"

#include "proto/bounded_unpack.h"
#include "proto/control.pb-c.h"
#include "proto/frame.h"

#include <stdlib.h>
#include <string.h>

enum control_frame { CONTROL_FRAME_REQUEST = 1, CONTROL_FRAME_REPLY = 2 };

_Static_assert(CONTROL_REQUEST_FRAME_MAX == CONTROL_REQUEST_MAX + FRAME_HEADER_SIZE, "frame size");

/* A reply's bytes are copied once; the rest is for structures and for repeated fields. */
#define DECODER_ARENA (CONTROL_REPLY_MAX + 131072u)

/* Generated structures hold `char *` that packing only reads. */
#define UNCONST(text) ((char *)(uintptr_t)(text))

struct control_decoder {
	struct arena arena;
	struct control_candidate candidate[CONTROL_CANDIDATES_MAX];
	_Alignas(max_align_t) uint8_t memory[DECODER_ARENA];
};

/* A reply on its way out, with the pointers that packing wants. */
struct packed_reply {
	Smtpguard__Control__Reply reply;
	Smtpguard__Control__Candidate candidate[CONTROL_CANDIDATES_MAX];
	Smtpguard__Control__Candidate *list[CONTROL_CANDIDATES_MAX];
};

struct control_decoder *
control_decoder_create(void)
{
	struct control_decoder *decoder = malloc(sizeof(*decoder));

	if (decoder != NULL)
		arena_init(&decoder->arena, decoder->memory, sizeof(decoder->memory));
	return decoder;
}

void
control_decoder_destroy(struct control_decoder *decoder)
{
	free(decoder);
}

static enum control_result
decode(struct control_decoder *decoder, const ProtobufCMessageDescriptor *descriptor,
    enum control_frame type, uint32_t cap, const uint8_t *bytes, size_t length,
    ProtobufCMessage **ret_message, size_t *ret_size)
{
	struct frame frame;

	switch (frame_decode(bytes, length, cap, &frame)) {
	case FRAME_MORE:
		return CONTROL_MORE;
	case FRAME_BAD:
		return CONTROL_BAD_FRAME;
	case FRAME_READY:
		break;
	}
	if (frame.type != type)
		return CONTROL_BAD_FRAME;

	*ret_size = frame.size;
	arena_reset(&decoder->arena);
	*ret_message = bounded_unpack(descriptor, &decoder->arena, frame.payload, frame.length);
	return *ret_message == NULL ? CONTROL_BAD_MESSAGE : CONTROL_READY;
}

enum control_result
control_decode_request(struct control_decoder *decoder, const uint8_t *bytes, size_t length,
    struct control_request *ret_request, size_t *ret_size)
{
	ProtobufCMessage *message = NULL;
	enum control_result result = decode(decoder, &smtpguard__control__request__descriptor,
	    CONTROL_FRAME_REQUEST, CONTROL_REQUEST_MAX, bytes, length, &message, ret_size);

	if (result != CONTROL_READY)
		return result;
	const Smtpguard__Control__Request *request = (const void *)message;
	if ((unsigned)request->kind > CONTROL_HELP)
		return CONTROL_BAD_MESSAGE;

	*ret_request = (struct control_request){
	    .id = request->id,
	    .kind = (enum control_kind)request->kind,
	    .json = request->json,
	    .line = request->line,
	};
	return CONTROL_READY;
}

enum control_result
control_decode_reply(struct control_decoder *decoder, const uint8_t *bytes, size_t length,
    struct control_reply *ret_reply, size_t *ret_size)
{
	ProtobufCMessage *message = NULL;
	enum control_result result = decode(decoder, &smtpguard__control__reply__descriptor,
	    CONTROL_FRAME_REPLY, CONTROL_REPLY_MAX, bytes, length, &message, ret_size);

	if (result != CONTROL_READY)
		return result;
	const Smtpguard__Control__Reply *reply = (const void *)message;
	if (reply->n_candidates > CONTROL_CANDIDATES_MAX)
		return CONTROL_BAD_MESSAGE;

	for (size_t i = 0; i < reply->n_candidates; i++)
		decoder->candidate[i] = (struct control_candidate){
		    .word = reply->candidates[i]->word,
		    .help = reply->candidates[i]->help,
		};
	*ret_reply = (struct control_reply){
	    .id = reply->id,
	    .status = reply->status,
	    .final = reply->final,
	    .error_column = reply->error_column,
	    .text = reply->text.data,
	    .text_length = reply->text.len,
	    .prompt = reply->prompt,
	    .candidates = (unsigned)reply->n_candidates,
	    .candidate = decoder->candidate,
	};
	return CONTROL_READY;
}

static void
request_fill(const struct control_request *request, Smtpguard__Control__Request *message)
{
	smtpguard__control__request__init(message);
	message->id = request->id;
	message->kind = (Smtpguard__Control__Request__Kind)request->kind;
	message->json = request->json;
	message->line = UNCONST(request->line);
}

static bool
reply_fill(const struct control_reply *reply, struct packed_reply *packed)
{
	Smtpguard__Control__Reply *message = &packed->reply;

	if (reply->candidates > CONTROL_CANDIDATES_MAX)
		return false;
	smtpguard__control__reply__init(message);
	message->id = reply->id;
	message->status = reply->status;
	message->final = reply->final;
	message->error_column = reply->error_column;
	message->text.data = (uint8_t *)UNCONST(reply->text);
	message->text.len = reply->text_length;
	message->prompt = UNCONST(reply->prompt);
	for (unsigned i = 0; i < reply->candidates; i++) {
		smtpguard__control__candidate__init(&packed->candidate[i]);
		packed->candidate[i].word = UNCONST(reply->candidate[i].word);
		packed->candidate[i].help = UNCONST(reply->candidate[i].help);
		packed->list[i] = &packed->candidate[i];
	}
	message->n_candidates = reply->candidates;
	message->candidates = packed->list;
	return true;
}

static size_t
frame_size(const ProtobufCMessage *message, uint32_t cap)
{
	size_t length = protobuf_c_message_get_packed_size(message);

	return length > cap ? 0 : length + FRAME_HEADER_SIZE;
}

static size_t
encode(const ProtobufCMessage *message, enum control_frame type, uint32_t cap, uint8_t *buffer,
    size_t size)
{
	size_t length = frame_size(message, cap);

	if (length == 0 || length > size)
		return 0;
	frame_put_header(buffer, (uint16_t)type, (uint32_t)(length - FRAME_HEADER_SIZE));
	protobuf_c_message_pack(message, buffer + FRAME_HEADER_SIZE);
	return length;
}

size_t
control_request_size(const struct control_request *request)
{
	Smtpguard__Control__Request message;

	request_fill(request, &message);
	return frame_size(&message.base, CONTROL_REQUEST_MAX);
}

size_t
control_reply_size(const struct control_reply *reply)
{
	struct packed_reply packed;

	return reply_fill(reply, &packed) ? frame_size(&packed.reply.base, CONTROL_REPLY_MAX) : 0;
}

size_t
control_encode_request(const struct control_request *request, uint8_t *buffer, size_t size)
{
	Smtpguard__Control__Request message;

	request_fill(request, &message);
	return encode(&message.base, CONTROL_FRAME_REQUEST, CONTROL_REQUEST_MAX, buffer, size);
}

size_t
control_encode_reply(const struct control_reply *reply, uint8_t *buffer, size_t size)
{
	struct packed_reply packed;

	if (!reply_fill(reply, &packed))
		return 0;
	return encode(&packed.reply.base, CONTROL_FRAME_REPLY, CONTROL_REPLY_MAX, buffer, size);
}
