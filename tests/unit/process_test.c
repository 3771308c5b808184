#include "daemon/supervisor/process.h"

#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void
test_faults_are_told_from_kills(void **state)
{
	static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS};
	static const int kills[] = {SIGKILL, SIGTERM, SIGINT, SIGHUP, SIGQUIT};

	(void)state;
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		assert_int_equal(process_classify(CLD_KILLED, faults[i]).end, PROCESS_END_FAULT);
		assert_int_equal(process_classify(CLD_DUMPED, faults[i]).end, PROCESS_END_FAULT);
	}
	for (size_t i = 0; i < sizeof(kills) / sizeof(kills[0]); i++)
		assert_int_equal(process_classify(CLD_KILLED, kills[i]).end, PROCESS_END_KILLED);
	/* An exit status is no signal number. */
	assert_int_equal(process_classify(CLD_EXITED, SIGSEGV).end, PROCESS_END_EXIT);
}

static uint64_t
delay_after(struct process *process, enum process_end end, uint64_t life_ms)
{
	const struct process_death death = {.end = end};
	uint64_t now = process->started_ms + life_ms;

	process_judge(process, &death, now);
	return process->start_at_ms == 0 ? 0 : process->start_at_ms - now;
}

static void
test_outside_kills_never_slow(void **state)
{
	struct process process;

	(void)state;
	process_init(&process);
	process.started_ms = 1000;
	for (int i = 0; i < 100; i++)
		assert_int_equal(delay_after(&process, PROCESS_END_KILLED, 0), 0);
	assert_int_equal(delay_after(&process, PROCESS_END_EXIT, PROCESS_EARLY_MS), 0);
}

static void
test_faults_back_off(void **state)
{
	static const uint64_t delays[] = {100, 200, 400, 800, 1600, 3200, 6400, 10000, 10000};
	struct process process;

	(void)state;
	process_init(&process);
	process.started_ms = 1000;
	for (size_t i = 0; i < sizeof(delays) / sizeof(delays[0]); i++)
		assert_int_equal(
		    delay_after(&process, i % 2 ? PROCESS_END_FAULT : PROCESS_END_EXIT, 5),
		    delays[i]);
	/* A kill in between is at once, and forgets nothing. */
	assert_int_equal(delay_after(&process, PROCESS_END_KILLED, 5), 0);
	assert_int_equal(delay_after(&process, PROCESS_END_FAULT, 5), PROCESS_DELAY_MAX_MS);
	/* A calm life does. */
	assert_int_equal(
	    delay_after(&process, PROCESS_END_FAULT, PROCESS_CALM_MS), PROCESS_DELAY_MIN_MS);
}

static void
test_reap_sees_the_signal(void **state)
{
	struct process process;
	struct process_death death;
	struct pollfd poller = {.events = POLLIN};
	char text[64];

	(void)state;
	process_init(&process);
	assert_false(process_reap(&process, 0, &death));
	process.pid = fork();
	assert_true(process.pid >= 0);
	if (process.pid == 0) {
		pause();
		_exit(0);
	}
	process.pidfd = pidfd_open(process.pid, 0);
	assert_true(process.pidfd >= 0);
	assert_false(process_reap(&process, 0, &death));
	process_signal(&process, SIGKILL);
	poller.fd = process.pidfd;
	assert_int_equal(poll(&poller, 1, 20000), 1);
	assert_true(process_reap(&process, 5000, &death));
	assert_int_equal(death.end, PROCESS_END_KILLED);
	assert_false(process_is_running(&process));
	process_describe(&death, text, sizeof(text));
	assert_string_equal(text, "signal 9 (SIGKILL)");
	assert_false(process_reap(&process, 5000, &death));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_faults_are_told_from_kills),
	    cmocka_unit_test(test_outside_kills_never_slow),
	    cmocka_unit_test(test_faults_back_off),
	    cmocka_unit_test(test_reap_sees_the_signal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
