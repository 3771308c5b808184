#include "worker/request_queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct request_queue queue;

static int
setup(void **state)
{
	(void)state;
	return request_queue_open(&queue, 100);
}

static int
teardown(void **state)
{
	(void)state;
	request_queue_close(&queue);
	return 0;
}

static void
push(uint32_t slot)
{
	struct handover_item item = {.kind = HANDOVER_FINISHED, .slot = slot};

	assert_true(request_queue_push(&queue, &item));
}

static void
test_keeps_the_order(void **state)
{
	const struct handover_item *items;
	uint32_t pushed = 0, seen = 0, count;

	(void)state;
	for (unsigned round = 0; round < 200; round++) {
		for (unsigned i = 0; i < round % 90; i++)
			push(pushed++);
		while ((count = request_queue_packet(&queue, &items)) != 0) {
			assert_in_range(count, 1, HANDOVER_BATCH);
			for (uint32_t i = 0; i < count; i++)
				assert_int_equal(items[i].slot, seen + i);
			seen += count;
			request_queue_sent(&queue, false);
		}
	}
	assert_int_equal(seen, pushed);
}

static void
test_one_packet_at_a_time(void **state)
{
	const struct handover_item *items;

	(void)state;
	push(7);
	assert_int_equal(request_queue_packet(&queue, &items), 1);
	push(8);
	assert_int_equal(request_queue_packet(&queue, &items), 0);
	request_queue_sent(&queue, true);
	assert_int_equal(request_queue_packet(&queue, &items), 2);
	assert_int_equal(items[0].slot, 7);
	assert_int_equal(items[1].slot, 8);
}

static void
test_taken_adds_up(void **state)
{
	const struct handover_item *items;

	(void)state;
	request_queue_taken(&queue, 3);
	request_queue_taken(&queue, 4);
	assert_int_equal(request_queue_packet(&queue, &items), 0);
	push(7);
	assert_int_equal(request_queue_packet(&queue, &items), 2);
	assert_int_equal(items[0].slot, 7);
	assert_int_equal(items[1].kind, HANDOVER_TAKEN);
	assert_int_equal(items[1].error, 7);
	request_queue_sent(&queue, false);
	assert_int_equal(request_queue_packet(&queue, &items), 0);
}

/* The supervisor, which counts them too, never has to wait for the rest. */
static void
test_many_taken_are_said(void **state)
{
	const struct handover_item *items;
	unsigned untold = 0;

	(void)state;
	for (unsigned i = 0; i < 10 * HANDOVER_UNDER_WAY; i++) {
		request_queue_taken(&queue, 1);
		untold++;
		if (request_queue_packet(&queue, &items) == 0)
			continue;
		assert_int_equal(items[0].kind, HANDOVER_TAKEN);
		assert_int_equal(items[0].error, untold);
		untold = 0;
		request_queue_sent(&queue, false);
	}
	assert_true(untold < HANDOVER_UNDER_WAY / 2);
}

static void
test_full_is_said(void **state)
{
	struct handover_item item = {.kind = HANDOVER_FINISHED};

	(void)state;
	for (uint32_t i = 0; i < queue.capacity; i++)
		assert_true(request_queue_push(&queue, &item));
	assert_false(request_queue_push(&queue, &item));
	request_queue_forget(&queue);
	assert_true(request_queue_push(&queue, &item));
}

static void
test_what_is_under_way_is_not_forgotten(void **state)
{
	const struct handover_item *items;

	(void)state;
	push(1);
	push(2);
	assert_int_equal(request_queue_packet(&queue, &items), 2);
	push(3);
	request_queue_taken(&queue, 5);
	request_queue_forget(&queue);
	push(4);
	assert_int_equal(items[1].slot, 2);
	request_queue_sent(&queue, true);
	/* It was to be sent once more; what came after it is gone. */
	assert_int_equal(request_queue_packet(&queue, &items), 3);
	assert_int_equal(items[0].slot, 1);
	assert_int_equal(items[2].slot, 4);
	request_queue_sent(&queue, false);
	assert_int_equal(request_queue_packet(&queue, &items), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_keeps_the_order, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_one_packet_at_a_time, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_taken_adds_up, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_many_taken_are_said, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_full_is_said, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_what_is_under_way_is_not_forgotten, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
