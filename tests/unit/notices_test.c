/* The queue of what a journal waits for. */
#include "daemon/sync/notices.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct notices notices;

static int
set_up(void **state)
{
	(void)state;
	notices_clear(&notices);
	return 0;
}

static void
test_positions_wait_in_their_order(void **state)
{
	(void)state;
	assert_int_equal(notices_acknowledge(&notices, 100), 0);
	assert_true(notices_add(&notices, 1, 10));
	assert_true(notices_add(&notices, 2, 12));
	assert_true(
	    notices_add(&notices, 3, 11)); /* told before, but not heard of before the second */
	assert_true(notices_add(&notices, 4, 13));
	assert_int_equal(notices.count, 3);
	assert_int_equal(notices_acknowledge(&notices, 9), 0);
	assert_int_equal(notices_acknowledge(&notices, 11), 1);
	assert_int_equal(notices_acknowledge(&notices, 12), 3);
	assert_int_equal(notices_acknowledge(&notices, 12), 0);
	assert_int_equal(notices_acknowledge(&notices, 50), 4);
}

static void
test_what_is_pending_waits_until_it_is_known(void **state)
{
	(void)state;
	notices_settle(&notices, 5);
	assert_true(notices_add(&notices, 1, 10));
	notices_settle(&notices, 5); /* nothing was pending */
	assert_true(notices_add(&notices, 2, NOTICES_PENDING));
	assert_true(notices_add(&notices, 3, 12));
	assert_int_equal(notices_acknowledge(&notices, 100), 1);
	notices_settle(&notices, 110);
	assert_int_equal(notices_acknowledge(&notices, 109), 0);
	assert_int_equal(notices_acknowledge(&notices, 110), 3);
}

static void
test_it_is_bounded(void **state)
{
	(void)state;
	for (uint64_t i = 1; i <= JOURNAL_ENTRIES; i++)
		assert_true(notices_add(&notices, i, i));
	assert_true(notices_add(&notices, JOURNAL_ENTRIES + 1, 1));
	assert_false(notices_add(&notices, JOURNAL_ENTRIES + 2, JOURNAL_ENTRIES + 2));
	assert_int_equal(notices_acknowledge(&notices, 3), 3);
	assert_true(notices_add(&notices, JOURNAL_ENTRIES + 2, JOURNAL_ENTRIES + 2));
	assert_int_equal(notices_acknowledge(&notices, JOURNAL_ENTRIES + 2), JOURNAL_ENTRIES + 2);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(test_positions_wait_in_their_order, set_up),
	    cmocka_unit_test_setup(test_what_is_pending_waits_until_it_is_known, set_up),
	    cmocka_unit_test_setup(test_it_is_bounded, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
