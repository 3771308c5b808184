/* policy_place: an image is never changed while somebody names it, and all who name it are told. */
#include "daemon/manager/policy_place.h"

#include "shm/counters.h"
#include "shm/slot.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct shm shm;
static struct compiled *compiled;

static int
set_up(void **state)
{
	const struct shm_plan plan = {.slots = 4, .chunks = 1, .workers = 1};

	(void)state;
	compiled = calloc(1, sizeof(*compiled));
	return compiled == NULL || shm_create(&shm, &plan) != 0;
}

static int
tear_down(void **state)
{
	(void)state;
	free(compiled);
	shm_detach(&shm);
	return 0;
}

/* Two images that differ from those of any other `seed`; a listener of the first, of whose two
 * class rules one is of the first and one of the second. */
static void
compile(uint8_t seed)
{
	struct listener_table *listeners = &compiled->listeners;

	memset(compiled, 0, sizeof(*compiled));
	compiled->images = 2;
	for (uint8_t i = 0; i < 2; i++) {
		struct compiled_image *image = &compiled->image[i];

		image->size = 8;
		image->bytes[0] = image->generation[0] = seed;
		image->bytes[1] = image->generation[1] = i;
	}
	listeners->count = listeners->classes = 1;
	listeners->class_rules = listeners->entry[0].class_count = 2;
	listeners->class_rule[1].policy_slot = 1;
	memcpy(listeners->class_of[0].name, "exempt", sizeof("exempt"));
}

static const uint8_t *
image_at(uint32_t slot)
{
	size_t size;

	return policy_area_image(shm_policy(&shm), slot, &size);
}

static void
test_rules_name_the_slots_of_their_images(void **state)
{
	const struct listener_table *table;

	(void)state;
	compile(1);
	assert_int_equal(policy_place(&shm, compiled, 0), 0);
	policy_place_listeners(&shm, &compiled->listeners, 1);
	/* The first two places are taken: an index is no longer its slot's number. */
	compile(2);
	assert_int_equal(policy_place(&shm, compiled, 0), 0);
	table = &shm_policy(&shm)->listeners[policy_place_listeners(&shm, &compiled->listeners, 2)];
	assert_memory_equal(image_at(table->entry[0].policy_slot), "\2\0", 2);
	assert_memory_equal(image_at(table->class_rule[0].policy_slot), "\2\0", 2);
	assert_memory_equal(image_at(table->class_rule[1].policy_slot), "\2\1", 2);
	assert_int_equal(table->classes, 1);
	assert_int_equal(table->class_rules, 2);
	assert_string_equal(table->class_of[0].name, "exempt");
}

/* Policies that only class rules name, of either table, are not overwritten. */
static void
test_images_of_rules_are_kept(void **state)
{
	uint32_t named[2];

	(void)state;
	for (uint8_t i = 0; i < 2; i++) {
		compile(i);
		assert_int_equal(policy_place(&shm, compiled, 0), 0);
		named[i] = compiled->listeners.class_rule[1].policy_slot;
		policy_place_listeners(&shm, &compiled->listeners, i + 1u);
	}
	for (uint8_t seed = 10; seed < 10 + 2 * POLICY_SLOTS; seed++) {
		compile(seed);
		assert_int_equal(policy_place(&shm, compiled, 0), 0);
	}
	assert_memory_equal(image_at(named[0]), "\0\1", 2);
	assert_memory_equal(image_at(named[1]), "\1\1", 2);
	/* Out of use, they make room. */
	policy_place_retire(&shm, 0);
	policy_place_retire(&shm, 1);
	for (uint8_t seed = 10; seed < 10 + 2 * POLICY_SLOTS; seed++) {
		compile(seed);
		assert_int_equal(policy_place(&shm, compiled, 0), 0);
	}
	assert_memory_not_equal(image_at(named[0]), "\0\1", 2);
}

static void
test_what_sessions_name_is_kept(void **state)
{
	struct slot_custody *custody = shm_custody(&shm, 2);

	(void)state;
	compile(1);
	assert_int_equal(policy_place(&shm, compiled, 0), 0);
	custody->policy_slot = compiled->listeners.class_rule[1].policy_slot;
	atomic_store(&custody->state, SLOT_OPEN);
	for (uint8_t seed = 10; seed < 10 + POLICY_SLOTS; seed++) {
		compile(seed);
		assert_int_equal(policy_place(&shm, compiled, 0), 0);
	}
	assert_memory_equal(image_at(custody->policy_slot), "\1\1", 2);
}

static void
test_what_does_not_hold_is_refused(void **state)
{
	struct listener_table *listeners = &compiled->listeners;

	(void)state;
#define REFUSE(change)                                                                             \
	do {                                                                                       \
		compile(1);                                                                        \
		change;                                                                            \
		assert_int_equal(policy_place(&shm, compiled, 0), -EPROTO);                        \
	} while (0)
	REFUSE(compiled->images = COMPILE_IMAGES_MAX + 1);
	REFUSE(compiled->image[1].size = POLICY_IMAGE_MAX + 1);
	REFUSE(listeners->count = LISTENERS_MAX + 1);
	REFUSE(listeners->entry[0].policy_slot = 2);
	REFUSE(listeners->class_rules = CLASS_RULES_MAX + 1);
	REFUSE(listeners->class_rule[1].policy_slot = 2);
#undef REFUSE
	assert_null(image_at(0)); /* nothing was placed */
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		test_rules_name_the_slots_of_their_images, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_images_of_rules_are_kept, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_what_sessions_name_is_kept, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_what_does_not_hold_is_refused, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
