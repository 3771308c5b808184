/* failpoint: the named worker dies at the named pass, by SIGKILL, and nobody else. */
#include "shm/failpoint.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static struct failpoint_plan *plan;

/* Worker 7 makes three passes of one point, each preceded by one of another; its exit status says
 * how many it survived. */
static int
run(uint32_t owner, enum failpoint point)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		failpoint_attach(plan, owner);
		for (int passed = 0; passed < 3; passed++) {
			failpoint_pass(FAILPOINT_received);
			failpoint_pass(point);
			if (passed == 2)
				_exit(3);
		}
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void
set_plan(uint32_t serial, uint32_t owner, enum failpoint point, uint32_t pass)
{
	plan->owner = owner;
	plan->point = point;
	plan->pass = pass;
	plan->serial = serial;
}

static void
test_dies_as_planned(void **state)
{
	(void)state;
	for (uint32_t pass = 1; pass <= 3; pass++) {
		set_plan(pass, 7, FAILPOINT_after_send, pass);
		assert_true(WIFSIGNALED(run(7, FAILPOINT_after_send)));
		assert_int_equal(WTERMSIG(run(7, FAILPOINT_after_send)), SIGKILL);
	}
	set_plan(9, 7, FAILPOINT_after_send, 4);
	assert_int_equal(WEXITSTATUS(run(7, FAILPOINT_after_send)), 3);
}

/* The supervisor that is to die takes the plan with it: the next one passes the same place. */
static void
test_a_supervisor_dies_once(void **state)
{
	int status;

	(void)state;
	set_plan(1, FAILPOINT_SUPERVISOR, FAILPOINT_collect_slots, 2);
	for (int life = 0; life < 2; life++) {
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0) {
			failpoint_attach_once(plan);
			for (int pass = 0; pass < 3; pass++)
				failpoint_pass(FAILPOINT_collect_slots);
			_exit(3);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(WIFSIGNALED(status), life == 0);
	}
}

static void
test_others_live(void **state)
{
	(void)state;
	set_plan(1, 7, FAILPOINT_after_send, 1);
	assert_int_equal(WEXITSTATUS(run(8, FAILPOINT_after_send)), 3);
	assert_int_equal(WEXITSTATUS(run(7, FAILPOINT_before_send)), 3);
	set_plan(0, 7, FAILPOINT_after_send, 1); /* no plan */
	assert_int_equal(WEXITSTATUS(run(7, FAILPOINT_after_send)), 3);
}

static void
test_new_plan_counts_anew(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	set_plan(1, 7, FAILPOINT_opened, 3);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		failpoint_attach(plan, 7);
		failpoint_pass(FAILPOINT_opened);
		failpoint_pass(FAILPOINT_opened);
		set_plan(2, 7, FAILPOINT_opened, 2);
		failpoint_pass(FAILPOINT_opened);
		_exit(5);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 5);
}

static void
test_names(void **state)
{
	(void)state;
	assert_string_equal(failpoint_name(FAILPOINT_received), "received");
	assert_string_equal(failpoint_name(FAILPOINT_adopt_done), "adopt_done");
	assert_null(failpoint_name(FAILPOINT_COUNT));
	failpoint_pass(FAILPOINT_received); /* before it is attached */
}

static int
setup(void **state)
{
	(void)state;
	plan = mmap(NULL, sizeof(*plan), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return plan == MAP_FAILED ? -1 : 0;
}

static int
teardown(void **state)
{
	(void)state;
	return munmap(plan, sizeof(*plan));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_dies_as_planned, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_others_live, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_a_supervisor_dies_once, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_new_plan_counts_anew, setup, teardown),
	    cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
