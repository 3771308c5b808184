#include "daemon/supervisor/process.h"

#include "daemon/supervisor/process_stat.h"

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

/* A process that this one is not the parent of: its parent has died, and somebody else reaps it. */
static void
become_stranger(struct process *process, int exit_status, int signal_number)
{
	int ends[2], status;
	struct process_stat now;
	pid_t parent;

	assert_int_equal(pipe(ends), 0);
	parent = fork();
	assert_true(parent >= 0);
	if (parent == 0) {
		pid_t pid = fork();

		if (pid != 0) {
			status = write(ends[1], &pid, sizeof(pid)) != sizeof(pid);
			_exit(status);
		}
		if (signal_number == 0)
			usleep(200000);
		else
			pause();
		_exit(exit_status);
	}
	assert_int_equal(read(ends[0], &process->pid, sizeof(process->pid)), sizeof(process->pid));
	close(ends[0]);
	close(ends[1]);
	process->pidfd = pidfd_open(process->pid, 0);
	assert_true(process->pidfd >= 0);
	assert_int_equal(process_stat_read(process->pid, &now), 0);
	process->started = now.started;
	process->stranger = true;
	assert_int_equal(waitpid(parent, &status, 0), parent);
	assert_int_equal(status, 0);
}

static struct process_death
end_of_stranger(int exit_status, int signal_number)
{
	struct process process;
	struct process_death death;
	struct pollfd poller = {.events = POLLIN};

	process_init(&process);
	become_stranger(&process, exit_status, signal_number);
	assert_false(process_reap(&process, 0, &death));
	if (signal_number != 0)
		process_signal(&process, signal_number);
	poller.fd = process.pidfd;
	assert_int_equal(poll(&poller, 1, 5000), 1);
	assert_true(process_reap(&process, 5000, &death));
	assert_false(process_is_running(&process));
	assert_false(process_reap(&process, 5000, &death));
	return death;
}

/* How is not to be had everywhere; what is said must be right. */
static void
test_a_stranger_ends(void **state)
{
	struct process_death death;
	char text[64];

	(void)state;
	death = end_of_stranger(0, SIGKILL);
	assert_true(death.end == PROCESS_END_UNKNOWN ||
		    (death.end == PROCESS_END_KILLED && death.status == SIGKILL));
	death = end_of_stranger(0, SIGABRT);
	assert_true(death.end == PROCESS_END_UNKNOWN ||
		    (death.end == PROCESS_END_FAULT && death.status == SIGABRT));
	death = end_of_stranger(5, 0);
	assert_true(death.end == PROCESS_END_UNKNOWN ||
		    (death.end == PROCESS_END_EXIT && death.status == 5));
	death = (struct process_death){.end = PROCESS_END_UNKNOWN};
	process_describe(&death, text, sizeof(text));
	assert_string_equal(text, "it is not known how");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_faults_are_told_from_kills),
	    cmocka_unit_test(test_outside_kills_never_slow),
	    cmocka_unit_test(test_faults_back_off),
	    cmocka_unit_test(test_reap_sees_the_signal),
	    cmocka_unit_test(test_a_stranger_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
