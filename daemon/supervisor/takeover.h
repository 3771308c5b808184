/*
 * takeover -- this host goes on with the sessions of the other one
 *
 * Asked for by sync, in two steps, the door being shut until the second:
 *
 *   takeover_restore()	  every replica becomes a session of this host: its connections are made
 *			  (takeover_session.h) by some threads, or were made before (takeover_ahead.h),
 *			  its slot is taken.  The connections of
 *			  clients that had no session yet are made too (takeover_embryo.h).
 *   takeover_ask_all()	  the door was opened (takeover_ask.h).
 *
 * Should this process die before the door opens, the next one makes them again; from then on they outlive it
 * (takeover_shelf.h).
 *
 * A session of which the client's leg cannot be made is lost: a worker closes it and gives its memory
 * back (HANDOVER_LOST).  One of which only the server's leg cannot be made goes on without it, so that its
 * client is told.  Both are counted in 109066.
 *
 * How it went is in shm/takeover_view.h.
 *
 * takeover_drop() before all sessions of this host end (silence.h).  Supervisor only.
 */
#ifndef SUPERVISOR_TAKEOVER_H
#define SUPERVISOR_TAKEOVER_H

#include "daemon/supervisor/syn_ack.h"
#include "shm/takeover_view.h"

#include <stdbool.h>
#include <stdint.h>

struct custody;
struct supervisor;
struct takeover_leg;
struct takeover_session;
struct takeover_embryo;

struct takeover {
	struct takeover_session *session; /* NULL: none is under way */
	uint32_t sessions;
	uint32_t waiting;
	uint32_t handed_on;	 /* to workers, to be adopted */
	uint64_t adopted_before; /* COUNTER_sessions_adopted at the opening */
	bool early_pass;	 /* takeover_ask_lets_early_pass() has said so */
	bool is_shelved;	 /* its connections, or those of a dead one's, may lie on shelves */
	struct takeover_embryo *embryo;
	uint32_t embryos;
	struct syn_ack_sockets syn_ack;
	int timer;		       /* -1: nothing waits */
	struct takeover_status status; /* of the last one, as it is shown */
};

void takeover_init(struct supervisor *supervisor);
/* Before the slots of a dead supervisor are read: what it had taken is to be taken again, if its connections have gone
 * with it and its door was still shut. */
void takeover_collect(struct supervisor *supervisor);
/* 0 or -errno; then nothing was taken.  Asked again for the same epoch it does what is still to be done. */
int takeover_restore(struct supervisor *supervisor, uint64_t epoch);
/* Sessions or connections are held that no worker has, or what has come early waits for those that one has. */
bool takeover_is_under_way(const struct supervisor *supervisor);
void takeover_drop(struct supervisor *supervisor);

/* For takeover_ask.h and takeover_shelf.h: what the slot says of a leg is that of the connection that there is now;
 * whether its FIN is still to be put behind its output (slot_custody.ends); the server's leg of the session was there on
 * the other host; how it goes is shown. */
void takeover_note_leg(struct supervisor *supervisor, uint32_t slot, enum shm_leg which,
    const struct takeover_leg *leg);
void takeover_note_end(struct supervisor *supervisor, uint32_t slot, enum shm_leg which,
    const struct takeover_leg *leg);
bool takeover_is_connected(const struct custody *custody, uint32_t slot);
void takeover_publish(const struct supervisor *supervisor);

#endif
