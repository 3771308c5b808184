/* release: the word and its turn, acknowledgements that never go back, and the sleeper. */
#include "shm/region.h"
#include "shm/release.h"
#include "shm/slot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct shm shm;

static int
setup(void **state)
{
	static const struct shm_plan plan = {.slots = 4, .chunks = 4, .workers = 2};

	(void)state;
	return shm_create(&shm, &plan);
}

static int
teardown(void **state)
{
	(void)state;
	shm_detach(&shm);
	return 0;
}

static void
test_begins_alone(void **state)
{
	(void)state;
	assert_int_equal(release_mode(release_word(shm_release(&shm))), RELEASE_ALONE);
	assert_false(release_sleeps(shm_release(&shm)));
}

static void
test_each_set_is_another_turn(void **state)
{
	static const enum release_mode modes[] = {
	    RELEASE_HELD, RELEASE_PAIRED, RELEASE_PAIRED, RELEASE_ALONE, RELEASE_HELD};
	struct release_state *release = shm_release(&shm);

	(void)state;
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		uint64_t before = release_word(release);

		release_set(release, modes[i]);
		assert_true(release_word(release) > before);
		assert_int_equal(release_mode(release_word(release)), modes[i]);
	}
}

static void
test_a_word_of_nobody_holds(void **state)
{
	(void)state;
	assert_int_equal(release_mode(3), RELEASE_HELD);
	assert_int_equal(release_mode(UINT64_MAX), RELEASE_HELD);
}

static void
test_acknowledgements_rise(void **state)
{
	struct release_state *release = shm_release(&shm);

	(void)state;
	release_acknowledge(release, 1, 7);
	release_acknowledge(release, 1, 5);
	release_acknowledge(release, SHM_WORKERS_MAX, 9);
	assert_int_equal(release_acknowledged(release, 1), 7);
	assert_int_equal(release_acknowledged(release, 0), 0);
	assert_int_equal(release_acknowledged(release, SHM_WORKERS_MAX), 0);
	assert_int_equal(release_acknowledged(release, UINT32_MAX), 0);
}

static void
test_a_slots_next_session_is_another(void **state)
{
	static const uint64_t received[SHM_LEGS] = {70, 8};
	struct slot_sync *sync = &shm_custody(&shm, 1)->sync;

	(void)state;
	assert_int_equal(release_slot_acknowledged(sync, 1), 0);
	release_acknowledge_slot(sync, 1, 5, received);
	assert_int_equal(release_slot_acknowledged(sync, 1), 5);
	assert_int_equal(release_slot_acknowledged(sync, 2), 0);
	assert_int_equal(sync->received[SHM_CLIENT], 70);
	release_acknowledge_slot(sync, 2, 3, received);
	assert_int_equal(release_slot_acknowledged(sync, 1), 0);
	assert_int_equal(release_slot_acknowledged(sync, 2), 3);
}

static void
test_what_is_kept(void **state)
{
	struct release_state *release = shm_release(&shm);

	(void)state;
	assert_false(release_keeps(release));
	release_keep(release, true);
	assert_true(release_keeps(release));
	release_keep(release, false);
	assert_false(release_keeps(release));
	release_set(release, RELEASE_PAIRED);
	assert_true(release_keeps(release));
	release_set(release, RELEASE_HELD);
	assert_true(release_keeps(release));
	release_set(release, RELEASE_ALONE);
	assert_false(release_keeps(release));
}

static void
test_the_sleeper_is_seen(void **state)
{
	struct release_state *release = shm_release(&shm);

	(void)state;
	release_sleep(release);
	assert_true(release_sleeps(release));
	release_wake(release);
	assert_false(release_sleeps(release));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_begins_alone, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_each_set_is_another_turn, setup, teardown),
	    cmocka_unit_test(test_a_word_of_nobody_holds),
	    cmocka_unit_test_setup_teardown(test_acknowledgements_rise, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_a_slots_next_session_is_another, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_what_is_kept, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_the_sleeper_is_seen, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
