/*
 * step -- bytes and signals to the core, its answers to the record
 *
 * step_session() offers the core all that has arrived in both directions and all signals that
 * wait, until it makes no more progress or its output has no room, and commits the result as one
 * record.  Which step the worker is in stands in its pulse from before the core is called until
 * the commit is published.
 *
 * Input of one direction waits (session->blocked) while the other leg has SESSION_HELD_MAX of
 * output unsent or too few outlet words left; it is offered again when output has left.
 */
#ifndef WORKER_STEP_H
#define WORKER_STEP_H

struct worker;
struct session;

enum step_result {
	STEP_NOTHING,	/* nothing changed */
	STEP_COMMITTED, /* there is a new record to act on */
	STEP_STARVED,	/* no chunk for the gateway's text: nothing changed, try again later */
	STEP_BROKEN,	/* state, policy or the core's answer does not hold: end the session */
};

/* The first record of a session: the core's initial state and its first deadline. */
enum step_result step_first(struct worker *worker, struct session *session);
enum step_result step_session(struct worker *worker, struct session *session);

#endif
