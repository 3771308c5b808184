/* counters: each writer its own block, readers add up; ids beyond the table do no harm. */
#include "shm/counters.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct shm shm;

static int
setup(void **state)
{
	const struct shm_plan plan = {.slots = 1, .chunks = 1, .workers = 3};

	(void)state;
	return shm_create(&shm, &plan);
}

static int
teardown(void **state)
{
	(void)state;
	shm_detach(&shm);
	return 0;
}

static void
test_totals(void **state)
{
	(void)state;
	for (uint32_t writer = 0; writer < 3; writer++)
		counter_add(shm_counters(&shm, writer), COUNTER_commits, 10 + writer);
	counter_add(shm_counters(&shm, SHM_WRITER_SUPERVISOR), COUNTER_commits, 100);
	counter_add(shm_counters(&shm, SHM_WRITER_MANAGER), COUNTER_commits, 1000);
	counter_add(shm_counters(&shm, 0), COUNTER_commits, 1);
	assert_int_equal(counter_total(&shm, COUNTER_commits), 1134);
	assert_int_equal(counter_total(&shm, COUNTER_steps), 0);
	counter_set(shm_counters(&shm, 1), COUNTER_slots_in_use, 5);
	counter_set(shm_counters(&shm, 1), COUNTER_slots_in_use, 4);
	assert_int_equal(counter_total(&shm, COUNTER_slots_in_use), 4);
}

static void
test_rules(void **state)
{
	(void)state;
	counter_add_rule(shm_counters(&shm, 0), 0, COUNTER_RULE_PACKETS, 2);
	counter_add_rule(shm_counters(&shm, 2), 0, COUNTER_RULE_PACKETS, 3);
	counter_add_rule(shm_counters(&shm, 2), POLICY_SLOTS - 1, COUNTER_RULE_SLOTS - 1, 4);
	assert_int_equal(counter_total_rule(&shm, 0, COUNTER_RULE_PACKETS), 5);
	assert_int_equal(counter_total_rule(&shm, 1, COUNTER_RULE_PACKETS), 0);
	assert_int_equal(counter_total_rule(&shm, POLICY_SLOTS - 1, COUNTER_RULE_SLOTS - 1), 4);
}

static void
test_out_of_range(void **state)
{
	struct counter_block *block = shm_counters(&shm, 1);
	struct counter_block before = *block;

	(void)state;
	counter_set(block, COUNTER_COUNT, 1);
	counter_set(block, UINT32_MAX, 1);
	counter_add_rule(block, POLICY_SLOTS, 0, 1);
	counter_add_rule(block, 0, COUNTER_RULE_SLOTS, 1);
	counter_add_rule(block, UINT32_MAX, UINT32_MAX, 1);
	assert_memory_equal(block, &before, sizeof(before));
	assert_int_equal(counter_total(&shm, COUNTER_COUNT), 0);
	assert_int_equal(counter_total_rule(&shm, POLICY_SLOTS, 0), 0);
	assert_int_equal(counter_total_rule(&shm, 0, COUNTER_RULE_SLOTS), 0);
	assert_null(counter_name(COUNTER_COUNT));
	assert_null(counter_help(COUNTER_COUNT));
}

static void
test_descriptions(void **state)
{
	(void)state;
	for (unsigned id = 0; id < COUNTER_COUNT; id++) {
		assert_non_null(counter_name(id));
		assert_true(strlen(counter_help(id)) > 0);
		for (unsigned other = 0; other < id; other++)
			assert_string_not_equal(counter_name(id), counter_name(other));
	}
	assert_string_equal(counter_name(COUNTER_sessions_accepted), "sessions_accepted");
	assert_true(counter_is_gauge(COUNTER_slots_in_use));
	assert_false(counter_is_gauge(COUNTER_commits));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(test_totals),
	    TEST(test_rules),
	    TEST(test_out_of_range),
	    TEST(test_descriptions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
