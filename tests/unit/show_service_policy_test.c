/* show service-policy: the block in the ASA's form, numbers by rule, over all images of a map. */
#include "daemon/manager/policy_place.h"
#include "daemon/manager/show_service_policy.h"
#include "daemon/policy/cli.h"
#include "shm/class_usage.h"
#include "shm/counters.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct shm shm;
static struct config *config;
static struct compiled *compiled;
static struct cli_place place;
static struct text shown;

static int
setup(void **state)
{
	const struct shm_plan plan = {.slots = 1, .chunks = 1, .workers = 2};

	(void)state;
	config = config_create();
	compiled = malloc(sizeof(*compiled));
	place = (struct cli_place){.mode = CLI_CONFIG};
	text_init(&shown, 65536);
	return config == NULL || compiled == NULL || shm_create(&shm, &plan) != 0;
}

static int
teardown(void **state)
{
	(void)state;
	text_free(&shown);
	config_free(config);
	free(compiled);
	shm_detach(&shm);
	return 0;
}

static void
run(const char *line)
{
	struct cli_outcome outcome;

	cli_execute(&place, config, line, &outcome);
	if (outcome.status != CLI_DONE)
		fail_msg("%s: %s", line, outcome.message);
}

/* The slot in which the policy of the first listener lies now. */
static uint32_t
install(void)
{
	assert_true(config_compile(config, compiled));
	assert_int_equal(policy_place(&shm, compiled, 0), 0);
	compiled->listeners.sequence = policy_place_newest(&shm, &(uint32_t){0}) + 1;
	policy_place_listeners(&shm, &compiled->listeners, compiled->listeners.sequence);
	return compiled->listeners.entry[0].policy_slot;
}

static void
inspect_with(const char *line)
{
	run("static (inside,outside) 192.0.2.1 10.0.0.1");
	run("policy-map global_policy");
	run("class inspection_default");
	run(line);
}

static void
count(unsigned writer, uint32_t slot, uint32_t rule, uint64_t n)
{
	counter_add_rule(shm_counters(&shm, writer), slot, rule, n);
}

static const char *
show(bool json)
{
	text_clear(&shown);
	show_service_policy(&shm, config, json, &shown);
	return text_string(&shown);
}

static void
test_the_block_of_the_asa(void **state)
{
	(void)state;
	inspect_with("inspect esmtp _compat_asa");
	uint32_t slot = install();
	count(0, slot, COUNTER_RULE_PACKETS, 104000);
	count(1, slot, COUNTER_RULE_PACKETS, 468);
	count(0, slot, COUNTER_RULE_BANNERS, 639);
	count(0, slot, 3, 40);
	count(1, slot, 3, 1);
	count(1, slot, 6, 2555);
	assert_string_equal(show(false),
	    "Global policy:\n"
	    "  Service-policy: global_policy\n"
	    "    Class-map: inspection_default\n"
	    "      Inspect: esmtp _compat_asa, packet 104468, drop 0, reset-drop 0\n"
	    "        mask-banner, count 639\n"
	    "        match cmd line length gt 512\n"
	    "          drop-connection log, packet 0\n"
	    "        match cmd RCPT count gt 100\n"
	    "          drop-connection log, packet 0\n"
	    "        match body line length gt 998\n"
	    "          log, packet 0\n"
	    "        match header line length gt 998\n"
	    "          drop-connection log, packet 41\n"
	    "        match sender-address length gt 320\n"
	    "          drop-connection log, packet 0\n"
	    "        match MIME filename length gt 255\n"
	    "          drop-connection log, packet 0\n"
	    "        match ehlo-reply-parameter others\n"
	    "          mask, packet 2555\n");
}

/* A match keeps its count when its place in the map has changed. */
static void
test_rules_that_have_moved(void **state)
{
	(void)state;
	run("policy-map type inspect esmtp m");
	run("parameters");
	run("no mask-banner");
	run("match cmd line length gt 512");
	run("log");
	run("match not cmd RCPT count gt 3");
	run("reject 450 4.7.1 \"the catalog\"");
	run("match body line length gt 998");
	inspect_with("inspect esmtp m");
	uint32_t first = install();
	count(0, first, 0, 5);
	count(0, first, 1, 7);
	run("policy-map type inspect esmtp m");
	run("no match cmd line length gt 512");
	uint32_t second = install();
	assert_int_not_equal(first, second);
	count(0, second, 0, 10);
	assert_string_equal(show(false), "Global policy:\n"
					 "  Service-policy: global_policy\n"
					 "    Class-map: inspection_default\n"
					 "      Inspect: esmtp m, packet 0, drop 0, reset-drop 0\n"
					 "        match not cmd RCPT count gt 3\n"
					 "          reject 450 4.7.1 \"the catalog\", packet 17\n");
}

static void
make_classes(void)
{
	run("access-list a permit ip host 10.0.0.9 any");
	run("class-map partner");
	run("match access-list a");
	run("class-map legacy");
	run("match any");
	run("policy-map type inspect esmtp strict");
	run("parameters");
	run("no mask-banner");
	run("policy-map type inspect esmtp own");
	run("parameters");
	run("no mask-banner");
	run("policy-map global_policy");
	run("class inspection_default");
	run("inspect esmtp own");
	run("class partner");
	run("no inspect esmtp");
	run("class legacy");
	run("inspect esmtp strict");
	run("policy-map late");
	run("class inspection_default");
	run("no inspect esmtp raw");
	run("service-policy late interface dmz");
}

/* In the order in which they are asked, whatever was entered first. */
static void
test_classes(void **state)
{
	(void)state;
	make_classes();
	run("static (inside,outside) 192.0.2.1 10.0.0.1");
	install();
	const struct class_rule *legacy = &compiled->listeners.class_rule[1];
	assert_string_equal(compiled->listeners.class_of[legacy->class_index].name, "legacy");
	count(0, legacy->policy_slot, COUNTER_RULE_PACKETS, 12);
	assert_string_equal(show(false),
	    "Global policy:\n"
	    "  Service-policy: global_policy\n"
	    "    Class-map: partner\n"
	    "      no inspect esmtp\n"
	    "    Class-map: legacy\n"
	    "      Inspect: esmtp strict, packet 12, drop 0, reset-drop 0\n"
	    "    Class-map: inspection_default\n"
	    "      Inspect: esmtp own, packet 0, drop 0, reset-drop 0\n"
	    "Interface dmz:\n"
	    "  Service-policy: late\n"
	    "    Class-map: inspection_default\n"
	    "      no inspect esmtp raw\n");
}

static void
test_fixups(void **state)
{
	(void)state;
	run("static (inside,outside) 192.0.2.1 10.0.0.1");
	run("no service-policy global_policy global");
	run("fixup protocol smtp 25-26");
	run("no fixup protocol smtp 2525");
	count(0, install(), COUNTER_RULE_BANNERS, 5);
	assert_non_null(strstr(show(false), "        mask-banner, count 5\n"));
	assert_non_null(strstr(show(false),
	    "Fixup protocol smtp 25-26:\n"
	    "      Inspect: esmtp _compat_fixup_5_1, packet 0, drop 0, reset-drop 0\n"));
	assert_non_null(strstr(show(false), "Fixup protocol smtp 2525:\n"
					    "      no inspect esmtp\n"));
}

/* As the supervisor counts for the first class of that name in that policy. */
static void
use(uint32_t index, const char *policy, const char *name, uint32_t connections)
{
	struct class_usage *usage = shm_class_usage(&shm, index);

	snprintf(usage->policy, sizeof(usage->policy), "%s", policy);
	snprintf(usage->name, sizeof(usage->name), "%s", name);
	atomic_store(&usage->connections, connections);
	atomic_store(&usage->embryonic, connections / 2);
	atomic_store(&usage->refused, 10 * connections);
}

static void
test_connections(void **state)
{
	json_error_t error;
	int limit, current, embryonic, drops;

	(void)state;
	make_classes();
	run("policy-map global_policy");
	run("class partner");
	run("set connection conn-max 50");
	run("policy-map late");
	run("class inspection_default");
	run("set connection per-client-max 5 per-client-embryonic-max 2");
	use(0, "global_policy", "partner", 7);
	use(1, "global_policy", "inspection_default", 8);
	use(2, "late", "inspection_default", 3);
	assert_non_null(
	    strstr(show(false), "    Class-map: partner\n"
				"      no inspect esmtp\n"
				"      Set connection policy: conn-max 50\n"
				"        current embryonic conns 3, current conns 7, drop 70\n"
				"    Class-map: legacy\n"));
	assert_non_null(strstr(show(false),
	    "  Service-policy: late\n"
	    "    Class-map: inspection_default\n"
	    "      no inspect esmtp raw\n"
	    "      Set connection policy: per-client-max 5 per-client-embryonic-max 2\n"
	    "        current embryonic conns 1, current conns 3, drop 30\n"));

	json_t *value = json_loads(show(true), JSON_REJECT_DUPLICATES, &error);
	assert_non_null(value);
	json_t *rules =
	    json_object_get(json_array_get(json_object_get(value, "policies"), 1), "rules");
	assert_int_equal(json_unpack(json_array_get(rules, 2), "{s:{s:i}, s:i, s:i, s:i}",
			     "set_connection", "per_client_embryonic_max", &limit, "current",
			     &current, "current_embryonic", &embryonic, "drops", &drops),
	    0);
	assert_int_equal(limit, 2);
	assert_int_equal(current, 3);
	assert_int_equal(embryonic, 1);
	assert_int_equal(drops, 30);
	json_decref(value);
}

/* "class", "inspect" and "raw" of a list of rules. */
static void
test_classes_in_json(void **state)
{
	json_error_t error;
	const char *class, *inspect, *ports;
	int raw;

	(void)state;
	make_classes();
	run("no fixup protocol smtp");
	json_t *value = json_loads(show(true), JSON_REJECT_DUPLICATES, &error);
	assert_non_null(value);
	json_t *rules =
	    json_object_get(json_array_get(json_object_get(value, "policies"), 0), "rules");
	assert_int_equal(json_unpack(json_array_get(rules, 0), "{s:s}", "class", &class), 0);
	assert_string_equal(class, "partner");
	assert_int_equal(
	    json_unpack(json_array_get(rules, 1), "{s:s,s:b}", "inspect", &inspect, "raw", &raw),
	    0);
	assert_string_equal(inspect, "none");
	assert_false(raw);
	json_t *fixup = json_array_get(json_object_get(value, "fixups"), 0);
	assert_int_equal(json_unpack(fixup, "{s:s}", "ports", &ports), 0);
	assert_string_equal(ports, "25");
	assert_int_equal(json_array_size(json_object_get(fixup, "rules")), 1);
	json_decref(value);
}

static void
test_json(void **state)
{
	json_error_t error;
	const char *match, *action;
	int log, packets;

	(void)state;
	run("policy-map type inspect esmtp m");
	run("match cmd RCPT count gt 3");
	run("reject 450 4.7.1 \"the catalog\"");
	run("match header line length gt 998");
	run("reset log");
	inspect_with("inspect esmtp m");
	count(0, install(), 1, 41);
	json_t *value = json_loads(show(true), JSON_REJECT_DUPLICATES, &error);
	assert_non_null(value);
	json_t *rules =
	    json_object_get(json_array_get(json_object_get(value, "policies"), 0), "rules");
	json_t *matches = json_object_get(json_array_get(rules, 1), "matches");
	assert_int_equal(json_array_size(matches), 2);
	assert_int_equal(json_unpack(json_array_get(matches, 0), "{s:s,s:s,s:b,s:i}", "match",
			     &match, "action", &action, "log", &log, "packets", &packets),
	    0);
	assert_string_equal(match, "cmd RCPT count gt 3");
	assert_string_equal(action, "reject 450 4.7.1 \"the catalog\"");
	assert_false(log);
	assert_int_equal(packets, 0);
	assert_int_equal(json_unpack(json_array_get(matches, 1), "{s:s,s:s,s:b,s:i}", "match",
			     &match, "action", &action, "log", &log, "packets", &packets),
	    0);
	assert_string_equal(action, "reset log");
	assert_true(log);
	assert_int_equal(packets, 41);
	json_decref(value);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_the_block_of_the_asa, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_rules_that_have_moved, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_classes, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_connections, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_fixups, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_classes_in_json, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_json, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
