/* process_stat: the kernel's line, whatever the process calls itself. */
#include "daemon/supervisor/process_stat.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void
test_the_line(void **state)
{
	static const char line[] =
	    "17 (a) Z 1 (b) c) Z 1 17 17 0 -1 4227084 0 0 0 0 0 0 0 0 20 0 1 0 98765 0 0 "
	    "18446744073709551615 0 0 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 139\n";
	struct process_stat stat;

	(void)state;
	assert_true(process_stat_parse(line, &stat));
	assert_int_equal(stat.state, 'Z');
	assert_int_equal(stat.started, 98765);
	assert_int_equal(stat.exit_status, 139);
}

static void
test_other_lines(void **state)
{
	static const char *const bad[] = {
	    "",
	    "17 (a",
	    "17 (a)",
	    "17 (a) ",
	    "17 (a) Z",
	    "17 (a) Z 1 17 17 0 -1 4227084 0 0 0 0 0 0 0 0 20 0 1 0 98765",
	    "17 (a) Z 1 17 17 0 -1 4227084 0 0 0 0 0 0 0 0 20 0 1 0 -5 0 0 1 0 0 0 0 0 0 0 0 0 0 "
	    "0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 139",
	};
	struct process_stat stat;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(process_stat_parse(bad[i], &stat));
}

static void
test_a_process(void **state)
{
	struct process_stat mine, child;
	siginfo_t info;
	pid_t pid;

	(void)state;
	assert_int_equal(prctl(PR_SET_NAME, ") Z 1 2 3"), 0);
	assert_int_equal(process_stat_read(getpid(), &mine), 0);
	assert_int_equal(mine.state, 'R');
	assert_true(mine.started > 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		raise(SIGKILL);
		_exit(0);
	}
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(process_stat_read(pid, &child), 0);
	assert_int_equal(child.state, 'Z');
	assert_true(child.started >= mine.started);
	assert_int_equal(child.exit_status, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(process_stat_read(pid, &child), -ENOENT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_the_line),
	    cmocka_unit_test(test_other_lines),
	    cmocka_unit_test(test_a_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
