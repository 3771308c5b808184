#include "proto/sync_entry_encode.h"

#include "proto/sync.pb-c.h"
#include "proto/sync_check.h"

/* Generated structures hold pointers that packing only reads. */
#define UNCONST(pointer) ((void *)(uintptr_t)(pointer))

/* A session on its way out, with the pointers that packing wants. */
struct packed_session {
	Smtpguard__Sync__Session message;
	Smtpguard__Sync__Identity identity;
	Smtpguard__Sync__Leg leg[SYNC_LEGS];
	Smtpguard__Sync__Leg *leg_list[SYNC_LEGS];
	Smtpguard__Sync__Tcp tcp[SYNC_LEGS];
	Smtpguard__Sync__Piece piece[SYNC_PIECES_MAX];
	Smtpguard__Sync__Piece *piece_list[SYNC_PIECES_MAX];
	Smtpguard__Sync__Trim trim[SYNC_TRIMS_MAX];
	Smtpguard__Sync__Trim *trim_list[SYNC_TRIMS_MAX];
};

struct packed_counters {
	Smtpguard__Sync__Counters message;
	Smtpguard__Sync__Counter counter[SYNC_COUNTERS_MAX];
	Smtpguard__Sync__Counter *list[SYNC_COUNTERS_MAX];
};

struct packed_entry {
	Smtpguard__Sync__Entry message;
	union {
		struct packed_session session;
		struct packed_counters counters;
		Smtpguard__Sync__Ended ended;
		Smtpguard__Sync__Limit limit;
		Smtpguard__Sync__Mark mark;
		Smtpguard__Sync__Text text;
		Smtpguard__Sync__SnapshotEnd snapshot_end;
		Smtpguard__Sync__Embryo embryo;
	};
};

static ProtobufCBinaryData
put_bytes(struct sync_bytes bytes)
{
	return (ProtobufCBinaryData){bytes.length, UNCONST(bytes.data)};
}

static void
put_identity(const struct sync_identity *identity, Smtpguard__Sync__Identity *message)
{
	smtpguard__sync__identity__init(message);
	message->session_id = identity->session_id;
	message->opened_ms = identity->opened_ms;
	message->opened_us = identity->opened_us;
	message->policy = identity->policy;
	message->mode = identity->mode;
	message->class_name = UNCONST(identity->class_name);
	message->source = put_bytes(identity->source.bytes);
	message->source_port = identity->source.port;
}

static void
put_tcp(const struct sync_tcp *tcp, Smtpguard__Sync__Tcp *message)
{
	smtpguard__sync__tcp__init(message);
	message->receive_sequence = tcp->receive_sequence;
	message->send_sequence = tcp->send_sequence;
	message->timestamp = tcp->timestamp;
	message->send_window = tcp->send_window;
	message->max_window = tcp->max_window;
	message->receive_window = tcp->receive_window;
	message->rtt_us = tcp->rtt_us;
	message->mss = tcp->mss;
	message->send_scale = tcp->send_scale;
	message->receive_scale = tcp->receive_scale;
	message->options = tcp->options;
	message->dumped_ms = tcp->dumped_ms;
}

static void
put_leg(const struct sync_leg *leg, Smtpguard__Sync__Leg *message, Smtpguard__Sync__Tcp *tcp)
{
	smtpguard__sync__leg__init(message);
	message->leg = leg->leg;
	message->state = leg->state;
	message->error = leg->error;
	message->local = put_bytes(leg->local.bytes);
	message->local_port = leg->local.port;
	message->peer = put_bytes(leg->peer.bytes);
	message->peer_port = leg->peer.port;
	message->base_received = leg->base_received;
	message->base_written = leg->base_written;
	if (leg->dumped) {
		put_tcp(&leg->tcp, tcp);
		message->tcp = tcp;
	}
}

static void
put_streams(const struct sync_session *session, struct packed_session *packed)
{
	for (uint32_t i = 0; i < session->pieces; i++) {
		Smtpguard__Sync__Piece *piece = &packed->piece[i];

		smtpguard__sync__piece__init(piece);
		piece->leg = session->piece[i].leg;
		piece->window = session->piece[i].window;
		piece->position = session->piece[i].position;
		piece->content = put_bytes(session->piece[i].content);
		packed->piece_list[i] = piece;
	}
	for (uint32_t i = 0; i < session->trims; i++) {
		Smtpguard__Sync__Trim *trim = &packed->trim[i];

		smtpguard__sync__trim__init(trim);
		trim->leg = session->trim[i].leg;
		trim->window = session->trim[i].window;
		trim->position = session->trim[i].position;
		packed->trim_list[i] = trim;
	}
}

static Smtpguard__Sync__Session *
put_session(const struct sync_session *session, struct packed_session *packed)
{
	Smtpguard__Sync__Session *message = &packed->message;

	smtpguard__sync__session__init(message);
	message->slot = session->slot;
	message->generation = session->generation;
	message->whole = session->whole;
	message->secret = session->secret;
	if (session->identity != NULL) {
		put_identity(session->identity, &packed->identity);
		message->identity = &packed->identity;
	}
	for (uint32_t i = 0; i < session->legs; i++) {
		put_leg(&session->leg[i], &packed->leg[i], &packed->tcp[i]);
		packed->leg_list[i] = &packed->leg[i];
	}
	message->n_leg = session->legs;
	message->leg = packed->leg_list;
	message->sequence = session->sequence;
	message->record = put_bytes(session->record);
	message->extra = put_bytes(session->extra);
	put_streams(session, packed);
	message->n_piece = session->pieces;
	message->piece = packed->piece_list;
	message->n_trim = session->trims;
	message->trim = packed->trim_list;
	return message;
}

static Smtpguard__Sync__Counters *
put_counters(const struct sync_counters *counters, struct packed_counters *packed)
{
	smtpguard__sync__counters__init(&packed->message);
	for (uint32_t i = 0; i < counters->counters; i++) {
		smtpguard__sync__counter__init(&packed->counter[i]);
		packed->counter[i].name = UNCONST(counters->counter[i].name);
		packed->counter[i].value = counters->counter[i].value;
		packed->list[i] = &packed->counter[i];
	}
	packed->message.n_counter = counters->counters;
	packed->message.counter = packed->list;
	return &packed->message;
}

static Smtpguard__Sync__Limit *
put_limit(const struct sync_limit *limit, Smtpguard__Sync__Limit *message)
{
	smtpguard__sync__limit__init(message);
	message->name = UNCONST(limit->name);
	message->address = put_bytes(limit->address);
	message->value = limit->value;
	message->expires_ms = limit->expires_ms;
	return message;
}

static Smtpguard__Sync__Mark *
put_mark(const struct sync_mark *mark, Smtpguard__Sync__Mark *message)
{
	smtpguard__sync__mark__init(message);
	message->slot = mark->slot;
	message->generation = mark->generation;
	message->direction = mark->direction;
	message->position = mark->position;
	message->marks = mark->marks;
	return message;
}

static Smtpguard__Sync__Text *
put_text(const struct sync_text *text, Smtpguard__Sync__Text *message)
{
	smtpguard__sync__text__init(message);
	message->kind = text->kind;
	message->generation = put_bytes(text->generation);
	message->serial = text->serial;
	message->saved = UNCONST(text->saved);
	message->by = UNCONST(text->by);
	message->expires_ms = text->expires_ms;
	message->total = text->total;
	message->offset = text->offset;
	message->part = put_bytes(text->part);
	message->epoch = text->epoch;
	message->is_live = text->is_live;
	message->is_erased = text->is_erased;
	message->origin = put_bytes(text->base);
	message->left_ms = text->left_ms;
	return message;
}

static Smtpguard__Sync__Embryo *
put_embryo(const struct sync_embryo *embryo, Smtpguard__Sync__Embryo *message)
{
	smtpguard__sync__embryo__init(message);
	message->number = embryo->number;
	message->local = put_bytes(embryo->local.bytes);
	message->local_port = embryo->local.port;
	message->peer = put_bytes(embryo->peer.bytes);
	message->peer_port = embryo->peer.port;
	message->send_next = embryo->send_next;
	message->receive_next = embryo->receive_next;
	message->timestamp = embryo->timestamp;
	message->peer_timestamp = embryo->peer_timestamp;
	message->segment_size = embryo->segment_size;
	message->window = embryo->window;
	message->window_scale = embryo->window_scale;
	message->options = embryo->options;
	message->seen_ms = embryo->seen_ms;
	return message;
}

static void
put_entry(const struct sync_entry *entry, struct packed_entry *packed)
{
	Smtpguard__Sync__Entry *message = &packed->message;

	smtpguard__sync__entry__init(message);
	switch (entry->kind) {
	case SYNC_ENTRY_SESSION:
		message->session = put_session(&entry->session, &packed->session);
		break;
	case SYNC_ENTRY_ENDED:
		smtpguard__sync__ended__init(&packed->ended);
		packed->ended.slot = entry->ended.slot;
		packed->ended.generation = entry->ended.generation;
		message->ended = &packed->ended;
		break;
	case SYNC_ENTRY_COUNTERS:
		message->counters = put_counters(&entry->counters, &packed->counters);
		break;
	case SYNC_ENTRY_LIMIT:
		message->limit = put_limit(&entry->limit, &packed->limit);
		break;
	case SYNC_ENTRY_MARK:
		message->mark = put_mark(&entry->mark, &packed->mark);
		break;
	case SYNC_ENTRY_TEXT:
		message->text = put_text(&entry->text, &packed->text);
		break;
	case SYNC_ENTRY_SNAPSHOT_END:
		smtpguard__sync__snapshot_end__init(&packed->snapshot_end);
		packed->snapshot_end.sessions = entry->snapshot_end.sessions;
		message->snapshot_end = &packed->snapshot_end;
		break;
	case SYNC_ENTRY_EMBRYO:
		message->embryo = put_embryo(&entry->embryo, &packed->embryo);
		break;
	}
}

enum sync_reason
sync_entry_encode(const struct sync_entry *entry, uint8_t *buffer, size_t size, size_t *ret_length)
{
	enum sync_reason reason = sync_check_entry(entry);
	struct packed_entry packed;

	if (reason != SYNC_GOOD)
		return reason;
	put_entry(entry, &packed);
	size_t length = protobuf_c_message_get_packed_size(&packed.message.base);
	if (length > SYNC_ENTRY_MAX || length > size)
		return SYNC_BAD_ENTRY_LENGTH;
	*ret_length = protobuf_c_message_pack(&packed.message.base, buffer);
	return SYNC_GOOD;
}
