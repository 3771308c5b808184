#include "daemon/supervisor/limits.h"

#include "shm/policy_area.h"

#include <sched.h>
#include <sys/resource.h>

#define RESERVE_FIXED	   64u
#define RESERVE_PER_WORKER 9u /* pidfd, socket, its twin, two shelves, wake-up */
#define FDS_PER_SESSION	   2u

uint64_t
limits_raise(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 0;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 0;
	return limit.rlim_cur;
}

uint32_t
limits_sessions(uint64_t descriptors, uint32_t sessions_max, uint32_t workers)
{
	uint64_t reserve = RESERVE_FIXED + LISTENERS_MAX + (uint64_t)RESERVE_PER_WORKER * workers;
	uint64_t fit = descriptors > reserve ? (descriptors - reserve) / FDS_PER_SESSION : 0;

	return fit < sessions_max ? (uint32_t)fit : sessions_max;
}

uint32_t
limits_cpus(void)
{
	cpu_set_t set;
	int count;

	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return 1;
	count = CPU_COUNT(&set);
	if (count < 1)
		return 1;
	return (uint32_t)count < SHM_WORKERS_MAX ? (uint32_t)count : SHM_WORKERS_MAX;
}
