/*
 * capacity -- how many sessions there will be, and shared memory for them
 *
 * As many as sessions_max says, or as descriptors (limits.h) and memory_max suffice for.  If that is
 * fewer, standard error and event 109032 say how many and why.
 *
 * Supervisor only, at start.
 */
#ifndef SUPERVISOR_CAPACITY_H
#define SUPERVISOR_CAPACITY_H

#include "daemon/supervisor/supervisor.h"

/* Makes supervisor->shm and supervisor->custody. An exit status of <sysexits.h> after saying why. */
int capacity_make(struct supervisor *supervisor);

#endif
