/*
 * witness -- whether a third host answers, so that this one is not the one that is cut off
 *
 * It is asked each second by a TCP connection, which is closed at once; that it refuses is an answer too.
 * One that has not answered within a second is silent.  Called by sync only.
 */
#ifndef DAEMON_SYNC_WITNESS_H
#define DAEMON_SYNC_WITNESS_H

#include "daemon/loop.h"
#include "shm/layout.h"

#define WITNESS_ASK_US 1000000u

struct witness;
typedef void witness_told(struct witness *witness, bool answers);

struct witness {
	struct loop_source source; /* fd -1: nothing is under way */
	struct loop *loop;
	struct shm_endpoint from, to; /* `to` of family 0: there is none, and nothing is told */
	witness_told *told;
	uint64_t asked_us; /* 0: never */
};

void witness_init(struct witness *witness, struct loop *loop, const struct shm_endpoint *from,
    const struct shm_endpoint *to, witness_told *told);
void witness_close(struct witness *witness);
/* Once in each turn, several times a second. */
void witness_tick(struct witness *witness, uint64_t now_us);

#endif
