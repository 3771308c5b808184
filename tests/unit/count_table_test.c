/* count_table: against a plain list, up to its bound and over again. */
#include "daemon/supervisor/count_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MOST  100u
#define KEYS  300u
#define STEPS 200000u

static struct count_table table;

static int
set_up(void **state)
{
	(void)state;
	return count_table_init(&table, MOST);
}

static int
tear_down(void **state)
{
	(void)state;
	count_table_fini(&table);
	return 0;
}

/* Keys that differ in one word only, each of the three. */
static struct count_key
key_of(uint32_t number)
{
	struct count_key key = {{1, 2, 3}};

	key.word[number % 3] += (uint64_t)(number / 3 + 1) << 32;
	return key;
}

static void
test_against_a_list(void **state)
{
	static uint32_t list[KEYS]; /* connections of each key, 0: not there */
	uint32_t there = 0;

	(void)state;
	srandom(1);
	for (uint32_t step = 0; step < STEPS; step++) {
		uint32_t number = (uint32_t)random() % KEYS;
		struct count_key key = key_of(number);
		uint32_t index = count_table_find(&table, &key);

		assert_int_equal(index != COUNT_TABLE_NONE, list[number] > 0);
		if (index != COUNT_TABLE_NONE)
			assert_int_equal(count_table_at(&table, index)->connections, list[number]);
		if (random() % 2 && (list[number] > 0 || there < MOST)) {
			index = count_table_take(&table, &key);
			there += list[number] == 0;
			assert_int_equal(
			    count_table_at(&table, index)->connections++, list[number]++);
		} else if (list[number] > 0) {
			list[number] = 0;
			count_table_give(&table, index);
			there--;
		}
		if (step == STEPS / 2) {
			count_table_clear(&table);
			memset(list, 0, sizeof(list));
			there = 0;
		}
	}
	/* The bound was reached, and no entry beyond it was used. */
	assert_int_equal(table.used, MOST);
}

static void
test_memory_is_touched_as_it_is_used(void **state)
{
	struct count_key key = key_of(0);

	(void)state;
	for (uint32_t i = 0; i < 10 * MOST; i++) {
		key.word[0] = i;
		count_table_give(&table, count_table_take(&table, &key));
	}
	assert_int_equal(table.used, 1);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_against_a_list, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		test_memory_is_touched_as_it_is_used, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
