#include "daemon/gate/early.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct early early;

static int
setup(void **state)
{
	memset(&early, 0, sizeof(early));
	*state = &early;
	return 0;
}

static bool
add(uint32_t id, uint32_t octets, uint64_t since_ms)
{
	const struct early_packet packet = {id, octets, since_ms};

	return early_add(&early, &packet);
}

static void
test_order(void **state)
{
	uint32_t id;

	(void)state;
	/* Several times around. */
	for (uint32_t next = 0, taken = 0; taken < 3 * EARLY_MOST; taken++) {
		while (next < taken + 100)
			assert_true(add(next++, 60, 0));
		assert_true(early_take(&early, &id));
		assert_int_equal(id, taken);
	}
	while (early_take(&early, &id))
		;
	assert_true(early_is_empty(&early));
	assert_int_equal(early.octets, 0);
	assert_false(early_take_old(&early, UINT64_MAX, &id));
}

static void
test_number(void **state)
{
	uint32_t id;

	(void)state;
	for (uint32_t i = 0; i < EARLY_MOST; i++)
		assert_true(add(i, 60, 0));
	assert_false(add(EARLY_MOST, 60, 0));
	assert_true(early_take(&early, &id));
	assert_true(add(EARLY_MOST, 60, 0));
	assert_false(add(EARLY_MOST + 1, 60, 0));
}

static void
test_octets(void **state)
{
	uint32_t id;

	(void)state;
	assert_true(add(1, EARLY_OCTETS_MOST - 100, 0));
	assert_false(add(2, 101, 0));
	assert_true(add(3, 100, 0));
	assert_false(add(4, 1, 0));
	assert_true(early_take(&early, &id));
	assert_int_equal(id, 1);
	assert_true(add(5, EARLY_OCTETS_MOST - 100, 0));
	assert_false(add(6, UINT32_MAX, 0));
}

static void
test_age(void **state)
{
	uint32_t id;

	(void)state;
	assert_true(add(1, 60, 500));
	assert_true(add(2, 60, 501));
	assert_false(early_take_old(&early, 500 + EARLY_MS_MOST - 1, &id));
	assert_true(early_take_old(&early, 500 + EARLY_MS_MOST, &id));
	assert_int_equal(id, 1);
	assert_false(early_take_old(&early, 500 + EARLY_MS_MOST, &id));
	assert_true(early_take_old(&early, 501 + EARLY_MS_MOST, &id));
	assert_int_equal(id, 2);
	assert_true(early_is_empty(&early));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(test_order, setup),
	    cmocka_unit_test_setup(test_number, setup),
	    cmocka_unit_test_setup(test_octets, setup),
	    cmocka_unit_test_setup(test_age, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
