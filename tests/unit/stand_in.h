/*
 * stand_in -- supervisor and workers of an active host, as far as its shared memory shows them
 *
 * Sessions that open, receive, consume, forward, insert, keep a second part of their inspection state, are
 * adopted, marked and ended, each commit as a worker makes it: record, journal, and no act before it may
 * be done.  What happens is rolled; nothing else is random.  Tests of the pair's memory.
 */
#ifndef TESTS_UNIT_STAND_IN_H
#define TESTS_UNIT_STAND_IN_H

#include "shm/chunk.h"
#include "shm/layout.h"

#include <stdbool.h>

#define STAND_IN_SLOTS	 10u
#define STAND_IN_WORKERS 2u
#define STAND_IN_NOTICES 65536u /* remembered of each journal */

struct stand_in_session {
	uint32_t birth; /* rises with each session and each beginning anew; 0: none */
	uint32_t generation;
	uint32_t worker;
	uint64_t lsn; /* of its newest notice, in the journal of `lsn_worker` */
	uint32_t lsn_worker;
	uint64_t received[SHM_LEGS];
	uint64_t sent[SHM_LEGS];
	bool is_ending, is_finished;
};

struct stand_in_notice {
	uint32_t slot, birth;
	uint64_t sequence;
};

struct stand_in {
	const struct shm *shm;
	struct chunk_cache cache;
	uint64_t dice;
	uint32_t births;
	bool is_big; /* windows are filled */
	struct stand_in_session session[STAND_IN_SLOTS];
	struct stand_in_notice notice[STAND_IN_WORKERS][STAND_IN_NOTICES];
};

void stand_in_init(struct stand_in *stand_in, const struct shm *shm, uint64_t seed);
uint32_t stand_in_roll(struct stand_in *stand_in, uint32_t sides);
/* Something happens to some session. */
void stand_in_live(struct stand_in *stand_in);
/* So many commits of one session, as fast as a reader cannot follow. */
void stand_in_storm(struct stand_in *stand_in, uint32_t commits);
/* What the workers do when they look at the word again. */
void stand_in_obey(struct stand_in *stand_in);

#endif
