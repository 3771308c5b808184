#include "daemon/supervisor/stopping.h"

#include "daemon/supervisor/children.h"
#include "daemon/supervisor/dispatch.h"
#include "daemon/supervisor/listening.h"
#include "daemon/supervisor/notify.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

#define LEAVE_MS 2000
#define SPARE_MS 5000 /* for all that is not waited for */

static void
enter(struct supervisor *supervisor, enum supervisor_phase phase)
{
	uint64_t wait_ms = 0;

	supervisor->phase = phase;
	switch (phase) {
	case PHASE_WAITING:
		wait_ms = supervisor->drain_ms;
		break;
	case PHASE_DRAINING:
		wait_ms = SUPERVISOR_DRAIN_END;
		dispatch_drain(supervisor);
		break;
	case PHASE_LEAVING:
		wait_ms = LEAVE_MS;
		children_signal(supervisor, SIGTERM);
		break;
	case PHASE_KILLING:
		children_signal(supervisor, SIGKILL);
		break;
	default:
		break;
	}
	supervisor->phase_end_ms = supervisor->monotonic_ms + wait_ms;
}

/* Systemd waits as long as this may take: of what it would kill before, the workers would be left with
 * their sessions, and the runtime folder, which names them, would be gone. */
static void
say_stopping(struct supervisor *supervisor)
{
	uint64_t most_ms = supervisor->drain_ms + SUPERVISOR_DRAIN_END + LEAVE_MS + SPARE_MS;
	char text[96];
	struct event event;

	snprintf(text, sizeof(text), "STOPPING=1\nSTATUS=stopping\nEXTEND_TIMEOUT_USEC=%" PRIu64,
	    most_ms * 1000);
	notify_send(text);
	fprintf(stderr, "smtpguardd: stopping: %u sessions\n", supervisor->custody.in_use);
	event_init(&event, 109024, 0);
	event.number[0] = supervisor->custody.in_use;
	supervisor_event(supervisor, &event);
	listening_end(supervisor);
}

void
stopping_begin(struct supervisor *supervisor, uint64_t drain_ms)
{
	if (supervisor->phase >= PHASE_WAITING)
		return;
	supervisor->drain_ms = drain_ms;
	say_stopping(supervisor);
	enter(supervisor, PHASE_WAITING);
	stopping_tick(supervisor);
}

void
stopping_signal(struct supervisor *supervisor)
{
	if (supervisor->phase < PHASE_WAITING)
		stopping_begin(supervisor, supervisor->settings.drain_ms);
	else if (supervisor->phase < PHASE_LEAVING)
		enter(supervisor, supervisor->phase + 1);
}

void
stopping_fail(struct supervisor *supervisor, int status)
{
	if (supervisor->phase >= PHASE_WAITING)
		return;
	supervisor->status = status;
	say_stopping(supervisor);
	enter(supervisor, PHASE_LEAVING);
}

void
stopping_tick(struct supervisor *supervisor)
{
	bool over = supervisor->monotonic_ms >= supervisor->phase_end_ms;

	switch (supervisor->phase) {
	case PHASE_WAITING:
	case PHASE_DRAINING:
		if (supervisor->custody.in_use == 0)
			enter(supervisor, PHASE_LEAVING);
		else if (over)
			enter(supervisor, supervisor->phase + 1);
		break;
	case PHASE_LEAVING:
	case PHASE_KILLING:
		if (children_are_gone(supervisor))
			supervisor->phase = PHASE_ENDED;
		else if (over && supervisor->phase == PHASE_LEAVING)
			enter(supervisor, PHASE_KILLING);
		break;
	default:
		break;
	}
}
