#include "daemon/supervisor/launch.h"

#include "daemon/supervisor/listening.h"
#include "daemon/supervisor/process_stat.h"
#include "daemon/supervisor/wakes.h"
#include "daemon/supervisor/watch.h"
#include "daemon/supervisor/workers_file.h"
#include "shm/failpoint.h"
#include "shm/journal.h"
#include "shm/succession.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

_Static_assert(SPAWN_FIRST_FD == (int)INHERITED_REGIONS, "the same numbers");
_Static_assert(INHERITED_END - INHERITED_REGIONS <= SPAWN_FDS_MAX, "room for all");

void
launch_regions(const struct supervisor *supervisor, enum shm_role role, struct spawn *spawn)
{
	for (int i = 0; i < SHM_REGIONS; i++) {
		spawn->fd[spawn->count++] = shm_role_writes(role, (enum shm_region)i)
						? supervisor->shm.fd[i]
						: supervisor->readable[i];
	}
}

void
launch_close(struct supervisor *supervisor, int *fd)
{
	if (*fd < 0)
		return;
	/* Needed: others hold duplicates, and the watch belongs to the description. */
	watch_remove(supervisor->epoll, *fd);
	close(*fd);
	*fd = -1;
}

void
launch_close_worker(struct supervisor *supervisor, uint32_t index)
{
	struct worker *worker = &supervisor->worker[index];

	launch_close(supervisor, &worker->socket);
	launch_close(supervisor, &worker->twin);
	shelf_close(&worker->shelf);
	shelf_close(&worker->legs);
}

int
launch_held(struct supervisor *supervisor, struct spawn *spawn, struct process *process)
{
	struct process_stat now = {0};
	int r;

	spawn->held = true;
	r = spawn_start(spawn, &process->pid, &process->pidfd);
	if (r < 0) {
		process->pid = 0;
		process->pidfd = -1;
		return r;
	}
	process->started_ms = supervisor->monotonic_ms;
	FAILPOINT(launch_held);
	/* Without /proc no later supervisor will find it; it runs all the same. */
	process_stat_read(process->pid, &now);
	process->started = now.started;
	return 0;
}

void
launch_failed(struct supervisor *supervisor, struct process *process, const char *name, int error)
{
	const struct process_death death = {.end = PROCESS_END_EXIT, .status = SPAWN_FAILED};

	fprintf(stderr, "smtpguardd: cannot start %s: %s\n", name, strerror(-error));
	process->started_ms = supervisor->monotonic_ms;
	process_judge(process, &death, supervisor->monotonic_ms);
}

void
launch_watch(struct supervisor *supervisor, const struct process *process, int socket,
    struct watch_note end, struct watch_note talk)
{
	/* If memory is short: the tick looks after the processes too, and a deaf one is ended. */
	watch_add(supervisor->epoll, process->pidfd, EPOLLIN, end);
	if (watch_add(supervisor->epoll, socket, EPOLLIN, talk) < 0)
		process_signal(process, SIGKILL);
}

void
launch_watch_worker(struct supervisor *supervisor, uint32_t index)
{
	const struct worker *worker = &supervisor->worker[index];

	launch_watch(supervisor, &worker->process, worker->socket,
	    (struct watch_note){.kind = WATCH_WORKER_END, .index = index},
	    (struct watch_note){.kind = WATCH_WORKER_SOCKET, .index = index});
}

void
launch_publish(struct supervisor *supervisor, uint32_t index, enum process_state state)
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

uint64_t
launch_heartbeat(const struct supervisor *supervisor, uint32_t index)
{
	return atomic_load_explicit(
	    &shm_journal(&supervisor->shm, index)->pulse.heartbeat_ms, memory_order_relaxed);
}

uint64_t
launch_manager_heartbeat(const struct supervisor *supervisor)
{
	return atomic_load_explicit(&shm_policy(&supervisor->shm)->heartbeat, memory_order_relaxed);
}

static void
add_entry(struct workers_file *file, const struct process *process, enum workers_file_kind kind,
    uint32_t index)
{
	if (process_is_running(process))
		file->entry[file->count++] = (struct workers_file_entry){
		    .kind = kind,
		    .index = index,
		    .pid = process->pid,
		    .started = process->started,
		};
}

void
launch_note(struct supervisor *supervisor)
{
	struct workers_file file = {0};
	int r;

	for (uint32_t i = 0; i < supervisor->workers; i++)
		add_entry(&file, &supervisor->worker[i].process, WORKERS_FILE_WORKER, i);
	add_entry(&file, &supervisor->manager, WORKERS_FILE_MANAGER, 0);
	add_entry(&file, &supervisor->sync, WORKERS_FILE_SYNC, 0);
	add_entry(&file, &supervisor->gate.process, WORKERS_FILE_GATE, 0);
	r = workers_file_write(supervisor->runtime.directory, &file);
	if (r < 0)
		fprintf(stderr,
		    "smtpguardd: cannot write %s in the runtime folder: %s; should this process "
		    "die, "
		    "sessions of workers that are not noted there end\n",
		    WORKERS_FILE_NAME, strerror(-r));
}

static uint32_t
next_owner(struct supervisor *supervisor, uint32_t index)
{
	struct succession *succession = shm_succession(&supervisor->shm);
	uint32_t serial =
	    (atomic_load_explicit(&succession->worker, memory_order_relaxed) + 1) & 0xffffffu;

	atomic_store_explicit(&succession->worker, serial, memory_order_relaxed);
	return PROCESS_OWNER(index, serial);
}

/* Where connections of a takeover outlive this process. */
static int
make_legs_shelf(struct worker *worker, struct spawn *spawn)
{
	int r = shelf_open(&worker->legs);

	if (r < 0)
		return r;
	spawn->fd[spawn->count++] = worker->legs.end[0];
	spawn->fd[spawn->count++] = worker->legs.end[1];
	return 0;
}

/* Both ends of both pairs stay open in the worker (enum inherited). */
static int
make_pairs(struct supervisor *supervisor, struct worker *worker, struct spawn *spawn)
{
	int ends[2], r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	r = shelf_open(&worker->shelf);
	if (r < 0) {
		close(ends[0]);
		close(ends[1]);
		return r;
	}
	worker->socket = ends[0];
	worker->twin = ends[1];
	spawn->fd[spawn->count++] = ends[1];
	spawn->fd[spawn->count++] = supervisor->self;
	spawn->fd[spawn->count++] = ends[0];
	spawn->fd[spawn->count++] = worker->shelf.end[0];
	spawn->fd[spawn->count++] = worker->shelf.end[1];
	return 0;
}

static int
start_worker(struct supervisor *supervisor, uint32_t index, struct spawn *spawn)
{
	struct worker *worker = &supervisor->worker[index];
	int r;

	launch_regions(supervisor, SHM_ROLE_WORKER, spawn);
	r = make_pairs(supervisor, worker, spawn);
	if (r < 0)
		return r;
	wakes_worker(supervisor, index, spawn);
	r = make_legs_shelf(worker, spawn);
	if (r == 0)
		r = launch_held(supervisor, spawn, &worker->process);
	launch_close(supervisor, &worker->twin);
	if (r < 0)
		launch_close_worker(supervisor, index);
	return r;
}

void
launch_worker(struct supervisor *supervisor, uint32_t index)
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

	worker->owner = next_owner(supervisor, index);
	snprintf(number, sizeof(number), "%u", index);
	snprintf(owner, sizeof(owner), "%u", worker->owner);
	r = start_worker(supervisor, index, &spawn);
	if (r < 0) {
		launch_failed(supervisor, &worker->process, arguments[0], r);
		return;
	}
	worker->ready = worker->blocked = worker->drain_pending = false;
	worker->greeting = worker->under_way = worker->sweeps = 0;
	watchdog_start(&worker->watchdog, launch_heartbeat(supervisor, index), supervisor->watch_ms,
	    WATCHDOG_MS);
	launch_publish(supervisor, index, PROCESS_STARTING);
	launch_note(supervisor);
	FAILPOINT(launch_noted);
	listening_shelve(supervisor, index);
	launch_watch_worker(supervisor, index);
	spawn_release(&spawn);
	supervisor_count(supervisor, COUNTER_workers_started, 1);
}

static int
start_manager(struct supervisor *supervisor, struct spawn *spawn)
{
	int ends[2], r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	launch_regions(supervisor, SHM_ROLE_MANAGER, spawn);
	spawn->fd[spawn->count++] = ends[1];
	spawn->fd[spawn->count++] = supervisor->runtime.control;
	spawn->fd[spawn->count++] = supervisor->runtime.state;
	spawn->fd[spawn->count++] = supervisor->settings_fd;
	r = launch_held(supervisor, spawn, &supervisor->manager);
	close(ends[1]);
	if (r < 0)
		close(ends[0]);
	else
		supervisor->manager_socket = ends[0];
	return r;
}

void
launch_manager(struct supervisor *supervisor)
{
	char *arguments[] = {(char *)"smtpguard-manager", (char *)"--run", NULL};
	struct spawn spawn = {
	    .path = supervisor->manager_path,
	    .arguments = arguments,
	    .account = &supervisor->account,
	};
	int r = start_manager(supervisor, &spawn);

	if (r < 0) {
		launch_failed(supervisor, &supervisor->manager, arguments[0], r);
		return;
	}
	supervisor->manager_began = launch_manager_heartbeat(supervisor);
	watchdog_start(&supervisor->manager_watchdog, supervisor->manager_began,
	    supervisor->watch_ms, WATCHDOG_MANAGER_MS);
	launch_note(supervisor);
	FAILPOINT(launch_noted);
	launch_watch(supervisor, &supervisor->manager, supervisor->manager_socket,
	    (struct watch_note){.kind = WATCH_MANAGER_END},
	    (struct watch_note){.kind = WATCH_MANAGER_SOCKET});
	spawn_release(&spawn);
	supervisor_count(supervisor, COUNTER_managers_started, 1);
}
