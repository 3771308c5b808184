#include "daemon/supervisor/sync_child.h"

#include "daemon/supervisor/launch.h"
#include "daemon/supervisor/wakes.h"
#include "shm/pair.h"
#include "shm/release.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

void
sync_child_init(struct supervisor *supervisor)
{
	process_init(&supervisor->sync);
	supervisor->sync_socket = -1;
}

static bool
is_wanted(const struct supervisor *supervisor)
{
	return supervisor->settings.failover.line != 0;
}

void
sync_child_hold(struct supervisor *supervisor)
{
	if (is_wanted(supervisor))
		release_set(shm_release(&supervisor->shm), RELEASE_HELD);
}

/* ---- what it is given ---- */

static int
open_key(const struct supervisor *supervisor)
{
	int fd = open(
	    supervisor->settings.failover.key_file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	return fd < 0 ? -errno : fd;
}

/* Who may write into it decides which host serves. */
static int
check_fifo(int fd)
{
	struct stat status;

	if (fstat(fd, &status) < 0)
		return -errno;
	if (!S_ISFIFO(status.st_mode))
		return -ENOTSUP;
	return status.st_mode & 0022 ? -EPERM : 0;
}

/* For writing too, so that it has no end when keepalived is restarted. */
static int
open_fifo(const struct supervisor *supervisor)
{
	const char *path = supervisor->settings.failover.fifo;
	int fd, r;

	if (path[0] == '\0')
		path = "/dev/null";
	else if (mkfifo(path, 0600) < 0 && errno != EEXIST)
		return -errno;
	fd = open(path, O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	r = supervisor->settings.failover.fifo[0] == '\0' ? 0 : check_fifo(fd);
	if (r == 0)
		return fd;
	close(fd);
	return r;
}

static int
open_folder(const struct supervisor *supervisor)
{
	const struct spawn_account *account = &supervisor->account;
	int fd, r;

	if (mkdirat(supervisor->runtime.directory, SYNC_CHILD_FOLDER, 0755) < 0 && errno != EEXIST)
		return -errno;
	fd = openat(supervisor->runtime.directory, SYNC_CHILD_FOLDER,
	    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fchown(fd, account->user, account->group) == 0)
		return fd;
	r = -errno;
	close(fd);
	return r;
}

/* ---- the start ---- */

enum { OWN_SOCKET, ITS_SOCKET, KEY, FIFO, FOLDER, OPENED };

static void
close_opened(int opened[OPENED])
{
	for (int i = 0; i < OPENED; i++)
		if (opened[i] >= 0)
			close(opened[i]);
}

/* 0 or -errno, and then *ret_what says what could not be opened. */
static int
open_all(const struct supervisor *supervisor, int opened[OPENED], const char **ret_what)
{
	static const char *const names[OPENED] = {
	    [KEY] = "failover.key_file", [FIFO] = "failover.fifo", [FOLDER] = "the track folder"};

	*ret_what = "socket";
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, opened) < 0) {
		opened[OWN_SOCKET] = opened[ITS_SOCKET] = -1;
		return -errno;
	}
	opened[KEY] = open_key(supervisor);
	opened[FIFO] = open_fifo(supervisor);
	opened[FOLDER] = open_folder(supervisor);
	for (int i = KEY; i < OPENED; i++) {
		*ret_what = names[i];
		if (opened[i] < 0)
			return opened[i];
	}
	return 0;
}

static int
start(struct supervisor *supervisor, struct spawn *spawn, const char **ret_what)
{
	int opened[OPENED] = {-1, -1, -1, -1, -1};
	int r = open_all(supervisor, opened, ret_what);

	if (r == 0) {
		/* In the order of enum sync_inherited (daemon/sync/sync.h). */
		launch_regions(supervisor, SHM_ROLE_SYNC, spawn);
		spawn->fd[spawn->count++] = opened[ITS_SOCKET];
		spawn->fd[spawn->count++] = supervisor->settings_fd;
		spawn->fd[spawn->count++] = supervisor->runtime.state;
		spawn->fd[spawn->count++] = opened[KEY];
		spawn->fd[spawn->count++] = opened[FIFO];
		spawn->fd[spawn->count++] = opened[FOLDER];
		wakes_sync(supervisor, spawn);
		gate_child_give(supervisor, spawn);
		*ret_what = "process";
		r = launch_held(supervisor, spawn, &supervisor->sync);
	}
	if (r == 0) {
		supervisor->sync_socket = opened[OWN_SOCKET];
		opened[OWN_SOCKET] = -1;
	}
	close_opened(opened);
	return r;
}

static uint64_t
heartbeat(const struct supervisor *supervisor)
{
	return atomic_load_explicit(
	    &shm_pair_view(&supervisor->shm)->alive_ms, memory_order_relaxed);
}

static void
launch(struct supervisor *supervisor)
{
	char *gate = gate_child_is_there(supervisor) ? (char *)"--gate" : NULL;
	char *arguments[] = {(char *)"smtpguard-sync", (char *)"--run", gate, NULL};
	struct spawn spawn = {
	    .path = supervisor->sync_path,
	    .arguments = arguments,
	    .account = &supervisor->account,
	    .waits_its_turn = true,
	};
	const char *what;
	int r = start(supervisor, &spawn, &what);

	if (r < 0) {
		char text[128];

		snprintf(text, sizeof(text), "%s: %s", what, strerror(-r));
		supervisor_event_process(supervisor, 109089, 0, 0, text, 0);
		launch_failed(supervisor, &supervisor->sync, text, r);
		return;
	}
	watchdog_start(&supervisor->sync_watchdog, heartbeat(supervisor), supervisor->watch_ms,
	    WATCHDOG_SYNC_MS);
	launch_note(supervisor);
	launch_watch(supervisor, &supervisor->sync, supervisor->sync_socket,
	    (struct watch_note){.kind = WATCH_SYNC_END},
	    (struct watch_note){.kind = WATCH_SYNC_SOCKET});
	spawn_release(&spawn);
}

void
sync_child_tick(struct supervisor *supervisor)
{
	if (is_wanted(supervisor) && !process_is_running(&supervisor->sync) &&
	    supervisor->sync.start_at_ms <= supervisor->monotonic_ms)
		launch(supervisor);
}

/* ---- its life ---- */

void
sync_child_watch(struct supervisor *supervisor)
{
	const struct process *process = &supervisor->sync;

	if (!process_is_running(process))
		return;
	switch (watchdog_look(
	    &supervisor->sync_watchdog, heartbeat(supervisor), supervisor->watch_ms)) {
	case WATCHDOG_HANGS:
		supervisor_event_process(
		    supervisor, 109088, 0, process->pid, NULL, WATCHDOG_SYNC_MS / 1000);
		process_signal(process, SIGKILL);
		break;
	case WATCHDOG_STILL_THERE:
		process_signal(process, SIGKILL);
		break;
	case WATCHDOG_WELL:
		break;
	}
}

bool
sync_child_is_well(const struct supervisor *supervisor)
{
	return !process_is_running(&supervisor->sync) || !supervisor->sync_watchdog.fired;
}

void
sync_child_ended(struct supervisor *supervisor)
{
	pid_t pid = supervisor->sync.pid;
	struct process_death death;
	char text[64];

	if (!process_reap(&supervisor->sync, supervisor->monotonic_ms, &death))
		return;
	launch_close(supervisor, &supervisor->sync_socket);
	if (supervisor->phase >= PHASE_LEAVING)
		return;
	process_describe(&death, text, sizeof(text));
	supervisor_event_process(supervisor, 109087, 0, pid, text, 0);
	sync_child_tick(supervisor);
}
