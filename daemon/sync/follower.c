#include "daemon/sync/follower.h"

#include "daemon/sync/announce.h"
#include "daemon/sync/leaving.h"
#include "daemon/sync/notices.h"
#include "daemon/sync/telling.h"
#include "daemon/sync/workers.h"
#include "shm/release.h"
#include "shm/slot.h"

#include <stdlib.h>

/* Slots looked at when nothing asks for a walk, and how often. */
#define STROLL	  8u
#define STROLL_US 5000u

/* An entry of the log that has a record. */
struct told_entry {
	uint64_t lsn; /* 0: none */
	size_t walk_bytes;
	struct follower_release release;
};

struct follower_worker {
	uint64_t read; /* its journal was read up to here */
	struct notices notices;
};

struct follower {
	struct follower_settings settings;
	struct telling *telling;
	struct announce *announce;
	struct told_entry *entry; /* [log_entries], that of lsn at lsn % log_entries */
	uint64_t begun;		  /* the log's entries come behind this lsn */
	uint64_t acknowledged;

	uint32_t walk_at;
	uint64_t stroll_us;
	bool is_walking;    /* quickly: for a snapshot, or behind a gap */
	uint32_t walk_left; /* slots that it has still to look at */
	bool walk_again;    /* a slot that it looked at could not be told */
	bool in_snapshot;   /* its end is to be told after the walk */
	size_t walk_bytes;  /* on their way */
	uint64_t news;	    /* one bit for each worker */
	struct leaving *leaving;
	struct follower_worker worker[];
};

struct follower *
follower_create(const struct follower_settings *settings)
{
	const struct shm *shm = settings->shm;
	struct follower *follower =
	    calloc(1, sizeof(*follower) + shm->workers * sizeof(follower->worker[0]));

	if (follower == NULL)
		return NULL;
	follower->settings = *settings;
	follower->telling = telling_create(shm, settings->channel);
	follower->announce = announce_create(shm, settings->channel);
	follower->entry = calloc(settings->log_entries, sizeof(*follower->entry));
	follower->leaving = leaving_create(shm);
	if (follower->telling == NULL || follower->announce == NULL || follower->entry == NULL ||
	    follower->leaving == NULL) {
		follower_destroy(follower);
		return NULL;
	}
	return follower;
}

void
follower_destroy(struct follower *follower)
{
	if (follower == NULL)
		return;
	telling_destroy(follower->telling);
	announce_destroy(follower->announce);
	free(follower->entry);
	leaving_destroy(follower->leaving);
	free(follower);
}

static const struct outgoing *
log_of(const struct follower *follower)
{
	return channel_outgoing(follower->settings.channel);
}

bool
follower_may_begin(const struct follower *follower)
{
	return workers_obey(follower->settings.shm);
}

static void
begin_walk(struct follower *follower)
{
	follower->walk_left = shm_slots_used(follower->settings.shm);
	follower->walk_again = false;
	follower->is_walking = true;
}

void
follower_begin(struct follower *follower)
{
	const struct shm *shm = follower->settings.shm;

	channel_begin_snapshot(follower->settings.channel);
	telling_begin(follower->telling);
	announce_begin(follower->announce);
	for (uint32_t i = 0; i < follower->settings.log_entries; i++)
		follower->entry[i].lsn = 0;
	follower->begun = follower->acknowledged = outgoing_acknowledged(log_of(follower));
	leaving_clear(follower->leaving);
	follower->walk_bytes = 0;
	follower->in_snapshot = true;
	begin_walk(follower);
	/* What the last log did not bring to its acknowledgement is told again. */
	for (uint32_t worker = 0; worker < shm->workers; worker++) {
		notices_clear(&follower->worker[worker].notices);
		follower->worker[worker].read = release_acknowledged(shm_release(shm), worker);
	}
}

static void
note_entry(struct follower *follower, const struct telling_news *news, size_t walk_bytes)
{
	follower->entry[news->lsn % follower->settings.log_entries] =
	    (struct told_entry){news->lsn, walk_bytes, news->release};
	follower->walk_bytes += walk_bytes;
	if (news->is_last)
		leaving_add(follower->leaving, news->release.slot, news->release.generation);
}

/* The newest entry; of a log without any, the first one to come: by it the standby says that it has
 * begun anew. */
static uint64_t
newest(const struct follower *follower)
{
	uint64_t lsn = outgoing_newest(log_of(follower));

	return lsn > follower->begun ? lsn : follower->begun + 1;
}

/* A slot of which a journal has told. */
static enum telling_result
follow(struct follower *follower, uint64_t now_us, const struct journal_entry *notice,
    uint64_t *ret_lsn)
{
	enum telling_result result = TELLING_NONE;
	struct telling_news news;

	*ret_lsn = 0;
	if (notice->slot >= follower->settings.shm->slots)
		return TELLING_NONE;
	*ret_lsn =
	    telling_has(follower->telling, notice->slot, notice->generation, notice->sequence);
	if (*ret_lsn != 0)
		return TELLING_SAME;
	result = telling_session(follower->telling, now_us, notice->slot, &news);
	if (result == TELLING_TOLD)
		note_entry(follower, &news, 0);
	/* Whatever became of it, the log says so by now. */
	*ret_lsn = newest(follower);
	return result;
}

static enum follower_result
take_notice(struct follower *follower, uint64_t now_us, struct follower_worker *worker,
    const struct journal_entry *notice)
{
	uint64_t lsn;

	switch (follow(follower, now_us, notice, &lsn)) {
	case TELLING_TORN:
		return FOLLOWER_MORE;
	case TELLING_OVER:
		return FOLLOWER_OVER;
	default:
		break;
	}
	worker->read++;
	return notices_add(&worker->notices, worker->read, lsn) ? FOLLOWER_DONE : FOLLOWER_OVER;
}

/* The journal has gone on without us: which sessions it told of the walk finds out. */
static enum follower_result
take_gap(struct follower *follower, struct follower_worker *worker, uint64_t oldest)
{
	worker->read = oldest - 1;
	begin_walk(follower);
	return notices_add(&worker->notices, worker->read, NOTICES_PENDING) ? FOLLOWER_DONE
									    : FOLLOWER_OVER;
}

/* What waits for nothing any more. */
static void
release_notices(struct follower *follower, uint32_t worker)
{
	struct release_state *release = shm_release(follower->settings.shm);
	uint64_t position =
	    notices_acknowledge(&follower->worker[worker].notices, follower->acknowledged);

	if (position <= release_acknowledged(release, worker))
		return;
	release_acknowledge(release, worker, position);
	follower->news |= UINT64_C(1) << worker;
}

static enum follower_result
read_journal(struct follower *follower, uint64_t now_us, uint32_t index)
{
	const struct journal_ring *ring = shm_journal(follower->settings.shm, index);
	struct follower_worker *worker = &follower->worker[index];
	enum follower_result result = FOLLOWER_DONE;
	struct journal_entry notice;
	uint64_t oldest;

	for (uint32_t i = 0; i < follower->settings.notices_most; i++) {
		switch (journal_read(ring, worker->read + 1, &notice, &oldest)) {
		case JOURNAL_EMPTY:
			return FOLLOWER_DONE;
		case JOURNAL_GAP:
			result = take_gap(follower, worker, oldest);
			break;
		case JOURNAL_ENTRY:
			result = take_notice(follower, now_us, worker, &notice);
			break;
		}
		if (result != FOLLOWER_DONE)
			return result;
	}
	return FOLLOWER_MORE;
}

static enum follower_result
end_walk(struct follower *follower, uint64_t now_us)
{
	if (follower->walk_again) {
		begin_walk(follower);
		return FOLLOWER_MORE;
	}
	if (follower->in_snapshot &&
	    channel_end_snapshot(follower->settings.channel, now_us) != OUTGOING_TAKEN)
		return FOLLOWER_OVER;
	follower->in_snapshot = follower->is_walking = false;
	for (uint32_t worker = 0; worker < follower->settings.shm->workers; worker++)
		notices_settle(
		    &follower->worker[worker].notices, outgoing_newest(log_of(follower)));
	return FOLLOWER_DONE;
}

static bool
visit(struct follower *follower, uint64_t now_us)
{
	struct telling_news news;
	enum telling_result result;

	if (follower->walk_at >= shm_slots_used(follower->settings.shm))
		follower->walk_at = 0;
	if (follower->walk_at >= shm_slots_used(follower->settings.shm))
		return true;
	result = telling_session(follower->telling, now_us, follower->walk_at++, &news);
	if (result == TELLING_TOLD)
		note_entry(follower, &news, news.bytes);
	follower->walk_again = follower->walk_again || result == TELLING_TORN;
	return result != TELLING_OVER;
}

/* No journal tells when the slot of a session that has ended becomes free. */
static bool
see_off(struct follower *follower, uint64_t now_us)
{
	struct telling_news news;
	uint32_t slot;

	while (leaving_next(follower->leaving, &slot))
		if (telling_session(follower->telling, now_us, slot, &news) == TELLING_OVER)
			return false;
	return true;
}

static enum follower_result
walk(struct follower *follower, uint64_t now_us)
{
	uint32_t most = follower->is_walking ? follower->settings.walk_most : STROLL;

	if (!follower->is_walking) {
		if (now_us - follower->stroll_us < STROLL_US)
			return FOLLOWER_DONE;
		follower->stroll_us = now_us;
	}
	for (uint32_t i = 0; i < most; i++) {
		if (follower->is_walking && follower->walk_left == 0)
			return end_walk(follower, now_us);
		if (follower->walk_bytes > follower->settings.walk_bytes)
			return FOLLOWER_MORE;
		if (!visit(follower, now_us))
			return FOLLOWER_OVER;
		if (follower->is_walking)
			follower->walk_left--;
	}
	return follower->is_walking ? FOLLOWER_MORE : FOLLOWER_DONE;
}

enum follower_result
follower_step(struct follower *follower, uint64_t now_us)
{
	enum follower_result most = FOLLOWER_DONE, result;

	if (!outgoing_is_open(log_of(follower))) {
		workers_pass(follower->settings.shm);
		return FOLLOWER_DONE;
	}
	for (uint32_t worker = 0; worker < follower->settings.shm->workers; worker++) {
		result = read_journal(follower, now_us, worker);
		if (result == FOLLOWER_OVER)
			return result;
		/* The standby may have had it before the journal told of it. */
		release_notices(follower, worker);
		most = result > most ? result : most;
	}
	if (!see_off(follower, now_us))
		return FOLLOWER_OVER;
	result = walk(follower, now_us);
	return result > most ? result : most;
}

static void
release_entry(struct follower *follower, struct told_entry *entry)
{
	const struct follower_release *release = &entry->release;
	struct slot_custody *custody = shm_custody(follower->settings.shm, release->slot);
	uint64_t received[SHM_LEGS];

	entry->lsn = 0;
	follower->walk_bytes -= entry->walk_bytes;
	/* The slot may be another session's by now. */
	if (atomic_load_explicit(&custody->generation, memory_order_acquire) != release->generation)
		return;
	for (int leg = 0; leg < SHM_LEGS; leg++)
		received[leg] = release->stored[leg] + (release->end_seen[leg] == ENDING_FIN);
	release_acknowledge_slot(&custody->sync, release->generation, release->sequence, received);
	follower->settings.released(follower->settings.owner, release);
}

void
follower_acknowledge(struct follower *follower, uint64_t lsn)
{
	for (uint64_t i = follower->acknowledged + 1; i <= lsn; i++) {
		struct told_entry *entry = &follower->entry[i % follower->settings.log_entries];

		if (entry->lsn == i)
			release_entry(follower, entry);
	}
	if (lsn > follower->acknowledged)
		follower->acknowledged = lsn;
	for (uint32_t worker = 0; worker < follower->settings.shm->workers; worker++)
		release_notices(follower, worker);
}

uint64_t
follower_news(struct follower *follower)
{
	uint64_t news = follower->news;

	follower->news = 0;
	return news;
}

bool
follower_is_behind(const struct follower *follower)
{
	const struct shm *shm = follower->settings.shm;

	if (!outgoing_is_open(log_of(follower)))
		return false;
	for (uint32_t worker = 0; worker < shm->workers; worker++)
		if (atomic_load_explicit(&shm_journal(shm, worker)->head, memory_order_acquire) >
		    follower->worker[worker].read)
			return true;
	return false;
}

static enum follower_result
result_of(enum outgoing_result result)
{
	return result == OUTGOING_FULL ? FOLLOWER_OVER : FOLLOWER_DONE;
}

enum follower_result
follower_tell_counters(struct follower *follower, uint64_t now_us)
{
	return result_of(announce_counters(follower->announce, now_us));
}

enum follower_result
follower_tell_text(struct follower *follower, uint64_t now_us, const struct sync_text *text)
{
	return result_of(announce_text(follower->announce, now_us, text));
}
