/*
 * standby -- plays sync, and the standby behind it, towards the workers
 *
 * Follows the journals as sync does and acknowledges what it finds there, without giving it to
 * anybody.  The memory is mapped so that control can be written.  Entries are taken in
 * (standby_look()) and acknowledged later (standby_acknowledge()), so that a caller can let time pass
 * in between, or withhold.
 */
#ifndef TESTS_TOOLS_STANDBY_H
#define TESTS_TOOLS_STANDBY_H

#include "shm/region.h"
#include "shm/release.h"

struct standby {
	const struct shm *shm;
	int journal;		      /* the eventfds of shm/release.h */
	int release[SHM_WORKERS_MAX]; /* -1: nobody is there to be woken */
	uint64_t seen[SHM_WORKERS_MAX];
	uint64_t entries; /* acknowledged so far */
};

/* From where the workers are now. */
void standby_init(struct standby *standby, const struct shm *shm, int journal, const int *release);
/* Takes in what is in the journals. True: there is something new. */
bool standby_look(struct standby *standby);
/* The same; if there is nothing, sleeps at most so long for it. */
bool standby_wait(struct standby *standby, int wait_ms);
/* All that was taken in and is not acknowledged yet, and wakes the workers. */
void standby_acknowledge(struct standby *standby);

/* Another mode, or the same again; the workers are woken. */
void standby_set(struct standby *standby, enum release_mode mode);
/* That worker obeys what was set last. */
bool standby_is_seen(const struct standby *standby, uint32_t worker);

#endif
