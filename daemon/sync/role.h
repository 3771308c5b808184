/*
 * role -- which of two hosts serves, and what it may let out
 *
 * One machine on each host decides when the door opens, when output may leave, and who takes over.
 * It is a step function: an input goes in, the state changes, actions come out for the caller to
 * carry out in their order.  No I/O, no clock, no heap, no globals; the same inputs give the same
 * actions.  What can happen is the table of role.def; what it does not name is refused by name.
 *
 *	STANDALONE  no pair is configured
 *	WAITING     neither serves nor follows: after a start, or when nobody is there to follow
 *	CATCHUP     follows, and its replica is not whole
 *	SYNCED      follows, and may take over
 *	ASKING      is told to take over while the active host lives: waits for it to stand still
 *	RAISING     an epoch is being saved, and meanwhile the sockets, if it takes any over, are being restored
 *	RESTORING   the epoch is its own, and the sockets are not all restored yet
 *	ACTIVE      serves; only what the standby has acknowledged leaves
 *	DEGRADED    serves without a standby; what is committed here leaves
 *	YIELDING    stands still with its sessions, until the other has taken over or it goes on
 *	FAULT       something has failed; sessions that it had it still has
 *
 * What it rests on:
 *
 * - An epoch belongs to one host by its lowest bit, the side (daemon/sync/epoch.h): two hosts never
 *   begin the same one.  An epoch is saved before anything in it can be seen from outside, and told to
 *   nobody earlier.  Sockets that are restored meanwhile, behind the shut door and with nothing released,
 *   cannot be seen; if it cannot be saved, or another host has begun a higher one, they end in silence.
 * - Who hears of a higher epoch is stale: nothing leaves, the door is shut, the sockets are ended in
 *   silence, and it follows.
 * - Only a host that is SYNCED takes sessions over; RAISING it acknowledges nothing more, so that the
 *   old active one can let out nothing that it does not have.
 * - It may then go on alone: nobody else can let anything out.  That right ends before the next
 *   standby is told that it is SYNCED, and no other way leads to it under `strict`.  So under
 *   `strict` an ACTIVE host never degrades, `failover force` begins an epoch and lets nothing out
 *   before a standby is there, and at most one host releases output, without exception.
 * - Under `degrade` an ACTIVE host goes on alone when acknowledgements have stood still for
 *   degrade_after_ms and a configured witness answers (a living host with a higher epoch would have
 *   made it stale), or when its standby says that it has no replica.  A SYNCED standby that does not
 *   hear it any more counts its replica as old after that time if the other path shows it living,
 *   otherwise after ROLE_REPLICA_MS.
 * - A host that stands still without the address says so again to each standby that it meets.
 * - A host that has neither replica nor sessions begins an epoch only if the other one is heard and
 *   says the same of itself, or by force.
 *
 * What the caller sees to:
 *
 * - Messages on the sync path arrive in order within a connection, and LOST(SYNC) is given before the
 *   hello of the next one.
 * - Heartbeats are acknowledged as entries are, so that the stall is seen when nothing is sent.
 * - What a standby acknowledges it has in its replica; it acknowledges only what bears its own epoch, and
 *   only while role_follows().  To an older epoch it answers with its own, which is FENCED there.
 * - Both hosts have the same `commit` and different sides (from what both configurations agree on, as the
 *   order of their two names).
 * - A timer that is set again starts anew; one that has no meaning any more may fire all the same.
 *
 * After a restart there is the saved epoch, whether the supervisor still has the sessions of it
 * (role_start.serving), and which ones it was making, or about to (role_start.restoring); everything
 * else is asked anew.  If their epoch was not saved yet, that is gone on with too: since then nothing was
 * acknowledged.  A host that had raised its epoch and died has fenced the older one for good,
 * whether or not it had served in it: nobody can know.
 *
 * Called by sync only.
 */
#ifndef DAEMON_SYNC_ROLE_H
#define DAEMON_SYNC_ROLE_H

#include "daemon/sync/epoch.h"

#include <stdbool.h>
#include <stdint.h>

#define ROLE_NODE_MAX	 64 /* with its NUL */
#define ROLE_ACTIONS_MAX 12
#define ROLE_VERSION	 1    /* of what two hosts say to each other */
#define ROLE_HANDOVER_MS 500  /* that a living active host has to stand still */
#define ROLE_FROZEN_MS	 1000 /* that it then waits for the other to take over */
#define ROLE_REPLICA_MS	 5000 /* that a replica is good for when nothing of the other is heard */

enum role_state {
#define ROLE_STATE(name, ...) ROLE_##name,
#include "daemon/sync/role.def"
#undef ROLE_STATE
	ROLE_STATES
};

enum role_input_kind {
#define ROLE_INPUT(name, ...) ROLE_IN_##name,
#include "daemon/sync/role.def"
#undef ROLE_INPUT
	ROLE_INPUTS
};

enum role_action_kind {
#define ROLE_ACTION(name, ...) ROLE_DO_##name,
#include "daemon/sync/role.def"
#undef ROLE_ACTION
	ROLE_ACTION_KINDS
};

enum role_timer {
#define ROLE_TIMER(name, ...) ROLE_TIMER_##name,
#include "daemon/sync/role.def"
#undef ROLE_TIMER
	ROLE_TIMERS
};

enum role_path {
#define ROLE_PATH(name, ...) ROLE_PATH_##name,
#include "daemon/sync/role.def"
#undef ROLE_PATH
	ROLE_PATHS
};

enum role_reason {
#define ROLE_REASON(name, ...) ROLE_WHY_##name,
#include "daemon/sync/role.def"
#undef ROLE_REASON
	ROLE_REASONS
};

enum role_refusal {
#define ROLE_REFUSAL(name, ...) ROLE_NO_##name,
#include "daemon/sync/role.def"
#undef ROLE_REFUSAL
	ROLE_REFUSALS
};

/* What keepalived has said last. */
enum role_word {
	ROLE_WORD_NONE,
	ROLE_WORD_MASTER,
	ROLE_WORD_BACKUP,
	ROLE_WORD_FAULT,
	ROLE_WORD_STOP
};

enum role_policy { ROLE_DEGRADE, ROLE_STRICT };

enum role_release { ROLE_HELD, ROLE_PAIRED, ROLE_ALONE };

struct role_start {
	bool pair;    /* failover is configured */
	bool serving; /* the supervisor has the sessions of this epoch, and they are being served */
	bool witness; /* one is configured; it counts as silent until it is said to answer */
	uint8_t side; /* 0 or 1, the other host has the other one */
	uint8_t policy; /* enum role_policy */
	uint8_t word;	/* enum role_word, as far as it is known */
	uint32_t degrade_after_ms;
	/* The epoch whose sessions were being restored, the door being shut: it goes on, above `serving`. 0: none. */
	uint64_t restoring;
	struct epoch epoch; /* as it was saved */
	char node[ROLE_NODE_MAX];
};

/* What a host says of itself: first thing of a connection and at each SAY_HELLO on the sync path, as a
 * beacon on the others.  It comes from the network; role_step() checks every field. */
struct role_hello {
	uint64_t epoch;
	uint32_t version;
	uint8_t state; /* enum role_state */
	uint8_t side;
	char node[ROLE_NODE_MAX];
};

struct role_input {
	enum role_input_kind kind;
	enum role_path path;   /* HELLO, LOST */
	enum role_timer timer; /* TIMER */
	uint32_t ms;	       /* ACK_STALLED: for so long */
	uint64_t
	    epoch; /* FENCED, SNAPSHOT, PEER_ASKS, PEER_FROZEN, EPOCH_SAVED, RESTORED, RESTORE_FAILED */
	struct role_hello hello; /* HELLO */
};

/*
 *	HOLD            nothing leaves, whatever is committed or acknowledged
 *	CLOSE_DOOR      nothing passes
 *	SILENCE         end the sockets of this host without a packet; its sessions are gone
 *	RAISE_EPOCH     save `epoch`; answer by EPOCH_SAVED or EPOCH_UNSAVED
 *	SAVE_EPOCH      likewise, and nothing waits for it
 *	RESTORE         make the replica's sockets for `epoch`, the door being shut; answer by RESTORED or
 *	                RESTORE_FAILED with that epoch; SILENCE ends what was made so far
 *	SAY_HELLO       tell role_hello_fill() on all paths
 *	RESYNC          ask the active host for a snapshot, throwing away what there is
 *	ASK_FREEZE      the active host gets PEER_ASKS
 *	SAY_FROZEN      behind the last entry; the standby gets PEER_FROZEN
 *	SAY_SYNCED      behind the snapshot; the standby gets SNAPSHOT
 *	SET_TIMER       TIMER(timer) after `ms`
 *	RELEASE_PAIRED  what the standby acknowledges in this epoch leaves
 *	RELEASE_ALONE   what is committed here leaves (sessions that a standby has, when it has it too)
 *	OPEN_DOOR
 *	TRACK           write `value` for keepalived (daemon/sync/epoch.h)
 *	TELL            log event id `event` with `reason` and the epoch
 */
struct role_action {
	enum role_action_kind kind;
	enum role_timer timer;
	enum role_reason reason;
	uint32_t event;
	uint32_t ms;
	int32_t value;
	struct epoch epoch;
};

struct role_result {
	enum role_refusal refusal; /* NONE, or why the input was not taken */
	unsigned count;
	struct role_action action[ROLE_ACTIONS_MAX];
};

/* What RESTORE has come to. */
enum role_restore { ROLE_RESTORE_OPEN, ROLE_RESTORE_DONE, ROLE_RESTORE_FAILED };

/* What the other host has said last on one path. */
struct role_said {
	bool heard;
	uint8_t state;
	uint64_t epoch;
};

/* The machine.  To be read by who shows it, changed by role_start() and role_step() only. */
struct role {
	struct role_start start; /* .word follows keepalived, .epoch rises */
	enum role_state state;
	enum role_reason why;	   /* it is in that state */
	enum role_reason told;	   /* what was told last while it stayed in it */
	uint64_t next;		   /* RAISING: the epoch being saved */
	uint64_t fence;		   /* the highest epoch heard of */
	int32_t track;		   /* what keepalived's file says */
	bool replica;		   /* RAISING: sessions are being restored */
	enum role_restore restore; /* RAISING: how far that is */
	bool custody;		   /* this host has the sockets of its epoch */
	bool alone;		   /* it has taken over, and no standby was SYNCED since */
	bool stalled;		   /* ACTIVE: acknowledgements stand still */
	bool local_fault;
	bool witness; /* it answers */
	bool wish;    /* SYNCED: the address is wanted; ACTIVE: it is to go */
	struct role_said said[ROLE_PATHS];
	char peer[ROLE_NODE_MAX]; /* its name, "" until it was heard */
};

/* False: start does not hold (a side, policy, word or name that is none; an epoch above EPOCH_MAX).
 * *ret_result says what is to be done at once. */
bool role_start(struct role *role, const struct role_start *start, struct role_result *ret_result);
/* Takes one input. A refused one has changed nothing, but that the fence holds (VERSION). */
void role_step(struct role *role, const struct role_input *input, struct role_result *ret_result);
void role_hello_fill(const struct role *role, struct role_hello *ret_hello);

/* What a state stands for. */
bool role_door_open(enum role_state state);
enum role_release role_release(enum role_state state);
bool role_follows(enum role_state state);
bool role_claims(enum role_state state);

#endif
