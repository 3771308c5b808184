#include "daemon/supervisor/custody.h"

#include "shm/process.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define SLOTS 6

struct scene {
	struct shm shm;
	struct custody custody;
};

static int
set_up(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));
	struct shm_plan plan = {.slots = SLOTS + 2, .chunks = 8, .workers = 1};

	assert_non_null(scene);
	*state = scene;
	assert_int_equal(shm_create(&scene->shm, &plan), 0);
	assert_int_equal(custody_init(&scene->custody, &scene->shm, SLOTS), 0);
	return 0;
}

static int
tear_down(void **state)
{
	struct scene *scene = *state;

	custody_fini(&scene->custody);
	shm_detach(&scene->shm);
	free(scene);
	return 0;
}

static void
test_slots_are_bounded_and_named_anew(void **state)
{
	struct custody *custody = &((struct scene *)*state)->custody;
	uint32_t slot[SLOTS], generation;
	uint64_t id;

	for (uint32_t i = 0; i < SLOTS; i++) {
		slot[i] = custody_take(custody);
		assert_true(slot[i] < SLOTS);
		for (uint32_t k = 0; k < i; k++)
			assert_int_not_equal(slot[i], slot[k]);
		custody_set_state(custody, slot[i], SLOT_OPENING);
	}
	assert_int_equal(custody_take(custody), SHM_NO_SLOT);
	assert_int_equal(custody->in_use, SLOTS);
	generation = custody_generation(custody, slot[2]);
	id = shm_custody(custody->shm, slot[2])->session_id;
	assert_int_not_equal(id, 0);
	assert_int_equal(custody_find(custody, id), slot[2]);
	assert_true(custody_holds(custody, slot[2], generation));
	custody_free(custody, slot[2]);
	assert_int_equal(custody->in_use, SLOTS - 1);
	assert_int_equal(custody->most_used, SLOTS);
	assert_false(custody_holds(custody, slot[2], generation));
	assert_int_equal(custody_find(custody, id), SHM_NO_SLOT);

	/* The same place, another name. */
	assert_int_equal(custody_take(custody), slot[2]);
	custody_set_state(custody, slot[2], SLOT_OPENING);
	assert_false(custody_holds(custody, slot[2], generation));
	assert_true(custody_holds(custody, slot[2], generation + 1));
	assert_int_equal(shm_custody(custody->shm, slot[2])->session_id >> 40, id >> 40);
	assert_int_not_equal(shm_custody(custody->shm, slot[2])->session_id, id);
}

static void
test_hostile_names_hold_nothing(void **state)
{
	struct custody *custody = &((struct scene *)*state)->custody;

	assert_false(custody_holds(custody, SLOTS, 0));
	assert_false(custody_holds(custody, SHM_NO_SLOT, 0));
	assert_false(custody_holds(custody, 0, 0));
	assert_int_equal(custody_find(custody, 0), SHM_NO_SLOT);
}

static void
test_free_closes_what_it_holds(void **state)
{
	struct custody *custody = &((struct scene *)*state)->custody;
	uint32_t slot = custody_take(custody);
	int client = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int server = open("/dev/null", O_RDONLY | O_CLOEXEC);

	custody_set_leg(custody, slot, SHM_CLIENT, client);
	custody_set_leg(custody, slot, SHM_SERVER, server);
	custody_set_state(custody, slot, SLOT_OPENING);
	slot_list_append(custody->timer_link, &custody->connecting, slot);
	assert_int_equal(custody->descriptors, 2);
	custody_close_leg(custody, slot, SHM_SERVER);
	custody_close_leg(custody, slot, SHM_SERVER);
	assert_int_equal(custody->descriptors, 1);
	assert_int_equal(fcntl(server, F_GETFD), -1);
	custody_free(custody, slot);
	assert_int_equal(custody->descriptors, 0);
	assert_int_equal(custody->connecting.count, 0);
	assert_int_equal(fcntl(client, F_GETFD), -1);
}

static void
test_a_taken_slot_remembers_nothing(void **state)
{
	struct custody *custody = &((struct scene *)*state)->custody;
	uint32_t slot = custody_take(custody);
	struct slot_custody *public = shm_custody(custody->shm, slot);

	atomic_store(&public->marks, 2);
	atomic_store(&public->owner, 77);
	atomic_store(&public->leg[SHM_SERVER].state, LEG_FAILED);
	public->leg[SHM_CLIENT].base_received = 5;
	custody->slot[slot].worker = 3;
	custody->slot[slot].pending = PENDING_ADOPT;
	custody_free(custody, slot);
	assert_int_equal(custody_take(custody), slot);
	assert_int_equal(atomic_load(&public->marks), 0);
	assert_int_equal(atomic_load(&public->owner), PROCESS_OWNER_NONE);
	assert_int_equal(custody_leg_state(custody, slot, SHM_SERVER), LEG_NONE);
	assert_int_equal(public->leg[SHM_CLIENT].base_received, 0);
	assert_int_equal(custody->slot[slot].worker, CUSTODY_UNOWNED);
	assert_int_equal(custody->slot[slot].pending, 0);
}

static void
set_state(struct custody *custody, uint32_t slot, enum slot_state state)
{
	atomic_store(&shm_custody(custody->shm, slot)->state, state);
}

static void
test_replicas_are_never_handed_out(void **state)
{
	struct custody *custody = &((struct scene *)*state)->custody;
	struct slot_custody *replica = shm_custody(custody->shm, 0);

	set_state(custody, 0, SLOT_REPLICA);
	set_state(custody, 1, SLOT_REPLICA);
	replica->session_id = 99;
	atomic_store(&replica->generation, 5);
	assert_false(custody_holds(custody, 0, 5));
	assert_int_equal(custody_find(custody, 99), SHM_NO_SLOT);
	for (uint32_t i = 2; i < SLOTS; i++) {
		assert_int_equal(custody_take(custody), i);
		custody_set_state(custody, i, SLOT_OPEN);
	}
	assert_int_equal(custody_take(custody), SHM_NO_SLOT);
	assert_int_equal(custody->in_use, SLOTS - 2);
	assert_int_equal(atomic_load(&replica->generation), 5);
	assert_int_equal(replica->session_id, 99);

	/* Dropped by sync: nobody told the supervisor. */
	set_state(custody, 0, SLOT_FREE);
	assert_int_equal(custody_take(custody), 0);
	assert_int_equal(custody_state(custody, 0), SLOT_TAKEN);
	assert_int_equal(atomic_load(&replica->generation), 6);
}

/* This host takes over, and loses the session to the other one again. */
static void
test_a_replica_is_taken_and_given_back(void **state)
{
	struct custody *custody = &((struct scene *)*state)->custody;
	struct slot_custody *replica = shm_custody(custody->shm, 3);
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	set_state(custody, 3, SLOT_REPLICA);
	replica->session_id = 99;
	replica->generation_before = 7;
	atomic_store(&replica->generation, 5);
	assert_false(custody_take_replica(custody, 2)); /* free */
	assert_false(custody_take_replica(custody, SLOTS));
	assert_true(custody_take_replica(custody, 3));
	assert_false(custody_take_replica(custody, 3));
	custody_set_state(custody, 3, SLOT_OPEN);
	custody_set_leg(custody, 3, SHM_CLIENT, fd);
	assert_true(custody_holds(custody, 3, 5));
	assert_int_equal(custody_find(custody, 99), 3);
	assert_int_equal(custody->in_use, 1);
	assert_int_equal(custody->free.count, SLOTS - 1);
	assert_int_equal(custody->most_used, 4);

	custody_give_replica(custody, 3);
	assert_int_equal(custody_state(custody, 3), SLOT_REPLICA);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	assert_int_equal(custody->descriptors, 0);
	assert_int_equal(custody->in_use, 0);
	assert_int_equal(custody->free.count, SLOTS);

	set_state(custody, 3, SLOT_REPLICA);
	replica->generation_before = 7;
	assert_true(custody_take_replica(custody, 3));
	custody_free(custody, 3);
	assert_int_equal(custody_take(custody), 3);
	assert_int_equal(atomic_load(&replica->generation), 8);
}

/* It rests yet from its last session, or does not any more; either way it stands in one list. */
static void
test_a_replica_is_taken_from_either_list(void **state)
{
	struct custody *custody = &((struct scene *)*state)->custody;
	struct gate_place place[2 * (SLOTS + 1)] = {0};
	const struct gate_positions places = {.place = place, .slots = SLOTS};
	struct gate_positions written = places;

	custody->places = &places;
	for (uint32_t i = 0; i < 2; i++) {
		assert_int_equal(custody_take(custody), i);
		gate_positions_pass(&written, i, 0);
	}
	for (uint32_t i = 0; i < 2; i++)
		custody_free(custody, i);
	assert_int_equal(custody->cooling.count, 2);
	gate_positions_clear(&written, 1);
	for (uint32_t i = 0; i < 3; i++) {
		set_state(custody, i, SLOT_REPLICA);
		assert_true(custody_take_replica(custody, i));
	}
	assert_int_equal(custody->cooling.count, 0);
	assert_int_equal(custody->free.count, SLOTS - 3);
	assert_int_equal(custody->in_use, 3);
	custody->places = NULL;
}

/* Slots behind replicas have been touched too. */
static void
test_the_next_supervisor_finds_sessions_behind_replicas(void **state)
{
	struct scene *scene = *state;
	struct custody next;

	for (uint32_t i = 0; i < 3; i++)
		set_state(&scene->custody, i, SLOT_REPLICA);
	assert_int_equal(custody_take(&scene->custody), 3);
	set_state(&scene->custody, 3, SLOT_OPEN);
	assert_int_equal(custody_take(&scene->custody), 4);

	assert_int_equal(custody_init(&next, &scene->shm, SLOTS), 0);
	custody_restore(&next);
	assert_int_equal(next.in_use, 1);
	assert_int_equal(next.most_used, 5);
	assert_int_equal(custody_state(&next, 0), SLOT_REPLICA);
	assert_int_equal(custody_state(&next, 4), SLOT_FREE); /* it was only taken */
	assert_int_equal(next.free.count, SLOTS - 1);
	custody_fini(&next);
}

static void
test_lists_keep_their_order(void **state)
{
	struct slot_link link[5];
	struct slot_list list;

	(void)state;
	slot_list_init(&list);
	assert_int_equal(slot_list_take(link, &list), SHM_NO_SLOT);
	for (uint32_t i = 0; i < 4; i++)
		slot_list_append(link, &list, i);
	slot_list_push(link, &list, 4);
	slot_list_remove(link, &list, 1);
	slot_list_remove(link, &list, 3);
	assert_int_equal(list.count, 3);
	assert_int_equal(slot_list_take(link, &list), 4);
	assert_int_equal(slot_list_take(link, &list), 0);
	assert_int_equal(slot_list_take(link, &list), 2);
	assert_int_equal(slot_list_take(link, &list), SHM_NO_SLOT);
	assert_int_equal(list.count, 0);
	assert_false(link[2].linked);
}

/* A slot rests while the gate knows its last session, also for the supervisor that comes after. */
static void
test_a_slot_rests_until_its_place_is_clear(void **state)
{
	static struct gate_place place[2 + 2 * (SLOTS + 2)];
	struct gate_positions places = {.place = place, .slots = SLOTS + 2};
	struct scene *scene = *state;
	struct custody *custody = &scene->custody, next;
	uint32_t slot[SLOTS];

	custody->places = &places;
	for (uint32_t i = 0; i < SLOTS; i++) {
		slot[i] = custody_take(custody);
		gate_positions_protect(&places, slot[i], SHM_CLIENT, 1);
	}
	assert_true(custody_is_full(custody));
	custody_free(custody, slot[1]);
	custody_free(custody, slot[0]);
	assert_true(custody_is_full(custody));
	assert_int_equal(custody_take(custody), SHM_NO_SLOT);
	/* The oldest goes first. */
	gate_positions_clear(&places, slot[1]);
	assert_false(custody_is_full(custody));
	assert_int_equal(custody_take(custody), slot[1]);

	assert_int_equal(custody_init(&next, &scene->shm, SLOTS), 0);
	next.places = &places;
	for (uint32_t i = 1; i < SLOTS; i++)
		custody_set_state(custody, slot[i], SLOT_OPEN);
	custody_restore(&next);
	assert_int_equal(next.free.count, 0);
	assert_int_equal(custody_take(&next), SHM_NO_SLOT);
	gate_positions_clear(&places, slot[0]);
	assert_int_equal(custody_take(&next), slot[0]);
	custody_fini(&next);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		test_slots_are_bounded_and_named_anew, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_hostile_names_hold_nothing, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_free_closes_what_it_holds, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_a_taken_slot_remembers_nothing, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_replicas_are_never_handed_out, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		test_a_replica_is_taken_and_given_back, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		test_a_replica_is_taken_from_either_list, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		test_the_next_supervisor_finds_sessions_behind_replicas, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
		test_a_slot_rests_until_its_place_is_clear, set_up, tear_down),
	    cmocka_unit_test(test_lists_keep_their_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
