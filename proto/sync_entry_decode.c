#include "proto/sync_entry_decode.h"

#include "proto/bounded_unpack.h"
#include "proto/sync.pb-c.h"
#include "proto/sync_check.h"

#include <stdlib.h>
#include <string.h>

/* An entry's bytes are copied once; the rest is for structures and for repeated fields. */
#define ENTRY_ARENA (SYNC_ENTRY_MAX + 65536u)

struct sync_entry_decoder {
	struct arena arena;
	struct sync_identity identity;
	struct sync_leg leg[SYNC_LEGS];
	struct sync_piece piece[SYNC_PIECES_MAX];
	struct sync_trim trim[SYNC_TRIMS_MAX];
	struct sync_counter counter[SYNC_COUNTERS_MAX];
	_Alignas(max_align_t) uint8_t memory[ENTRY_ARENA];
};

struct sync_entry_decoder *
sync_entry_decoder_create(void)
{
	struct sync_entry_decoder *decoder = malloc(sizeof(*decoder));

	if (decoder != NULL)
		arena_init(&decoder->arena, decoder->memory, sizeof(decoder->memory));
	return decoder;
}

void
sync_entry_wipe(struct sync_entry_decoder *decoder)
{
	explicit_bzero(decoder->memory, decoder->arena.used);
	arena_reset(&decoder->arena);
}

void
sync_entry_decoder_destroy(struct sync_entry_decoder *decoder)
{
	if (decoder != NULL)
		sync_entry_wipe(decoder);
	free(decoder);
}

static struct sync_bytes
take_bytes(ProtobufCBinaryData bytes)
{
	return (struct sync_bytes){bytes.data, bytes.len};
}

static struct sync_address
take_address(ProtobufCBinaryData bytes, uint32_t port)
{
	return (struct sync_address){take_bytes(bytes), port};
}

static void
take_identity(const Smtpguard__Sync__Identity *message, struct sync_identity *identity)
{
	*identity = (struct sync_identity){
	    .session_id = message->session_id,
	    .opened_ms = message->opened_ms,
	    .opened_us = message->opened_us,
	    .policy = message->policy,
	    .mode = message->mode,
	    .class_name = message->class_name,
	    .source = take_address(message->source, message->source_port),
	};
}

static void
take_tcp(const Smtpguard__Sync__Tcp *message, struct sync_tcp *tcp)
{
	*tcp = (struct sync_tcp){
	    .receive_sequence = message->receive_sequence,
	    .send_sequence = message->send_sequence,
	    .timestamp = message->timestamp,
	    .send_window = message->send_window,
	    .max_window = message->max_window,
	    .receive_window = message->receive_window,
	    .rtt_us = message->rtt_us,
	    .mss = message->mss,
	    .send_scale = message->send_scale,
	    .receive_scale = message->receive_scale,
	    .options = message->options,
	    .dumped_ms = message->dumped_ms,
	};
}

static void
take_leg(const Smtpguard__Sync__Leg *message, struct sync_leg *leg)
{
	*leg = (struct sync_leg){
	    .leg = message->leg,
	    .state = message->state,
	    .error = message->error,
	    .local = take_address(message->local, message->local_port),
	    .peer = take_address(message->peer, message->peer_port),
	    .base_received = message->base_received,
	    .base_written = message->base_written,
	    .dumped = message->tcp != NULL,
	};
	if (message->tcp != NULL)
		take_tcp(message->tcp, &leg->tcp);
}

static void
take_streams(struct sync_entry_decoder *decoder, const Smtpguard__Sync__Session *message)
{
	for (size_t i = 0; i < message->n_piece; i++)
		decoder->piece[i] = (struct sync_piece){
		    .leg = message->piece[i]->leg,
		    .window = message->piece[i]->window,
		    .position = message->piece[i]->position,
		    .content = take_bytes(message->piece[i]->content),
		};
	for (size_t i = 0; i < message->n_trim; i++)
		decoder->trim[i] = (struct sync_trim){
		    .leg = message->trim[i]->leg,
		    .window = message->trim[i]->window,
		    .position = message->trim[i]->position,
		};
}

static enum sync_reason
take_session(struct sync_entry_decoder *decoder, const Smtpguard__Sync__Session *message,
    struct sync_session *session)
{
	if (message->n_leg > SYNC_LEGS)
		return SYNC_BAD_LEG;
	if (message->n_piece > SYNC_PIECES_MAX)
		return SYNC_BAD_PIECE;
	if (message->n_trim > SYNC_TRIMS_MAX)
		return SYNC_BAD_TRIM;
	if (message->identity != NULL)
		take_identity(message->identity, &decoder->identity);
	for (size_t i = 0; i < message->n_leg; i++)
		take_leg(message->leg[i], &decoder->leg[i]);
	take_streams(decoder, message);
	*session = (struct sync_session){
	    .slot = message->slot,
	    .generation = message->generation,
	    .whole = message->whole,
	    .secret = message->secret,
	    .identity = message->identity != NULL ? &decoder->identity : NULL,
	    .legs = (uint32_t)message->n_leg,
	    .leg = decoder->leg,
	    .sequence = message->sequence,
	    .record = take_bytes(message->record),
	    .extra = take_bytes(message->extra),
	    .pieces = (uint32_t)message->n_piece,
	    .piece = decoder->piece,
	    .trims = (uint32_t)message->n_trim,
	    .trim = decoder->trim,
	};
	return SYNC_GOOD;
}

static enum sync_reason
take_counters(struct sync_entry_decoder *decoder, const Smtpguard__Sync__Counters *message,
    struct sync_counters *counters)
{
	if (message->n_counter > SYNC_COUNTERS_MAX)
		return SYNC_BAD_COUNTER;
	for (size_t i = 0; i < message->n_counter; i++)
		decoder->counter[i] =
		    (struct sync_counter){message->counter[i]->name, message->counter[i]->value};
	*counters = (struct sync_counters){(uint32_t)message->n_counter, decoder->counter};
	return SYNC_GOOD;
}

static void
take_text(const Smtpguard__Sync__Text *message, struct sync_text *text)
{
	*text = (struct sync_text){
	    .epoch = message->epoch,
	    .is_live = message->is_live,
	    .is_erased = message->is_erased,
	    .kind = message->kind,
	    .generation = take_bytes(message->generation),
	    .serial = message->serial,
	    .saved = message->saved,
	    .by = message->by,
	    .expires_ms = message->expires_ms,
	    .total = message->total,
	    .offset = message->offset,
	    .part = take_bytes(message->part),
	    .base = take_bytes(message->origin),
	    .left_ms = message->left_ms,
	};
}

static void
take_embryo(const Smtpguard__Sync__Embryo *message, struct sync_embryo *embryo)
{
	*embryo = (struct sync_embryo){
	    .number = message->number,
	    .local = take_address(message->local, message->local_port),
	    .peer = take_address(message->peer, message->peer_port),
	    .send_next = message->send_next,
	    .receive_next = message->receive_next,
	    .timestamp = message->timestamp,
	    .peer_timestamp = message->peer_timestamp,
	    .segment_size = message->segment_size,
	    .window = message->window,
	    .window_scale = message->window_scale,
	    .options = message->options,
	    .seen_ms = message->seen_ms,
	};
}

/* Exactly one of its parts is there, or no kind of entry comes out. */
static enum sync_entry_kind
kind_of(const Smtpguard__Sync__Entry *message)
{
	const void *const part[] = {
	    [SYNC_ENTRY_SESSION] = message->session,
	    [SYNC_ENTRY_ENDED] = message->ended,
	    [SYNC_ENTRY_COUNTERS] = message->counters,
	    [SYNC_ENTRY_LIMIT] = message->limit,
	    [SYNC_ENTRY_MARK] = message->mark,
	    [SYNC_ENTRY_TEXT] = message->text,
	    [SYNC_ENTRY_SNAPSHOT_END] = message->snapshot_end,
	    [SYNC_ENTRY_EMBRYO] = message->embryo,
	};
	unsigned found = 0, kind = 0;

	for (unsigned i = 0; i < sizeof(part) / sizeof(part[0]); i++)
		if (part[i] != NULL) {
			found++;
			kind = i;
		}
	return (enum sync_entry_kind)(found == 1 ? kind : 0);
}

static enum sync_reason
take_entry(struct sync_entry_decoder *decoder, const Smtpguard__Sync__Entry *message,
    struct sync_entry *entry)
{
	entry->kind = kind_of(message);
	switch (entry->kind) {
	case SYNC_ENTRY_SESSION:
		return take_session(decoder, message->session, &entry->session);
	case SYNC_ENTRY_ENDED:
		entry->ended =
		    (struct sync_ended){message->ended->slot, message->ended->generation};
		return SYNC_GOOD;
	case SYNC_ENTRY_COUNTERS:
		return take_counters(decoder, message->counters, &entry->counters);
	case SYNC_ENTRY_LIMIT:
		entry->limit =
		    (struct sync_limit){message->limit->name, take_bytes(message->limit->address),
			message->limit->value, message->limit->expires_ms};
		return SYNC_GOOD;
	case SYNC_ENTRY_MARK:
		entry->mark = (struct sync_mark){message->mark->slot, message->mark->generation,
		    message->mark->direction, message->mark->position, message->mark->marks};
		return SYNC_GOOD;
	case SYNC_ENTRY_TEXT:
		take_text(message->text, &entry->text);
		return SYNC_GOOD;
	case SYNC_ENTRY_SNAPSHOT_END:
		entry->snapshot_end = (struct sync_snapshot_end){message->snapshot_end->sessions};
		return SYNC_GOOD;
	case SYNC_ENTRY_EMBRYO:
		take_embryo(message->embryo, &entry->embryo);
		return SYNC_GOOD;
	}
	return SYNC_BAD_ENTRY_KIND;
}

enum sync_reason
sync_entry_decode(struct sync_entry_decoder *decoder, const uint8_t *bytes, size_t length,
    struct sync_entry *ret_entry)
{
	struct sync_entry entry;

	if (length == 0 || length > SYNC_ENTRY_MAX)
		return SYNC_BAD_ENTRY_LENGTH;
	arena_reset(&decoder->arena);
	ProtobufCMessage *message =
	    bounded_unpack(&smtpguard__sync__entry__descriptor, &decoder->arena, bytes, length);
	if (message == NULL)
		return SYNC_BAD_MESSAGE;
	enum sync_reason reason = take_entry(decoder, (const void *)message, &entry);
	if (reason == SYNC_GOOD)
		reason = sync_check_entry(&entry);
	if (reason == SYNC_GOOD)
		*ret_entry = entry;
	return reason;
}
