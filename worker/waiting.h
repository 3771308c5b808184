/*
 * waiting -- sessions that wait for memory, in the order in which they came
 *
 * A session waits when no chunk was free for what it is to receive, or when the kernel had no memory
 * for one of its operations.  One that has input and finds no chunk to step it comes before all of
 * these: with one chunk it gives back others.  Every WAITING_RETRY_MS the first of them are tried
 * again, as far as chunks go; the rest costs nothing meanwhile.
 */
#ifndef WORKER_WAITING_H
#define WORKER_WAITING_H

#include "worker/list.h"

#include <stdbool.h>
#include <stdint.h>

#define WAITING_RETRY_MS 32u
#define WAITING_BATCH	 256u

struct session;
struct worker;

struct waiting {
	struct list sessions; /* struct session, by `waiting` */
	uint64_t tried_ms;
	bool serving; /* the one that is served need not queue */
};

void waiting_init(struct waiting *waiting);

/* It has not got what it needed to receive or to send. */
void waiting_for_memory(struct worker *worker, struct session *session);
/* It has not got the chunk that its next step needs. */
void waiting_for_step(struct worker *worker, struct session *session);
/* Gives such a session its chunk before its turn. False: it is none, or there was none for it. */
bool waiting_serve_step(struct worker *worker, struct session *session);
/* A chunk for input may be taken: one is to spare, and nobody has waited longer for it. */
bool waiting_may_take(struct worker *worker);

/* Once per turn of the loop. */
void waiting_turn(struct worker *worker);
/* How long the loop may sleep, at most `most`. */
uint64_t waiting_wait(const struct worker *worker, uint64_t most);

#endif
