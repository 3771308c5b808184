/*
 * workers -- how the workers of this host stand to what sync releases
 *
 * All of them, by what they have written (journals, pulses) and what sync has (shm/release.h).  Called by
 * the follower.
 */
#ifndef DAEMON_SYNC_WORKERS_H
#define DAEMON_SYNC_WORKERS_H

#include "shm/region.h"

/* Every one that lives obeys the present word, and by it acts on nothing without the standby. */
bool workers_obey(const struct shm *shm);
/* In RELEASE_ALONE nobody waits: what is committed is as good as acknowledged.  Else nothing. */
void workers_pass(const struct shm *shm);

#endif
