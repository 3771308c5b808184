#include "daemon/sync/replica_session.h"

#include "daemon/sync/custody_wire.h"
#include "shm/gateway_clock.h"
#include "shm/process.h"
#include "shm/slot.h"
#include "shm/spoken.h"
#include "shm/succession.h"

#include <errno.h>
#include <string.h>

#define WINDOWS (SHM_LEGS * STREAMS + 1u)

/* No worker has this index, and there is one sync: what one left behind the next one finds. */
#define CACHE_OWNER PROCESS_OWNER(SHM_WRITER_SYNC, 1)
#define CACHE_MOST  16u
#define CACHE_PART  64u /* one in so many chunks */

void
replica_session_cache(const struct shm *shm, struct chunk_cache *cache)
{
	chunk_cache_init(cache, CACHE_OWNER);
	cache->most = shm->chunks / CACHE_PART < CACHE_MOST ? shm->chunks / CACHE_PART : CACHE_MOST;
	chunk_sweep(shm, CACHE_OWNER);
}

static void
list_windows(struct slot_session *session, struct window *windows[WINDOWS])
{
	unsigned count = 0;

	for (int leg = 0; leg < SHM_LEGS; leg++) {
		windows[count++] = &session->input[leg];
		windows[count++] = &session->text[leg];
	}
	windows[count] = &session->extension;
}

static void
reset(struct window *window)
{
	atomic_store(&window->last, 0);
	atomic_store(&window->first, 0);
	window_rebase(window, 0);
}

/* Damaged windows hold nothing that could be believed: the owner words say which chunks are the slot's. */
static void
empty_windows(const struct shm *shm, struct chunk_cache *cache, uint32_t slot, bool wipe)
{
	struct slot_session *session = shm_session(shm, slot);
	bool is_whole = window_check_slot(session, shm, slot);
	struct window *windows[WINDOWS];

	list_windows(session, windows);
	for (unsigned i = 0; i < WINDOWS; i++) {
		if (is_whole)
			window_release_all(windows[i], shm, cache, wipe);
		reset(windows[i]);
	}
	if (!is_whole)
		chunk_sweep_slot(shm, slot, NULL);
}

static bool
take_slot(const struct shm *shm, uint32_t slot, struct slot_custody *custody)
{
	_Atomic uint32_t *replicas = &shm_succession(shm)->replicas;
	uint32_t expected = SLOT_FREE;

	if (atomic_load_explicit(replicas, memory_order_relaxed) <= slot)
		atomic_store(replicas, slot + 1);
	if (!atomic_compare_exchange_strong_explicit(&custody->state, &expected, SLOT_REPLICA,
		memory_order_acquire, memory_order_relaxed))
		return false;
	custody->generation_before = atomic_load(&custody->generation);
	return true;
}

static void
begin_custody(struct slot_custody *custody, uint32_t generation)
{
	atomic_store_explicit(&custody->generation, generation, memory_order_relaxed);
	atomic_store_explicit(&custody->owner, PROCESS_OWNER_NONE, memory_order_relaxed);
	custody->listener = SLOT_NO_LISTENER;
	custody->policy_slot = SHM_NO_SLOT;
	custody->mark_position = 0;
	custody->mark_direction = 0;
	atomic_store_explicit(&custody->marks, 0, memory_order_relaxed);
	memset(custody->leg, 0, sizeof(custody->leg));
}

static void
begin_session(struct slot_session *session, uint32_t generation)
{
	atomic_store_explicit(&session->published, 0, memory_order_release);
	for (int leg = 0; leg < SHM_LEGS; leg++)
		atomic_store_explicit(&session->descriptor[leg], -1, memory_order_relaxed);
	trail_clear(&session->trail);
	atomic_store_explicit(&session->generation, generation, memory_order_release);
}

bool
replica_session_begin(const struct shm *shm, struct chunk_cache *cache, uint32_t slot,
    struct replica_slot *held, uint32_t generation)
{
	struct slot_custody *custody = shm_custody(shm, slot);

	if (held->generation == 0 && !take_slot(shm, slot, custody))
		return false;
	begin_session(shm_session(shm, slot), generation);
	spoken_clear(shm, slot);
	empty_windows(shm, cache, slot, held->is_secret);
	begin_custody(custody, generation);
	*held = (struct replica_slot){.generation = generation};
	return true;
}

void
replica_session_end(
    const struct shm *shm, struct chunk_cache *cache, uint32_t slot, struct replica_slot *held)
{
	struct slot_custody *custody = shm_custody(shm, slot);
	struct slot_session *session = shm_session(shm, slot);
	uint32_t generation = atomic_load(&custody->generation);

	atomic_store_explicit(&session->published, 0, memory_order_release);
	spoken_clear(shm, slot);
	empty_windows(shm, cache, slot, held->is_secret);
	/* This host's next session in the slot has a name that neither of the two had. */
	if (custody->generation_before > generation)
		atomic_store(&custody->generation, custody->generation_before);
	*held = (struct replica_slot){0};
	atomic_store_explicit(&custody->state, SLOT_FREE, memory_order_release);
}

void
replica_session_find_policy(const struct shm *shm, uint32_t slot)
{
	struct slot_custody *custody = shm_custody(shm, slot);

	custody->policy_slot = policy_area_find(shm_policy(shm), custody->policy_hash);
}

static struct window *
window_of(struct slot_session *session, uint32_t leg, uint32_t stream)
{
	return stream == STREAM_INPUT ? &session->input[leg] : &session->text[leg];
}

static enum sync_reason
make_room(const struct shm *shm, struct chunk_cache *cache, struct window *window, uint32_t slot,
    uint64_t end)
{
	while (window_end(window) < end) {
		switch (window_append(window, shm, cache, slot)) {
		case 0:
			break;
		case -ENOBUFS:
			return SYNC_BAD_CHUNKS;
		default:
			return SYNC_BAD_WINDOW;
		}
	}
	return SYNC_GOOD;
}

static enum sync_reason
put_piece(const struct shm *shm, struct chunk_cache *cache, uint32_t slot,
    struct replica_slot *held, const struct sync_piece *piece, const struct record *record)
{
	struct window *window = window_of(shm_session(shm, slot), piece->leg, piece->window);
	uint64_t end = piece->position + piece->content.length;
	enum sync_reason reason;

	if (window_is_empty(window))
		window_rebase(window, piece->position);
	reason = make_room(shm, cache, window, slot, end);
	/* Full of what only the record before needs. */
	if (reason == SYNC_BAD_WINDOW && record != NULL) {
		window_release_below(window, shm, cache,
		    streams_needed(record, (enum shm_leg)piece->leg, (enum stream)piece->window)
			.from,
		    held->is_secret);
		reason = make_room(shm, cache, window, slot, end);
	}
	if (reason != SYNC_GOOD)
		return reason;
	if (!window_write(window, shm, piece->position, piece->content.data, piece->content.length))
		return SYNC_BAD_WINDOW;
	held->end[piece->leg][piece->window] = end;
	return SYNC_GOOD;
}

/* Nothing below is there any more, nor here. */
static void
put_trim(const struct shm *shm, struct chunk_cache *cache, uint32_t slot, struct replica_slot *held,
    const struct sync_trim *trim)
{
	struct window *window = window_of(shm_session(shm, slot), trim->leg, trim->window);
	uint64_t *end = &held->end[trim->leg][trim->window];

	if (trim->position < *end) {
		window_release_below(window, shm, cache, trim->position, held->is_secret);
		return;
	}
	window_release_all(window, shm, cache, held->is_secret);
	*end = trim->position;
}

static enum sync_reason
put_extra(const struct shm *shm, struct chunk_cache *cache, uint32_t slot,
    const struct sync_session *session, const struct record *held, struct record *record)
{
	struct slot_session *shared = shm_session(shm, slot);
	bool has_extra = held != NULL && held->extra_length != 0;

	if (session->extra.length == 0) {
		record->extra_half = has_extra && record->extra_length != 0 ? held->extra_half : 0;
		return SYNC_GOOD;
	}
	if (window_is_empty(&shared->extension))
		window_rebase(&shared->extension, 0);
	record->extra_half = has_extra ? !held->extra_half : 0;
	enum sync_reason reason = make_room(shm, cache, &shared->extension, slot, SHM_CHUNK_SIZE);
	if (reason != SYNC_GOOD)
		return reason;
	return window_write(&shared->extension, shm,
		   record->extra_half * (uint64_t)RECORD_EXTRA_SIZE, session->extra.data,
		   session->extra.length)
		   ? SYNC_GOOD
		   : SYNC_BAD_WINDOW;
}

/* What the record does not need goes back; what it needs and nobody had to tell is not here. */
static void
settle(const struct shm *shm, struct chunk_cache *cache, uint32_t slot, struct replica_slot *held,
    const struct record *record)
{
	struct slot_session *session = shm_session(shm, slot);

	for (uint32_t leg = 0; leg < SHM_LEGS; leg++) {
		for (uint32_t stream = 0; stream < STREAMS; stream++) {
			struct window *window = window_of(session, leg, stream);
			struct stream_span span =
			    streams_needed(record, (enum shm_leg)leg, (enum stream)stream);
			uint64_t *end = &held->end[leg][stream];

			if (*end < span.end || (*end == span.end && span.from == span.end)) {
				window_release_all(window, shm, cache, held->is_secret);
				*end = span.end;
			} else {
				window_release_below(
				    window, shm, cache, span.from, held->is_secret);
			}
		}
	}
	if (record->extra_length == 0)
		window_release_all(&session->extension, shm, cache, held->is_secret);
}

static enum sync_reason
put_record(const struct shm *shm, struct chunk_cache *cache, struct replica_slot *held,
    const struct sync_session *session, const struct record *from)
{
	struct slot_session *shared = shm_session(shm, session->slot);
	const struct record *current = record_current(shared);
	struct record record = *from, *next;
	enum sync_reason reason = put_extra(shm, cache, session->slot, session, current, &record);

	if (reason != SYNC_GOOD)
		return reason;
	if (record.flags & RECORD_SPOKEN)
		spoken_set(shm, session->slot);
	next = &shared->record[current == &shared->record[0]];
	/* The publication that took this buffer out of use is seen before its change. */
	atomic_thread_fence(memory_order_release);
	*next = record;
	record_publish(shared, next);
	settle(shm, cache, session->slot, held, &record);
	return SYNC_GOOD;
}

enum sync_reason
replica_session_put(const struct shm *shm, struct chunk_cache *cache, struct replica_slot *held,
    const struct sync_session *session, const struct record *record)
{
	struct slot_custody *custody = shm_custody(shm, session->slot);
	bool has_record = session->sequence != 0;
	enum sync_reason reason = SYNC_GOOD;

	held->is_secret = held->is_secret || session->secret;
	custody->told_ms = monotonic_now_ms();
	if (session->identity != NULL) {
		custody_wire_put_identity(custody, session->identity);
		replica_session_find_policy(shm, session->slot);
	}
	for (uint32_t i = 0; i < session->legs; i++)
		custody_wire_put_leg(custody, &session->leg[i]);
	for (uint32_t i = 0; i < session->trims; i++)
		put_trim(shm, cache, session->slot, held, &session->trim[i]);
	for (uint32_t i = 0; reason == SYNC_GOOD && i < session->pieces; i++)
		reason = put_piece(shm, cache, session->slot, held, &session->piece[i],
		    has_record ? record : NULL);
	if (reason == SYNC_GOOD && has_record)
		reason = put_record(shm, cache, held, session, record);
	return reason;
}
