/* guard: stream positions become the numbers by which the gate decides. */
#include "daemon/sync/guard.h"

#include "shm/slot.h"
#include "shm/succession.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define SLOTS 4u

static struct shm shm;
static struct gate_place places[2 + 2 * SLOTS];
static struct gate_positions table = {.place = places, .slots = SLOTS};
static struct guard guard;
static const struct guard no_gate = {.shm = &shm};

static void
serve(uint32_t slot, bool dumped)
{
	struct slot_custody *custody = shm_custody(&shm, slot);

	custody->generation = 5;
	for (int leg = 0; leg < SHM_LEGS; leg++)
		custody->leg[leg] = (struct slot_leg){
		    .state = LEG_OPEN,
		    .base_received = 100,
		    .base_written = 50,
		    .tcp = {.receive_sequence = 0xfffffff0u,
			.send_sequence = 0xffffff00u,
			.dumped = dumped},
		};
	custody->state = SLOT_OPEN;
}

static int
setup(void **state)
{
	static const struct shm_plan plan = {.slots = SLOTS, .chunks = 4, .workers = 1};

	(void)state;
	memset(places, 0, sizeof(places));
	if (shm_create(&shm, &plan) < 0)
		return -1;
	shm_succession(&shm)->touched = SLOTS;
	return guard_open(&guard, &shm, &table);
}

static int
teardown(void **state)
{
	(void)state;
	guard_close(&guard);
	shm_detach(&shm);
	return 0;
}

static struct gate_place
place(uint32_t slot, unsigned leg)
{
	return gate_positions_get(&table, mark_of_leg(slot, leg));
}

static struct follower_release
release_of(uint32_t slot)
{
	return (struct follower_release){.slot = slot,
	    .generation = 5,
	    .sequence = 1,
	    .stored = {140, 120},
	    .output_end = {60, 450}};
}

static void
test_numbers_wrap(void **state)
{
	struct follower_release release = release_of(1);

	(void)state;
	serve(1, true);
	guard_released(&guard, &release);
	assert_true(place(1, 0).ack == (GATE_ACK_PROTECTED | 0x18));
	assert_true(place(1, 1).ack == (GATE_ACK_PROTECTED | 0x04));
	assert_true(place(1, 0).end == 0);
	/* The peer's FIN counts one, and so does this host's own. */
	release.end_seen[0] = ENDING_FIN;
	release.ending[1] = ENDING_FIN;
	release.ending[0] = ENDING_RESET;
	guard_released(&guard, &release);
	assert_true(place(1, 0).ack == (GATE_ACK_PROTECTED | 0x19));
	assert_true(place(1, 0).end == GATE_END_RST);
	assert_true(place(1, 1).end == (GATE_END_FIN | 0x91));
}

static void
test_who_is_not_that_session(void **state)
{
	struct follower_release release = release_of(1);

	(void)state;
	serve(1, true);
	release.generation = 4;
	guard_released(&guard, &release);
	release = release_of(SLOTS);
	guard_released(&guard, &release);
	release = release_of(2);
	guard_released(&guard, &release);
	release = release_of(1);
	guard_released(&no_gate, &release);
	for (uint32_t slot = 0; slot < SLOTS; slot++)
		assert_true(gate_positions_is_clear(&table, slot));
}

static void
test_a_leg_that_cannot_move_needs_no_standby(void **state)
{
	struct follower_release release = release_of(1);

	(void)state;
	serve(1, false);
	guard_released(&guard, &release);
	assert_true(place(1, 0).ack == GATE_ACK_ALONE);
}

static void
test_a_leg_that_is_not_connected_stays_closed(void **state)
{
	struct follower_release release = release_of(1);
	struct slot_leg *server = &shm_custody(&shm, 1)->leg[SHM_SERVER];

	(void)state;
	serve(1, true);
	server->tcp.dumped = 0;
	for (uint32_t before = LEG_NONE; before <= LEG_CONNECTING; before++) {
		server->state = before;
		guard_released(&guard, &release);
		assert_true(place(1, 0).ack == (GATE_ACK_PROTECTED | 0x18));
		assert_true(place(1, 1).ack == 0);
	}
	server->tcp.dumped = 1;
	server->state = LEG_OPEN;
	guard_released(&guard, &release);
	assert_true(place(1, 1).ack == (GATE_ACK_PROTECTED | 0x04));
}

static void
test_from_alone_to_paired(void **state)
{
	struct follower_release release = release_of(1);

	(void)state;
	serve(1, true);
	guard_alone(&guard);
	assert_true(gate_positions_is_alone(&table));
	guard_paired(&guard);
	assert_false(gate_positions_is_alone(&table));
	assert_true(place(1, 0).ack == GATE_ACK_ALONE);
	guard_released(&guard, &release);
	assert_true((place(1, 0).ack & GATE_ACK_PROTECTED) != 0);
	/* Again without having been alone: what is guarded stays so. */
	guard_hold(&guard);
	guard_paired(&guard);
	assert_true((place(1, 0).ack & GATE_ACK_PROTECTED) != 0);
}

/* A session of before, in that slot, leaves nothing to the one that is open when a standby comes. */
static void
test_from_alone_to_paired_no_end_is_left(void **state)
{
	(void)state;
	guard_alone(&guard);
	gate_positions_protect(&table, 1, 0, 7);
	gate_positions_permit_end(&table, 1, 0, GATE_END_BY_RST, 0);
	serve(1, true);
	guard_paired(&guard);
	assert_true(place(1, 0).ack == GATE_ACK_ALONE);
	assert_true(place(1, 0).end == 0);
}

/* ... nor to one that has come from the other host: its numbers are other ones. */
static void
test_what_was_taken_over_begins_anew(void **state)
{
	struct follower_release release = release_of(1);

	(void)state;
	gate_positions_protect(&table, 1, 0, 0x7000);
	gate_positions_permit_end(&table, 1, 1, GATE_END_BY_RST, 0);
	gate_positions_protect(&table, 2, 0, 7);
	serve(1, true);
	guard_taken_over(&guard);
	guard_paired(&guard);
	assert_true(gate_positions_is_clear(&table, 1));
	guard_released(&guard, &release);
	assert_true(place(1, 0).ack == (GATE_ACK_PROTECTED | 0x18));
	assert_true(place(1, 1).end == 0);
	/* What this host had itself, and is over, rests as ever. */
	assert_false(gate_positions_is_clear(&table, 2));
	guard_taken_over(&no_gate);
}

static void
test_free_slots_are_swept(void **state)
{
	struct follower_release release = release_of(1);

	(void)state;
	serve(1, true);
	serve(2, true);
	guard_released(&guard, &release);
	release = release_of(2);
	guard_released(&guard, &release);
	shm_custody(&shm, 1)->state = SLOT_FREE;
	guard_sweep(&guard, 1, 2, 100);
	guard_sweep(&guard, GUARD_REST_US + 1, 0, 2);
	assert_false(gate_positions_is_clear(&table, 1));
	assert_int_equal(guard.resting, 1);
	guard_sweep(&guard, 2 * GUARD_REST_US, 0, 2);
	assert_false(gate_positions_is_clear(&table, 1));
	guard_sweep(&guard, 2 * GUARD_REST_US + 1, 0, 100);
	assert_true(gate_positions_is_clear(&table, 1));
	assert_false(gate_positions_is_clear(&table, 2));
	assert_int_equal(guard.resting, 0);
}

/* When most of the slots rest they are needed. */
static void
test_many_rest_shortly(void **state)
{
	(void)state;
	for (uint32_t slot = 0; slot < 3; slot++)
		gate_positions_protect(&table, slot, 0, 7);
	guard_sweep(&guard, 1, 0, 100);
	assert_int_equal(guard.resting, 3);
	guard_sweep(&guard, GUARD_SHORT_REST_US, 0, 100);
	assert_int_equal(guard.resting, 3);
	guard_sweep(&guard, GUARD_SHORT_REST_US + 1, 0, 100);
	assert_true(gate_positions_is_clear(&table, 0));
	/* Those that are left rest as long as ever. */
	assert_int_equal(guard.resting, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_numbers_wrap, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_who_is_not_that_session, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_a_leg_that_cannot_move_needs_no_standby, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_a_leg_that_is_not_connected_stays_closed, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_from_alone_to_paired, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_from_alone_to_paired_no_end_is_left, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_what_was_taken_over_begins_anew, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_free_slots_are_swept, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_many_rest_shortly, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
