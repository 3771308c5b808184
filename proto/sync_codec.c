#include "proto/sync_codec.h"

#include "proto/bounded_unpack.h"
#include "proto/frame.h"
#include "proto/sync.pb-c.h"
#include "proto/sync_check.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(SYNC_FRAME_MAX == SYNC_MESSAGE_MAX + FRAME_HEADER_SIZE, "frame size");

/* A batch's bytes are copied once; the rest is for structures and for repeated fields. */
#define DECODER_ARENA (SYNC_MESSAGE_MAX + 65536u)

/* Generated structures hold pointers that packing only reads. */
#define UNCONST(pointer) ((void *)(uintptr_t)(pointer))

struct sync_decoder {
	struct arena arena;
	struct sync_bytes list[SYNC_BATCH_ENTRIES_MAX];
	_Alignas(max_align_t) uint8_t memory[DECODER_ARENA];
};
_Static_assert(SYNC_COMPILED_MAX <= SYNC_BATCH_ENTRIES_MAX, "one list holds either");

/* A message on its way out, with the pointers that packing wants. */
struct packed_message {
	union {
		ProtobufCMessage base;
		Smtpguard__Sync__Hello hello;
		Smtpguard__Sync__Start start;
		Smtpguard__Sync__Batch batch;
		Smtpguard__Sync__Ack ack;
		Smtpguard__Sync__Heartbeat heartbeat;
		Smtpguard__Sync__Refusal refusal;
		Smtpguard__Sync__Word word;
	};
	ProtobufCBinaryData list[SYNC_BATCH_ENTRIES_MAX];
};

static const ProtobufCMessageDescriptor *const descriptors[] = {
    [SYNC_HELLO] = &smtpguard__sync__hello__descriptor,
    [SYNC_START] = &smtpguard__sync__start__descriptor,
    [SYNC_BATCH] = &smtpguard__sync__batch__descriptor,
    [SYNC_ACK] = &smtpguard__sync__ack__descriptor,
    [SYNC_HEARTBEAT] = &smtpguard__sync__heartbeat__descriptor,
    [SYNC_REFUSAL] = &smtpguard__sync__refusal__descriptor,
    [SYNC_WORD] = &smtpguard__sync__word__descriptor,
};

struct sync_decoder *
sync_decoder_create(void)
{
	struct sync_decoder *decoder = malloc(sizeof(*decoder));

	if (decoder != NULL)
		arena_init(&decoder->arena, decoder->memory, sizeof(decoder->memory));
	return decoder;
}

void
sync_decoder_destroy(struct sync_decoder *decoder)
{
	if (decoder != NULL)
		explicit_bzero(decoder->memory, decoder->arena.used);
	free(decoder);
}

static bool
take_list(
    struct sync_decoder *decoder, const ProtobufCBinaryData *bytes, size_t number, uint32_t most)
{
	if (number > most)
		return false;
	for (size_t i = 0; i < number; i++)
		decoder->list[i] = (struct sync_bytes){bytes[i].data, bytes[i].len};
	return true;
}

static void
take_hello(const Smtpguard__Sync__Hello *message, struct sync_hello *hello)
{
	*hello = (struct sync_hello){
	    .version_oldest = message->version_oldest,
	    .version_newest = message->version_newest,
	    .record_oldest = message->record_oldest,
	    .record_newest = message->record_newest,
	    .features = message->features,
	    .node = message->node,
	    .peer = message->peer,
	    .epoch = message->epoch,
	    .role = message->role,
	    .history = message->history,
	    .lsn = message->lsn,
	    .abi_major = message->abi_major,
	    .abi_minor = message->abi_minor,
	    .slots = message->slots,
	    .chunks = message->chunks,
	    .state = message->state,
	    .side = message->side,
	    .commit = message->commit,
	};
}

static void
take_heartbeat(const Smtpguard__Sync__Heartbeat *message, struct sync_heartbeat *heartbeat)
{
	*heartbeat = (struct sync_heartbeat){
	    .epoch = message->epoch,
	    .role = message->role,
	    .synced = message->synced,
	    .gateway_ms = message->gateway_ms,
	    .tcp_clock = message->tcp_clock,
	    .lsn = message->lsn,
	    .sent = message->sent,
	    .echo = message->echo,
	};
}

static enum sync_reason
take_batch(
    struct sync_decoder *decoder, const Smtpguard__Sync__Batch *message, struct sync_batch *batch)
{
	if (!take_list(decoder, message->entry, message->n_entry, SYNC_BATCH_ENTRIES_MAX))
		return SYNC_BAD_ENTRY_COUNT;
	*batch = (struct sync_batch){
	    message->epoch, message->first, (uint32_t)message->n_entry, decoder->list};
	return SYNC_GOOD;
}

static enum sync_reason
take_ack(struct sync_decoder *decoder, const Smtpguard__Sync__Ack *message, struct sync_ack *ack)
{
	if (!take_list(decoder, message->compiled, message->n_compiled, SYNC_COMPILED_MAX))
		return SYNC_BAD_GENERATION;
	*ack = (struct sync_ack){message->epoch, message->history, message->lsn,
	    (uint32_t)message->n_compiled, decoder->list,
	    {message->refused.data, message->refused.len}, message->reason};
	return SYNC_GOOD;
}

static enum sync_reason
take_message(struct sync_decoder *decoder, const void *unpacked, struct sync_message *message)
{
	const Smtpguard__Sync__Start *start = unpacked;
	const Smtpguard__Sync__Refusal *refusal = unpacked;
	const Smtpguard__Sync__Word *word = unpacked;

	switch (message->kind) {
	case SYNC_HELLO:
		take_hello(unpacked, &message->hello);
		return SYNC_GOOD;
	case SYNC_START:
		message->start = (struct sync_start){
		    start->epoch, start->history, start->first, start->snapshot};
		return SYNC_GOOD;
	case SYNC_BATCH:
		return take_batch(decoder, unpacked, &message->batch);
	case SYNC_ACK:
		return take_ack(decoder, unpacked, &message->ack);
	case SYNC_HEARTBEAT:
		take_heartbeat(unpacked, &message->heartbeat);
		return SYNC_GOOD;
	case SYNC_REFUSAL:
		message->refusal = (struct sync_refusal){refusal->reason, refusal->epoch};
		return SYNC_GOOD;
	case SYNC_WORD:
		message->word = (struct sync_word){word->saying, word->epoch, word->state};
		return SYNC_GOOD;
	}
	return SYNC_BAD_FRAME_KIND;
}

static enum sync_reason
decode_payload(
    struct sync_decoder *decoder, const struct frame *frame, struct sync_message *message)
{
	message->kind = (enum sync_kind)frame->type;
	arena_reset(&decoder->arena);
	const ProtobufCMessage *unpacked = bounded_unpack(
	    descriptors[frame->type], &decoder->arena, frame->payload, frame->length);
	if (unpacked == NULL)
		return SYNC_BAD_MESSAGE;
	enum sync_reason reason = take_message(decoder, unpacked, message);
	return reason == SYNC_GOOD ? sync_check_message(message) : reason;
}

enum sync_result
sync_decode(struct sync_decoder *decoder, const uint8_t *bytes, size_t length,
    struct sync_message *ret_message, size_t *ret_size, enum sync_reason *ret_reason)
{
	struct sync_message message;
	struct frame frame;

	switch (frame_decode(bytes, length, SYNC_MESSAGE_MAX, &frame)) {
	case FRAME_MORE:
		return SYNC_MORE;
	case FRAME_BAD:
		*ret_reason = SYNC_BAD_FRAME;
		return SYNC_REFUSED;
	case FRAME_READY:
		break;
	}
	if (frame.type < SYNC_HELLO || frame.type > SYNC_WORD)
		*ret_reason = SYNC_BAD_FRAME_KIND;
	else
		*ret_reason = decode_payload(decoder, &frame, &message);
	if (*ret_reason != SYNC_GOOD)
		return SYNC_REFUSED;
	*ret_message = message;
	*ret_size = frame.size;
	return SYNC_READY;
}

static ProtobufCBinaryData *
put_list(struct packed_message *packed, const struct sync_bytes *list, uint32_t number)
{
	for (uint32_t i = 0; i < number; i++)
		packed->list[i] = (ProtobufCBinaryData){list[i].length, UNCONST(list[i].data)};
	return packed->list;
}

static void
put_hello(const struct sync_hello *hello, Smtpguard__Sync__Hello *message)
{
	smtpguard__sync__hello__init(message);
	message->version_oldest = hello->version_oldest;
	message->version_newest = hello->version_newest;
	message->record_oldest = hello->record_oldest;
	message->record_newest = hello->record_newest;
	message->features = hello->features;
	message->node = UNCONST(hello->node);
	message->peer = UNCONST(hello->peer);
	message->epoch = hello->epoch;
	message->role = (Smtpguard__Sync__Role)hello->role;
	message->history = hello->history;
	message->lsn = hello->lsn;
	message->abi_major = hello->abi_major;
	message->abi_minor = hello->abi_minor;
	message->slots = hello->slots;
	message->chunks = hello->chunks;
	message->state = hello->state;
	message->side = hello->side;
	message->commit = (Smtpguard__Sync__Commit)hello->commit;
}

static void
put_start(const struct sync_start *start, Smtpguard__Sync__Start *message)
{
	smtpguard__sync__start__init(message);
	message->epoch = start->epoch;
	message->history = start->history;
	message->first = start->first;
	message->snapshot = start->snapshot;
}

static void
put_batch(const struct sync_batch *batch, struct packed_message *packed)
{
	smtpguard__sync__batch__init(&packed->batch);
	packed->batch.epoch = batch->epoch;
	packed->batch.first = batch->first;
	packed->batch.n_entry = batch->entries;
	packed->batch.entry = put_list(packed, batch->entry, batch->entries);
}

static void
put_ack(const struct sync_ack *ack, struct packed_message *packed)
{
	smtpguard__sync__ack__init(&packed->ack);
	packed->ack.epoch = ack->epoch;
	packed->ack.history = ack->history;
	packed->ack.lsn = ack->lsn;
	packed->ack.n_compiled = ack->compiled;
	packed->ack.compiled = put_list(packed, ack->generation, ack->compiled);
	packed->ack.refused =
	    (ProtobufCBinaryData){ack->refused.length, UNCONST(ack->refused.data)};
	if (ack->reason != NULL)
		packed->ack.reason = UNCONST(ack->reason);
}

static void
put_heartbeat(const struct sync_heartbeat *heartbeat, Smtpguard__Sync__Heartbeat *message)
{
	smtpguard__sync__heartbeat__init(message);
	message->epoch = heartbeat->epoch;
	message->role = (Smtpguard__Sync__Role)heartbeat->role;
	message->synced = heartbeat->synced;
	message->gateway_ms = heartbeat->gateway_ms;
	message->tcp_clock = heartbeat->tcp_clock;
	message->lsn = heartbeat->lsn;
	message->sent = heartbeat->sent;
	message->echo = heartbeat->echo;
}

static void
put_word(const struct sync_word *word, Smtpguard__Sync__Word *message)
{
	smtpguard__sync__word__init(message);
	message->saying = (Smtpguard__Sync__Saying)word->saying;
	message->epoch = word->epoch;
	message->state = word->state;
}

static void
put_message(const struct sync_message *message, struct packed_message *packed)
{
	switch (message->kind) {
	case SYNC_HELLO:
		put_hello(&message->hello, &packed->hello);
		break;
	case SYNC_START:
		put_start(&message->start, &packed->start);
		break;
	case SYNC_BATCH:
		put_batch(&message->batch, packed);
		break;
	case SYNC_ACK:
		put_ack(&message->ack, packed);
		break;
	case SYNC_HEARTBEAT:
		put_heartbeat(&message->heartbeat, &packed->heartbeat);
		break;
	case SYNC_REFUSAL:
		smtpguard__sync__refusal__init(&packed->refusal);
		packed->refusal.reason = message->refusal.reason;
		packed->refusal.epoch = message->refusal.epoch;
		break;
	case SYNC_WORD:
		put_word(&message->word, &packed->word);
		break;
	}
}

enum sync_reason
sync_encode(const struct sync_message *message, uint8_t *buffer, size_t size, size_t *ret_length)
{
	enum sync_reason reason = sync_check_message(message);
	struct packed_message packed;

	if (reason != SYNC_GOOD)
		return reason;
	put_message(message, &packed);
	size_t length = protobuf_c_message_get_packed_size(&packed.base);
	if (length > SYNC_MESSAGE_MAX || size < FRAME_HEADER_SIZE ||
	    length > size - FRAME_HEADER_SIZE)
		return SYNC_BAD_FRAME_LENGTH;
	frame_put_header(buffer, (uint16_t)message->kind, (uint32_t)length);
	protobuf_c_message_pack(&packed.base, buffer + FRAME_HEADER_SIZE);
	*ret_length = length + FRAME_HEADER_SIZE;
	return SYNC_GOOD;
}
