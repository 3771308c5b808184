/* policy_area: the supervisor and the workers take nothing from the manager unchecked. */
#include "shm/policy_area.h"
#include "shm/slot.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct policy_area area;
static struct listener_table table;

static struct listener_entry
good_entry(uint16_t port)
{
	return (struct listener_entry){
	    .listen = {.family = 4, .port = port},
	    .server = {.family = 6, .port = 25},
	    .policy_slot = POLICY_SLOTS - 1,
	    .mode = SLOT_RAW,
	    .class_own = CLASS_NONE,
	};
}

static int
setup(void **state)
{
	(void)state;
	memset(&area, 0, sizeof(area));
	memset(&table, 0x55, sizeof(table));
	return 0;
}

static void
test_image(void **state)
{
	size_t size = 99;

	(void)state;
	area.slot[3].size = POLICY_IMAGE_MAX;
	assert_null(policy_area_image(&area, 3, &size));
	area.slot[3].state = POLICY_FILLING;
	assert_null(policy_area_image(&area, 3, &size));
	assert_int_equal(size, 99);
	area.slot[3].state = POLICY_READY;
	assert_ptr_equal(policy_area_image(&area, 3, &size), area.slot[3].image);
	assert_int_equal(size, POLICY_IMAGE_MAX);
	area.slot[3].size = POLICY_IMAGE_MAX + 1;
	assert_null(policy_area_image(&area, 3, &size));
	area.slot[3].size = UINT32_MAX;
	assert_null(policy_area_image(&area, 3, &size));
	area.slot[3].size = 0;
	assert_null(policy_area_image(&area, 3, &size));
	assert_null(policy_area_image(&area, POLICY_SLOTS, &size));
	assert_null(policy_area_image(&area, UINT32_MAX, &size));
}

static void
test_listeners(void **state)
{
	(void)state;
	area.listeners[1].sequence = 12;
	area.listeners[1].count = LISTENERS_MAX;
	for (unsigned i = 0; i < LISTENERS_MAX; i++)
		area.listeners[1].entry[i] = good_entry((uint16_t)(i + 1));
	assert_int_equal(policy_area_listeners(&area, 1, &table), 0);
	assert_memory_equal(&table, &area.listeners[1], sizeof(table));
	assert_int_equal(policy_area_listeners(&area, 0, &table), 0); /* none at all */
	assert_int_equal(table.count, 0);
}

static void
test_bad_listeners(void **state)
{
	struct listener_table before = table;
	struct listener_entry *entry = &area.listeners[0].entry[1];

	(void)state;
	area.listeners[0].count = 2;
	area.listeners[0].entry[0] = good_entry(25);
#define REFUSE(change)                                                                             \
	do {                                                                                       \
		*entry = good_entry(26);                                                           \
		change;                                                                            \
		assert_int_equal(policy_area_listeners(&area, 0, &table), -EPROTO);                \
	} while (0)
	REFUSE(entry->listen.family = 0);
	REFUSE(entry->listen.family = 5);
	REFUSE(entry->listen.port = 0);
	REFUSE(entry->server.family = 0);
	REFUSE(entry->server.family = 255);
	REFUSE(entry->server.port = 0);
	REFUSE(entry->source.family = 4); /* the server is 6 */
	REFUSE(entry->source.family = 7);
	REFUSE(entry->mode = SLOT_RAW + 1);
	REFUSE(entry->client_address = CLIENT_HIDDEN + 1);
	REFUSE(entry->policy_slot = POLICY_SLOTS);
	REFUSE(entry->policy_slot = UINT32_MAX);
	REFUSE(area.listeners[0].count = LISTENERS_MAX + 1);
	REFUSE(area.listeners[0].count = UINT32_MAX);
#undef REFUSE
	area.listeners[0].count = 2;
	assert_int_equal(policy_area_listeners(&area, 2, &table), -EPROTO);
	assert_int_equal(policy_area_listeners(&area, UINT32_MAX, &table), -EPROTO);
	assert_memory_equal(&table, &before, sizeof(table)); /* untouched by a refusal */
	entry->listen.family = 0;
	area.listeners[0].count = 1; /* what lies beyond does not count */
	assert_int_equal(policy_area_listeners(&area, 0, &table), 0);
}

/* Two listeners, two classes, five rules; the second listener has rules 2..4. */
static void
fill_rules(void)
{
	struct listener_table *full = &area.listeners[0];

	full->count = 2;
	full->classes = 2;
	full->class_rules = 5;
	memset(full->class_of, 0, sizeof(full->class_of));
	for (uint16_t i = 0; i < 2; i++) {
		full->entry[i] = good_entry((uint16_t)(25 + i));
		memcpy(full->class_of[i].name, "exempt", sizeof("exempt"));
	}
	for (unsigned i = 0; i < 5; i++)
		full->class_rule[i] = (struct class_rule){
		    .client = {.family = 4},
		    .prefix = 32,
		    .permit = 1,
		    .mode = SLOT_RAW,
		    .class_index = i >= 3,
		    .policy_slot = POLICY_SLOTS - 1,
		};
	full->class_rule[4].client.family = 6;
	full->class_rule[4].prefix = 128;
	full->class_rule[3].client.family = 0;
	full->class_rule[3].prefix = 0;
	full->entry[1].class_first = 2;
	full->entry[1].class_count = 3;
	full->entry[1].class_own = 1;
}

static void
test_class_rules(void **state)
{
	struct listener_table *full = &area.listeners[0];

	(void)state;
	fill_rules();
	assert_int_equal(policy_area_listeners(&area, 0, &table), 0);
	assert_memory_equal(&table, full, sizeof(table));
	/* To the last place, and none of none. */
	full->class_rules = CLASS_RULES_MAX;
	full->entry[0].class_first = CLASS_RULES_MAX - 1;
	full->entry[0].class_count = 1;
	assert_int_equal(policy_area_listeners(&area, 0, &table), 0);
	full->entry[0].class_first = UINT32_MAX;
	full->entry[0].class_count = 0;
	assert_int_equal(policy_area_listeners(&area, 0, &table), 0);
}

static void
test_bad_class_rules(void **state)
{
	struct listener_table *full = &area.listeners[0];
	struct class_rule *rule = &full->class_rule[3];

	(void)state;
#define REFUSE(change)                                                                             \
	do {                                                                                       \
		fill_rules();                                                                      \
		change;                                                                            \
		assert_int_equal(policy_area_listeners(&area, 0, &table), -EPROTO);                \
	} while (0)
	REFUSE(rule->client.family = 5);
	REFUSE(rule->client.family = 255);
	REFUSE(rule->client.port = 25);
	REFUSE(rule->prefix = 1); /* of no family */
	REFUSE((rule->client.family = 4, rule->prefix = 33));
	REFUSE((rule->client.family = 6, rule->prefix = 129));
	REFUSE(rule->permit = 2);
	REFUSE(rule->mode = SLOT_RAW + 1);
	REFUSE(rule->policy_slot = POLICY_SLOTS);
	REFUSE(rule->class_index = 2);
	REFUSE(rule->class_index = CLASS_NONE);
	REFUSE(full->class_rule[4].class_index = 0); /* back to the first class */
	REFUSE(full->class_rules = CLASS_RULES_MAX + 1);
	REFUSE(full->class_rules = UINT32_MAX);
	REFUSE(full->classes = 1);
	REFUSE(full->classes = CLASSES_MAX + 1);
	REFUSE(memset(full->class_of[1].name, 'x', CLASS_NAME_SIZE));
	REFUSE(memset(full->class_of[1].policy, 'x', CLASS_NAME_SIZE));
	REFUSE(full->class_of[1].limits_given = 2);
	REFUSE(full->class_of[1].limits_only = 255);
	REFUSE(full->entry[1].class_own = 2);
	REFUSE(full->entry[1].class_own = CLASS_NONE - 1);
	REFUSE(full->entry[1].class_count = 4);
	REFUSE(full->entry[1].class_count = UINT32_MAX);
	/* first + count overflows */
	REFUSE((rule[0].class_index = rule[1].class_index = 0,
	    full->entry[1].class_count = UINT32_MAX - 1));
	REFUSE(full->entry[1].class_first = 5);
	REFUSE(full->entry[1].class_first = UINT32_MAX);
	REFUSE((full->entry[1].class_first = UINT32_MAX - 1, full->entry[1].class_count = 4));
#undef REFUSE
	/* A rule that no listener has is checked too; what lies beyond the count is not. */
	fill_rules();
	full->class_rule[0].prefix = 33;
	assert_int_equal(policy_area_listeners(&area, 0, &table), -EPROTO);
	fill_rules();
	full->class_rule[5].prefix = 255;
	assert_int_equal(policy_area_listeners(&area, 0, &table), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(test_image, setup),
	    cmocka_unit_test_setup(test_listeners, setup),
	    cmocka_unit_test_setup(test_bad_listeners, setup),
	    cmocka_unit_test_setup(test_class_rules, setup),
	    cmocka_unit_test_setup(test_bad_class_rules, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
