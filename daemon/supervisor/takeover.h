/*
 * takeover -- this host goes on with the sessions of the other one
 *
 * Asked for by sync, in two steps, the door being shut until the second:
 *
 *   takeover_restore()	  every replica becomes a session of this host: its connections are made
 *			  (takeover_session.h) by some threads, its slot is taken.  The connections of
 *			  clients that had no session yet are made too (takeover_embryo.h).
 *   takeover_open()	  the door was opened: all peers are asked where they stand.  A session goes
 *			  to a worker, which adopts it as that of a dead one, when nothing of it waits
 *			  for an answer; what is not answered waits for ANSWER_MOST_US at most.
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

#include <stdint.h>

struct supervisor;
struct takeover_session;
struct takeover_embryo;

struct takeover {
	struct takeover_session *session; /* NULL: none is under way */
	uint32_t sessions;
	uint32_t waiting;
	struct takeover_embryo *embryo;
	uint32_t embryos;
	struct syn_ack_sockets syn_ack;
	int timer;		       /* -1: nothing waits */
	struct takeover_status status; /* of the last one, as it is shown */
};

void takeover_init(struct supervisor *supervisor);
/* 0 or -errno; then nothing was taken. */
int takeover_restore(struct supervisor *supervisor, uint64_t epoch);
/* Nothing if none is under way. */
void takeover_open(struct supervisor *supervisor);
/* The timer has expired. */
void takeover_look(struct supervisor *supervisor);
void takeover_drop(struct supervisor *supervisor);

#endif
