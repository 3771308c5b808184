/* standard_error: a pipe that nobody reads holds this process up no more, and others as before. */
#include "daemon/supervisor/standard_error.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static int saved;

static int
set_up(void **state)
{
	(void)state;
	saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
	return saved < 0;
}

static int
tear_down(void **state)
{
	(void)state;
	dup2(saved, STDERR_FILENO);
	close(saved);
	return 0;
}

static bool
is_blocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	assert_true(flags >= 0);
	return (flags & O_NONBLOCK) == 0;
}

/* Writes until nothing more is taken; a blocking descriptor would end the test by its time-out. */
static void
fill(void)
{
	char line[4096];

	memset(line, 'x', sizeof(line));
	while (write(STDERR_FILENO, line, sizeof(line)) > 0)
		continue;
	assert_int_equal(errno, EAGAIN);
}

static void
test_pipe(void **state)
{
	int ends[2];
	char byte;

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
	standard_error_unblock();
	assert_false(is_blocking(STDERR_FILENO));
	assert_int_equal(fcntl(STDERR_FILENO, F_GETFD) & FD_CLOEXEC, 0);
	assert_true(is_blocking(ends[1]));
	assert_int_equal(write(STDERR_FILENO, "!", 1), 1);
	assert_int_equal(read(ends[0], &byte, 1), 1);
	assert_int_equal(byte, '!');
	fill();
	close(ends[0]);
	close(ends[1]);
}

static void
test_socket(void **state)
{
	int ends[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
	standard_error_unblock();
	assert_false(is_blocking(STDERR_FILENO));
	fill();
	close(ends[0]);
	close(ends[1]);
}

/* Its place in the file must not be lost. */
static void
test_file_is_left_alone(void **state)
{
	char name[] = "/tmp/smtpguard-stderr-XXXXXX";
	int fd = mkstemp(name);

	(void)state;
	assert_true(fd >= 0);
	unlink(name);
	assert_int_equal(write(fd, "abc", 3), 3);
	assert_true(dup2(fd, STDERR_FILENO) >= 0);
	standard_error_unblock();
	assert_int_equal(write(STDERR_FILENO, "d", 1), 1);
	assert_int_equal(lseek(fd, 0, SEEK_END), 4);
	close(fd);
}

static void
test_none(void **state)
{
	(void)state;
	close(STDERR_FILENO);
	standard_error_unblock();
	assert_int_equal(fcntl(STDERR_FILENO, F_GETFL), -1);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	static const struct CMUnitTest tests[] = {
	    TEST(test_pipe),
	    TEST(test_socket),
	    TEST(test_file_is_left_alone),
	    TEST(test_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
