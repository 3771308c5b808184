#include "daemon/supervisor/settings.h"

#include "daemon/supervisor/spawn.h"
#include "shm/layout.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

static bool
is_text(const char *text, size_t size)
{
	return memchr(text, '\0', size) != NULL;
}

const char *
settings_check(const struct settings *settings)
{
	if (settings->magic != SETTINGS_MAGIC || settings->version != SETTINGS_VERSION)
		return "version";
	if (settings->workers > SHM_WORKERS_MAX)
		return "workers";
	if (settings->sessions_max == 0 || settings->sessions_max > SETTINGS_SESSIONS_MAX)
		return "sessions_max";
	if (settings->memory_max < SETTINGS_MEMORY_MIN ||
	    settings->memory_max > SETTINGS_MEMORY_MAX)
		return "memory_max";
	if (settings->drain_ms > SETTINGS_DRAIN_MAX_MS)
		return "drain";
	if (!is_text(settings->user, sizeof(settings->user)) || settings->user[0] == '\0')
		return "user";
	if (!is_text(settings->log_target, sizeof(settings->log_target)))
		return "log.target";
	if (!is_text(settings->metrics_listen, sizeof(settings->metrics_listen)))
		return "metrics.listen";
	return NULL;
}

static void
find_reader(struct spawn_account *ret_account)
{
	if (spawn_find_account("smtpguard", ret_account) < 0 &&
	    spawn_find_account("nobody", ret_account) < 0)
		*ret_account = (struct spawn_account){.user = 65534, .group = 65534};
}

static int
open_configuration(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0 && errno == ENOENT)
		fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		fprintf(stderr, "smtpguardd: cannot open %s: %s\n", path, strerror(errno));
	return fd;
}

static uint64_t
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* False: not readable before the time was over. */
static bool
wait_readable(int fd, uint64_t end_ms)
{
	for (;;) {
		struct pollfd poller = {.fd = fd, .events = POLLIN};
		uint64_t now = now_ms();
		int r = poll(&poller, 1, now < end_ms ? (int)(end_ms - now) : 0);

		if (r >= 0 || errno != EINTR)
			return r > 0;
	}
}

/* Exactly one struct and then the end. */
static bool
read_struct(int fd, uint64_t end_ms, struct settings *ret_settings)
{
	uint8_t bytes[sizeof(struct settings) + 1];
	size_t have = 0;

	while (have < sizeof(bytes) && wait_readable(fd, end_ms)) {
		ssize_t n = read(fd, bytes + have, sizeof(bytes) - have);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		have += (size_t)n;
	}
	if (have != sizeof(struct settings))
		return false;
	memcpy(ret_settings, bytes, sizeof(*ret_settings));
	return true;
}

/* The manager's exit status; it is killed when the time is over. */
static int
wait_for_exit(int pidfd, uint64_t end_ms, const char *manager)
{
	siginfo_t info = {0};

	if (!wait_readable(pidfd, end_ms)) {
		fprintf(stderr, "smtpguardd: %s did not answer within %d s\n", manager,
		    SETTINGS_TIMEOUT_MS / 1000);
		pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
	}
	if (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED) < 0)
		return EX_OSERR;
	if (info.si_code != CLD_EXITED) {
		fprintf(stderr, "smtpguardd: %s was ended by signal %d\n", manager, info.si_status);
		return EX_SOFTWARE;
	}
	return info.si_status;
}

static int
run_manager(const char *manager, const char *mode, const char *path, int output, int configuration,
    pid_t *ret_pid, int *ret_pidfd)
{
	struct spawn_account account;
	char *const arguments[] = {(char *)"smtpguard-manager", (char *)mode, (char *)path, NULL};
	struct spawn spawn = {
	    .path = manager,
	    .arguments = arguments,
	    .account = &account,
	    .count = 2,
	    .fd = {output, configuration},
	};
	int r;

	find_reader(&account);
	r = spawn_start(&spawn, ret_pid, ret_pidfd);
	if (r < 0)
		fprintf(stderr, "smtpguardd: cannot start %s: %s\n", manager, strerror(-r));
	return r;
}

static int
read_from_manager(
    const char *manager, const char *path, int configuration, struct settings *ret_settings)
{
	uint64_t end_ms = now_ms() + SETTINGS_TIMEOUT_MS;
	struct settings settings;
	const char *field;
	bool complete;
	int ends[2], pidfd, status;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0) {
		fprintf(stderr, "smtpguardd: cannot make a pipe: %s\n", strerror(errno));
		return EX_TEMPFAIL;
	}
	if (run_manager(manager, "--settings", path, ends[1], configuration, &pid, &pidfd) < 0) {
		close(ends[0]);
		close(ends[1]);
		return EX_TEMPFAIL;
	}
	close(ends[1]);
	complete = read_struct(ends[0], end_ms, &settings);
	close(ends[0]);
	status = wait_for_exit(pidfd, end_ms, manager);
	close(pidfd);
	if (status != 0)
		return status;
	field = complete ? settings_check(&settings) : "length";
	if (field) {
		fprintf(stderr, "smtpguardd: %s gave settings whose %s does not hold\n", manager,
		    field);
		return EX_SOFTWARE;
	}
	*ret_settings = settings;
	return 0;
}

int
settings_read(const char *manager, const char *path, struct settings *ret_settings)
{
	int configuration = open_configuration(path);
	int status;

	if (configuration < 0)
		return EX_CONFIG;
	status = read_from_manager(manager, path, configuration, ret_settings);
	close(configuration);
	return status;
}

int
settings_test_start(const char *manager, const char *path, pid_t *ret_pid, int *ret_pidfd)
{
	int configuration = open_configuration(path), null, status = 0;

	if (configuration < 0)
		return EX_CONFIG;
	null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (null < 0 ||
	    run_manager(manager, "--check", path, null, configuration, ret_pid, ret_pidfd) < 0)
		status = EX_OSERR;
	close(configuration);
	if (null >= 0)
		close(null);
	return status;
}

int
settings_test(const char *manager, const char *path)
{
	pid_t pid;
	int pidfd, status = settings_test_start(manager, path, &pid, &pidfd);

	if (status != 0)
		return status;
	status = wait_for_exit(pidfd, now_ms() + SETTINGS_TIMEOUT_MS, manager);
	close(pidfd);
	return status;
}
