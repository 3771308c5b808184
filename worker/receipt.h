/*
 * receipt -- what a receiver's TCP has acknowledged of a leg's output
 *
 * Alone output is done with when the kernel has taken it.  In a pair (release_keeps()) it stays in the
 * outlet and in the windows until the receiver has acknowledged it, since only then nobody has to send
 * it again from another host; leg.acknowledged says how far that is known.  At most RECEIPT_MAX may be
 * unacknowledged.
 *
 * The kernel tells of no acknowledgement by itself: it is asked when something depends on it, before a
 * commit, before more is sent at the bound, and by the session's timer, soon if the session stands still
 * for want of it, else the more seldom the longer it is idle.
 */
#ifndef WORKER_RECEIPT_H
#define WORKER_RECEIPT_H

#include "worker/session.h"

#define RECEIPT_MAX	(256u * 1024u)
#define RECEIPT_SOON_MS 20u

/* Asks; use receipt_look(). */
void receipt_ask(struct worker *worker, struct session *session, enum shm_leg leg);
/* leg.acknowledged and LEG_SETTLED as they are now. */
static inline void
receipt_look(struct worker *worker, struct session *session, enum shm_leg leg)
{
	const struct leg *side = &session->leg[leg];

	if (side->acknowledged != side->sent ||
	    (side->flags & (LEG_FIN_DONE | LEG_SETTLED)) == LEG_FIN_DONE)
		receipt_ask(worker, session, leg);
}

/* Of both legs. */
static inline void
receipt_look_both(struct worker *worker, struct session *session)
{
	receipt_look(worker, session, SHM_CLIENT);
	receipt_look(worker, session, SHM_SERVER);
}

/* Of a pair: how much may be sent now. */
uint64_t receipt_room(struct worker *worker, struct session *session, enum shm_leg leg);
/* Of a pair: when to look again, gateway time; UINT64_MAX: nothing depends on it. */
uint64_t receipt_due(const struct worker *worker, const struct session *session);

#endif
