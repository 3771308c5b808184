#include "daemon/gate/positions.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define SLOTS  100u
#define STORES 300000u

struct scene {
	int fd;
	struct gate_positions writer, reader;
};

static int
setup(void **state)
{
	static struct scene scene;
	off_t size = gate_positions_count(SLOTS) * (off_t)sizeof(struct gate_place);

	scene.fd = memfd_create("positions", MFD_CLOEXEC);
	assert_true(scene.fd >= 0);
	assert_int_equal(ftruncate(scene.fd, size), 0);
	assert_int_equal(gate_positions_map(&scene.writer, scene.fd, SLOTS, true), 0);
	assert_int_equal(gate_positions_map(&scene.reader, scene.fd, SLOTS, false), 0);
	*state = &scene;
	return 0;
}

static int
teardown(void **state)
{
	struct scene *scene = *state;

	gate_positions_unmap(&scene->writer);
	gate_positions_unmap(&scene->reader);
	close(scene->fd);
	return 0;
}

static struct gate_place
seen(struct scene *scene, uint32_t slot, unsigned leg)
{
	return gate_positions_get(&scene->reader, mark_of_leg(slot, leg));
}

static void
test_commit_moves_forward_only(void **state)
{
	struct scene *scene = *state;

	assert_false(gate_positions_commit(&scene->writer, 3, 1, 50));
	assert_int_equal(seen(scene, 3, 1).ack, 0);
	assert_true(gate_positions_protect(&scene->writer, 3, 1, 0xfffffff0));
	assert_true(gate_positions_commit(&scene->writer, 3, 1, 0xffffffff));
	assert_int_equal(seen(scene, 3, 1).ack, 0xffffffff | GATE_ACK_PROTECTED);
	assert_true(gate_positions_commit(&scene->writer, 3, 1, 4));
	assert_int_equal(seen(scene, 3, 1).ack, 4 | GATE_ACK_PROTECTED);
	assert_true(gate_positions_commit(&scene->writer, 3, 1, 0xffffffff));
	assert_int_equal(seen(scene, 3, 1).ack, 4 | GATE_ACK_PROTECTED);
	assert_int_equal(seen(scene, 3, 0).ack, 0);
	assert_int_equal(seen(scene, 2, 1).ack, 0);
	assert_int_equal(seen(scene, 4, 1).ack, 0);
}

static void
test_ends_add_up(void **state)
{
	struct scene *scene = *state;

	assert_true(gate_positions_permit_end(&scene->writer, 0, 0, GATE_END_BY_FIN, 77));
	assert_int_equal(seen(scene, 0, 0).end, 77 | GATE_END_FIN);
	assert_true(gate_positions_permit_end(&scene->writer, 0, 0, GATE_END_BY_RST, 0));
	assert_int_equal(seen(scene, 0, 0).end, 77 | GATE_END_FIN | GATE_END_RST);
	assert_true(gate_positions_permit_end(&scene->writer, 0, 0, GATE_END_BY_FIN, 78));
	assert_int_equal(seen(scene, 0, 0).end, 78 | GATE_END_FIN | GATE_END_RST);
}

static void
test_early_packets_are_the_supervisors(void **state)
{
	struct scene *scene = *state;

	assert_int_equal(gate_positions_early_pass(&scene->reader), 0);
	gate_positions_let_early_pass(&scene->writer, UINT32_MAX);
	gate_positions_know_embryos(&scene->writer, 7);
	gate_positions_pass_all(&scene->writer, true);
	assert_int_equal(gate_positions_early_pass(&scene->reader), UINT32_MAX);
	assert_int_equal(gate_positions_known_embryos(&scene->reader), 7);
	gate_positions_let_early_pass(&scene->writer, 0);
	assert_int_equal(gate_positions_early_pass(&scene->reader), 0);
	assert_true(gate_positions_is_alone(&scene->reader));
	assert_int_equal(gate_positions_known_embryos(&scene->reader), 7);
}

static void
test_clear_closes_both_legs(void **state)
{
	struct scene *scene = *state;

	assert_true(gate_positions_is_clear(&scene->reader, 9));
	gate_positions_pass(&scene->writer, 9, 0);
	assert_int_equal(seen(scene, 9, 0).ack, GATE_ACK_ALONE);
	assert_false(gate_positions_is_clear(&scene->reader, 9));
	gate_positions_clear(&scene->writer, 9);
	gate_positions_permit_end(&scene->writer, 9, 1, GATE_END_BY_RST, 0);
	assert_false(gate_positions_is_clear(&scene->reader, 9));
	gate_positions_clear(&scene->writer, 9);
	assert_true(gate_positions_is_clear(&scene->reader, 9));
}

/* The gate is told of what changed only, and of what an earlier writer may not have told. */
static void
test_moves_are_noted(void **state)
{
	struct scene *scene = *state;
	struct gate_positions *table = &scene->writer;

	assert_true(gate_positions_take_moved(table));
	assert_false(gate_positions_take_moved(table));
	gate_positions_protect(table, 3, 1, 50);
	assert_true(gate_positions_take_moved(table));
	gate_positions_protect(table, 3, 1, 50);
	gate_positions_commit(table, 3, 1, 50);
	gate_positions_commit(table, 3, 1, 49);
	gate_positions_clear(table, 4);
	gate_positions_pass_all(table, false);
	gate_positions_know_embryos(table, 0);
	assert_false(gate_positions_take_moved(table));
	gate_positions_commit(table, 3, 1, 51);
	assert_true(gate_positions_take_moved(table));
	gate_positions_permit_end(table, 3, 1, GATE_END_BY_FIN, 9);
	assert_true(gate_positions_take_moved(table));
	gate_positions_pass(table, 3, 0);
	assert_true(gate_positions_take_moved(table));
	gate_positions_pass_all(table, true);
	assert_true(gate_positions_take_moved(table));
	gate_positions_know_embryos(table, 7);
	assert_true(gate_positions_take_moved(table));
	assert_false(gate_positions_take_moved(table));
}

static void
test_host_and_embryos_are_nobodys_place(void **state)
{
	struct scene *scene = *state;

	assert_false(gate_positions_is_alone(&scene->reader));
	gate_positions_pass_all(&scene->writer, true);
	assert_true(gate_positions_is_alone(&scene->reader));
	gate_positions_know_embryos(&scene->writer, 1ull << 40);
	gate_positions_know_embryos(&scene->writer, 5);
	assert_int_equal(gate_positions_known_embryos(&scene->reader), 1ull << 40);
	assert_int_equal(gate_positions_get(&scene->reader, MARK_CLIENT).ack, 0);
	assert_int_equal(gate_positions_get(&scene->reader, MARK_SERVER).ack, 0);
	gate_positions_pass_all(&scene->writer, false);
	assert_false(gate_positions_is_alone(&scene->reader));
}

static void
test_out_of_range_is_refused(void **state)
{
	struct scene *scene = *state;
	struct gate_positions *table = &scene->writer;
	struct gate_positions none;

	assert_true(gate_positions_protect(table, SLOTS - 1, 1, 1));
	assert_false(gate_positions_protect(table, SLOTS, 0, 1));
	assert_false(gate_positions_protect(table, UINT32_MAX, 0, 1));
	assert_false(gate_positions_protect(table, 0, 2, 1));
	assert_false(gate_positions_commit(table, SLOTS, 0, 1));
	assert_false(gate_positions_permit_end(table, SLOTS, 0, GATE_END_BY_RST, 1));
	assert_false(gate_positions_pass(table, SLOTS, 0));
	assert_false(gate_positions_clear(table, SLOTS));
	assert_false(gate_positions_is_clear(table, SLOTS));
	assert_int_equal(seen(scene, SLOTS, 0).ack, 0);
	assert_int_equal(seen(scene, MARK_SLOTS_MAX - 1, 1).ack, 0);
	assert_int_equal(gate_positions_map(&none, scene->fd, 0, true), -EINVAL);
	assert_int_equal(gate_positions_map(&none, scene->fd, MARK_SLOTS_MAX + 1, true), -EINVAL);
	assert_int_equal(gate_positions_map(&none, -1, SLOTS, true), -EBADF);
}

static void *
commit_steadily(void *argument)
{
	struct scene *scene = argument;

	for (uint32_t i = 1; i <= STORES; i++)
		gate_positions_commit(&scene->writer, 1, 0, i << 12 | (i & 0xfff));
	return NULL;
}

static void
test_is_never_seen_torn_or_going_back(void **state)
{
	struct scene *scene = *state;
	uint32_t last = 0, now;
	pthread_t thread;

	gate_positions_protect(&scene->writer, 1, 0, 0);
	assert_int_equal(pthread_create(&thread, NULL, commit_steadily, scene), 0);
	do {
		uint64_t word = seen(scene, 1, 0).ack;

		now = (uint32_t)word;
		assert_int_equal(word >> 32, GATE_ACK_PROTECTED >> 32);
		assert_int_equal(now & 0xfff, now >> 12 & 0xfff);
		assert_true((int32_t)(now - last) >= 0);
		last = now;
	} while (now != (STORES << 12 | (STORES & 0xfff)));
	pthread_join(thread, NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_commit_moves_forward_only, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_ends_add_up, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_early_packets_are_the_supervisors, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_clear_closes_both_legs, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_moves_are_noted, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_host_and_embryos_are_nobodys_place, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_out_of_range_is_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_is_never_seen_torn_or_going_back, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
