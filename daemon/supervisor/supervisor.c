#include "daemon/supervisor/supervisor.h"

#include "config.h"
#include "daemon/supervisor/accept.h"
#include "daemon/supervisor/capacity.h"
#include "daemon/supervisor/children.h"
#include "daemon/supervisor/collect.h"
#include "daemon/supervisor/collect_memory.h"
#include "daemon/supervisor/dispatch.h"
#include "daemon/supervisor/ending.h"
#include "daemon/supervisor/limits.h"
#include "daemon/supervisor/listening.h"
#include "daemon/supervisor/notify.h"
#include "daemon/supervisor/opening.h"
#include "daemon/supervisor/requests.h"
#include "daemon/supervisor/settings_kept.h"
#include "daemon/supervisor/stopping.h"
#include "daemon/supervisor/sync_child.h"
#include "daemon/supervisor/takeover_ask.h"
#include "daemon/supervisor/takeover_shelf.h"
#include "daemon/supervisor/wakes.h"
#include "daemon/supervisor/watch.h"
#include "daemon/supervisor/workers_file.h"
#include "shm/failpoint.h"
#include "shm/succession.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sysexits.h>
#include <unistd.h>

#define EVENTS_MAX   256
#define STATUS_TICKS 50

static int
complain(const char *what, int error, int status)
{
	fprintf(stderr, "smtpguardd: %s: %s\n", what, strerror(error));
	return status;
}

void
supervisor_look_at_clock(struct supervisor *supervisor)
{
	_Atomic uint64_t *floor = shm_clock_floor(&supervisor->shm);

	supervisor->monotonic_ms = monotonic_now_ms();
	supervisor->gateway_ms = gateway_clock_advance(&supervisor->clock, supervisor->monotonic_ms,
	    atomic_load_explicit(floor, memory_order_relaxed));
	supervisor->watch_ms =
	    gateway_clock_advance(&supervisor->pace, supervisor->monotonic_ms, 0);
	atomic_store_explicit(floor, supervisor->gateway_ms, memory_order_relaxed);
	atomic_store_explicit(&shm_succession(&supervisor->shm)->looked_ms,
	    supervisor->monotonic_ms, memory_order_relaxed);
}

void
supervisor_event_process(const struct supervisor *supervisor, uint32_t id, uint32_t index,
    pid_t pid, const char *text, uint64_t number)
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
supervisor_event_init(
    const struct supervisor *supervisor, struct event *event, uint32_t id, uint32_t slot)
{
	const struct slot_custody *custody = shm_custody(&supervisor->shm, slot);

	event_init(event, id, custody->session_id);
	event->client = custody->leg[SHM_CLIENT].peer;
	event->server = custody->leg[SHM_SERVER].peer;
}

/* Descriptors that cannot be mapped writable nor opened again by the unprivileged user. */
static int
make_readable(struct supervisor *supervisor)
{
	for (int i = 0; i < SHM_REGIONS; i++) {
		char path[32];

		if (fchmod(supervisor->shm.fd[i], 0600) < 0)
			return complain("cannot restrict shared memory", errno, EX_OSERR);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", supervisor->shm.fd[i]);
		supervisor->readable[i] = open(path, O_RDONLY | O_CLOEXEC);
		if (supervisor->readable[i] < 0)
			return complain("cannot open shared memory for reading", errno, EX_OSERR);
	}
	return 0;
}

static int
make_settings_copy(struct supervisor *supervisor)
{
	const struct settings *settings = &supervisor->settings;
	int fd = memfd_create("smtpguard-settings", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || write(fd, settings, sizeof(*settings)) != sizeof(*settings) ||
	    lseek(fd, 0, SEEK_SET) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
		return complain("cannot keep the settings", errno, EX_OSERR);
	supervisor->settings_fd = fd;
	if (settings_kept_write(supervisor->runtime.directory, settings) < 0)
		fprintf(stderr,
		    "smtpguardd: cannot write " SETTINGS_KEPT_NAME " in the runtime folder\n");
	return 0;
}

static int
make_wakes(struct supervisor *supervisor)
{
	int r = wakes_open(supervisor);

	return r < 0 ? complain("cannot make eventfds", -r, EX_OSERR) : 0;
}

static int
make_signals(struct supervisor *supervisor)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP); /* taken and not acted on: there is nothing to read again */
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	supervisor->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return supervisor->signals < 0 ? -errno : 0;
}

static int
make_timer(struct supervisor *supervisor)
{
	const struct timespec period = {.tv_nsec = SUPERVISOR_TICK_MS * 1000000L};
	const struct itimerspec timer = {.it_interval = period, .it_value = period};

	supervisor->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (supervisor->timer < 0 || timerfd_settime(supervisor->timer, 0, &timer, NULL) < 0)
		return -errno;
	return 0;
}

static int
make_loop(struct supervisor *supervisor)
{
	int r = make_signals(supervisor);

	if (r == 0)
		r = make_timer(supervisor);
	supervisor->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (r == 0 && supervisor->epoll < 0)
		r = -errno;
	if (r == 0)
		r = watch_add(supervisor->epoll, supervisor->timer, EPOLLIN,
		    (struct watch_note){.kind = WATCH_TICK});
	if (r == 0)
		r = watch_add(supervisor->epoll, supervisor->signals, EPOLLIN,
		    (struct watch_note){.kind = WATCH_SIGNAL});
	if (r == 0)
		supervisor->self = pidfd_open(getpid(), 0);
	if (r == 0 && supervisor->self < 0)
		r = -errno;
	supervisor->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return r < 0 ? complain("cannot make the event loop", -r, EX_OSERR) : 0;
}

static void
check_capabilities(struct supervisor *supervisor)
{
	supervisor->can_repair = spawn_has_capability(CAP_NET_ADMIN);
	if (!supervisor->can_repair)
		fprintf(stderr,
		    "smtpguardd: warning: without CAP_NET_ADMIN no session can move to another "
		    "host, and an address that is not local cannot be listened on\n");
}

static void
supervisor_clear(struct supervisor *supervisor)
{
	supervisor->epoll = supervisor->timer = supervisor->signals = -1;
	supervisor->spare = supervisor->settings_fd = supervisor->self = -1;
	for (int i = 0; i < SHM_REGIONS; i++)
		supervisor->shm.fd[i] = supervisor->readable[i] = -1;
	runtime_init(&supervisor->runtime);
	children_init(supervisor);
	dispatch_init(supervisor);
	notify_watchdog_init(&supervisor->beat);
	process_init(&supervisor->upgrade.check);
}

/* The epoch is left there. */
static bool
was_of_a_pair(const struct supervisor *supervisor)
{
	return faccessat(supervisor->runtime.state, SETTINGS_EPOCH_FILE, F_OK, 0) == 0;
}

/* A host that is none of a pair never has a replica. */
static int
make_room_ahead(struct supervisor *supervisor)
{
	int r = 0;

	/* Those of an earlier supervisor have died with it. */
	takeover_view_set_ahead(shm_takeover_view(&supervisor->shm), 0);
	if (supervisor->settings.failover.line != 0)
		r = takeover_ahead_init(&supervisor->ahead, supervisor->custody.slots);
	return r < 0 ? complain("cannot note what is made ahead", -r, EX_OSERR) : 0;
}

static void
look_at_early(struct supervisor *supervisor)
{
	if (gate_child_is_there(supervisor))
		early_look(supervisor);
	else if (supervisor->settings.failover.line != 0 || was_of_a_pair(supervisor))
		early_leave();
}

int
supervisor_open(
    struct supervisor *supervisor, const char *runtime_directory, const char *state_directory)
{
	const struct settings *settings = &supervisor->settings;
	bool found = false;
	int status;

	supervisor_clear(supervisor);
	supervisor->workers = settings->workers ? settings->workers : limits_cpus();
	if (spawn_find_account(settings->user, &supervisor->account) < 0) {
		fprintf(stderr, "smtpguardd: the user \"%s\" does not exist (user = ...)\n",
		    settings->user);
		return EX_NOUSER;
	}
	if (supervisor->account.user == 0) {
		fprintf(stderr, "smtpguardd: the user \"%s\" is not an unprivileged one\n",
		    settings->user);
		return EX_CONFIG;
	}
	check_capabilities(supervisor);
	status = runtime_open(
	    &supervisor->runtime, runtime_directory, state_directory, &supervisor->account);
	if (status == 0)
		status = collect_memory(supervisor, &found);
	if (status == 0 && !found)
		status = capacity_make(supervisor);
	if (status == 0 && !found)
		sync_child_hold(supervisor);
	if (status == 0)
		failpoint_attach_once(shm_failpoint(&supervisor->shm));
	if (status == 0)
		door_start(supervisor, found);
	if (status == 0)
		status = make_readable(supervisor);
	if (status == 0)
		status = make_settings_copy(supervisor);
	if (status == 0)
		status = make_loop(supervisor);
	if (status == 0)
		status = make_wakes(supervisor);
	if (status == 0)
		status = make_room_ahead(supervisor);
	if (status == 0)
		gate_child_open(supervisor);
	if (status == 0)
		look_at_early(supervisor);
	if (status == 0 && found)
		collect_rest(supervisor);
	else if (status == 0)
		listening_found(supervisor);
	if (status != 0 && found)
		status = collect_put_off(supervisor);
	kept_close(&supervisor->kept);
	if (status == 0)
		kept_put_memory(supervisor->shm.fd);
	return status;
}

static void
take_signals(struct supervisor *supervisor)
{
	struct signalfd_siginfo info;

	while (read(supervisor->signals, &info, sizeof(info)) == sizeof(info))
		if (info.ssi_signo != SIGHUP)
			stopping_signal(supervisor);
}

static void
set_gauges(const struct supervisor *supervisor)
{
	struct counter_block *block = shm_counters(&supervisor->shm, SHM_WRITER_SUPERVISOR);

	counter_set(block, COUNTER_chunks_in_use, supervisor->pool.level.used);
	counter_set(block, COUNTER_slots_in_use, supervisor->custody.in_use);
	counter_set(block, COUNTER_slots_most_used, supervisor->custody.most_used);
	counter_set(block, COUNTER_descriptors_held, supervisor->custody.descriptors);
	counter_set(block, COUNTER_listeners_open, supervisor->listeners.count);
}

static void
tell_status(const struct supervisor *supervisor, const char *before)
{
	char text[128];
	uint32_t ready = 0;

	for (uint32_t i = 0; i < supervisor->workers; i++)
		ready += supervisor->worker[i].ready;
	snprintf(text, sizeof(text), "%sSTATUS=%u sessions, %u of %u workers ready", before,
	    supervisor->custody.in_use, ready, supervisor->workers);
	notify_send(text);
}

static void
tick(struct supervisor *supervisor)
{
	uint64_t times = 0;

	if (read(supervisor->timer, &times, sizeof(times)) != sizeof(times))
		return;
	pool_tick(&supervisor->pool, &supervisor->shm);
	shortage_tick(supervisor);
	admission_tick(supervisor);
	tally_refresh(&supervisor->tally);
	accept_tick(supervisor);
	opening_tick(supervisor);
	ending_tick(supervisor);
	/* The pidfds' events may have been missed for want of memory. */
	for (uint32_t i = 0; i < supervisor->workers; i++)
		children_worker_ended(supervisor, i);
	children_manager_ended(supervisor);
	sync_child_ended(supervisor);
	gate_child_ended(supervisor);
	children_watch(supervisor);
	collect_tick(supervisor);
	upgrade_tick(supervisor);
	door_tick(supervisor);
	/* It was opened later than it was asked for. */
	if (door_is_open(supervisor))
		takeover_ask_all(supervisor);
	takeover_ask_look(supervisor);
	takeover_shelf_look(supervisor);
	early_tick(supervisor);
	takeover_ahead_tick(supervisor);
	if (children_are_well(supervisor))
		notify_watchdog_beat(&supervisor->beat, supervisor->monotonic_ms);
	children_tick(supervisor);
	set_gauges(supervisor);
	if (supervisor->phase == PHASE_RUNNING &&
	    supervisor->monotonic_ms / SUPERVISOR_TICK_MS % STATUS_TICKS == 0)
		tell_status(supervisor, "");
}

static void
handle(struct supervisor *supervisor, const struct epoll_event *event)
{
	struct watch_note note = watch_read(event);

	switch (note.kind) {
	case WATCH_TICK:
		tick(supervisor);
		break;
	case WATCH_SIGNAL:
		take_signals(supervisor);
		break;
	case WATCH_LISTENER:
		accept_ready(supervisor, (int)note.index);
		break;
	case WATCH_CONNECT:
		opening_connected(supervisor, note.index, note.generation, event->events);
		break;
	case WATCH_WORKER_SOCKET:
		requests_from_worker(supervisor, note.index, event->events);
		break;
	case WATCH_WORKER_END:
		children_worker_ended(supervisor, note.index);
		break;
	case WATCH_MANAGER_SOCKET:
		requests_from_manager(supervisor);
		break;
	case WATCH_MANAGER_END:
		children_manager_ended(supervisor);
		break;
	case WATCH_SYNC_SOCKET:
		requests_from_sync(supervisor);
		break;
	case WATCH_SYNC_END:
		sync_child_ended(supervisor);
		break;
	case WATCH_GATE_END:
		gate_child_ended(supervisor);
		break;
	case WATCH_TAKEOVER:
		takeover_ask_look(supervisor);
		early_look(supervisor);
		break;
	case WATCH_UPGRADE_CHECK:
		upgrade_check_ended(supervisor);
		break;
	}
}

static void
say_failover(const struct supervisor *supervisor)
{
	bool is_on = supervisor->settings.failover.line != 0;
	struct event event;

	/* What a dead one has left is as it was. */
	if (atomic_load(&shm_succession(&supervisor->shm)->supervisor) != 1)
		return;
	if (!is_on && !was_of_a_pair(supervisor))
		return;
	event_init(&event, is_on ? 105002 : 105001, 0);
	supervisor_event(supervisor, &event);
}

static void
say_ready(struct supervisor *supervisor)
{
	struct event event;

	supervisor->phase = PHASE_RUNNING;
	collect_done(supervisor);
	fprintf(stderr, "smtpguardd: ready: %u workers, %u sessions\n", supervisor->workers,
	    supervisor->custody.slots);
	event_init(&event, 109023, 0);
	event_add_text(&event, SMTPGUARD_VERSION, strlen(SMTPGUARD_VERSION));
	event.number[0] = supervisor->workers;
	event.number[1] = supervisor->custody.slots;
	supervisor_event(supervisor, &event);
	say_failover(supervisor);
	tell_status(supervisor, "READY=1\n");
}

int
supervisor_run(struct supervisor *supervisor)
{
	struct epoll_event event[EVENTS_MAX];

	supervisor_look_at_clock(supervisor);
	children_tick(supervisor);
	while (supervisor->phase != PHASE_ENDED) {
		int count = epoll_wait(supervisor->epoll, event, EVENTS_MAX, -1);

		supervisor_look_at_clock(supervisor);
		for (int i = 0; i < count; i++)
			handle(supervisor, &event[i]);
		if (supervisor->phase == PHASE_STARTING && supervisor->worker_was_ready &&
		    supervisor->listeners_applied)
			say_ready(supervisor);
		stopping_tick(supervisor);
		dispatch_flush(supervisor);
		upgrade_flushed(supervisor);
	}
	door_leave(supervisor);
	if (gate_child_is_there(supervisor))
		early_leave();
	gate_child_leave(supervisor);
	/* Nobody is left to be taken over. */
	workers_file_remove(supervisor->runtime.directory);
	settings_kept_remove(supervisor->runtime.directory);
	kept_drop_all();
	return supervisor->status;
}

static void
close_if_open(int fd)
{
	if (fd >= 0)
		close(fd);
}

void
supervisor_close(struct supervisor *supervisor)
{
	wakes_close(supervisor);
	gate_child_close(supervisor);
	takeover_ahead_fini(&supervisor->ahead);
	custody_fini(&supervisor->custody);
	tally_fini(&supervisor->tally);
	for (int i = 0; i < SHM_REGIONS; i++)
		close_if_open(supervisor->readable[i]);
	shm_detach(&supervisor->shm);
	close_if_open(supervisor->settings_fd);
	close_if_open(supervisor->spare);
	close_if_open(supervisor->self);
	close_if_open(supervisor->timer);
	close_if_open(supervisor->signals);
	close_if_open(supervisor->epoll);
	runtime_close(&supervisor->runtime);
}
