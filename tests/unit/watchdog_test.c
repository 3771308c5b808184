#include "daemon/supervisor/watchdog.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void
test_a_turning_worker_is_well(void **state)
{
	struct watchdog watchdog;
	uint64_t now = 5000;

	(void)state;
	watchdog_start(&watchdog, 0, now, WATCHDOG_MS);
	for (uint64_t note = 1; note < 100; note++) {
		now += WATCHDOG_MS - 1;
		/* Any change will do, also back: the note is the worker's writing. */
		assert_int_equal(
		    watchdog_look(&watchdog, note % 2 ? UINT64_MAX : note, now), WATCHDOG_WELL);
	}
}

static void
test_a_hanging_worker_is_told_once_then_killed(void **state)
{
	struct watchdog watchdog;

	(void)state;
	watchdog_start(&watchdog, 7, 100, WATCHDOG_MS);
	assert_int_equal(watchdog_look(&watchdog, 7, 100 + WATCHDOG_MS - 1), WATCHDOG_WELL);
	assert_int_equal(watchdog_look(&watchdog, 7, 100 + WATCHDOG_MS), WATCHDOG_HANGS);
	assert_int_equal(watchdog_look(&watchdog, 7, 200 + WATCHDOG_MS), WATCHDOG_WELL);
	/* Turning again does not take it back. */
	assert_int_equal(watchdog_look(&watchdog, 8, 100 + WATCHDOG_MS + WATCHDOG_KILL_MS),
	    WATCHDOG_STILL_THERE);
	assert_int_equal(watchdog_look(&watchdog, 9, 100 + WATCHDOG_MS + 2 * WATCHDOG_KILL_MS),
	    WATCHDOG_STILL_THERE);
	/* The next worker begins anew. */
	watchdog_start(&watchdog, 9, 50000, WATCHDOG_MS);
	assert_int_equal(watchdog_look(&watchdog, 9, 50001), WATCHDOG_WELL);
}

static void
test_each_has_its_own_time(void **state)
{
	struct watchdog watchdog;

	(void)state;
	watchdog_start(&watchdog, 7, 0, WATCHDOG_MANAGER_MS);
	assert_int_equal(watchdog_look(&watchdog, 7, WATCHDOG_MANAGER_MS - 1), WATCHDOG_WELL);
	assert_false(watchdog.fired);
	assert_int_equal(watchdog_look(&watchdog, 7, WATCHDOG_MANAGER_MS), WATCHDOG_HANGS);
	assert_true(watchdog.fired);
	assert_int_equal(watchdog_look(&watchdog, 7, WATCHDOG_MANAGER_MS + WATCHDOG_KILL_MS),
	    WATCHDOG_STILL_THERE);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_turning_worker_is_well),
	    cmocka_unit_test(test_a_hanging_worker_is_told_once_then_killed),
	    cmocka_unit_test(test_each_has_its_own_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
