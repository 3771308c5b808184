#include "daemon/sync/telling.h"

#include "daemon/sync/custody_wire.h"
#include "daemon/sync/session_draft.h"
#include "shm/slot.h"
#include "shm/streams.h"

#include <stdlib.h>
#include <string.h>

#define TRIES 4u

/* What the log has of a slot. */
struct told {
	uint32_t generation; /* 0: nothing */
	bool is_secret;
	uint64_t sequence;
	uint64_t lsn;	      /* of the entry that had the record */
	uint64_t check;	      /* of the record */
	uint64_t extra_check; /* of the second part; with its length: none is 0 */
	uint64_t legs_check;
	uint32_t extra_length;
	uint32_t marks;
	uint64_t mark_position;
	uint64_t end[SHM_LEGS][STREAMS];
};

struct telling {
	const struct shm *shm;
	struct channel *channel;
	uint64_t now_us;
	size_t bytes;
	struct custody_wire wire;
	struct record record;
	uint8_t extra[RECORD_EXTRA_SIZE];
	struct session_draft draft;
	uint64_t end[SHM_LEGS][STREAMS]; /* as it will be when the draft is appended */
	struct told told[];
};

struct telling *
telling_create(const struct shm *shm, struct channel *channel)
{
	struct telling *telling =
	    calloc(1, sizeof(*telling) + shm->slots * sizeof(telling->told[0]));

	if (telling == NULL)
		return NULL;
	telling->shm = shm;
	telling->channel = channel;
	return telling;
}

/* What it was made of may be credentials. */
static void
wipe(struct telling *telling)
{
	explicit_bzero(telling->extra, sizeof(telling->extra));
	explicit_bzero(telling->draft.bytes, sizeof(telling->draft.bytes));
}

void
telling_destroy(struct telling *telling)
{
	if (telling == NULL)
		return;
	wipe(telling);
	free(telling);
}

void
telling_begin(struct telling *telling)
{
	memset(telling->told, 0, telling->shm->slots * sizeof(telling->told[0]));
}

/* What cannot be encoded came out of damaged memory. */
static enum telling_result
append(struct telling *telling, const struct sync_entry *entry)
{
	switch (channel_append(telling->channel, telling->now_us, entry)) {
	case OUTGOING_TAKEN:
		return TELLING_TOLD;
	case OUTGOING_BAD_ENTRY:
		return TELLING_NONE;
	default:
		return TELLING_OVER;
	}
}

/* TELLING_NONE when the log has nothing of it any more. */
static enum telling_result
take_back(struct telling *telling, uint32_t slot)
{
	struct told *told = &telling->told[slot];
	struct sync_entry entry = {.kind = SYNC_ENTRY_ENDED, .ended = {slot, told->generation}};

	if (told->generation == 0)
		return TELLING_NONE;
	*told = (struct told){0};
	return append(telling, &entry) == TELLING_OVER ? TELLING_OVER : TELLING_NONE;
}

static void
begin_part(struct telling *telling, uint32_t slot)
{
	const struct told *told = &telling->told[slot];
	struct sync_session *session = &telling->draft.entry.session;

	session_draft_begin(&telling->draft, slot, telling->record.generation);
	session->whole = told->generation == 0;
	session->secret = told->is_secret || (telling->record.flags & RECORD_SECRET) != 0;
	if (!session->whole && told->legs_check == telling->wire.check)
		return;
	session->identity = &telling->wire.identity;
	session->legs = SHM_LEGS;
	session->leg = telling->wire.leg;
}

static enum telling_result
append_part(struct telling *telling, uint32_t slot)
{
	struct told *told = &telling->told[slot];
	const struct sync_session *session = &telling->draft.entry.session;
	enum telling_result result = append(telling, &telling->draft.entry);

	if (result != TELLING_TOLD)
		return result;
	told->generation = session->generation;
	told->legs_check = telling->wire.check;
	told->is_secret = session->secret;
	memcpy(told->end, telling->end, sizeof(told->end));
	telling->bytes += telling->draft.used + session->record.length + session->extra.length;
	return TELLING_TOLD;
}

/* What the draft has no room for goes ahead. */
static enum telling_result
make_room(struct telling *telling, uint32_t slot)
{
	enum telling_result result;

	if (session_draft_has_room(&telling->draft))
		return TELLING_TOLD;
	result = append_part(telling, slot);
	if (result == TELLING_TOLD)
		begin_part(telling, slot);
	return result;
}

static enum telling_result
add_bytes(struct telling *telling, uint32_t slot, enum shm_leg leg, enum stream stream,
    struct stream_span span)
{
	const struct window *window = streams_window(shm_session(telling->shm, slot), leg, stream);

	while (span.from < span.end) {
		enum telling_result result = make_room(telling, slot);

		if (result != TELLING_TOLD)
			return result;
		if (!session_draft_piece(&telling->draft, telling->shm, window, leg, stream, &span))
			return TELLING_TORN;
		telling->end[leg][stream] = span.from;
	}
	return TELLING_TOLD;
}

static enum telling_result
add_stream(struct telling *telling, uint32_t slot, enum shm_leg leg, enum stream stream)
{
	struct stream_span span = streams_needed(&telling->record, leg, stream);
	uint64_t end = telling->end[leg][stream];
	enum telling_result result;

	if (span.from < end)
		span.from = end < span.end ? end : span.end;
	span = streams_held(streams_window(shm_session(telling->shm, slot), leg, stream), span);
	/* Before it is known whether the stream begins in the entry that says `whole`. */
	result = make_room(telling, slot);
	if (result != TELLING_TOLD)
		return result;
	if (span.from > end && telling->told[slot].generation != 0)
		session_draft_trim(&telling->draft, leg, stream, span.from);
	result = add_bytes(telling, slot, leg, stream, span);
	if (result == TELLING_TOLD && span.end > end)
		telling->end[leg][stream] = span.end;
	return result;
}

/* The second part, if the log has another one. */
static enum telling_result
add_extra(struct telling *telling, uint32_t slot)
{
	const struct record *record = &telling->record;
	const struct told *told = &telling->told[slot];
	const struct window *window = &shm_session(telling->shm, slot)->extension;

	if (record->extra_length == 0 || (told->extra_length == record->extra_length &&
					     told->extra_check == record->extra_check))
		return TELLING_TOLD;
	if (!streams_copy(window, telling->shm, record->extra_half * (uint64_t)RECORD_EXTRA_SIZE,
		telling->extra, record->extra_length) ||
	    record_checksum_bytes(telling->extra, record->extra_length) != record->extra_check)
		return TELLING_TORN;
	telling->draft.entry.session.extra =
	    (struct sync_bytes){telling->extra, record->extra_length};
	return TELLING_TOLD;
}

static void
note_told(struct told *told, const struct record *record, uint64_t lsn)
{
	told->sequence = record->sequence;
	told->check = record->check;
	told->extra_length = record->extra_length;
	told->extra_check = record->extra_check;
	told->lsn = lsn;
}

static enum telling_result
append_record(struct telling *telling, uint32_t slot)
{
	struct sync_session *session = &telling->draft.entry.session;
	enum telling_result result = add_extra(telling, slot);

	if (result != TELLING_TOLD)
		return result;
	session->sequence = telling->record.sequence;
	session->record =
	    (struct sync_bytes){(const uint8_t *)&telling->record, sizeof(telling->record)};
	result = append_part(telling, slot);
	if (result != TELLING_TOLD)
		return result;
	note_told(&telling->told[slot], &telling->record,
	    outgoing_newest(channel_outgoing(telling->channel)));
	return TELLING_TOLD;
}

/* All that the log lacks of the record that was read. */
static enum telling_result
tell_record(struct telling *telling, uint32_t slot)
{
	enum telling_result result = TELLING_TOLD;

	memcpy(telling->end, telling->told[slot].end, sizeof(telling->end));
	begin_part(telling, slot);
	for (int leg = 0; result == TELLING_TOLD && leg < SHM_LEGS; leg++)
		for (int stream = 0; result == TELLING_TOLD && stream < STREAMS; stream++)
			result = add_stream(telling, slot, (enum shm_leg)leg, (enum stream)stream);
	if (result == TELLING_TOLD)
		result = append_record(telling, slot);
	if (telling->draft.entry.session.secret)
		wipe(telling);
	return result;
}

static bool
tell_marks(struct telling *telling, uint32_t slot, const struct slot_custody *custody)
{
	struct told *told = &telling->told[slot];
	uint32_t marks = atomic_load_explicit(&custody->marks, memory_order_acquire);
	struct sync_entry entry = {
	    .kind = SYNC_ENTRY_MARK,
	    .mark =
		{
		    .slot = slot,
		    .generation = told->generation,
		    .direction = custody->mark_direction,
		    .position = custody->mark_position,
		    .marks = marks < SYNC_MARKS_MAX ? marks : SYNC_MARKS_MAX,
		},
	};

	if (marks == 0 || (marks == told->marks && custody->mark_position == told->mark_position))
		return true;
	told->marks = marks;
	told->mark_position = custody->mark_position;
	return append(telling, &entry) != TELLING_OVER;
}

/* TELLING_TOLD: the record was read.  One that does not hold though nobody changes it never will. */
static enum telling_result
read_record(struct telling *telling, uint32_t slot, uint32_t generation)
{
	const struct slot_session *session = shm_session(telling->shm, slot);
	uint64_t before = atomic_load_explicit(&session->published, memory_order_acquire);

	if (record_read(session, generation, &telling->record))
		return TELLING_TOLD;
	/* Not begun, or just being begun anew. */
	if (before == 0 || atomic_load(&session->generation) != generation)
		return telling->told[slot].generation == 0 ? TELLING_NONE : TELLING_TORN;
	return atomic_load_explicit(&session->published, memory_order_acquire) == before
		   ? TELLING_NONE
		   : TELLING_TORN;
}

/* The slot's record is the one that was told; the cheapest look at it. */
static bool
is_current(const struct telling *telling, uint32_t slot)
{
	const struct slot_session *session = shm_session(telling->shm, slot);
	const struct told *told = &telling->told[slot];
	uint64_t published = atomic_load_explicit(&session->published, memory_order_acquire);
	uint64_t check = session->record[published & 1].check;

	atomic_thread_fence(memory_order_acquire);
	return published >> 1 == told->sequence && check == told->check &&
	       atomic_load_explicit(&session->published, memory_order_relaxed) == published;
}

static bool
is_known(const struct telling *telling, uint32_t slot)
{
	const struct told *told = &telling->told[slot];

	return told->generation == telling->record.generation &&
	       told->sequence == telling->record.sequence && told->check == telling->record.check &&
	       told->legs_check == telling->wire.check;
}

static void
make_release(const struct record *record, uint32_t slot, struct follower_release *release)
{
	*release = (struct follower_release){
	    .slot = slot, .generation = record->generation, .sequence = record->sequence};
	for (int leg = 0; leg < SHM_LEGS; leg++) {
		release->stored[leg] = record->stored[leg];
		release->output_end[leg] =
		    record->outlet[leg].written + outlet_pending(&record->outlet[leg]);
		release->end_seen[leg] =
		    record->end_stored[leg] ? ENDING_FIN : record->end_seen[leg];
		release->ending[leg] = record->ending[leg];
	}
}

static enum telling_result
tell_once(struct telling *telling, uint32_t slot, uint32_t generation, struct telling_news *news)
{
	const struct slot_custody *custody = shm_custody(telling->shm, slot);
	struct told *told = &telling->told[slot];
	enum telling_result result;

	custody_wire_read(custody, &telling->wire);
	if (told->generation == generation && told->legs_check == telling->wire.check &&
	    is_current(telling, slot))
		return tell_marks(telling, slot, custody) ? TELLING_SAME : TELLING_OVER;
	result = read_record(telling, slot, generation);
	if (result != TELLING_TOLD)
		return result;
	atomic_thread_fence(memory_order_acquire);
	/* The slot's next session may have come meanwhile. */
	if (atomic_load_explicit(&custody->generation, memory_order_acquire) != generation)
		return TELLING_TORN;
	if (is_known(telling, slot))
		return tell_marks(telling, slot, custody) ? TELLING_SAME : TELLING_OVER;
	/* Begun anew within its generation: what was told does not go on. */
	if (telling->record.sequence < told->sequence && take_back(telling, slot) == TELLING_OVER)
		return TELLING_OVER;
	make_release(&telling->record, slot, &news->release);
	news->release.is_first = told->sequence == 0;
	result = tell_record(telling, slot);
	news->lsn = told->lsn;
	news->is_last = (telling->record.flags & RECORD_FINISHED) != 0;
	if (result == TELLING_TOLD && !tell_marks(telling, slot, custody))
		return TELLING_OVER;
	return result;
}

enum telling_result
telling_session(
    struct telling *telling, uint64_t now_us, uint32_t slot, struct telling_news *ret_news)
{
	const struct slot_custody *custody = shm_custody(telling->shm, slot);
	struct told *told = &telling->told[slot];
	const _Atomic uint64_t *published = &shm_session(telling->shm, slot)->published;
	uint64_t before = atomic_load_explicit(published, memory_order_acquire);
	enum telling_result result = TELLING_TORN;

	telling->now_us = now_us;
	telling->bytes = 0;
	for (unsigned tries = 0; result == TELLING_TORN && tries < TRIES; tries++) {
		uint32_t state = atomic_load_explicit(&custody->state, memory_order_acquire);
		uint32_t generation = atomic_load(&custody->generation);

		if ((!slot_is_session(state) || told->generation != generation) &&
		    take_back(telling, slot) == TELLING_OVER)
			return TELLING_OVER;
		if (!slot_is_session(state))
			return TELLING_NONE;
		result = tell_once(telling, slot, generation, ret_news);
	}
	ret_news->bytes = telling->bytes;
	/* Nobody has changed it: it is damaged, and will not be better later. */
	if (result == TELLING_TORN &&
	    atomic_load_explicit(published, memory_order_acquire) == before)
		result = TELLING_NONE;
	/* No session is left half told. */
	if (result == TELLING_NONE || (result == TELLING_TORN && told->sequence == 0))
		return take_back(telling, slot) == TELLING_OVER ? TELLING_OVER : result;
	return result;
}

uint64_t
telling_has(const struct telling *telling, uint32_t slot, uint32_t generation, uint64_t sequence)
{
	const struct told *told = &telling->told[slot];
	uint64_t published =
	    atomic_load_explicit(&shm_session(telling->shm, slot)->published, memory_order_acquire);

	if (told->generation != generation || told->sequence < sequence)
		return 0;
	/* A later one is told in its turn; an earlier one has begun anew. */
	return published >> 1 > told->sequence || is_current(telling, slot) ? told->lsn : 0;
}
