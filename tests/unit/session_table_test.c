#include "worker/session_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define SLOTS 300u

static struct session_table table;

static int
setup(void **state)
{
	(void)state;
	return session_table_open(&table, SLOTS);
}

static int
teardown(void **state)
{
	(void)state;
	session_table_close(&table);
	return 0;
}

static void
test_one_per_slot(void **state)
{
	struct session *session = session_table_take(&table, 7);

	(void)state;
	assert_non_null(session);
	assert_int_equal(session->slot, 7);
	assert_ptr_equal(session_table_find(&table, 7), session);
	assert_null(session_table_take(&table, 7));
	assert_null(session_table_take(&table, SLOTS));
	assert_null(session_table_find(&table, 8));
	assert_null(session_table_find(&table, UINT32_MAX));
	session_table_give(&table, session);
	assert_null(session_table_find(&table, 7));
	assert_int_equal(table.count, 0);
}

static void
test_stays_dense(void **state)
{
	(void)state;
	for (uint32_t round = 0; round < 50; round++) {
		for (uint32_t i = 0; i < 40; i++)
			assert_non_null(session_table_take(&table, (i * 7 + round) % SLOTS));
		for (uint32_t i = 0; i < 40; i++)
			session_table_give(
			    &table, session_table_find(&table, (i * 7 + round) % SLOTS));
	}
	assert_int_equal(table.touched, 40);
}

static void
test_room_for_all(void **state)
{
	(void)state;
	for (uint32_t slot = SLOTS; slot-- > 0;)
		session_table_take(&table, slot)->generation = slot;
	for (uint32_t slot = 0; slot < SLOTS; slot++)
		assert_int_equal(session_table_find(&table, slot)->generation, slot);
	assert_int_equal(table.count, SLOTS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_one_per_slot, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_stays_dense, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_room_for_all, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
