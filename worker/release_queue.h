/*
 * release_queue -- sessions whose last commit must not be acted upon yet (shm/release.h)
 *
 * Standalone a commit is acted upon at once, and nobody is ever here.  In a pair a session comes here
 * with each commit, in the order of this worker's journal, and is let go when the standby has the
 * record: by this worker's place in the journal, or by the slot's own acknowledgement.  Meanwhile it
 * receives what comes and does nothing else: no step, no commit, no output, no ending, and no chunk is
 * given back.  While everything is held nobody is let go, and who is not here gives no output either.
 *
 * Each turn of the loop looks at the word, lets go who may, and wakes sync if there is something new in
 * the journal.  Sync wakes the worker by an eventfd that is polled in the ring; what it has counted is
 * of no interest.
 */
#ifndef WORKER_RELEASE_QUEUE_H
#define WORKER_RELEASE_QUEUE_H

#include "shm/release.h"
#include "worker/session.h"

#include <stdbool.h>
#include <stdint.h>

struct worker;

struct release_queue {
	struct release_state *state;
	struct list sessions;	/* struct session, by `unreleased` */
	uint64_t word;		/* that commits obey */
	enum release_mode mode; /* of that */
	uint64_t seen;		/* that all sessions obey */
	bool keeps;		/* there is a pair: input is stored when it was received */
	bool appended;		/* to the journal, since the last turn */
	bool armed;		/* the poll of the eventfd is under way */
};

/* The memory is mapped. */
void release_queue_init(struct worker *worker);

/* What a commit obeys that is made now. */
enum release_mode release_queue_look(struct worker *worker);
/* The session's newest entry is that of the journal. */
void release_queue_add(struct worker *worker, struct session *session, uint64_t lsn);
static inline bool
release_queue_waits(const struct session *session)
{
	return list_is_linked(&session->unreleased);
}

/* Nothing leaves, also of what was let go before. */
static inline bool
release_queue_holds(const struct release_queue *queue)
{
	return queue->mode == RELEASE_HELD;
}

/* Alone: there is nothing for release_queue_turn(). */
static inline bool
release_queue_is_idle(const struct release_queue *queue)
{
	return queue->armed && !queue->keeps && release_word(queue->state) == queue->seen &&
	       !release_keeps(queue->state);
}

/* Once per turn, after all that may commit. */
void release_queue_turn(struct worker *worker);
/* The poll has completed; without `more` it has ended. */
void release_queue_polled(struct worker *worker, bool more);

#endif
