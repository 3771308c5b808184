#include "daemon/supervisor/early.h"

#include "daemon/gate/early_rule.h"
#include "daemon/gate/queue.h"
#include "daemon/supervisor/supervisor.h"
#include "daemon/supervisor/takeover_ask.h"

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

/* To smtpguard-gate, before the rule: when they are to wait none passes that the rule catches, and when they are to
 * pass those that wait are let go before what the rule catches no more. */
static void
give_word(struct supervisor *supervisor, bool holds)
{
	struct early_state *early = &supervisor->early;

	/* One that was not said yet; 0 is none. */
	early->number = (atomic_load(&supervisor->gate.board->early_passed) + 1) | 1;
	early->passed_us = monotonic_now_us();
	early->holds = holds;
	gate_positions_let_early_pass(&supervisor->gate.places, holds ? 0 : early->number);
	if (!holds)
		wake_gate(supervisor);
}

static void
note(struct supervisor *supervisor, int error)
{
	struct early_state *early = &supervisor->early;
	bool holds = early->holds;

	if (error < 0 && error != early->error)
		fprintf(stderr, "smtpguardd: early packets do not %s: %s\n",
		    holds ? "wait" : "pass", strerror(-error));
	early->error = error;
	early->looked_ms = supervisor->monotonic_ms;
	/* The rules that could not be taken away are there still. */
	if (error == 0)
		door_set_early(supervisor, holds ? EARLY_VIEW_WAITS : EARLY_VIEW_PASSES);
	else
		door_set_early(supervisor, holds ? EARLY_VIEW_NONE : EARLY_VIEW_WAITS);
}

static void
put_rules(struct supervisor *supervisor)
{
	const struct settings_failover *failover = &supervisor->settings.failover;

	note(supervisor, supervisor->early.holds
			     ? early_rule_hold(failover->address, failover->addresses, EARLY_QUEUE)
			     : early_rule_pass());
}

static void
set(struct supervisor *supervisor, bool holds)
{
	if (supervisor->early.number != 0 && supervisor->early.holds == holds)
		return;
	give_word(supervisor, holds);
	put_rules(supervisor);
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
	    supervisor->door.status.wanted == DOOR_OPEN && takeover_ask_lets_early_pass(supervisor);

	if (gate_child_is_there(supervisor))
		set(supervisor, !passes);
}

/* What an administrator's "flush ruleset" takes is put back, and what could not be done is tried again. */
void
early_tick(struct supervisor *supervisor)
{
	const struct settings_failover *failover = &supervisor->settings.failover;
	struct early_state *early = &supervisor->early;

	if (!gate_child_is_there(supervisor))
		return;
	early_look(supervisor);
	if (supervisor->monotonic_ms - early->looked_ms < EARLY_CHECK_MS)
		return;
	early->looked_ms = supervisor->monotonic_ms;
	if (early->error < 0 ||
	    early_rule_check(failover->address, failover->addresses, early->holds) < 0)
		put_rules(supervisor);
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
early_leave(void)
{
	int error = early_rule_remove();

	if (error < 0)
		fprintf(
		    stderr, "smtpguardd: the rules for early packets stay: %s\n", strerror(-error));
}
