#include "daemon/sync/feed.h"

#include "shm/pair.h"
#include "shm/release.h"
#include "shm/slot.h"

#include <errno.h>

#define NEVER	      UINT64_MAX
#define NOTICES_MOST  1024u
#define WALK_MOST     256u
#define WALK_BYTES    (8u << 20)
#define COUNTERS_US   100000u
#define AGAIN_US      500000u /* after a log that was over */
#define WALK_PAUSE_US 5000u   /* while there is more to do and nothing else happens */
#define SWEEP_MOST    256u
#define SWEEP_US      5000u /* how often so many */

/* ---- what may leave ---- */

static enum release_mode
mode_of(const struct feed *feed)
{
	switch (feed->release) {
	case ROLE_PAIRED:
		return RELEASE_PAIRED;
	case ROLE_ALONE:
		return feed->is_sending && !feed->is_given_up ? RELEASE_PAIRED : RELEASE_ALONE;
	default:
		return RELEASE_HELD;
	}
}

static void
set_gate(const struct feed *feed, enum release_mode mode)
{
	if (mode == RELEASE_ALONE)
		guard_alone(&feed->guard);
	else if (mode == RELEASE_PAIRED)
		guard_paired(&feed->guard);
	else
		guard_hold(&feed->guard);
}

static void
wake_released(const struct feed *feed)
{
	uint64_t workers = follower_news(feed->follower);

	if (workers != 0)
		feed->wake(feed->owner, workers);
}

static void
wake_all(const struct feed *feed)
{
	feed->wake(feed->owner, UINT64_MAX >> (64 - feed->shm->workers));
}

static void
apply(struct feed *feed)
{
	struct release_state *state = shm_release(feed->shm);
	enum release_mode mode = mode_of(feed);

	if (release_mode(release_word(state)) == mode)
		return;
	/* The gate closes before the workers know, and opens after. */
	if (mode != RELEASE_ALONE)
		set_gate(feed, mode);
	release_set(state, mode);
	if (mode == RELEASE_ALONE)
		set_gate(feed, mode);
	wake_all(feed);
}

/* From paired to alone: the standby does not acknowledge. */
void
feed_set_release(struct feed *feed, enum role_release release)
{
	if (feed->release == ROLE_PAIRED && release == ROLE_ALONE && feed->is_sending)
		feed->is_given_up = true;
	feed->release = release;
	apply(feed);
}

/* ---- the start ---- */

static void
released(void *owner, const struct follower_release *release)
{
	const struct feed *feed = owner;

	guard_released(&feed->guard, release);
}

static void
text_came(void *owner, const struct sync_text *text)
{
	const struct feed *feed = owner;

	if (feed->text != NULL)
		feed->text(feed->owner, text);
}

int
feed_open(struct feed *feed, const struct shm *shm, struct channel *channel, uint32_t log_entries,
    struct gate_positions *table, const struct embryo_ring *embryos, feed_wake *wake, void *owner)
{
	struct follower_settings follower = {
	    .shm = shm,
	    .channel = channel,
	    .log_entries = log_entries,
	    .notices_most = NOTICES_MOST,
	    .walk_most = WALK_MOST,
	    .walk_bytes = WALK_BYTES,
	    .released = released,
	    .owner = feed,
	};
	struct replica_settings replica = {
	    .shm = shm,
	    .text = text_came,
	    .owner = feed,
	    .keeps_left = atomic_load(&shm_pair_view(shm)->restoring) != 0,
	};

	feed->shm = shm;
	feed->channel = channel;
	embryo_telling_init(&feed->embryos, embryos, table);
	feed->wake = wake;
	feed->owner = owner;
	feed->release = ROLE_HELD;
	release_keep(shm_release(shm), true);
	feed->follower = follower_create(&follower);
	feed->replica = replica_create(&replica);
	if (guard_open(&feed->guard, shm, table) < 0 || feed->follower == NULL ||
	    feed->replica == NULL) {
		feed_close(feed);
		return -ENOMEM;
	}
	return 0;
}

void
feed_close(struct feed *feed)
{
	follower_destroy(feed->follower);
	replica_destroy(feed->replica);
	guard_close(&feed->guard);
	feed->follower = NULL;
	feed->replica = NULL;
}

/* ---- the conversation ---- */

void
feed_agreed(struct feed *feed, enum agreed_part part)
{
	feed->is_sending = part == AGREED_SEND;
	feed->is_given_up = false;
	feed->again_us = 0;
	apply(feed);
}

void
feed_over(struct feed *feed)
{
	feed->is_sending = feed->wants_snapshot = false;
	feed->protected_sessions = feed->served_sessions = 0;
	apply(feed);
}

void
feed_take(struct feed *feed, const struct channel_event *event)
{
	switch (event->news) {
	case CHANNEL_SNAPSHOT_WANTED:
		feed->wants_snapshot = true;
		break;
	case CHANNEL_SNAPSHOT_BEGUN:
		replica_begin(feed->replica);
		break;
	case CHANNEL_ACKNOWLEDGED:
		follower_acknowledge(feed->follower, event->value);
		embryo_telling_acknowledge(&feed->embryos, event->value);
		wake_released(feed);
		break;
	default:
		break;
	}
}

enum sync_reason
feed_store(struct feed *feed, uint64_t lsn, const struct sync_entry *entry)
{
	return replica_store(feed->replica, lsn, entry);
}

static bool
session_is_whole(const struct slot_custody *custody)
{
	uint32_t generation = atomic_load_explicit(&custody->generation, memory_order_acquire);
	const struct slot_sync *has = &custody->sync;

	for (int leg = 0; leg < SHM_LEGS; leg++) {
		uint64_t accepted =
		    atomic_load_explicit(&custody->leg[leg].accepted, memory_order_relaxed);

		if (accepted == 0 || !custody->leg[leg].tcp.dumped)
			continue;
		if (release_slot_acknowledged(has, generation) == 0 ||
		    atomic_load_explicit(&has->received[leg], memory_order_relaxed) < accepted)
			return false;
	}
	return true;
}

bool
feed_is_whole(const struct feed *feed)
{
	uint32_t used = shm_slots_used(feed->shm);

	for (uint32_t slot = 0; slot < used; slot++) {
		const struct slot_custody *custody = shm_custody(feed->shm, slot);
		uint32_t state = atomic_load_explicit(&custody->state, memory_order_acquire);

		if ((state == SLOT_OPENING || state == SLOT_OPEN) && !session_is_whole(custody))
			return false;
	}
	return true;
}

void
feed_serve(struct feed *feed)
{
	guard_taken_over(&feed->guard);
	replica_serve_all(feed->replica);
}

void
feed_silenced(struct feed *feed)
{
	replica_drop_left(feed->replica);
}

void
feed_forget(struct feed *feed)
{
	replica_forget_all(feed->replica);
}

/* ---- once in each turn ---- */

bool
feed_has_news(const struct feed *feed)
{
	return feed->is_sending && follower_is_behind(feed->follower);
}

/* The log had no room: the workers must not wait for what will not be told. */
static void
log_is_over(struct feed *feed, uint64_t now_us)
{
	channel_abandon(feed->channel);
	feed->is_given_up = feed->wants_snapshot = true;
	feed->again_us = now_us + AGAIN_US;
	apply(feed);
}

static void
begin_snapshot(struct feed *feed, uint64_t now_us)
{
	if (!feed->wants_snapshot || now_us < feed->again_us)
		return;
	feed->is_given_up = false;
	apply(feed);
	if (!follower_may_begin(feed->follower))
		return;
	feed->wants_snapshot = false;
	follower_begin(feed->follower);
	embryo_telling_begin(&feed->embryos);
	feed->logs++;
}

void
feed_set_text(struct feed *feed, feed_text *text)
{
	feed->text = text;
}

bool
feed_is_telling(const struct feed *feed)
{
	return feed->is_sending && outgoing_is_open(channel_outgoing(feed->channel));
}

uint64_t
feed_logs(const struct feed *feed)
{
	return feed->logs;
}

bool
feed_tell_text(struct feed *feed, uint64_t now_us, const struct sync_text *text)
{
	if (!feed_is_telling(feed))
		return false;
	if (follower_tell_text(feed->follower, now_us, text) != FOLLOWER_OVER)
		return true;
	log_is_over(feed, now_us);
	return false;
}

void
feed_find_policies(const struct feed *feed)
{
	replica_find_policies(feed->replica);
}

static void
count_protected(struct feed *feed)
{
	const struct outgoing *log = channel_outgoing(feed->channel);
	uint32_t used = shm_slots_used(feed->shm);

	feed->protected_sessions = feed->served_sessions = 0;
	for (uint32_t slot = 0; slot < used; slot++) {
		const struct slot_custody *custody = shm_custody(feed->shm, slot);
		uint32_t generation =
		    atomic_load_explicit(&custody->generation, memory_order_relaxed);

		feed->protected_sessions += outgoing_is_protected(log, slot, generation);
		feed->served_sessions +=
		    slot_is_session(atomic_load_explicit(&custody->state, memory_order_relaxed));
	}
}

static void
tell_counters(struct feed *feed, uint64_t now_us)
{
	if (!feed->is_sending || now_us - feed->counters_us < COUNTERS_US)
		return;
	feed->counters_us = now_us;
	count_protected(feed);
	if (follower_tell_counters(feed->follower, now_us) == FOLLOWER_OVER)
		log_is_over(feed, now_us);
}

static void
tell_embryos(struct feed *feed, uint64_t now_us)
{
	uint64_t seen_ms = atomic_load_explicit(shm_clock_floor(feed->shm), memory_order_relaxed);

	if (!feed->is_sending || !outgoing_is_open(channel_outgoing(feed->channel)))
		return;
	if (embryo_telling_step(&feed->embryos, feed->channel, now_us, seen_ms) != OUTGOING_TAKEN)
		log_is_over(feed, now_us);
}

static void
sweep(struct feed *feed, uint64_t now_us)
{
	if (now_us - feed->swept_us < SWEEP_US)
		return;
	feed->swept_us = now_us;
	guard_sweep(&feed->guard, now_us, feed->swept, SWEEP_MOST);
	feed->swept += SWEEP_MOST;
	if (feed->swept >= shm_slots_used(feed->shm))
		feed->swept = 0;
}

void
feed_tick(struct feed *feed, uint64_t now_us)
{
	if (feed->is_given_up && !feed->wants_snapshot)
		log_is_over(feed, now_us);
	begin_snapshot(feed, now_us);
	switch (follower_step(feed->follower, now_us)) {
	case FOLLOWER_OVER:
		log_is_over(feed, now_us);
		break;
	case FOLLOWER_MORE:
		feed->has_more = true;
		break;
	case FOLLOWER_DONE:
		feed->has_more = false;
		break;
	}
	wake_released(feed);
	tell_embryos(feed, now_us);
	tell_counters(feed, now_us);
	sweep(feed, now_us);
}

uint32_t
feed_held(const struct feed *feed)
{
	return replica_sessions(feed->replica);
}

uint32_t
feed_sessions(const struct feed *feed)
{
	return feed->protected_sessions + feed_held(feed);
}

uint64_t
feed_deadline(const struct feed *feed, uint64_t now_us)
{
	if (feed->has_more || feed->wants_snapshot)
		return now_us + WALK_PAUSE_US;
	return feed->is_sending || feed->guard.resting > 0 ? now_us + COUNTERS_US : NEVER;
}
