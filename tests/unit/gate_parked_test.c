#include "daemon/gate/parked.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define SLOTS 20u
#define MOST  300u

struct scene {
	struct gate_positions table;
	struct parked *parked;
	uint32_t id;  /* of the last packet */
	uint32_t now; /* seconds */
	uint32_t count;
	uint32_t left[MOST]; /* in order; dropped ones with bit 31 */
};

static int
setup(void **state)
{
	static struct scene scene;
	int fd = memfd_create("positions", MFD_CLOEXEC);

	memset(&scene, 0, sizeof(scene));
	assert_true(fd >= 0);
	assert_int_equal(
	    ftruncate(fd, gate_positions_count(SLOTS) * (off_t)sizeof(struct gate_place)), 0);
	assert_int_equal(gate_positions_map(&scene.table, fd, SLOTS, true), 0);
	close(fd);
	scene.parked = parked_create(SLOTS, MOST);
	assert_non_null(scene.parked);
	*state = &scene;
	return 0;
}

static int
teardown(void **state)
{
	struct scene *scene = *state;

	gate_positions_unmap(&scene->table);
	parked_destroy(scene->parked);
	return 0;
}

static enum parked_answer
park(struct scene *scene, uint32_t slot, uint32_t ack, bool is_bare, uint32_t *ret_replaced)
{
	const struct parked_packet waits = {
	    .packet = {.mark = mark_of_leg(slot, 0), .ack = ack, .flags = GATE_ACK},
	    .id = ++scene->id,
	    .since = scene->now,
	    .is_bare = is_bare,
	};

	*ret_replaced = 0;
	return parked_add(scene->parked, &waits, ret_replaced);
}

static void
note(void *context, uint32_t id, bool leaves)
{
	struct scene *scene = context;

	assert_true(scene->count < MOST);
	scene->left[scene->count++] = id | (leaves ? 0 : 1u << 31);
}

static uint32_t
review(struct scene *scene)
{
	scene->count = 0;
	parked_review(scene->parked, &scene->table, scene->now, note, scene);
	return scene->count;
}

static void
test_leaves_in_order_as_far_as_committed(void **state)
{
	struct scene *scene = *state;
	uint32_t replaced;

	gate_positions_protect(&scene->table, 3, 0, 0xfffffff0);
	for (uint32_t i = 1; i <= 5; i++)
		assert_int_equal(
		    park(scene, 3, 0xfffffff0 + 10 * i, false, &replaced), PARKED_WAITS);
	assert_int_equal(review(scene), 0);
	gate_positions_commit(&scene->table, 3, 0, 14);
	assert_int_equal(review(scene), 3);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(scene->left[i], i + 1);
	assert_false(parked_is_empty(scene->parked));
	gate_positions_commit(&scene->table, 3, 0, 34);
	assert_int_equal(review(scene), 2);
	assert_int_equal(scene->left[0], 4);
	assert_int_equal(scene->left[1], 5);
	assert_true(parked_is_empty(scene->parked));
	assert_int_equal(review(scene), 0);
}

static void
test_bare_ack_gives_way_to_the_next(void **state)
{
	struct scene *scene = *state;
	uint32_t replaced;

	assert_int_equal(park(scene, 1, 100, true, &replaced), PARKED_WAITS);
	assert_int_equal(park(scene, 1, 100, true, &replaced), PARKED_REPLACES);
	assert_int_equal(replaced, 1);
	assert_int_equal(park(scene, 1, 120, false, &replaced), PARKED_REPLACES);
	assert_int_equal(replaced, 2);
	/* Not one with payload, and none that says more. */
	assert_int_equal(park(scene, 1, 130, true, &replaced), PARKED_WAITS);
	assert_int_equal(park(scene, 1, 129, true, &replaced), PARKED_WAITS);
	/* Nor one of another connection. */
	assert_int_equal(park(scene, 2, 140, true, &replaced), PARKED_WAITS);
	gate_positions_protect(&scene->table, 1, 0, 130);
	assert_int_equal(review(scene), 3);
	assert_int_equal(scene->left[0], 3);
	assert_int_equal(scene->left[1], 4);
	assert_int_equal(scene->left[2], 5);
}

static void
test_only_receiving_holds_one_packet(void **state)
{
	struct scene *scene = *state;
	uint32_t replaced;

	assert_int_equal(park(scene, 1, 1000, true, &replaced), PARKED_WAITS);
	for (uint32_t i = 1; i < 10000; i++) {
		assert_int_equal(park(scene, 1, 1000 * (i + 1), true, &replaced), PARKED_REPLACES);
		assert_int_equal(replaced, i);
	}
	gate_positions_pass(&scene->table, 1, 0);
	assert_int_equal(review(scene), 1);
	assert_int_equal(scene->left[0], 10000);
}

static void
test_is_bounded(void **state)
{
	struct scene *scene = *state;
	uint32_t replaced, waiting = 0;

	for (uint32_t slot = 0; slot < SLOTS; slot++)
		for (uint32_t i = 0; i <= PARKED_PLACE_MOST; i++) {
			enum parked_answer wanted =
			    i == PARKED_PLACE_MOST || waiting == MOST ? PARKED_FULL : PARKED_WAITS;

			assert_int_equal(park(scene, slot, i, false, &replaced), wanted);
			waiting += wanted == PARKED_WAITS;
		}
	assert_int_equal(waiting, MOST);
	gate_positions_pass_all(&scene->table, true);
	assert_int_equal(review(scene), MOST);
	assert_true(parked_is_empty(scene->parked));
	gate_positions_pass_all(&scene->table, false);
	assert_int_equal(park(scene, 0, 1, false, &replaced), PARKED_WAITS);
	assert_int_equal(park(scene, SLOTS, 1, false, &replaced), PARKED_FULL);
	assert_int_equal(park(scene, MARK_SLOTS_MAX - 1, 1, false, &replaced), PARKED_FULL);
}

static void
test_connections_do_not_wait_for_each_other(void **state)
{
	struct scene *scene = *state;
	uint32_t replaced, seen = 0;

	for (uint32_t slot = 0; slot < SLOTS; slot++)
		park(scene, slot, 10, false, &replaced);
	for (uint32_t slot = 0; slot < SLOTS; slot += 2)
		gate_positions_protect(&scene->table, slot, 0, 10);
	assert_int_equal(review(scene), SLOTS / 2);
	for (uint32_t i = 0; i < scene->count; i++) {
		assert_int_equal(scene->left[i] % 2, 1);
		seen |= 1u << scene->left[i];
	}
	assert_int_equal(__builtin_popcount(seen), SLOTS / 2);
	for (uint32_t slot = 1; slot < SLOTS; slot += 2) {
		gate_positions_protect(&scene->table, slot, 0, 10);
		assert_int_equal(review(scene), 1);
		assert_int_equal(scene->left[0], slot + 1);
	}
	assert_true(parked_is_empty(scene->parked));
}

static void
test_an_end_that_is_not_committed_any_more_is_dropped(void **state)
{
	struct scene *scene = *state;
	struct parked_packet waits = {.packet = {.mark = mark_of_leg(0, 0),
					  .ack = 10,
					  .seq_end = 5,
					  .flags = GATE_ACK | GATE_FIN},
	    .id = 1};
	uint32_t replaced;

	assert_int_equal(parked_add(scene->parked, &waits, &replaced), PARKED_WAITS);
	gate_positions_protect(&scene->table, 0, 0, 10);
	assert_int_equal(review(scene), 1);
	assert_int_equal(scene->left[0], 1u | 1u << 31);
}

static void
test_nothing_waits_for_ever(void **state)
{
	struct scene *scene = *state;
	uint32_t replaced;

	scene->now = UINT32_MAX - 2;
	park(scene, 1, 10, false, &replaced);
	park(scene, 2, 10, true, &replaced);
	scene->now += PARKED_SECONDS_MOST - 1;
	park(scene, 1, 20, false, &replaced);
	assert_int_equal(park(scene, 2, 20, true, &replaced), PARKED_REPLACES);
	assert_int_equal(review(scene), 0);
	scene->now++;
	assert_int_equal(review(scene), 1);
	assert_int_equal(scene->left[0], 1u | 1u << 31);
	scene->now += PARKED_SECONDS_MOST - 1;
	assert_int_equal(review(scene), 2);
	assert_true(parked_is_empty(scene->parked));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		test_leaves_in_order_as_far_as_committed, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_bare_ack_gives_way_to_the_next, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_only_receiving_holds_one_packet, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_is_bounded, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_connections_do_not_wait_for_each_other, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_an_end_that_is_not_committed_any_more_is_dropped, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_nothing_waits_for_ever, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
