/* The ring of unacknowledged entries: what was put in is there until it is released, and then gone. */
#include "daemon/sync/hold.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint8_t bytes[4096];

static void
test_entries_are_numbered(void **state)
{
	struct hold *hold = hold_create(100, 4);
	struct held held;

	(void)state;
	assert_int_equal(hold_first(hold), 1);
	assert_int_equal(hold_next(hold), 1);
	assert_false(hold_get(hold, 1, &held));
	assert_true(hold_append(hold, (const uint8_t *)"one", 3, true));
	assert_true(hold_append(hold, (const uint8_t *)"three", 5, false));
	assert_true(hold_get(hold, 1, &held));
	assert_memory_equal(held.bytes.data, "one", 3);
	assert_true(held.is_secret);
	assert_true(hold_get(hold, 2, &held));
	assert_int_equal(held.bytes.length, 5);
	assert_false(held.is_secret);
	assert_false(hold_get(hold, 3, &held));
	assert_int_equal(hold_bytes(hold), 8);
	hold_release(hold, 1);
	assert_int_equal(hold_bytes(hold), 5);
	assert_int_equal(hold_first(hold), 2);
	assert_false(hold_get(hold, 1, &held));
	hold_release(hold, 99);
	assert_int_equal(hold_first(hold), 3);
	assert_int_equal(hold_next(hold), 3);
	hold_destroy(hold);
}

static void
test_both_bounds(void **state)
{
	struct hold *hold = hold_create(100, 4);

	(void)state;
	assert_false(hold_append(hold, bytes, 101, false));
	assert_true(hold_append(hold, bytes, 100, false));
	assert_false(hold_append(hold, bytes, 1, false));
	hold_release(hold, 1);
	for (unsigned i = 0; i < 4; i++)
		assert_true(hold_append(hold, bytes, 1, false));
	assert_false(hold_append(hold, bytes, 1, false));
	hold_destroy(hold);
}

static void
test_released_bytes_are_zeroed(void **state)
{
	struct hold *hold = hold_create(100, 4);
	struct held held;

	(void)state;
	hold_append(hold, (const uint8_t *)"secret", 6, true);
	hold_append(hold, (const uint8_t *)"other", 5, true);
	assert_true(hold_get(hold, 1, &held));
	hold_release(hold, 1);
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(held.bytes.data[i], 0);
	assert_true(hold_get(hold, 2, &held));
	assert_memory_equal(held.bytes.data, "other", 5);
	hold_destroy(hold);
}

/* Against a plain list: every length, every fill, around the ring many times. */
static void
test_against_a_list(void **state)
{
	struct {
		uint8_t first;
		size_t length;
	} list[64];
	struct hold *hold = hold_create(1000, 16);
	uint64_t seed = 3, first = 1, next = 1;

	(void)state;
	for (unsigned step = 0; step < 20000; step++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		unsigned dice = (unsigned)(seed >> 33);

		if (dice % 3 != 0) {
			size_t length = dice / 3 % 200 + 1;

			memset(bytes, (int)(next & 0xff), length);
			if (hold_append(hold, bytes, length, false)) {
				list[next % 64].first = bytes[0];
				list[next % 64].length = length;
				next++;
			} else {
				/* 16 entries, or else at most one hole is lost at the end. */
				size_t used = 0;
				for (uint64_t lsn = first; lsn < next; lsn++)
					used += list[lsn % 64].length;
				assert_true(next - first == 16 || used + 2 * length > 800);
			}
		} else if (first < next) {
			first += dice / 3 % (next - first) + 1;
			hold_release(hold, first - 1);
		}
		assert_int_equal(hold_first(hold), first);
		assert_int_equal(hold_next(hold), next);
		for (uint64_t lsn = first; lsn < next; lsn++) {
			struct held held;

			assert_true(hold_get(hold, lsn, &held));
			assert_int_equal(held.bytes.length, list[lsn % 64].length);
			for (size_t i = 0; i < held.bytes.length; i++)
				assert_int_equal(held.bytes.data[i], list[lsn % 64].first);
		}
	}
	hold_destroy(hold);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_entries_are_numbered),
	    cmocka_unit_test(test_both_bounds),
	    cmocka_unit_test(test_released_bytes_are_zeroed),
	    cmocka_unit_test(test_against_a_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
