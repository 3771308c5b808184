/* For how long nothing was acknowledged: of heartbeats, of entries, and of a host that was paused. */
#include "daemon/sync/stall.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define START 1000000u

static void
test_echoes_keep_it_down(void **state)
{
	struct stall stall = {0};

	(void)state;
	for (uint64_t i = 0; i < 100; i++)
		assert_int_equal(stall_look(&stall, START + i * 50000, START + i * 50000, 7, 7), 0);
	/* From the last echo on. */
	assert_int_equal(stall_look(&stall, START + 5050000, START + 4950000, 7, 7), 100);
	assert_int_equal(stall_look(&stall, START + 5150000, START + 4950000, 7, 7), 200);
	assert_int_equal(stall_look(&stall, START + 5200000, START + 5150000, 7, 7), 0);
}

/* Echoes come, and an entry is not acknowledged. */
static void
test_entries_count_too(void **state)
{
	struct stall stall = {0};

	(void)state;
	for (uint64_t i = 0; i <= 10; i++)
		assert_int_equal(
		    stall_look(&stall, START + i * 50000, START + i * 50000, 7, 8), i * 50);
	assert_int_equal(stall_look(&stall, START + 550000, START + 550000, 8, 9), 0);
}

/* Another conversation has no echo yet, and that is no echo. */
static void
test_a_new_conversation_acknowledges_nothing(void **state)
{
	struct stall stall = {0};

	(void)state;
	stall_look(&stall, START, START, 7, 7);
	for (uint64_t i = 1; i <= 5; i++)
		assert_int_equal(stall_look(&stall, START + i * 100000, 0, 7, 7), i * 100);
	assert_int_equal(stall_look(&stall, START + 550000, START + 540000, 7, 7), 0);
}

static void
test_a_pause_counts_as_one_step(void **state)
{
	struct stall stall = {0};

	(void)state;
	stall_look(&stall, START, START, 7, 7);
	assert_int_equal(
	    stall_look(&stall, START + 3600000000u, START, 7, 7), STALL_STEP_US / 1000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_echoes_keep_it_down),
	    cmocka_unit_test(test_entries_count_too),
	    cmocka_unit_test(test_a_new_conversation_acknowledges_nothing),
	    cmocka_unit_test(test_a_pause_counts_as_one_step),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
