/*
 * connection -- the two legs of a session in the ring
 *
 * One read (receive, discard or poll) and one send are under way per leg at most.  Bytes are
 * received only into the session's window, at a position whose chunk is in the window before the
 * submission is made, so that an adopter finds them.  Output is sent only from a committed record.
 *
 * Each connection_want_*() looks at the leg and submits what is due; calling it too often does no
 * harm.  connection_complete() notes what a completion says and tells what the session must do.
 */
#ifndef WORKER_CONNECTION_H
#define WORKER_CONNECTION_H

#include "worker/completion_tag.h"
#include "worker/session.h"

enum connection_news {
	NEWS_NONE,
	NEWS_INPUT,  /* bytes, an end or a reset: step */
	NEWS_OUTPUT, /* output has left or an ending is done: act, step what waited for room */
};

/* The leg holds as much as it may: nothing is read before some of it has left. */
bool connection_is_full(
    const struct worker *worker, const struct session *session, enum shm_leg leg);

void connection_want_read(struct worker *worker, struct session *session, enum shm_leg leg);
void connection_want_send(struct worker *worker, struct session *session, enum shm_leg leg);
/* The committed ending of the leg, once its output has left. */
void connection_want_end(struct worker *worker, struct session *session, enum shm_leg leg);

/* An idle leg gives up its chunk: its receive is cancelled and a poll takes its place. */
void connection_park(struct worker *worker, struct session *session, enum shm_leg leg);
/* The session ends: what comes needs no chunk any more. */
void connection_stop_receiving(struct worker *worker, struct session *session, enum shm_leg leg);
/* Nothing may leave: a send that waits for room in the kernel is taken back. */
void connection_stop_sending(struct worker *worker, struct session *session, enum shm_leg leg);
/* Cancels all that is under way on the leg. */
void connection_cancel(struct worker *worker, struct session *session, enum shm_leg leg);

enum connection_news connection_complete(
    struct worker *worker, struct session *session, const struct completion_tag *tag, int result);

#endif
