/*
 * smtpguardd as a process, with small scripts in place of manager and workers: what ends the
 * start, that only one runs, that a killed child comes back at once, and that nothing is left
 * behind.
 */
#include "daemon/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define WAIT_MS 20000

struct scene {
	char directory[64];
	char program[4096];
	char output[128]; /* of smtpguardd */
	/* Limits that smtpguardd is started with; 0: as they are. */
	rlim_t descriptors;
	rlim_t address_space;
};

static void
write_file(const struct scene *scene, const char *name, const void *bytes, size_t length)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", scene->directory, name);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, length, file), length);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, 0755), 0);
}

static void
write_script(const struct scene *scene, const char *name, const char *body)
{
	char script[1024];
	int length = snprintf(script, sizeof(script), "#!/bin/sh\necho $$ >>%s/pids/%s\n%s\n",
	    scene->directory, name, body);

	write_file(scene, name, script, (size_t)length);
}

static struct settings
default_settings(const char *user)
{
	struct settings settings = {
	    .magic = SETTINGS_MAGIC,
	    .version = SETTINGS_VERSION,
	    .workers = 2,
	    .sessions_max = 64,
	    .memory_max = 64u << 20,
	    .drain_ms = 1000,
	    .log_target = "stderr",
	};

	snprintf(settings.user, sizeof(settings.user), "%s", user);
	return settings;
}

static void
write_settings(const struct scene *scene, const char *user)
{
	const struct settings settings = default_settings(user);

	write_file(scene, "settings", &settings, sizeof(settings));
}

static void
write_manager(const struct scene *scene, const char *run)
{
	char body[512];

	snprintf(body, sizeof(body),
	    "case $1 in --settings) exec cat %s/settings >&3;; --check) exit 78;; *) %s;; esac",
	    scene->directory, run);
	write_script(scene, "smtpguard-manager", body);
}

/* This program is BUILD/tests/unit/NAME. */
static void
find_program(struct scene *scene)
{
	char self[2048];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);

	assert_true(length > 0);
	self[length] = '\0';
	for (int i = 0; i < 3; i++) {
		char *slash = strrchr(self, '/');

		assert_non_null(slash);
		*slash = '\0';
	}
	snprintf(scene->program, sizeof(scene->program), "%s/daemon/supervisor/smtpguardd", self);
}

static int
set_up(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));
	char path[128];

	assert_non_null(scene);
	*state = scene;
	find_program(scene);
	snprintf(scene->directory, sizeof(scene->directory), "/tmp/smtpguard-start-XXXXXX");
	assert_non_null(mkdtemp(scene->directory));
	assert_int_equal(chmod(scene->directory, 0755), 0);
	snprintf(path, sizeof(path), "%s/pids", scene->directory);
	assert_int_equal(mkdir(path, 0777), 0);
	assert_int_equal(chmod(path, 0777), 0);
	snprintf(scene->output, sizeof(scene->output), "%s/output", scene->directory);
	write_settings(scene, "nobody");
	write_manager(scene, "exec sleep 60");
	write_script(scene, "smtpguard-worker", "exec sleep 60");
	return 0;
}

static int
remove_one(const char *path, const struct stat *status, int type, struct FTW *place)
{
	(void)status;
	(void)type;
	(void)place;
	return remove(path);
}

static int
tear_down(void **state)
{
	struct scene *scene = *state;

	assert_int_equal(nftw(scene->directory, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
	free(scene);
	return 0;
}

static void
limit(__rlimit_resource_t resource, rlim_t most)
{
	const struct rlimit value = {most, most};

	if (most != 0 && setrlimit(resource, &value) < 0)
		_exit(126);
}

static pid_t
start(const struct scene *scene, const char *option)
{
	char runtime[128], states[128];
	pid_t pid;

	snprintf(runtime, sizeof(runtime), "%s/run", scene->directory);
	snprintf(states, sizeof(states), "%s/state", scene->directory);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		int fd = open(scene->output, O_WRONLY | O_CREAT | O_APPEND, 0600);

		dup2(fd, STDERR_FILENO);
		limit(RLIMIT_NOFILE, scene->descriptors);
		limit(RLIMIT_AS, scene->address_space);
		execl(scene->program, "smtpguardd", "-c", "/nonexistent", "--runtime-dir", runtime,
		    "--state-dir", states, "--libexec-dir", scene->directory, option, (char *)NULL);
		_exit(127);
	}
	return pid;
}

static int
wait_status(pid_t pid)
{
	struct pollfd poller = {.fd = pidfd_open(pid, 0), .events = POLLIN};
	int status, ready = poll(&poller, 1, WAIT_MS);

	if (ready != 1)
		kill(pid, SIGKILL);
	close(poller.fd);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(ready, 1);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* The pids that scripts of that name have written, at most `most`. */
static unsigned
read_pids(const struct scene *scene, const char *name, pid_t *pids, unsigned most)
{
	char path[128];
	char line[32];
	unsigned count = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s/pids/%s", scene->directory, name);
	file = fopen(path, "r");
	while (file && count < most && fgets(line, sizeof(line), file) && strchr(line, '\n'))
		pids[count++] = (pid_t)strtol(line, NULL, 10);
	if (file)
		fclose(file);
	return count;
}

static void
wait_for_pids(const struct scene *scene, const char *name, pid_t *pids, unsigned count)
{
	for (int try = 0; try < WAIT_MS / 10; try++) {
		if (read_pids(scene, name, pids, count) == count)
			return;
		usleep(10000);
	}
	fail_msg("%s was not started %u times", name, count);
}

static void
assert_gone(const struct scene *scene, const char *name)
{
	pid_t pids[64];
	unsigned count = read_pids(scene, name, pids, 64);

	for (unsigned i = 0; i < count; i++) {
		assert_int_equal(kill(pids[i], 0), -1);
		assert_int_equal(errno, ESRCH);
	}
}

static void
assert_said(const struct scene *scene, const char *words)
{
	static char text[8192];
	FILE *file = fopen(scene->output, "r");
	size_t length;

	assert_non_null(file);
	length = fread(text, 1, sizeof(text) - 1, file);
	text[length] = '\0';
	fclose(file);
	if (!strstr(text, words))
		fail_msg("\"%s\" was not said, but: %s", words, text);
}

static void
test_a_worker_that_cannot_run_ends_the_start(void **state)
{
	struct scene *scene = *state;

	write_script(scene, "smtpguard-worker", "exit 71");
	assert_int_equal(wait_status(start(scene, NULL)), EX_OSERR);
	assert_said(scene, "no worker can run here");
	assert_gone(scene, "smtpguard-worker");
	assert_gone(scene, "smtpguard-manager");
}

static void
test_a_missing_worker_is_named(void **state)
{
	struct scene *scene = *state;
	char path[128];

	snprintf(path, sizeof(path), "%s/smtpguard-worker", scene->directory);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(wait_status(start(scene, NULL)), EX_OSERR);
	assert_said(scene, path);
}

static void
test_an_unknown_user_is_named(void **state)
{
	struct scene *scene = *state;

	write_settings(scene, "no-such-user");
	assert_int_equal(wait_status(start(scene, NULL)), EX_NOUSER);
	assert_said(scene, "\"no-such-user\" does not exist");
	write_settings(scene, "root");
	assert_int_equal(wait_status(start(scene, NULL)), EX_CONFIG);
}

static void
test_a_check_gives_the_managers_status(void **state)
{
	assert_int_equal(wait_status(start(*state, "-t")), EX_CONFIG);
}

static void
test_only_one_runs_and_stops_clean(void **state)
{
	struct scene *scene = *state;
	char path[128];
	struct stat status;
	pid_t workers[2], first = start(scene, NULL);

	wait_for_pids(scene, "smtpguard-worker", workers, 2);
	assert_int_equal(wait_status(start(scene, NULL)), EX_TEMPFAIL);
	assert_said(scene, "already running");
	snprintf(path, sizeof(path), "%s/run/control.sock", scene->directory);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0007, 0);
	assert_int_equal(kill(first, SIGTERM), 0);
	assert_int_equal(wait_status(first), 0);
	assert_gone(scene, "smtpguard-worker");
	assert_gone(scene, "smtpguard-manager");
	assert_int_equal(stat(path, &status), -1);
}

/* 64 for itself, 256 for listeners, 9 for each worker, 2 for each session. */
static void
test_descriptors_bound_the_sessions(void **state)
{
	struct scene *scene = *state;
	pid_t workers[2], pid;

	scene->descriptors = 64 + 256 + 2 * 9 + 2 * 10;
	pid = start(scene, NULL);
	wait_for_pids(scene, "smtpguard-worker", workers, 2);
	assert_said(scene,
	    "sessions_max is cut from 64 to 10: the descriptor limit (RLIMIT_NOFILE) is 358");
	assert_int_equal(kill(pid, SIGTERM), 0);
	assert_int_equal(wait_status(pid), 0);
	scene->descriptors = 64 + 256 + 2 * 9 + 1;
	assert_int_equal(wait_status(start(scene, NULL)), EX_OSERR);
	assert_said(
	    scene, "descriptor limit (RLIMIT_NOFILE) of 339 does not suffice for one session");
}

static void
test_memory_bounds_the_sessions(void **state)
{
	struct scene *scene = *state;
	struct settings settings = default_settings("nobody");
	pid_t workers[2], pid;

	settings.memory_max = 18u << 20;
	settings.sessions_max = 4000;
	write_file(scene, "settings", &settings, sizeof(settings));
	pid = start(scene, NULL);
	wait_for_pids(scene, "smtpguard-worker", workers, 2);
	assert_said(scene, "sessions_max is cut from 4000 to ");
	assert_said(scene, ": memory_max is 18874368 bytes");
	assert_int_equal(kill(pid, SIGTERM), 0);
	assert_int_equal(wait_status(pid), 0);
	settings.workers = 16;
	write_file(scene, "settings", &settings, sizeof(settings));
	assert_int_equal(wait_status(start(scene, NULL)), EX_CONFIG);
	assert_said(
	    scene, "memory_max of 18874368 bytes does not suffice for one session with 16 workers");
}

static void
test_too_little_address_space_is_named(void **state)
{
	struct scene *scene = *state;

#ifdef __SANITIZE_ADDRESS__
	skip();
#endif
	scene->address_space = 48u << 20;
	assert_int_equal(wait_status(start(scene, NULL)), EX_OSERR);
	assert_said(
	    scene, "bytes of shared memory: Cannot allocate memory (RLIMIT_AS is 50331648)");
}

static void
test_a_killed_child_comes_back_at_once(void **state)
{
	struct scene *scene = *state;
	struct timespec before, after;
	pid_t workers[12], managers[3], pid = start(scene, NULL);

	wait_for_pids(scene, "smtpguard-worker", workers, 2);
	clock_gettime(CLOCK_MONOTONIC, &before);
	for (unsigned i = 0; i < 10; i++) {
		assert_int_equal(kill(workers[i], SIGKILL), 0);
		wait_for_pids(scene, "smtpguard-worker", workers, 3 + i);
	}
	clock_gettime(CLOCK_MONOTONIC, &after);
	/* With the back-off of faults it would be more than half a minute. */
	assert_true(after.tv_sec - before.tv_sec < 30);
	/* The first one is that of --settings. */
	wait_for_pids(scene, "smtpguard-manager", managers, 2);
	assert_int_equal(kill(managers[1], SIGKILL), 0);
	wait_for_pids(scene, "smtpguard-manager", managers, 3);
	assert_int_equal(kill(pid, SIGINT), 0);
	assert_int_equal(wait_status(pid), 0);
	assert_gone(scene, "smtpguard-worker");
	assert_gone(scene, "smtpguard-manager");
}

static void
test_children_have_nothing(void **state)
{
	struct scene *scene = *state;
	char path[128], line[256];
	bool uid = false, groups = false, capabilities = false, bounding = false, locked = false;
	FILE *file;
	pid_t worker[1], pid = start(scene, NULL);

	wait_for_pids(scene, "smtpguard-worker", worker, 1);
	snprintf(path, sizeof(path), "/proc/%d/status", worker[0]);
	file = fopen(path, "r");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		uid |= strcmp(line, "Uid:\t65534\t65534\t65534\t65534\n") == 0;
		groups |= strncmp(line, "Groups:", 7) == 0 && strpbrk(line, "0123456789") == NULL;
		capabilities |= strcmp(line, "CapPrm:\t0000000000000000\n") == 0;
		bounding |= strcmp(line, "CapBnd:\t0000000000000000\n") == 0;
		locked |= strcmp(line, "NoNewPrivs:\t1\n") == 0;
	}
	fclose(file);
	assert_true(uid && groups && capabilities && bounding && locked);
	/* The shell adds its own variables, but nothing of this process's. */
	snprintf(path, sizeof(path), "/proc/%d/environ", worker[0]);
	file = fopen(path, "r");
	assert_non_null(file);
	line[fread(line, 1, sizeof(line) - 1, file)] = '\0';
	fclose(file);
	assert_null(strstr(line, "SMTPGUARD_TEST"));
	assert_int_equal(kill(pid, SIGTERM), 0);
	assert_int_equal(wait_status(pid), 0);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	static const struct CMUnitTest tests[] = {
	    TEST(test_a_worker_that_cannot_run_ends_the_start),
	    TEST(test_a_missing_worker_is_named),
	    TEST(test_an_unknown_user_is_named),
	    TEST(test_a_check_gives_the_managers_status),
	    TEST(test_only_one_runs_and_stops_clean),
	    TEST(test_descriptors_bound_the_sessions),
	    TEST(test_memory_bounds_the_sessions),
	    TEST(test_too_little_address_space_is_named),
	    TEST(test_a_killed_child_comes_back_at_once),
	    TEST(test_children_have_nothing),
	};

	setenv("SMTPGUARD_TEST", "1", 1);
	if (geteuid() != 0) {
		fprintf(stderr, "skipped: smtpguardd must be started as root\n");
		return 77; /* meson: skipped */
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
