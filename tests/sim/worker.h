/*
 * worker -- one that forwards, and keeps the rules of commit
 *
 * Receives into the windows, commits what it will do by a record and a notice, does it when it may.
 * To a client it says a text of its own first.  It ends a session when the client has.
 */
#ifndef TESTS_SIM_WORKER_H
#define TESTS_SIM_WORKER_H

#include "tests/sim/sim.h"

#include "shm/chunk.h"
#include "shm/record.h"

struct host;

struct sim_worker {
	bool is_alive;
	uint32_t owner;
	struct chunk_cache chunks;
	uint64_t notice[SIM_FLOWS]; /* of the newest record: position in the journal */
	bool is_done[SIM_FLOWS];    /* what that record says */
};

void worker_start(struct world *world, struct host *host);
/* What it had done is in the kernel, what it had committed in shared memory. */
void worker_die(struct world *world, struct host *host);
/* Puts into a restored socket what its record has for it. */
void worker_restore(
    struct world *world, struct host *host, uint32_t slot, const struct record *record);
void worker_turn(struct world *world, struct host *host);

#endif
