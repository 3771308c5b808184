#include "daemon/supervisor/capacity.h"

#include "daemon/supervisor/limits.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sysexits.h>

#define REASON_MAX 80

/* What there will be, and why that is fewer than sessions_max. */
struct capacity {
	struct shm_plan plan;
	char reason[REASON_MAX]; /* "": it is not */
};

static int
fit_descriptors(const struct supervisor *supervisor, struct capacity *capacity)
{
	uint32_t wanted = supervisor->settings.sessions_max;
	uint64_t descriptors = limits_raise();
	uint32_t sessions = limits_sessions(descriptors, wanted, supervisor->workers);

	if (sessions == 0) {
		fprintf(stderr,
		    "smtpguardd: the descriptor limit (RLIMIT_NOFILE) of %ju does not suffice for "
		    "one session\n",
		    (uintmax_t)descriptors);
		return EX_OSERR;
	}
	if (sessions < wanted)
		snprintf(capacity->reason, sizeof(capacity->reason),
		    "the descriptor limit (RLIMIT_NOFILE) is %ju", (uintmax_t)descriptors);
	capacity->plan.slots = sessions;
	return 0;
}

/* An eighth less each time, until memory_max holds them. */
static int
fit_memory(const struct supervisor *supervisor, struct capacity *capacity)
{
	uint64_t memory_max = supervisor->settings.memory_max;
	uint32_t sessions = capacity->plan.slots;
	uint32_t fit = sessions;

	while (fit > 0 &&
	       shm_plan_fit(memory_max, fit, supervisor->workers, &capacity->plan) == -ENOMEM)
		fit -= fit / 8 + 1;
	if (fit == 0) {
		fprintf(stderr,
		    "smtpguardd: memory_max of %ju bytes does not suffice for one session with %u "
		    "workers\n",
		    (uintmax_t)memory_max, supervisor->workers);
		return EX_CONFIG;
	}
	if (fit < sessions)
		snprintf(capacity->reason, sizeof(capacity->reason), "memory_max is %ju bytes",
		    (uintmax_t)memory_max);
	return 0;
}

static int
complain(int error, const struct shm_plan *plan)
{
	struct rlimit limit;

	fprintf(stderr, "smtpguardd: cannot make %ju bytes of shared memory: %s",
	    (uintmax_t)shm_plan_bytes(plan), strerror(error));
	if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
		fprintf(stderr, " (RLIMIT_AS is %ju)", (uintmax_t)limit.rlim_cur);
	fputs("\n", stderr);
	return EX_OSERR;
}

static void
tell_cut(const struct supervisor *supervisor, const struct capacity *capacity)
{
	struct event event;

	fprintf(stderr, "smtpguardd: sessions_max is cut from %u to %u: %s\n",
	    supervisor->settings.sessions_max, capacity->plan.slots, capacity->reason);
	event_init(&event, 109032, 0);
	event.number[0] = supervisor->settings.sessions_max;
	event.number[1] = capacity->plan.slots;
	event_add_text(&event, capacity->reason, strlen(capacity->reason));
	supervisor_event(supervisor, &event);
}

int
capacity_make(struct supervisor *supervisor)
{
	struct capacity capacity = {.reason = ""};
	int status = fit_descriptors(supervisor, &capacity);
	int r;

	if (status == 0)
		status = fit_memory(supervisor, &capacity);
	if (status != 0)
		return status;
	r = shm_create(&supervisor->shm, &capacity.plan);
	if (r == 0)
		r = custody_init(&supervisor->custody, &supervisor->shm, capacity.plan.slots);
	if (r == 0)
		r = tally_init(&supervisor->tally, &supervisor->shm, &supervisor->listeners,
		    capacity.plan.slots);
	if (r < 0)
		return complain(-r, &capacity.plan);
	if (capacity.reason[0] != '\0')
		tell_cut(supervisor, &capacity);
	return 0;
}
