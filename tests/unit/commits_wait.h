/*
 * commits_wait -- whether workers wait for the standby: what the tests of the follower ask
 */
#ifndef TESTS_UNIT_COMMITS_WAIT_H
#define TESTS_UNIT_COMMITS_WAIT_H

#include "shm/journal.h"
#include "shm/region.h"
#include "shm/release.h"

/* There is a commit that was not acknowledged. */
static inline bool
commits_wait(const struct shm *shm)
{
	for (uint32_t worker = 0; worker < shm->workers; worker++)
		if (shm_journal(shm, worker)->head > release_acknowledged(shm_release(shm), worker))
			return true;
	return false;
}

#endif
