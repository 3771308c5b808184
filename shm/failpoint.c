#include "shm/failpoint.h"

#include <signal.h>
#include <stddef.h>

static const char *const name[FAILPOINT_COUNT] = {
#define X(point) [FAILPOINT_##point] = #point,
    FAILPOINTS(X)
#undef X
};

/* The one place where a process keeps a global: FAILPOINT() stands in the middle of everything. */
static struct {
	const struct failpoint_plan *plan;
	uint32_t owner;
	uint32_t serial; /* of the plan that is being counted */
	uint32_t passes;
} watch;

const char *
failpoint_name(unsigned point)
{
	return point < FAILPOINT_COUNT ? name[point] : NULL;
}

void
failpoint_attach(const struct failpoint_plan *plan, uint32_t owner)
{
	watch.plan = plan;
	watch.owner = owner;
	watch.serial = 0;
	watch.passes = 0;
}

void
failpoint_pass(enum failpoint point)
{
	uint32_t serial;

	if (watch.plan == NULL)
		return;
	serial = atomic_load_explicit(&watch.plan->serial, memory_order_acquire);
	if (serial != watch.serial) {
		watch.serial = serial;
		watch.passes = 0;
	}
	if (serial == 0 || atomic_load(&watch.plan->owner) != watch.owner ||
	    atomic_load(&watch.plan->point) != (uint32_t)point)
		return;
	if (++watch.passes >= atomic_load(&watch.plan->pass))
		raise(SIGKILL);
}
