#include "daemon/supervisor/children.h"

#include "daemon/supervisor/accept.h"
#include "daemon/supervisor/adoption.h"
#include "daemon/supervisor/choice.h"
#include "daemon/supervisor/collect.h"
#include "daemon/supervisor/dispatch.h"
#include "daemon/supervisor/launch.h"
#include "daemon/supervisor/stopping.h"
#include "daemon/supervisor/sync_child.h"
#include "daemon/supervisor/wakes.h"
#include "shm/failpoint.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

void
children_init(struct supervisor *supervisor)
{
	for (uint32_t i = 0; i < SHM_WORKERS_MAX; i++) {
		process_init(&supervisor->worker[i].process);
		supervisor->worker[i].socket = supervisor->worker[i].twin = -1;
		shelf_init(&supervisor->worker[i].shelf);
		shelf_init(&supervisor->worker[i].legs);
	}
	process_init(&supervisor->manager);
	supervisor->manager_socket = -1;
	sync_child_init(supervisor);
	takeover_init(supervisor);
	gate_child_init(supervisor);
	wakes_init(supervisor);
}

/* Sessions come first: starting a process costs the processor time in which the others take over what
 * the dead one had.  Not so when there are no others. */
static bool
worker_is_due(const struct supervisor *supervisor, uint32_t index)
{
	const struct worker *worker = &supervisor->worker[index];
	uint64_t now = supervisor->monotonic_ms;

	if (process_is_running(&worker->process) || worker->process.start_at_ms > now)
		return false;
	return worker->settled_ms <= now || choice_any(supervisor) == CUSTODY_UNOWNED;
}

void
children_tick(struct supervisor *supervisor)
{
	uint64_t now = supervisor->monotonic_ms;

	if (supervisor->phase >= PHASE_LEAVING)
		return;
	for (uint32_t i = 0; i < supervisor->workers; i++)
		if (worker_is_due(supervisor, i))
			launch_worker(supervisor, i);
	if (!process_is_running(&supervisor->manager) && supervisor->manager.start_at_ms <= now)
		launch_manager(supervisor);
	gate_child_tick(supervisor);
	sync_child_tick(supervisor);
}

static void
watch_manager(struct supervisor *supervisor)
{
	const struct process *process = &supervisor->manager;

	if (!process_is_running(process))
		return;
	switch (watchdog_look(&supervisor->manager_watchdog, launch_manager_heartbeat(supervisor),
	    supervisor->watch_ms)) {
	case WATCHDOG_HANGS:
		supervisor_event_process(
		    supervisor, 109018, 0, process->pid, NULL, WATCHDOG_MANAGER_MS / 1000);
		process_signal(process, SIGKILL);
		break;
	case WATCHDOG_STILL_THERE:
		process_signal(process, SIGKILL);
		break;
	case WATCHDOG_WELL:
		break;
	}
}

void
children_watch(struct supervisor *supervisor)
{
	watch_manager(supervisor);
	sync_child_watch(supervisor);
	for (uint32_t i = 0; i < supervisor->workers; i++) {
		struct worker *worker = &supervisor->worker[i];

		if (!process_is_running(&worker->process))
			continue;
		switch (watchdog_look(
		    &worker->watchdog, launch_heartbeat(supervisor, i), supervisor->watch_ms)) {
		case WATCHDOG_HANGS:
			supervisor_event_process(
			    supervisor, 109016, i, worker->process.pid, NULL, WATCHDOG_MS / 1000);
			process_signal(&worker->process, SIGABRT);
			process_signal(
			    &worker->process, SIGCONT); /* a stopped one takes no other */
			break;
		case WATCHDOG_STILL_THERE:
			process_signal(&worker->process, SIGKILL);
			break;
		case WATCHDOG_WELL:
			break;
		}
	}
}

bool
children_are_well(const struct supervisor *supervisor)
{
	for (uint32_t i = 0; i < supervisor->workers; i++)
		if (process_is_running(&supervisor->worker[i].process) &&
		    supervisor->worker[i].watchdog.fired)
			return false;
	if (process_is_running(&supervisor->manager) && supervisor->manager_watchdog.fired)
		return false;
	return sync_child_is_well(supervisor);
}

static void
worker_died(
    struct supervisor *supervisor, uint32_t index, pid_t pid, const struct process_death *death)
{
	struct worker *worker = &supervisor->worker[index];
	uint32_t adopted;
	char text[64];

	worker->ready = false;
	worker->settled_ms = supervisor->monotonic_ms + CHILDREN_SETTLE_MS;
	collect_died(supervisor, index);
	launch_close_worker(supervisor, index);
	FAILPOINT(worker_reaped);
	adopted = adoption_take_over(supervisor, index, death);
	process_describe(death, text, sizeof(text));
	atomic_fetch_add_explicit(
	    &shm_process(&supervisor->shm, index)->deaths, 1, memory_order_relaxed);
	launch_publish(supervisor, index, PROCESS_DEAD);
	if (death->end == PROCESS_END_FAULT)
		supervisor_count(supervisor, COUNTER_workers_died_fault, 1);
	if (death->end == PROCESS_END_KILLED)
		supervisor_count(supervisor, COUNTER_workers_killed, 1);
	if (supervisor->phase >= PHASE_LEAVING)
		return;
	if (upgrade_has_ended(supervisor, index, death))
		supervisor_event_process(supervisor, 109043, index, pid, NULL, adopted);
	else
		supervisor_event_process(supervisor, 109010, index, pid, text, adopted);
	dispatch_place(supervisor);
	dispatch_sweep(supervisor);
}

void
children_worker_ended(struct supervisor *supervisor, uint32_t index)
{
	struct worker *worker = &supervisor->worker[index];
	pid_t pid = worker->process.pid;
	struct process_death death;

	if (!process_reap(&worker->process, supervisor->monotonic_ms, &death))
		return;
	/* It could not do otherwise: the watchdog has ended it. */
	if (death.end == PROCESS_END_UNKNOWN && worker->watchdog.fired)
		death = (struct process_death){.end = PROCESS_END_FAULT, .status = SIGABRT};
	worker_died(supervisor, index, pid, &death);
	dispatch_flush(supervisor);
	if (!supervisor->worker_was_ready && death.end == PROCESS_END_EXIT &&
	    death.status == SPAWN_FAILED && supervisor->phase == PHASE_STARTING) {
		fprintf(stderr, "smtpguardd: no worker can run here (the reason stands above)\n");
		stopping_fail(supervisor, EX_OSERR);
	}
	children_tick(supervisor);
}

void
children_manager_ended(struct supervisor *supervisor)
{
	pid_t pid = supervisor->manager.pid;
	struct process_death death;
	char text[64];

	if (!process_reap(&supervisor->manager, supervisor->monotonic_ms, &death))
		return;
	launch_close(supervisor, &supervisor->manager_socket);
	failpoint_retire(shm_failpoint(&supervisor->shm), FAILPOINT_MANAGER);
	if (supervisor->phase >= PHASE_LEAVING)
		return;
	process_describe(&death, text, sizeof(text));
	supervisor_event_process(supervisor, 109015, 0, pid, text, 0);
	if (!supervisor->listeners_applied && death.end == PROCESS_END_EXIT &&
	    (death.status == EX_CONFIG || death.status == SPAWN_FAILED)) {
		fprintf(stderr, "smtpguardd: the manager cannot run (the reason stands above)\n");
		stopping_fail(supervisor, death.status);
	}
	children_tick(supervisor);
}

void
children_worker_ready(struct supervisor *supervisor, uint32_t index)
{
	struct worker *worker = &supervisor->worker[index];

	collect_answered(supervisor, index);
	collect_try(supervisor, index);
	worker->ready = true;
	worker->drain_pending = supervisor->phase == PHASE_DRAINING;
	supervisor->worker_was_ready = true;
	launch_publish(supervisor, index, PROCESS_READY);
	supervisor_event_process(supervisor, 109011, index, worker->process.pid, NULL, 0);
	if (supervisor->unowned.count > 0)
		dispatch_place(supervisor);
	if (supervisor->deaths > 0)
		dispatch_sweep(supervisor);
	accept_tick(supervisor);
}

void
children_signal(struct supervisor *supervisor, int number)
{
	for (uint32_t i = 0; i < supervisor->workers; i++)
		process_signal(&supervisor->worker[i].process, number);
	process_signal(&supervisor->manager, number);
	process_signal(&supervisor->sync, number);
	process_signal(&supervisor->gate.process, number);
}

bool
children_are_gone(const struct supervisor *supervisor)
{
	for (uint32_t i = 0; i < supervisor->workers; i++)
		if (process_is_running(&supervisor->worker[i].process))
			return false;
	return !process_is_running(&supervisor->manager) &&
	       !process_is_running(&supervisor->sync) &&
	       !process_is_running(&supervisor->gate.process);
}
