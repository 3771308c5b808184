/*
 * deadline -- when a session is looked at again, and what is then done
 *
 * One timer per session stands for all its reasons: the core's deadline, chunks that idle legs
 * hold, output that is not known to be acknowledged, or that is and of which the standby does not know,
 * a signal that cannot be told, and the ending of a session whose peer does not take its last
 * output or does not close.  The timer is set to the earliest of
 * them and finds out when it fires which has come.
 */
#ifndef WORKER_DEADLINE_H
#define WORKER_DEADLINE_H

struct worker;
struct session;

void deadline_schedule(struct worker *worker, struct session *session);
/* The session's timer has fired. */
void deadline_fire(struct worker *worker, struct session *session);

#endif
