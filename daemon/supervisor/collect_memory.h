/*
 * collect_memory -- the workers that a dead supervisor has left, and their memory
 *
 * daemon/supervisor/collect.h says what is taken over, from whom, and when not.
 *
 * Supervisor only.
 */
#ifndef SUPERVISOR_COLLECT_MEMORY_H
#define SUPERVISOR_COLLECT_MEMORY_H

#include "daemon/supervisor/supervisor.h"

#define COLLECT_TRIES_MAX 16u

/* First: finds the workers, and maps their memory as supervisor->shm.  *ret_found false: there is none
 * to take over, no worker is left, and everything begins anew.  An exit status of <sysexits.h> after
 * saying why; the workers are left for another try then. */
int collect_memory(struct supervisor *supervisor, bool *ret_found);
/* Of the workers that were found. */
unsigned collect_count_living(const struct supervisor *supervisor);

#endif
