/* spoken: a bit for each slot and for nobody else. */
#include "shm/spoken.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define SLOTS (2 * SPOKEN_BITS + 6)

static struct shm shm;

static int
setup(void **state)
{
	static const struct shm_plan plan = {.slots = SLOTS, .chunks = 4, .workers = 1};

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
test_each_slot_has_its_bit(void **state)
{
	(void)state;
	assert_int_equal(SPOKEN_WORDS(SLOTS), 3);
	for (uint32_t slot = 0; slot < SLOTS; slot++) {
		spoken_set(&shm, slot);
		for (uint32_t word = 0; word < 3; word++)
			assert_true(
			    spoken_word(&shm, word) == (word == slot / 64 ? 1ull << slot % 64 : 0));
		spoken_clear(&shm, slot);
	}
	for (uint32_t slot = 0; slot < SLOTS; slot++)
		spoken_set(&shm, slot);
	spoken_clear(&shm, 65);
	assert_true(spoken_word(&shm, 0) == UINT64_MAX);
	assert_true(spoken_word(&shm, 1) == (UINT64_MAX & ~2ull));
	assert_true(spoken_word(&shm, 2) == 0x3f);
}

static void
test_out_of_range_is_nothing(void **state)
{
	(void)state;
	for (uint32_t slot = SLOTS; slot < SLOTS + 200; slot++)
		spoken_set(&shm, slot);
	spoken_set(&shm, UINT32_MAX);
	spoken_clear(&shm, UINT32_MAX);
	for (uint32_t word = 0; word < 3; word++)
		assert_true(spoken_word(&shm, word) == 0);
	assert_true(spoken_word(&shm, 3) == 0);
	assert_true(spoken_word(&shm, UINT32_MAX) == 0);
	/* What lies behind it. */
	assert_int_equal(shm_chunk_owners(&shm)[0], 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_each_slot_has_its_bit, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_out_of_range_is_nothing, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
