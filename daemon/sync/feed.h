/*
 * feed -- what goes through the channel: this host's sessions out, or the other host's in
 *
 * Joins follower (active) and replica (standby) to the channel, and says what may leave: the release word
 * for the workers (shm/release.h) and the positions for the gate (guard.h).  The role machine's word is
 * carried out as it is, but for one thing: a host that goes on alone while it tells a standby its
 * sessions lets the workers wait for what that standby has already, and for nothing else
 * (RELEASE_PAIRED); otherwise nothing could become protected while traffic flows.
 *
 * A snapshot begins when every worker obeys that, and is whole when the standby has its end and, for
 * each session, all bytes that a kernel had accepted from a peer before the gate guarded it
 * (feed_is_whole()).
 *
 * No sockets, no files, no clock; waking is told by `wake`.  Called by sync only.
 */
#ifndef DAEMON_SYNC_FEED_H
#define DAEMON_SYNC_FEED_H

#include "daemon/sync/channel.h"
#include "daemon/sync/embryo_telling.h"
#include "daemon/sync/follower.h"
#include "daemon/sync/guard.h"
#include "daemon/sync/replica.h"
#include "daemon/sync/role.h"

/* One bit for each worker. */
typedef void feed_wake(void *owner, uint64_t workers);
/* A whole text has come, as a replica_text (replica.h). */
typedef void feed_text(void *owner, const struct sync_text *text);

struct feed {
	const struct shm *shm;
	struct channel *channel;
	struct follower *follower;
	struct replica *replica;
	struct guard guard;
	struct embryo_telling embryos;
	feed_wake *wake;
	feed_text *text;
	void *owner;
	enum role_release release; /* as the role machine says */
	bool is_sending;	   /* there is a standby in this conversation */
	bool wants_snapshot;
	bool is_given_up; /* the log: nobody waits for the standby any more */
	bool has_more;
	uint64_t again_us;	     /* a log that was over begins anew then */
	uint64_t counters_us;	     /* were told last */
	uint64_t logs;		     /* that were begun */
	uint32_t swept;		     /* slots, of this round */
	uint64_t swept_us;	     /* the last ones */
	uint32_t protected_sessions; /* active: when counters were told last */
	uint32_t served_sessions;    /* likewise; all */
};

/* log_entries as the channel has it (outgoing_settings.hold_entries).  `table` and `embryos` may be NULL:
 * there is no gate. 0 or -ENOMEM. */
int feed_open(struct feed *feed, const struct shm *shm, struct channel *channel,
    uint32_t log_entries, struct gate_positions *table, const struct embryo_ring *embryos,
    feed_wake *wake, void *owner);
void feed_close(struct feed *feed);

/* Who takes the texts; before there is a conversation. */
void feed_set_text(struct feed *feed, feed_text *text);
/* A log is open, and what is told goes into it. */
bool feed_is_telling(const struct feed *feed);
/* Rises with each log: what was told before is told again. */
uint64_t feed_logs(const struct feed *feed);
/* False: not now. */
bool feed_tell_text(struct feed *feed, uint64_t now_us, const struct sync_text *text);
/* Standby: a policy was loaded. */
void feed_find_policies(const struct feed *feed);

/* Of the role machine. */
void feed_set_release(struct feed *feed, enum role_release release);

/* A conversation in which this host is the active one has begun; it is over. */
void feed_agreed(struct feed *feed, enum agreed_part part);
void feed_over(struct feed *feed);
/* SNAPSHOT_WANTED, SNAPSHOT_BEGUN, ACKNOWLEDGED; the others change nothing here. */
void feed_take(struct feed *feed, const struct channel_event *event);
/* An incoming_store of the channel. */
enum sync_reason feed_store(struct feed *feed, uint64_t lsn, const struct sync_entry *entry);
/* Of all that the kernels had accepted when it was measured (REQUEST_MEASURE) the standby has
 * everything.  Asked when it has the snapshot's end, and so every session is guarded by the gate: what was
 * acknowledged before that was measured. */
bool feed_is_whole(const struct feed *feed);
/* What is held of the other host's sessions is served by this one now; it is not to be served. */
void feed_serve(struct feed *feed);
/* This host's own sessions have ended without a packet (REQUEST_SILENCE): what they held is free. */
void feed_silenced(struct feed *feed);
void feed_forget(struct feed *feed);

/* Of those that this host serves the standby could go on with so many; or so many are held. */
uint32_t feed_sessions(const struct feed *feed);
/* Of the other host's. */
uint32_t feed_held(const struct feed *feed);
/* A worker has committed something that feed_tick() has not seen. */
bool feed_has_news(const struct feed *feed);
/* Once in each turn, and whenever a worker has woken sync. */
void feed_tick(struct feed *feed, uint64_t now_us);
uint64_t feed_deadline(const struct feed *feed, uint64_t now_us);

#endif
