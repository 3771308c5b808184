#include "daemon/supervisor/collect.h"

#include "daemon/supervisor/collect_memory.h"
#include "daemon/supervisor/collect_slots.h"
#include "daemon/supervisor/launch.h"
#include "daemon/supervisor/leg.h"
#include "daemon/supervisor/listening.h"
#include "shm/failpoint.h"
#include "shm/handover.h"
#include "shm/succession.h"

#include <linux/capability.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

/* Gateway time stood while there was no supervisor; the workers' own clocks went on.  What they say
 * is theirs, so no more is believed than has passed. */
static void
set_clock(struct supervisor *supervisor)
{
	_Atomic uint64_t *floor = shm_clock_floor(&supervisor->shm);
	uint64_t looked = atomic_load(&shm_succession(&supervisor->shm)->looked_ms);
	uint64_t now = monotonic_now_ms();
	uint64_t least = atomic_load(floor), best = least;
	uint64_t most = now > looked ? least + (now - looked) : least;

	for (uint32_t i = 0; i < supervisor->workers; i++) {
		uint64_t heartbeat = launch_heartbeat(supervisor, i);

		if (process_is_running(&supervisor->worker[i].process) && heartbeat > best)
			best = heartbeat < most ? heartbeat : most;
	}
	atomic_store(floor, best);
	supervisor_look_at_clock(supervisor);
}

static bool
is_local_socket(int fd)
{
	int domain = 0, type = 0;
	socklen_t length = sizeof(int);

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) < 0)
		return false;
	length = sizeof(int);
	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0 && domain == AF_UNIX &&
	       type == SOCK_SEQPACKET;
}

static int
fetch_socket(const struct process *process, enum inherited number)
{
	int fd = pidfd_getfd(process->pidfd, (int)number, 0);

	if (fd >= 0 && !is_local_socket(fd)) {
		close(fd);
		return -1;
	}
	return fd;
}

/* What the dead one was dumping: nobody else has it, so it ends, and its peer hears of that. */
static void
end_held(struct shelf *shelf)
{
	int fd = shelf_held(shelf);

	if (fd < 0)
		return;
	leg_leave_repair(fd);
	shelf_release(shelf);
	close(fd);
}

static void
take_worker(struct supervisor *supervisor, uint32_t index)
{
	struct worker *worker = &supervisor->worker[index];
	int shelf[2] = {
	    fetch_socket(&worker->process, INHERITED_SHELF),
	    fetch_socket(&worker->process, INHERITED_SHELF_OTHER),
	};
	int legs[2] = {
	    fetch_socket(&worker->process, INHERITED_LEGS),
	    fetch_socket(&worker->process, INHERITED_LEGS_OTHER),
	};

	worker->owner = atomic_load(&shm_process(&supervisor->shm, index)->owner);
	worker->socket = fetch_socket(&worker->process, INHERITED_HANDOVER_OTHER);
	worker->twin = fetch_socket(&worker->process, INHERITED_HANDOVER);
	shelf_found(&worker->shelf, shelf);
	shelf_found(&worker->legs, legs);
	end_held(&worker->shelf);
	worker->greeting = atomic_load(&shm_succession(&supervisor->shm)->supervisor);
	worker->silent = true;
	atomic_store(&shm_process(&supervisor->shm, index)->state, PROCESS_STARTING);
	watchdog_start(&worker->watchdog, launch_heartbeat(supervisor, index), supervisor->watch_ms,
	    WATCHDOG_MS);
	/* One whose sockets cannot be had is deaf: it is ended, and then its sessions go on. */
	launch_watch_worker(supervisor, index);
}

static void
take_workers(struct supervisor *supervisor)
{
	atomic_fetch_add(&shm_succession(&supervisor->shm)->supervisor, 1);
	for (uint32_t i = 0; i < supervisor->workers; i++) {
		if (process_is_running(&supervisor->worker[i].process)) {
			take_worker(supervisor, i);
			continue;
		}
		supervisor->worker[i].owner = PROCESS_OWNER_NONE;
		launch_publish(supervisor, i, PROCESS_DEAD);
	}
}

static void
greet(struct supervisor *supervisor, struct worker *worker)
{
	const struct handover_item item = {
	    .kind = HANDOVER_GREETING,
	    .generation = worker->greeting,
	};

	if (handover_send(worker->socket, &item, 1, &supervisor->self, 1) == 0)
		worker->greeted = true;
}

void
collect_tick(struct supervisor *supervisor)
{
	for (uint32_t i = 0; i < supervisor->workers; i++) {
		struct worker *worker = &supervisor->worker[i];

		if (worker->silent && !worker->greeted && worker->socket >= 0)
			greet(supervisor, worker);
	}
}

/* Its workers are this one's children: the process is the same. */
static bool
is_upgraded(const struct supervisor *supervisor)
{
	for (uint32_t i = 0; i < supervisor->workers; i++)
		if (process_is_child(&supervisor->worker[i].process))
			return true;
	return false;
}

static void
report(struct supervisor *supervisor)
{
	unsigned living = collect_count_living(supervisor);
	struct event event;

	fprintf(stderr, "smtpguardd: took over %u sessions of %u workers\n",
	    supervisor->custody.in_use, living);
	event_init(&event, is_upgraded(supervisor) ? 109044 : 109017, 0);
	event.number[0] = supervisor->custody.in_use;
	event.number[1] = living;
	event.number[2] = atomic_load(&shm_succession(&supervisor->shm)->supervisor);
	supervisor_event(supervisor, &event);
	supervisor_count(supervisor, COUNTER_takeovers, 1);
}

void
collect_rest(struct supervisor *supervisor)
{
	set_clock(supervisor);
	FAILPOINT(collect_memory);
	take_workers(supervisor);
	FAILPOINT(collect_workers);
	collect_slots(supervisor);
	FAILPOINT(collect_slots);
	for (uint32_t i = 0; i < supervisor->workers; i++)
		collect_slots_sockets(supervisor, i);
	collect_slots_unowned(supervisor);
	FAILPOINT(collect_sockets);
	listening_found(supervisor);
	FAILPOINT(collect_listeners);
	/* Where a worker was ready, one that cannot be started ends nothing. */
	supervisor->worker_was_ready = collect_count_living(supervisor) > 0;
	report(supervisor);
	collect_tick(supervisor);
	FAILPOINT(collect_greeted);
}

void
collect_done(struct supervisor *supervisor)
{
	atomic_store(&shm_succession(&supervisor->shm)->tries, 0);
}

int
collect_put_off(struct supervisor *supervisor)
{
	atomic_fetch_sub(&shm_succession(&supervisor->shm)->tries, 1);
	return EX_TEMPFAIL;
}

void
collect_answered(struct supervisor *supervisor, uint32_t index)
{
	struct worker *worker = &supervisor->worker[index];

	if (!worker->silent)
		return;
	FAILPOINT(collect_answered);
	worker->silent = false;
	worker->under_way = 0;
	launch_close(supervisor, &worker->twin);
	collect_slots_sockets(supervisor, index);
	collect_slots_settle(supervisor, index);
	FAILPOINT(collect_settled);
}

void
collect_died(struct supervisor *supervisor, uint32_t index)
{
	struct worker *worker = &supervisor->worker[index];

	if (!worker->silent)
		return;
	FAILPOINT(collect_died);
	worker->silent = false;
	if (worker->twin >= 0)
		collect_slots_unread(supervisor, index);
	collect_slots_settle(supervisor, index);
}

void
collect_try(struct supervisor *supervisor, uint32_t index)
{
	int fd;

	if (supervisor->tried)
		return;
	supervisor->tried = true;
	fd = pidfd_getfd(supervisor->worker[index].process.pidfd, INHERITED_HANDOVER, 0);
	if (fd >= 0) {
		supervisor->can_follow = true;
		close(fd);
		return;
	}
	fprintf(stderr,
	    "smtpguardd: warning: %s: should this process die, all sessions end with it\n",
	    spawn_has_capability(CAP_SYS_PTRACE)
		? "pidfd_getfd is refused (kernel.yama.ptrace_scope = 3, or a filter of system "
		  "calls)"
		: "without CAP_SYS_PTRACE");
}
