/*
 * limits -- how many sessions the descriptor limit allows
 *
 * limits_raise() raises RLIMIT_NOFILE to the hard limit and says how high that is.  A session
 * takes two descriptors; the rest is for listeners, processes and shared memory.
 *
 * Supervisor only, at start.
 */
#ifndef SUPERVISOR_LIMITS_H
#define SUPERVISOR_LIMITS_H

#include <stdint.h>

uint64_t limits_raise(void);
/* 0: not even one session fits. */
uint32_t limits_sessions(uint64_t descriptors, uint32_t sessions_max, uint32_t workers);
/* CPUs this process may run on, at most SHM_WORKERS_MAX. */
uint32_t limits_cpus(void);

#endif
