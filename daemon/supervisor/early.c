#include "daemon/supervisor/early.h"

#include "daemon/gate/early_rule.h"
#include "daemon/gate/queue.h"
#include "daemon/supervisor/supervisor.h"
#include "daemon/supervisor/takeover.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

_Static_assert(SETTINGS_ADDRESSES_MAX <= EARLY_RULES_MOST, "one rule for each address");

#define EARLY_QUEUE (GATE_QUEUE + QUEUE_EARLY)

/* A full eventfd says as much. */
static void
wake_gate(const struct supervisor *supervisor)
{
	const uint64_t one = 1;

	if (write(supervisor->gate.gate.wake, &one, sizeof(one)) < 0)
		errno = 0;
}

/* The word is first when they are to wait, so that none passes that the rule catches; and when they are to pass it
 * is first too, so that nothing overtakes those that wait. */
static int
apply(struct supervisor *supervisor, bool holds)
{
	const struct settings_failover *failover = &supervisor->settings.failover;
	struct early_state *early = &supervisor->early;

	/* One that was not said yet; 0 is none. */
	early->number = (atomic_load(&supervisor->gate.board->early_passed) + 1) | 1;
	early->passed_us = monotonic_now_us();
	gate_positions_let_early_pass(&supervisor->gate.places, holds ? 0 : early->number);
	if (!holds)
		wake_gate(supervisor);
	return holds ? early_rule_hold(failover->address, failover->addresses, EARLY_QUEUE)
		     : early_rule_pass();
}

static void
set(struct supervisor *supervisor, bool holds)
{
	struct early_state *early = &supervisor->early;
	int error;

	if (early->is_known && early->holds == holds)
		return;
	error = apply(supervisor, holds);
	early->is_known = error == 0;
	early->holds = holds;
	early->looked_ms = supervisor->monotonic_ms;
	if (error < 0)
		fprintf(stderr, "smtpguardd: early packets do not %s: %s\n",
		    holds ? "wait" : "pass", strerror(-error));
	door_set_early(supervisor, error < 0 ? EARLY_VIEW_NONE
				   : holds   ? EARLY_VIEW_WAITS
					     : EARLY_VIEW_PASSES);
}

void
early_hold(struct supervisor *supervisor)
{
	if (gate_child_is_there(supervisor))
		set(supervisor, true);
}

void
early_look(struct supervisor *supervisor)
{
	bool passes =
	    supervisor->door.status.wanted == DOOR_OPEN && takeover_lets_early_pass(supervisor);

	if (gate_child_is_there(supervisor))
		set(supervisor, !passes);
}

/* What an administrator's "flush ruleset" takes is put back. */
void
early_tick(struct supervisor *supervisor)
{
	const struct settings_failover *failover = &supervisor->settings.failover;
	struct early_state *early = &supervisor->early;

	if (!gate_child_is_there(supervisor))
		return;
	if (supervisor->monotonic_ms - early->looked_ms >= EARLY_CHECK_MS) {
		early->looked_ms = supervisor->monotonic_ms;
		early->is_known = early->is_known && early_rule_check(failover->address,
							 failover->addresses, early->holds) == 0;
	}
	early_look(supervisor);
}

bool
early_is_over(const struct supervisor *supervisor)
{
	const struct early_state *early = &supervisor->early;

	if (!gate_child_is_there(supervisor))
		return true;
	return !early->holds &&
	       (atomic_load(&supervisor->gate.board->early_passed) == early->number ||
		   monotonic_now_us() - early->passed_us >= EARLY_OVER_US);
}

void
early_leave(struct supervisor *supervisor)
{
	int error;

	if (!gate_child_is_there(supervisor))
		return;
	error = early_rule_remove();
	if (error < 0)
		fprintf(
		    stderr, "smtpguardd: the rules for early packets stay: %s\n", strerror(-error));
}
