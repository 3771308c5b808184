#include "daemon/manager/manager.h"

#include "daemon/manager/command.h"
#include "daemon/manager/pair_follow.h"
#include "shm/failpoint.h"
#include "shm/gateway_clock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sysexits.h>
#include <unistd.h>

#define DRAIN_IDLE_MS 50
#define DRAIN_BUSY_MS 5
#define DRAIN_WANTED  (LOG_DRAIN_BATCH / 2) /* events of a pass */
#define TICK_MS	      1000u
#define DRAIN_AT_END  64 /* passes */

static int
complain(const char *what, int error)
{
	fprintf(stderr, "smtpguard-manager: %s: %s\n", what, strerror(-error));
	return EX_OSERR;
}

static int
read_settings(struct settings *settings)
{
	ssize_t length = pread(MANAGER_FD_SETTINGS, settings, sizeof(*settings), 0);

	if (length < 0)
		return -errno;
	if (length != sizeof(*settings) || settings->magic != SETTINGS_MAGIC ||
	    settings->version != SETTINGS_VERSION)
		return -EPROTO;
	if (memchr(settings->log_target, '\0', sizeof(settings->log_target)) == NULL)
		return -EPROTO;
	return 0;
}

/* Nothing here is for a child's eyes, and nothing here starts one. */
static void
close_on_exec(void)
{
	for (int fd = MANAGER_FD_REGIONS; fd <= MANAGER_FD_SETTINGS; fd++)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
}

static void
signals_ready(struct loop_source *source, uint32_t events)
{
	struct manager *manager =
	    (struct manager *)((char *)source - offsetof(struct manager, signals));
	struct signalfd_siginfo info;

	(void)events;
	if (read(source->fd, &info, sizeof(info)) == sizeof(info))
		manager->stopping = true;
}

/* Answers are read by who asks; what is awaited here is only the supervisor's end. */
static void
supervisor_ready(struct loop_source *source, uint32_t events)
{
	struct manager *manager =
	    (struct manager *)((char *)source - offsetof(struct manager, supervisor));

	if ((events & (EPOLLHUP | EPOLLERR | EPOLLRDHUP)) != 0)
		manager->stopping = true;
}

static int
open_loop(struct manager *manager)
{
	int result = loop_open(&manager->loop);

	manager->signals.ready = signals_ready;
	if (result == 0)
		result = loop_add_signals(&manager->loop, &manager->signals);
	manager->supervisor = (struct loop_source){MANAGER_FD_REQUESTS, supervisor_ready};
	if (result == 0)
		result = loop_add(&manager->loop, &manager->supervisor, EPOLLRDHUP);
	return result;
}

/* Everything, in the order in which each part needs the ones before. EX_OK or a complaint. */
static int
open_parts(struct manager *manager)
{
	static const int regions[SHM_REGIONS] = {3, 4, 5, 6, 7};
	int result = read_settings(&manager->settings);

	if (result < 0)
		return complain("settings on descriptor 11", result);
	result = shm_attach(&manager->shm, regions, SHM_ROLE_MANAGER);
	if (result < 0)
		return complain("shared memory", result);
	failpoint_attach(shm_failpoint(&manager->shm), FAILPOINT_MANAGER);
	result = open_loop(manager);
	if (result < 0)
		return complain("event loop", result);
	result = activity_open(&manager->activity, &manager->shm);
	if (result < 0)
		return complain("activity", result);

	manager->link.socket = MANAGER_FD_REQUESTS;
	result =
	    running_open(&manager->running, &manager->shm, &manager->link, MANAGER_FD_DIRECTORY);
	if (result < 0)
		return complain("running configuration", result);
	pair_config_open(&manager->pair, &manager->shm, &manager->settings.failover,
	    MANAGER_FD_DIRECTORY, manager->running.config);
	manager->running.pair = &manager->pair;
	commit_open(&manager->commit, &manager->shm, &manager->running, &manager->pair);
	log_target_open(&manager->target, manager->settings.log_target);
	result = log_drain_open(&manager->drain, &manager->shm, &manager->target, &manager->events,
	    MANAGER_FD_DIRECTORY, running_instance(&manager->running));
	if (result < 0)
		return complain("log", result);
	result = control_server_open(
	    &manager->control, &manager->loop, MANAGER_FD_CONTROL, command_request, manager);
	return result < 0 ? complain("control socket", result) : EX_OK;
}

static void
tick(struct manager *manager)
{
	uint64_t now_ms = monotonic_now_ms();

	if (now_ms - manager->ticked_ms < TICK_MS)
		return;
	manager->ticked_ms = now_ms;
	activity_look(&manager->activity, now_ms);
	running_tick(&manager->running, now_ms);
	commit_tick(&manager->commit, now_ms);
	control_server_tick(&manager->control, now_ms);
}

/* So seldom that an event costs no wake-up of its own, so often that no ring runs over. */
static int
next_pause(int pause_ms, unsigned events)
{
	if (events == LOG_DRAIN_BATCH)
		return 0;
	if (pause_ms < DRAIN_BUSY_MS)
		pause_ms = DRAIN_BUSY_MS;
	if (events * DRAIN_IDLE_MS <= (unsigned)pause_ms * DRAIN_WANTED)
		return DRAIN_IDLE_MS;
	pause_ms = pause_ms * (int)DRAIN_WANTED / (int)events;
	return pause_ms < DRAIN_BUSY_MS ? DRAIN_BUSY_MS : pause_ms;
}

static int
serve(struct manager *manager)
{
	int timeout = 0;

	while (!manager->stopping) {
		atomic_fetch_add_explicit(
		    &shm_policy(&manager->shm)->heartbeat, 1, memory_order_relaxed);
		int result = loop_turn(&manager->loop, (int64_t)timeout * 1000);
		if (result < 0)
			return complain("event loop", result);
		/* A request whose answer never came leaves unknown what holds; a new manager
		 * begins with what is written down. */
		if (manager->link.lost)
			return complain("supervisor", -EPIPE);

		unsigned events = log_drain_pass(&manager->drain, command_follow, manager);
		if (events > 0)
			command_follow_flush(manager);
		pair_config_tick(&manager->pair);
		pair_follow_tick(&manager->pair, &manager->running, &manager->commit);
		timeout = next_pause(timeout, events);
		tick(manager);
	}
	for (int i = 0; i < DRAIN_AT_END; i++)
		if (log_drain_pass(&manager->drain, command_follow, manager) == 0)
			break;
	command_follow_flush(manager);
	return EX_OK;
}

static void
close_parts(struct manager *manager)
{
	control_server_close(&manager->control);
	log_drain_close(&manager->drain);
	log_target_close(&manager->target);
	commit_close(&manager->commit);
	pair_config_close(&manager->pair);
	running_close(&manager->running);
	activity_close(&manager->activity);
	loop_close(&manager->loop);
	shm_detach(&manager->shm);
}

int
manager_run(void)
{
	struct manager *manager;

	close_on_exec();
	/* It sees the mail of all sessions: nobody of the same user is to look into it. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return complain("PR_SET_DUMPABLE", -errno);
	manager = calloc(1, sizeof(*manager));
	if (manager == NULL)
		return complain("memory", -ENOMEM);
	int status = open_parts(manager);
	if (status == EX_OK) {
		status = serve(manager);
		close_parts(manager);
	}
	free(manager);
	return status;
}
