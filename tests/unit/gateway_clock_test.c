/* gateway_clock: never back, never more than a second at a look. */
#include "shm/gateway_clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

static void
test_first_look_starts_at_the_floor(void **state)
{
	struct gateway_clock clock = {0};

	(void)state;
	assert_int_equal(gateway_clock_advance(&clock, 5000000, 0), 0);
	assert_int_equal(gateway_clock_advance(&clock, 5000250, 0), 250);
	clock = (struct gateway_clock){0};
	assert_int_equal(gateway_clock_advance(&clock, 5000000, 777), 777);
}

static void
test_pause_ages_nobody(void **state)
{
	struct gateway_clock clock = {.now_ms = 100, .looked_ms = 1000};

	(void)state;
	assert_int_equal(gateway_clock_advance(&clock, 1999, 0), 1099);
	assert_int_equal(gateway_clock_advance(&clock, 2999, 0), 2099);
	assert_int_equal(gateway_clock_advance(&clock, 3600000, 0), 3099);
	assert_int_equal(gateway_clock_advance(&clock, 3600001, 0), 3100);
}

static void
test_never_back(void **state)
{
	struct gateway_clock clock = {.now_ms = 500, .looked_ms = 1000};

	(void)state;
	assert_int_equal(gateway_clock_advance(&clock, 400, 0), 500);
	assert_int_equal(gateway_clock_advance(&clock, 1000, 0), 500);
	assert_int_equal(gateway_clock_advance(&clock, 1001, 0), 501);
	assert_int_equal(gateway_clock_advance(&clock, 0, 0), 501);
}

static void
test_floor_pulls_up_only(void **state)
{
	struct gateway_clock clock = {.now_ms = 500, .looked_ms = 1000};

	(void)state;
	assert_int_equal(gateway_clock_advance(&clock, 1010, 400), 510);
	assert_int_equal(gateway_clock_advance(&clock, 1020, 9000), 9000);
	assert_int_equal(gateway_clock_advance(&clock, 1030, 600), 9010);
}

static void
test_look(void **state)
{
	struct gateway_clock clock = {0};
	uint64_t start, end;

	(void)state;
	assert_int_equal(gateway_clock_look(&clock, 60000), 60000);
	start = clock.looked_ms;
	usleep(20000);
	end = gateway_clock_look(&clock, 60000);
	assert_true(end >= 60020);
	assert_int_equal(end - 60000, clock.looked_ms - start);
	assert_true(monotonic_now_ms() >= clock.looked_ms);
	assert_true(realtime_now_us() > 1577836800000000u);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_first_look_starts_at_the_floor),
	    cmocka_unit_test(test_pause_ages_nobody),
	    cmocka_unit_test(test_never_back),
	    cmocka_unit_test(test_floor_pulls_up_only),
	    cmocka_unit_test(test_look),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
