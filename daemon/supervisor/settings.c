#include "daemon/supervisor/settings.h"

#include "daemon/supervisor/spawn.h"
#include "daemon/sync/key.h"
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

static bool
is_address(const struct shm_endpoint *endpoint)
{
	return endpoint->family == 4 || endpoint->family == 6;
}

static bool
is_endpoint(const struct shm_endpoint *endpoint)
{
	return is_address(endpoint) && endpoint->port != 0;
}

static const char *
check_failover(const struct settings_failover *failover)
{
	if (!is_text(failover->node, sizeof(failover->node)) || failover->node[0] == '\0')
		return "failover.node";
	if (!is_text(failover->peer_node, sizeof(failover->peer_node)))
		return "failover.peer_node";
	if (!is_text(failover->key_file, sizeof(failover->key_file)) ||
	    failover->key_file[0] != '/')
		return "failover.key_file";
	if (!is_text(failover->fifo, sizeof(failover->fifo)))
		return "failover.fifo";
	if (failover->commit != SETTINGS_COMMIT_DEGRADE &&
	    failover->commit != SETTINGS_COMMIT_STRICT)
		return "failover.commit";
	if (failover->degrade_after_ms == 0 ||
	    failover->degrade_after_ms > SETTINGS_DEGRADE_AFTER_MAX_MS)
		return "failover.degrade_after";
	if (!is_endpoint(&failover->listen))
		return "failover.listen";
	if (!is_endpoint(&failover->peer))
		return "failover.peer";
	if (failover->witness.family != 0 && !is_endpoint(&failover->witness))
		return "failover.witness";
	if (failover->addresses == 0 || failover->addresses > SETTINGS_ADDRESSES_MAX)
		return "failover.addresses";
	for (uint32_t i = 0; i < failover->addresses; i++)
		if (!is_address(&failover->address[i]))
			return "failover.addresses";
	return NULL;
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
	return settings->failover.line != 0 ? check_failover(&settings->failover) : NULL;
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

/* The manager's exit status; *ret_settings is filled if it wrote a whole struct. */
static int
ask_manager(const char *manager, const char *mode, const char *path, int configuration,
    struct settings *ret_settings, bool *ret_complete)
{
	uint64_t end_ms = now_ms() + SETTINGS_TIMEOUT_MS;
	int ends[2], pidfd, status;
	pid_t pid;

	*ret_complete = false;
	if (pipe2(ends, O_CLOEXEC) < 0) {
		fprintf(stderr, "smtpguardd: cannot make a pipe: %s\n", strerror(errno));
		return EX_TEMPFAIL;
	}
	if (run_manager(manager, mode, path, ends[1], configuration, &pid, &pidfd) < 0) {
		close(ends[0]);
		close(ends[1]);
		return EX_TEMPFAIL;
	}
	close(ends[1]);
	*ret_complete = read_struct(ends[0], end_ms, ret_settings);
	close(ends[0]);
	status = wait_for_exit(pidfd, end_ms, manager);
	close(pidfd);
	return status;
}

static int
read_from_manager(
    const char *manager, const char *path, int configuration, struct settings *ret_settings)
{
	struct settings settings;
	const char *field;
	bool complete;
	int status = ask_manager(manager, "--settings", path, configuration, &settings, &complete);

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
settings_check_key(const char *path, const struct settings_failover *failover)
{
	uint8_t key[KEY_SIZE];
	char why[KEY_WHY_MAX];
	int fd, r;

	if (!is_text(failover->key_file, sizeof(failover->key_file)) ||
	    failover->key_file[0] == '\0')
		return 0;
	fd = open(failover->key_file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		snprintf(why, sizeof(why), "%s", strerror(errno));
	r = fd < 0 ? -1 : key_read(fd, key, why);
	explicit_bzero(key, sizeof(key));
	if (fd >= 0)
		close(fd);
	if (r == 0)
		return 0;
	fprintf(stderr, "%s:%u: failover.key_file: %s: %s\n", path, failover->key_line,
	    failover->key_file, why);
	return EX_CONFIG;
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
	int configuration = open_configuration(path);
	struct settings settings;
	bool complete;
	int status, key = 0;

	if (configuration < 0)
		return EX_CONFIG;
	status = ask_manager(manager, "--check", path, configuration, &settings, &complete);
	close(configuration);
	if (complete)
		key = settings_check_key(path, &settings.failover);
	return status == 0 ? key : status;
}
