#include "shm/failpoint.h"

#include <signal.h>
#include <stddef.h>
#include <unistd.h>

/* What this process knows of the plan; a failpoint is passed anywhere, so it stands alone. */
static struct {
	const struct failpoint_plan *plan;
	struct failpoint_plan *once; /* the same, to be taken back; NULL: not by this process */
	uint32_t owner;
	pid_t pid;
	uint32_t serial; /* of the plan that `passed` counts for */
	uint32_t passed;
} self;

static const char *const names[FAILPOINT_COUNT] = {
#define X(name) #name,
    FAILPOINTS(X)
#undef X
};

const char *
failpoint_name(unsigned point)
{
	return point < FAILPOINT_COUNT ? names[point] : NULL;
}

void
failpoint_attach(const struct failpoint_plan *plan, uint32_t owner)
{
	self.plan = plan;
	self.once = NULL;
	self.owner = owner;
	self.pid = getpid();
	self.serial = 0;
	self.passed = 0;
}

void
failpoint_attach_once(struct failpoint_plan *plan)
{
	failpoint_attach(plan, FAILPOINT_SUPERVISOR);
	self.once = plan;
}

void
failpoint_retire(struct failpoint_plan *plan, uint32_t owner)
{
	if (plan->owner == owner)
		plan->owner = UINT32_MAX;
}

void
failpoint_pass(enum failpoint point)
{
	uint32_t serial;

	if (self.plan == NULL)
		return;
	serial = atomic_load_explicit(&self.plan->serial, memory_order_acquire);
	if (serial == 0 || self.plan->owner != self.owner || self.plan->point != (uint32_t)point)
		return;
	if (serial != self.serial) {
		self.serial = serial;
		self.passed = 0;
	}
	if (++self.passed < self.plan->pass)
		return;
	if (self.once != NULL)
		self.once->owner = UINT32_MAX;
	kill(self.pid, SIGKILL);
}
