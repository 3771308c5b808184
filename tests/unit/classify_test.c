/* classify: the class that takes a client; against a bit by bit reading of the same rules too. */
#include "daemon/supervisor/classify.h"

#include "daemon/supervisor/address.h"
#include "shm/slot.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROUNDS	5000u
#define RULES	12u
#define CLASSES RULES

struct scene {
	struct listener_entry entry;
	struct listener_table table;
	struct classify_table prepared;
};

static struct shm_endpoint
endpoint(const char *text)
{
	struct shm_endpoint result = {.family = 4};

	if (inet_pton(AF_INET, text, result.address) == 1)
		return result;
	result.family = 6;
	assert_int_equal(inet_pton(AF_INET6, text, result.address), 1);
	return result;
}

static int
set_up(void **state)
{
	static struct scene scene;

	scene = (struct scene){
	    .entry = {.policy_slot = 9, .mode = SLOT_INSPECT, .class_own = CLASS_NONE},
	};
	*state = &scene;
	return 0;
}

/* address NULL: any client. Takes the next policy slot; mode RELAY. */
static void
add(struct scene *scene, uint16_t class_index, bool permit, const char *address, uint8_t prefix)
{
	uint32_t count = scene->table.class_rules++;
	struct class_rule *rule = &scene->table.class_rule[count];

	*rule = (struct class_rule){
	    .prefix = prefix,
	    .permit = permit,
	    .mode = SLOT_RELAY,
	    .class_index = class_index,
	    .policy_slot = (uint16_t)(10 + count),
	};
	if (address)
		rule->client = endpoint(address);
	scene->entry.class_count = count + 1;
}

static struct classify_decision
decide(struct scene *scene, const struct shm_endpoint *client)
{
	struct classify_decision decision;

	classify_prepare(&scene->prepared, &scene->table);
	decision = classify(&scene->prepared, &scene->entry, client);
	assert_int_equal(
	    classify_limits(&scene->prepared, &scene->entry, client), decision.limits_class);
	return decision;
}

static uint16_t
class_of(struct scene *scene, const char *client)
{
	struct shm_endpoint address = endpoint(client);

	return decide(scene, &address).class_index;
}

static uint16_t
limits_of(struct scene *scene, const char *client)
{
	struct shm_endpoint address = endpoint(client);

	return decide(scene, &address).limits_class;
}

static void
test_without_rules_the_listener_decides(void **state)
{
	struct scene *scene = *state;
	struct shm_endpoint client = endpoint("192.0.2.1");
	struct classify_decision decision = decide(scene, &client);

	assert_int_equal(decision.class_index, CLASS_NONE);
	assert_int_equal(decision.limits_class, CLASS_NONE);
	assert_int_equal(decision.policy_slot, 9);
	assert_int_equal(decision.mode, SLOT_INSPECT);
}

static void
test_the_first_that_fits_decides_over_its_class(void **state)
{
	struct scene *scene = *state;
	struct shm_endpoint client = endpoint("10.1.2.3");
	struct classify_decision decision;

	add(scene, 2, false, "10.1.2.0", 24);
	add(scene, 2, true, "10.0.0.0", 8);
	add(scene, 5, false, "10.1.2.4", 32);
	add(scene, 5, true, "10.1.0.0", 16);
	add(scene, 7, true, NULL, 0);

	assert_int_equal(class_of(scene, "10.9.9.9"), 2);
	assert_int_equal(class_of(scene, "10.1.2.3"), 5); /* 2 denies: the next is asked */
	assert_int_equal(class_of(scene, "10.1.2.4"), 7); /* 2 and 5 deny */
	assert_int_equal(class_of(scene, "192.0.2.1"), 7);
	decision = decide(scene, &client);
	assert_int_equal(decision.policy_slot, 13);
	assert_int_equal(decision.mode, SLOT_RELAY);
	/* Only what is this listener's is asked. */
	scene->entry.class_first = 2;
	scene->entry.class_count = 2;
	assert_int_equal(class_of(scene, "10.9.9.9"), CLASS_NONE);
	assert_int_equal(class_of(scene, "10.1.2.3"), 5);
}

static void
test_prefixes(void **state)
{
	struct scene *scene = *state;

	add(scene, 0, true, "192.0.2.129", 32);
	add(scene, 1, true, "192.0.2.128", 25);
	add(scene, 2, true, "2001:db8:0:1::5", 128);
	add(scene, 3, true, "2001:db8:0:1:ffff::", 65); /* bits beyond the prefix do not count */
	add(scene, 4, true, "2001:db8::", 33);
	add(scene, 5, true, "0.0.0.0", 0);
	add(scene, 6, true, "::", 0);

	assert_int_equal(class_of(scene, "192.0.2.129"), 0);
	assert_int_equal(class_of(scene, "192.0.2.130"), 1);
	assert_int_equal(class_of(scene, "192.0.2.127"), 5);
	assert_int_equal(class_of(scene, "2001:db8:0:1::5"), 2);
	assert_int_equal(class_of(scene, "2001:db8:0:1:8000::1"), 3);
	assert_int_equal(class_of(scene, "2001:db8:0:1:7fff::1"), 4);
	assert_int_equal(class_of(scene, "2001:db8:7fff::1"), 4);
	assert_int_equal(class_of(scene, "2001:db8:8000::1"), 6);
}

static void
test_mapped_addresses_are_ipv4(void **state)
{
	struct scene *scene = *state;

	add(scene, 0, true, "192.0.2.0", 24);
	add(scene, 1, true, "::ffff:198.51.100.0", 120);
	add(scene, 2, true, "::ffff:0:0", 80); /* IPv6 alone */
	add(scene, 3, true, "::ffff:0:0", 96);

	assert_int_equal(class_of(scene, "::ffff:192.0.2.7"), 0);
	assert_int_equal(class_of(scene, "198.51.100.7"), 1);
	assert_int_equal(class_of(scene, "::ffff:198.51.100.7"), 1);
	assert_int_equal(class_of(scene, "203.0.113.1"), 3);
	assert_int_equal(class_of(scene, "::ffff:203.0.113.1"), 3);
	assert_int_equal(class_of(scene, "::1"), 2);
	assert_int_equal(class_of(scene, "::fffe:192.0.2.7"), 2);
}

/* Treatment and limits are two questions; each goes to the first class that has a say. */
static void
test_limits_are_asked_apart(void **state)
{
	struct scene *scene = *state;
	struct class_entry *class_of_table = scene->table.class_of;

	add(scene, 0, true, "10.0.0.0", 8);   /* treatment */
	add(scene, 1, false, "10.1.0.0", 16); /* limits */
	add(scene, 1, true, "10.0.0.0", 8);
	add(scene, 2, true, "10.0.0.0", 8); /* both */
	add(scene, 2, true, "192.0.2.0", 24);
	class_of_table[1].limits_given = class_of_table[1].limits_only = 1;
	class_of_table[2].limits_given = 1;
	scene->entry.class_own = 3;

	assert_int_equal(class_of(scene, "10.2.0.1"), 0);
	assert_int_equal(limits_of(scene, "10.2.0.1"), 1);
	assert_int_equal(class_of(scene, "10.1.0.1"), 0);
	assert_int_equal(limits_of(scene, "10.1.0.1"), 2); /* 1 denies */
	assert_int_equal(class_of(scene, "192.0.2.1"), 2);
	assert_int_equal(limits_of(scene, "192.0.2.1"), 2);
	/* The listener's own class takes the rest, if it has any. */
	assert_int_equal(class_of(scene, "203.0.113.1"), CLASS_NONE);
	assert_int_equal(limits_of(scene, "203.0.113.1"), CLASS_NONE);
	class_of_table[3].limits_given = 1;
	assert_int_equal(class_of(scene, "203.0.113.1"), CLASS_NONE);
	assert_int_equal(limits_of(scene, "203.0.113.1"), 3);
	class_of_table[1].limits_given = class_of_table[2].limits_given = 0;
	assert_int_equal(limits_of(scene, "10.2.0.1"), 3);
	scene->entry.class_count = 0;
	assert_int_equal(limits_of(scene, "10.2.0.1"), 3);
}

static void
test_a_client_is_a_host_or_its_network(void **state)
{
	static const struct {
		const char *one, *other;
		bool same;
	} pairs[] = {
	    {"192.0.2.1", "192.0.2.2", false},
	    {"192.0.2.1", "::ffff:192.0.2.1", true},
	    {"::ffff:192.0.2.1", "::ffff:192.0.2.2", false},
	    {"::ffff:192.0.2.1", "::1", false},
	    {"2001:db8::1", "2001:db8::ffff:2:3:4", true},
	    {"2001:db8::1", "2001:db8:0:1::1", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		struct shm_endpoint one = endpoint(pairs[i].one), other = endpoint(pairs[i].other);
		struct address first = address_of_client(&one), second = address_of_client(&other);

		one.port = 25; /* does not count */
		assert_int_equal(first.half[0] == second.half[0] && first.half[1] == second.half[1],
		    pairs[i].same);
	}
}

/* A second reading of struct class_rule, bit by bit, for addresses of one family. */
static bool
fits(const struct class_rule *rule, const struct shm_endpoint *client)
{
	if (rule->client.family == 0)
		return true;
	if (rule->client.family != client->family)
		return false;
	for (unsigned bit = 0; bit < rule->prefix; bit++) {
		uint8_t mask = (uint8_t)(0x80 >> bit % 8);

		if ((rule->client.address[bit / 8] ^ client->address[bit / 8]) & mask)
			return false;
	}
	return true;
}

/* The class that a client of that question is taken by. */
static uint16_t
read_again(const struct scene *scene, const struct shm_endpoint *client, bool limits)
{
	int done = -1;

	for (uint32_t i = 0; i < scene->table.class_rules; i++) {
		const struct class_rule *rule = &scene->table.class_rule[i];
		const struct class_entry *class = &scene->table.class_of[rule->class_index];
		bool has_say = limits ? class->limits_given : !class->limits_only;

		if (!has_say || rule->class_index == done || !fits(rule, client))
			continue;
		if (rule->permit)
			return rule->class_index;
		done = rule->class_index;
	}
	return CLASS_NONE;
}

/* Few addresses, so that rules and clients meet; never an IPv4-mapped one. */
static struct shm_endpoint
random_address(void)
{
	struct shm_endpoint result = {.family = random() % 2 ? 4 : 6};
	unsigned length = result.family == 4 ? 4 : 16;

	for (unsigned i = 0; i < length; i++)
		result.address[i] = (uint8_t)(random() % 16 ? 0 : 1 << random() % 8);
	result.address[0] = (uint8_t)(random() % 2 ? 0x20 : 0x60);
	return result;
}

static void
add_random(struct scene *scene)
{
	uint16_t class_index = 0;

	for (unsigned i = 0; i < CLASSES; i++) {
		scene->table.class_of[i].limits_given = random() % 2;
		scene->table.class_of[i].limits_only = random() % 2;
	}
	for (unsigned n = (unsigned)random() % (RULES + 1); n > 0; n--) {
		struct class_rule *rule = &scene->table.class_rule[scene->table.class_rules];

		add(scene, class_index, random() % 2, NULL, 0);
		if (random() % 16 != 0) {
			rule->client = random_address();
			rule->prefix = (uint8_t)(random() % (rule->client.family == 4 ? 33 : 129));
		}
		class_index = (uint16_t)(class_index + random() % 2);
	}
}

static void
test_random_rules_read_twice(void **state)
{
	struct scene *scene = *state;
	unsigned taken = 0, limited = 0;

	srandom(4096);
	for (unsigned round = 0; round < ROUNDS; round++) {
		struct shm_endpoint client = random_address();
		struct classify_decision decision;

		set_up(state);
		add_random(scene);
		decision = decide(scene, &client);
		assert_int_equal(decision.class_index, read_again(scene, &client, false));
		assert_int_equal(decision.limits_class, read_again(scene, &client, true));
		taken += decision.class_index != CLASS_NONE;
		limited += decision.limits_class != CLASS_NONE;
	}
	assert_in_range(taken, ROUNDS / 10, ROUNDS * 9 / 10);
	assert_in_range(limited, ROUNDS / 10, ROUNDS * 9 / 10);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(test_without_rules_the_listener_decides, set_up),
	    cmocka_unit_test_setup(test_the_first_that_fits_decides_over_its_class, set_up),
	    cmocka_unit_test_setup(test_prefixes, set_up),
	    cmocka_unit_test_setup(test_mapped_addresses_are_ipv4, set_up),
	    cmocka_unit_test_setup(test_limits_are_asked_apart, set_up),
	    cmocka_unit_test_setup(test_a_client_is_a_host_or_its_network, set_up),
	    cmocka_unit_test_setup(test_random_rules_read_twice, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
