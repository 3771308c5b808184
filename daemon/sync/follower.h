/*
 * follower -- the active's memory, told to the standby
 *
 * Reads the journals of all workers and the slots that they name, and appends to the channel's log what
 * the standby lacks of each session (telling.h); beside that it walks over all slots: quickly for a
 * snapshot, or when a journal has gone on without it, slowly for what no journal tells: slots that
 * became free, connections that changed.  A session enters the log by its next commit or by the
 * walk, whichever comes first.
 *
 * What the standby acknowledges is given back in three steps, in this order: the slot's part of sync
 * (what an adopter looks at), `released` for the gate, and the positions in the workers' journals
 * (shm/release.h).  A notice waits for the entry that has its record, or a later one of that session.
 * Without a log nothing is acknowledged, but in RELEASE_ALONE: there nobody waits.  What was not
 * acknowledged when a log ended is told again in the next one.
 *
 * A session whose record does not hold cannot be told; the standby forgets it, and the worker may act.
 *
 * Reads other processes' memory, which may change meanwhile or be damaged: bounds first, and nothing
 * is told that was not there as a whole.  No I/O, no clock; each call is bounded.  Heap, taken once.
 * Called by sync only, on the active.
 */
#ifndef DAEMON_SYNC_FOLLOWER_H
#define DAEMON_SYNC_FOLLOWER_H

#include "daemon/sync/channel.h"

#include "shm/region.h"

/* One record, and what belongs to it, is in the standby's memory. */
struct follower_release {
	uint32_t slot, generation;
	uint64_t sequence;
	bool is_first;		   /* of its session in this log: from here on it is protected */
	uint64_t stored[SHM_LEGS]; /* input of that leg */
	uint64_t output_end[SHM_LEGS]; /* of that leg: position behind all that is committed */
	uint8_t end_seen[SHM_LEGS];    /* enum ending: how the peer has ended that leg */
	uint8_t ending[SHM_LEGS];      /* enum ending */
};

typedef void follower_released(void *owner, const struct follower_release *release);

struct follower_settings {
	const struct shm *shm;	 /* stays the owner's, as the channel does */
	struct channel *channel; /* whose log it writes */
	uint32_t log_entries;	 /* that this log can hold (outgoing_settings.hold_entries) */
	uint32_t notices_most;	 /* taken of each journal in one call */
	uint32_t walk_most;	 /* slots looked at in one call */
	size_t walk_bytes;	 /* told by the walk and not acknowledged: then it waits */
	follower_released *released;
	void *owner;
};

enum follower_result {
	FOLLOWER_DONE, /* nothing is left to tell now */
	FOLLOWER_MORE, /* call again, at the latest upon the next acknowledgement */
	FOLLOWER_OVER, /* the log is over, or a queue full: channel_abandon(), later a snapshot */
};

struct follower;

/* NULL: no memory. */
struct follower *follower_create(const struct follower_settings *settings);
void follower_destroy(struct follower *follower);

/* Every worker that lives obeys the present word, and by it acts on nothing without the standby. */
bool follower_may_begin(const struct follower *follower);
/* Another log, with a snapshot: calls channel_begin_snapshot().  Counters are told anew with the next
 * follower_tell_counters(); texts are the caller's to tell again. */
void follower_begin(struct follower *follower);

/* After a worker's wake-up, an acknowledgement or a while. */
enum follower_result follower_step(struct follower *follower, uint64_t now_us);
/* CHANNEL_ACKNOWLEDGED; may be called from within channel_tell. */
void follower_acknowledge(struct follower *follower, uint64_t lsn);
/* Upon either: the workers that have something to find in release_acknowledged() since it was asked
 * last, one bit for each.  Wake them. */
uint64_t follower_news(struct follower *follower);
/* There are notices that were not read. */
bool follower_is_behind(const struct follower *follower);

/* Those counters of this host that have changed since they were told last. */
enum follower_result follower_tell_counters(struct follower *follower, uint64_t now_us);
/* A whole text: `part` is all of it, `total` its length; told in parts. */
enum follower_result follower_tell_text(
    struct follower *follower, uint64_t now_us, const struct sync_text *text);

#endif
