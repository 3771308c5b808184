/* kept: what is given to systemd's store comes back by its name, and nothing else is taken.  notify:
 * what systemd's watchdog is told. */
#include "daemon/supervisor/kept.h"

#include "daemon/supervisor/notify.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define FIRST 3
#define GIVEN 12

/* In a child, which is started as systemd starts a service; its status is what the check says. */
static int
started_with(unsigned count, const char *names, bool other_pid, int (*check)(struct kept *kept))
{
	char number[16];
	struct kept kept;
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid != 0) {
		assert_int_equal(waitpid(pid, &status, 0), pid);
		return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	}
	for (unsigned i = 0; i < count; i++)
		if (dup2(STDIN_FILENO, FIRST + (int)i) < 0)
			_exit(99);
	snprintf(number, sizeof(number), "%d", other_pid ? 1 : getpid());
	setenv("LISTEN_PID", number, 1);
	snprintf(number, sizeof(number), "%u", count);
	setenv("LISTEN_FDS", number, 1);
	if (names)
		setenv("LISTEN_FDNAMES", names, 1);
	kept_take(&kept);
	if (getenv("LISTEN_FDS") || getenv("LISTEN_PID") || getenv("LISTEN_FDNAMES"))
		_exit(98);
	_exit(check(&kept));
}

static bool
is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static int
check_all(struct kept *kept)
{
	int memory[SHM_REGIONS];

	if (kept->listeners != 2 || kept->listener[0] != 5 || kept->listener[1] != 9)
		return 1;
	if (is_open(6) || fcntl(5, F_GETFD) != FD_CLOEXEC)
		return 2;
	if (!kept_use_memory(kept, memory) || memory[0] != 4 || memory[1] != 3 || memory[4] != 10)
		return 3;
	if (kept_use_memory(kept, memory))
		return 4;
	kept_close(kept);
	return is_open(4) && !is_open(5) && !is_open(9) && kept->listeners == 0 ? 0 : 5;
}

static int
check_nothing(struct kept *kept)
{
	int memory[SHM_REGIONS];

	return kept->listeners == 0 && !kept_use_memory(kept, memory) ? 0 : 1;
}

/* A part of the memory is none. */
static int
check_part(struct kept *kept)
{
	int memory[SHM_REGIONS];

	if (kept_use_memory(kept, memory) || kept->memory[2] != 3)
		return 1;
	kept_close(kept);
	return is_open(3) || kept->memory[2] != -1 ? 2 : 0;
}

static void
test_it_comes_back_by_name(void **state)
{
	(void)state;
	assert_int_equal(
	    started_with(8, "memory1:memory0:listener:listenerx:memory2:memory3:listener:memory4",
		false, check_all),
	    0);
	assert_int_equal(started_with(3, "memory2:memory2:memory5", false, check_part), 0);
}

static void
test_what_is_not_ours_is_not_taken(void **state)
{
	(void)state;
	assert_int_equal(started_with(1, "listener", true, check_nothing), 0);
	assert_int_equal(started_with(2, NULL, false, check_nothing), 0);
	assert_int_equal(started_with(2, "", false, check_nothing), 0);
	assert_int_equal(started_with(2, "memory:mem", false, check_nothing), 0);
}

/* ---- systemd's side ---- */

static char directory[64], path[96];
static int service;

static int
setup(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	(void)state;
	snprintf(directory, sizeof(directory), "/tmp/smtpguard-kept-XXXXXX");
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/notify", directory);
	memcpy(address.sun_path, path, strlen(path));
	service = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(service, (struct sockaddr *)&address, sizeof(address)), 0);
	setenv("NOTIFY_SOCKET", path, 1);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	unsetenv("NOTIFY_SOCKET");
	close(service);
	unlink(path);
	return rmdir(directory);
}

/* The next message; how many descriptors came with it, -1: there is none. */
static int
next(char *text, size_t size)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(253 * sizeof(int))];
	} control;
	struct iovec vector = {.iov_base = text, .iov_len = size - 1};
	struct msghdr message = {
	    .msg_iov = &vector,
	    .msg_iovlen = 1,
	    .msg_control = control.bytes,
	    .msg_controllen = sizeof(control),
	};
	ssize_t length = recvmsg(service, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	struct cmsghdr *header;
	int fds[253], count;

	if (length < 0)
		return -1;
	text[length] = '\0';
	header = CMSG_FIRSTHDR(&message);
	if (!header)
		return 0;
	count = (int)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
	memcpy(fds, CMSG_DATA(header), (size_t)count * sizeof(int));
	for (int i = 0; i < count; i++)
		close(fds[i]);
	return count;
}

static void
expect(const char *text, int fds)
{
	char got[128];

	assert_int_equal(next(got, sizeof(got)), fds);
	assert_string_equal(got, text);
}

static void
test_it_is_given_under_its_name(void **state)
{
	int fds[200], memory[SHM_REGIONS];
	char got[128];

	(void)state;
	for (int i = 0; i < 200; i++)
		fds[i] = STDIN_FILENO;
	for (int i = 0; i < SHM_REGIONS; i++)
		memory[i] = STDIN_FILENO;
	kept_put_listeners(fds, 200);
	expect("FDSTOREREMOVE=1\nFDNAME=listener", 0);
	expect("FDSTORE=1\nFDNAME=listener", 128);
	expect("FDSTORE=1\nFDNAME=listener", 72);
	kept_put_memory(memory);
	for (int i = 0; i < SHM_REGIONS; i++) {
		snprintf(got, sizeof(got), "FDSTOREREMOVE=1\nFDNAME=memory%d", i);
		expect(got, 0);
		snprintf(got, sizeof(got), "FDSTORE=1\nFDNAME=memory%d", i);
		expect(got, 1);
	}
	kept_drop_all();
	for (int i = 0; i < SHM_REGIONS; i++) {
		snprintf(got, sizeof(got), "FDSTOREREMOVE=1\nFDNAME=memory%d", i);
		expect(got, 0);
	}
	expect("FDSTOREREMOVE=1\nFDNAME=listener", 0);
	assert_int_equal(next(got, sizeof(got)), -1);
}

static void
test_the_watchdog_is_told_in_time(void **state)
{
	struct notify_watchdog watchdog;
	char got[128], pid[16];

	(void)state;
	notify_watchdog_init(&watchdog); /* nobody watches */
	notify_watchdog_beat(&watchdog, 1000000);
	assert_int_equal(next(got, sizeof(got)), -1);
	setenv("WATCHDOG_USEC", "4000000", 1);
	notify_watchdog_init(&watchdog);
	notify_watchdog_beat(&watchdog, 1000000);
	expect("WATCHDOG=1", 0);
	notify_watchdog_beat(&watchdog, 1000999);
	assert_int_equal(next(got, sizeof(got)), -1);
	notify_watchdog_beat(&watchdog, 1001000);
	expect("WATCHDOG=1", 0);
	/* Another process is watched. */
	setenv("WATCHDOG_PID", "1", 1);
	notify_watchdog_init(&watchdog);
	assert_int_equal(watchdog.every_ms, 0);
	snprintf(pid, sizeof(pid), "%d", getpid());
	setenv("WATCHDOG_PID", pid, 1);
	notify_watchdog_init(&watchdog);
	assert_int_equal(watchdog.every_ms, 1000);
	setenv("WATCHDOG_USEC", "4000000x", 1);
	notify_watchdog_init(&watchdog);
	assert_int_equal(watchdog.every_ms, 0);
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_it_comes_back_by_name),
	    cmocka_unit_test(test_what_is_not_ours_is_not_taken),
	    cmocka_unit_test_setup_teardown(test_it_is_given_under_its_name, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_the_watchdog_is_told_in_time, setup, teardown),
	};

	/* So that FIRST and the next ones are free in a child. */
	for (int fd = FIRST; fd < FIRST + GIVEN; fd++)
		close(fd);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
