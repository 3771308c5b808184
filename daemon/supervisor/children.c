#include "daemon/supervisor/children.h"

#include "daemon/supervisor/adoption.h"
#include "daemon/supervisor/dispatch.h"
#include "daemon/supervisor/stopping.h"
#include "daemon/supervisor/watch.h"
#include "shm/journal.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

void
children_init(struct supervisor *supervisor)
{
	for (uint32_t i = 0; i < SHM_WORKERS_MAX; i++) {
		process_init(&supervisor->worker[i].process);
		supervisor->worker[i].socket = -1;
	}
	process_init(&supervisor->manager);
	supervisor->manager_socket = -1;
}

static void
close_socket(struct supervisor *supervisor, int *fd)
{
	if (*fd < 0)
		return;
	watch_remove(supervisor->epoll, *fd);
	close(*fd);
	*fd = -1;
}

/* What each program may write it gets writable, the rest for reading (shm/layout.h). */
static void
add_regions(const struct supervisor *supervisor, enum shm_role role, struct spawn *spawn)
{
	enum shm_region own = role == SHM_ROLE_WORKER ? SHM_SESSIONS : SHM_POLICY;

	for (int i = 0; i < SHM_REGIONS; i++) {
		bool writes = i == (int)own || i == SHM_COUNTERS || i == SHM_EVENTS;

		spawn->fd[spawn->count++] =
		    writes ? supervisor->shm.fd[i] : supervisor->readable[i];
	}
}

/* Starts the program with one end of a new socket as its next descriptor, and watches it. */
static int
start_with_socket(struct supervisor *supervisor, struct spawn *spawn, unsigned place,
    struct process *process, int *ret_socket)
{
	int ends[2];
	int r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	spawn->fd[place] = ends[1];
	r = spawn_start(spawn, &process->pid, &process->pidfd);
	close(ends[1]);
	if (r < 0) {
		close(ends[0]);
		return r;
	}
	process->started_ms = supervisor->monotonic_ms;
	*ret_socket = ends[0];
	return 0;
}

static void
start_failed(struct supervisor *supervisor, struct process *process, const char *name, int error)
{
	const struct process_death death = {.end = PROCESS_END_EXIT, .status = SPAWN_FAILED};

	fprintf(stderr, "smtpguardd: cannot start %s: %s\n", name, strerror(-error));
	process->started_ms = supervisor->monotonic_ms;
	process_judge(process, &death, supervisor->monotonic_ms);
}

static void
watch_child(struct supervisor *supervisor, const struct process *process, int socket,
    enum watch_kind end, enum watch_kind talk, uint32_t index)
{
	struct watch_note end_note = {.kind = end, .index = index};
	struct watch_note talk_note = {.kind = talk, .index = index};

	/* If memory is short: the tick looks after the children too, and a deaf one is ended. */
	watch_add(supervisor->epoll, process->pidfd, EPOLLIN, end_note);
	if (watch_add(supervisor->epoll, socket, EPOLLIN, talk_note) < 0)
		process_signal(process, SIGKILL);
}

static void
publish_worker(struct supervisor *supervisor, uint32_t index, enum process_state state)
{
	const struct worker *worker = &supervisor->worker[index];
	struct process_entry *entry = shm_process(&supervisor->shm, index);

	if (state == PROCESS_STARTING)
		entry->started_us = realtime_now_us();
	atomic_store_explicit(&entry->owner, worker->owner, memory_order_relaxed);
	atomic_store_explicit(&entry->pid, worker->process.pid, memory_order_relaxed);
	atomic_store_explicit(&entry->sessions, worker->sessions, memory_order_relaxed);
	atomic_store_explicit(&entry->state, state, memory_order_release);
}

static uint64_t
worker_heartbeat(const struct supervisor *supervisor, uint32_t index)
{
	return atomic_load_explicit(
	    &shm_journal(&supervisor->shm, index)->pulse.heartbeat_ms, memory_order_relaxed);
}

static void
worker_start(struct supervisor *supervisor, uint32_t index)
{
	struct worker *worker = &supervisor->worker[index];
	char number[12], owner[12];
	char *arguments[] = {(char *)"smtpguard-worker", number, owner, NULL};
	struct spawn spawn = {
	    .path = supervisor->worker_path,
	    .arguments = arguments,
	    .account = &supervisor->account,
	};
	int r;

	supervisor->serial = (supervisor->serial + 1) & 0xffffffu;
	worker->owner = PROCESS_OWNER(index, supervisor->serial);
	snprintf(number, sizeof(number), "%u", index);
	snprintf(owner, sizeof(owner), "%u", worker->owner);
	add_regions(supervisor, SHM_ROLE_WORKER, &spawn);
	spawn.count++;
	r = start_with_socket(
	    supervisor, &spawn, spawn.count - 1, &worker->process, &worker->socket);
	if (r < 0) {
		start_failed(supervisor, &worker->process, arguments[0], r);
		return;
	}
	worker->ready = worker->blocked = worker->drain_pending = false;
	worker->under_way = worker->sweeps = 0;
	watchdog_start(
	    &worker->watchdog, worker_heartbeat(supervisor, index), supervisor->gateway_ms);
	watch_child(supervisor, &worker->process, worker->socket, WATCH_WORKER_END,
	    WATCH_WORKER_SOCKET, index);
	publish_worker(supervisor, index, PROCESS_STARTING);
	supervisor_count(supervisor, COUNTER_workers_started, 1);
}

static void
manager_start(struct supervisor *supervisor)
{
	char *arguments[] = {(char *)"smtpguard-manager", (char *)"--run", NULL};
	struct spawn spawn = {
	    .path = supervisor->manager_path,
	    .arguments = arguments,
	    .account = &supervisor->account,
	};
	unsigned place;
	int r;

	add_regions(supervisor, SHM_ROLE_MANAGER, &spawn);
	place = spawn.count++;
	spawn.fd[spawn.count++] = supervisor->runtime.control;
	spawn.fd[spawn.count++] = supervisor->runtime.state;
	spawn.fd[spawn.count++] = supervisor->settings_fd;
	r = start_with_socket(
	    supervisor, &spawn, place, &supervisor->manager, &supervisor->manager_socket);
	if (r < 0) {
		start_failed(supervisor, &supervisor->manager, arguments[0], r);
		return;
	}
	watch_child(supervisor, &supervisor->manager, supervisor->manager_socket, WATCH_MANAGER_END,
	    WATCH_MANAGER_SOCKET, 0);
	supervisor_count(supervisor, COUNTER_managers_started, 1);
}

void
children_tick(struct supervisor *supervisor)
{
	uint64_t now = supervisor->monotonic_ms;

	if (supervisor->phase >= PHASE_LEAVING)
		return;
	for (uint32_t i = 0; i < supervisor->workers; i++) {
		const struct process *process = &supervisor->worker[i].process;

		if (!process_is_running(process) && process->start_at_ms <= now)
			worker_start(supervisor, i);
	}
	if (!process_is_running(&supervisor->manager) && supervisor->manager.start_at_ms <= now)
		manager_start(supervisor);
}

static void
report_worker(struct supervisor *supervisor, uint32_t id, uint32_t index, pid_t pid,
    const char *text, uint32_t number)
{
	struct event event;

	event_init(&event, id, 0);
	event.number[0] = index;
	event.number[1] = (uint64_t)pid;
	event.number[2] = number;
	if (text)
		event_add_text(&event, text, strlen(text));
	supervisor_event(supervisor, &event);
}

void
children_watch(struct supervisor *supervisor)
{
	for (uint32_t i = 0; i < supervisor->workers; i++) {
		struct worker *worker = &supervisor->worker[i];

		if (!process_is_running(&worker->process))
			continue;
		switch (watchdog_look(
		    &worker->watchdog, worker_heartbeat(supervisor, i), supervisor->gateway_ms)) {
		case WATCHDOG_HANGS:
			report_worker(
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

static void
worker_died(
    struct supervisor *supervisor, uint32_t index, pid_t pid, const struct process_death *death)
{
	struct worker *worker = &supervisor->worker[index];
	uint32_t adopted;
	char text[64];

	worker->ready = false;
	close_socket(supervisor, &worker->socket);
	adopted = adoption_take_over(supervisor, index, death);
	process_describe(death, text, sizeof(text));
	atomic_fetch_add_explicit(
	    &shm_process(&supervisor->shm, index)->deaths, 1, memory_order_relaxed);
	publish_worker(supervisor, index, PROCESS_DEAD);
	if (death->end == PROCESS_END_FAULT)
		supervisor_count(supervisor, COUNTER_workers_died_fault, 1);
	if (death->end == PROCESS_END_KILLED)
		supervisor_count(supervisor, COUNTER_workers_killed, 1);
	if (supervisor->phase >= PHASE_LEAVING)
		return;
	report_worker(supervisor, 109010, index, pid, text, adopted);
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
	worker_died(supervisor, index, pid, &death);
	/* The others learn at once what is theirs now; only then time is taken for a new one. */
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
	struct event event;
	char text[64];

	if (!process_reap(&supervisor->manager, supervisor->monotonic_ms, &death))
		return;
	close_socket(supervisor, &supervisor->manager_socket);
	if (supervisor->phase >= PHASE_LEAVING)
		return;
	process_describe(&death, text, sizeof(text));
	event_init(&event, 109015, 0);
	event.number[1] = (uint64_t)pid;
	event_add_text(&event, text, strlen(text));
	supervisor_event(supervisor, &event);
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

	worker->ready = true;
	worker->drain_pending = supervisor->phase == PHASE_DRAINING;
	supervisor->worker_was_ready = true;
	publish_worker(supervisor, index, PROCESS_READY);
	report_worker(supervisor, 109011, index, worker->process.pid, NULL, 0);
	if (supervisor->unowned.count > 0)
		dispatch_place(supervisor);
	if (supervisor->deaths > 0)
		dispatch_sweep(supervisor);
}

void
children_signal(struct supervisor *supervisor, int number)
{
	for (uint32_t i = 0; i < supervisor->workers; i++)
		process_signal(&supervisor->worker[i].process, number);
	process_signal(&supervisor->manager, number);
}

bool
children_are_gone(const struct supervisor *supervisor)
{
	for (uint32_t i = 0; i < supervisor->workers; i++)
		if (process_is_running(&supervisor->worker[i].process))
			return false;
	return !process_is_running(&supervisor->manager);
}
