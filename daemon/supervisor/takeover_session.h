/*
 * takeover_session -- the connections of one session of the other host, made on this one
 *
 * Makes both legs by TCP_REPAIR (leg_restore.h), as they are planned (takeover_plan.h), or takes those that were made
 * ahead (takeover_ahead.h).  A leg that had ended, failed or was not there yet on the other host is not made;
 * one that cannot be made has an error.
 *
 * A leg that is over by its record may have come to its end on the other host, and another session have
 * the same two ends there already.  So the legs that are over are made behind all others, of all sessions;
 * where the other one stands by then this one's peer has had its end, and it needs none: no descriptor and
 * no error.
 *
 * The peer of a leg that has stood still for TAKEOVER_REST_MS, and has acknowledged all, is not asked: there is
 * nothing to learn, and of thousands of idle sessions the questions and answers would take as long as the rest.
 *
 * Restoring changes nothing but what it is given, so several threads may work on as many sessions; the
 * slots are the main thread's matter.  Supervisor only.
 */
#ifndef SUPERVISOR_TAKEOVER_SESSION_H
#define SUPERVISOR_TAKEOVER_SESSION_H

#include "daemon/supervisor/takeover_plan.h"

/* Who has said nothing is asked again so often: the question may be lost, or the answer go to the host that is
 * gone. */
#define TAKEOVER_AGAIN_US 200000u

struct takeover_ahead;

struct takeover_leg {
	int fd;	    /* -1: there is none */
	int error;  /* why, if there should be one */
	bool asks;  /* it waits for what the peer has of its output, or for the answer to its FIN */
	bool rests; /* there is nothing to ask */
	bool ends;  /* its FIN is committed, with all output before it */
	bool is_over;	   /* both directions have their end, as committed */
	bool was_ahead;	   /* it is one of takeover_ahead.h */
	uint64_t asked_us; /* the last time, after the first */
	uint64_t cookie;   /* SO_COOKIE; 0: none */
	struct leg_plan plan;
};

struct takeover_session {
	uint32_t slot;
	struct takeover_leg leg[SHM_LEGS];
};

/* Before all else, for all sessions: takes the legs that were made ahead and are as they are to be, and ends the
 * others. */
void takeover_session_take_ahead(const struct takeover_source *source, struct takeover_ahead *ahead,
    struct takeover_session *session);
/* The legs that it has none of.  True: takeover_session_restore_over() has work to do, once this was done for all
 * sessions. */
bool takeover_session_restore(
    const struct takeover_source *source, struct takeover_session *session);
void takeover_session_restore_over(
    const struct takeover_source *source, struct takeover_session *session);

/* The door is open: the peer is asked, unless the leg rests. */
void takeover_leg_ask(struct takeover_leg *leg);
/* True: nothing is waited for any more.  waited_us: since it was asked. */
bool takeover_leg_look(struct takeover_leg *leg, uint64_t waited_us);

/* Without a packet. */
void takeover_leg_end(struct takeover_leg *leg);

#endif
