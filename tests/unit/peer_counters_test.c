/* peer_counters: names are found, bounded, and read whole, whatever lies there. */
#include "shm/peer_counters.h"

#include "shm/region.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct shm shm;
static struct peer_counters mine, theirs;

static int
set_up(void **state)
{
	const struct shm_plan plan = {.slots = 1, .chunks = 1, .workers = 1};

	(void)state;
	mine = (struct peer_counters){.log = 0};
	return shm_create(&shm, &plan);
}

static int
tear_down(void **state)
{
	(void)state;
	shm_detach(&shm);
	return 0;
}

static void
test_nothing_was_told(void **state)
{
	(void)state;
	memset(&theirs, 0xff, sizeof(theirs));
	assert_false(peer_counters_read(shm_peer_counters(&shm), &theirs));
	assert_int_equal(theirs.count, 0);
}

static void
test_told_again(void **state)
{
	uint64_t value;

	(void)state;
	for (unsigned round = 1; round <= 3; round++) {
		assert_true(peer_counters_set(&mine, "one", round));
		assert_true(peer_counters_set(&mine, "two", 2 * round));
		peer_counters_publish(shm_peer_counters(&shm), &mine);
		assert_true(peer_counters_read(shm_peer_counters(&shm), &theirs));
		assert_int_equal(theirs.count, 2);
		assert_true(peer_counters_get(&theirs, "two", &value));
		assert_int_equal(value, 2 * round);
	}
	peer_counters_clear(&mine);
	peer_counters_publish(shm_peer_counters(&shm), &mine);
	assert_true(peer_counters_read(shm_peer_counters(&shm), &theirs));
	assert_false(peer_counters_get(&theirs, "two", &value));
	assert_int_equal(theirs.log, 1);
}

static void
test_bounds(void **state)
{
	char name[PEER_COUNTERS_NAME + 1];

	(void)state;
	memset(name, 'n', sizeof(name));
	name[PEER_COUNTERS_NAME] = '\0';
	assert_false(peer_counters_set(&mine, name, 1));
	name[PEER_COUNTERS_NAME - 1] = '\0';
	assert_true(peer_counters_set(&mine, name, 1));
	for (unsigned i = 1; i < PEER_COUNTERS_MAX; i++) {
		snprintf(name, sizeof(name), "%u", i);
		assert_true(peer_counters_set(&mine, name, i));
	}
	assert_false(peer_counters_set(&mine, "one more", 1));
	assert_true(peer_counters_set(&mine, "7", 70));
}

static bool
ends_in_seven(const void *context, const char *name)
{
	(void)context;
	return name[strlen(name) - 1] == '7';
}

static void
test_forgotten(void **state)
{
	char name[PEER_COUNTERS_NAME];
	uint64_t value;

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "%u", i);
		assert_true(peer_counters_set(&mine, name, i));
	}
	assert_int_equal(peer_counters_forget(&mine, ends_in_seven, NULL), 10);
	assert_int_equal(mine.count, 90);
	for (unsigned i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "%u", i);
		assert_int_equal(peer_counters_get(&mine, name, &value), i % 10 != 7);
	}
	assert_true(peer_counters_set(&mine, "98", 980));
	assert_int_equal(mine.count, 90);
	assert_int_equal(peer_counters_forget(&mine, ends_in_seven, NULL), 0);
}

static void
test_a_hostile_writer(void **state)
{
	struct peer_counters_view *view = shm_peer_counters(&shm);

	(void)state;
	peer_counters_publish(view, &mine);
	view->counters.count = UINT32_MAX;
	view->counters.next = UINT32_MAX;
	memset(view->counters.counter, 'n', sizeof(view->counters.counter));
	assert_true(peer_counters_read(view, &theirs));
	assert_int_equal(theirs.count, PEER_COUNTERS_MAX);
	for (unsigned i = 0; i < PEER_COUNTERS_MAX; i++)
		assert_int_equal(strlen(theirs.counter[i].name), PEER_COUNTERS_NAME - 1);
	assert_false(peer_counters_set(&theirs, "none", 1));
	view->sequence = 3; /* and never done */
	assert_false(peer_counters_read(view, &theirs));
	assert_int_equal(theirs.count, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_nothing_was_told, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_told_again, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_bounds, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_forgotten, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_a_hostile_writer, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
