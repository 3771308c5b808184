/* Class-maps, the classes of a policy, and what the supervisor is given of them. */
#include "daemon/policy/compile.h"
#include "daemon/policy/tree.h"
#include "shm/slot.h"
#include "tests/unit/language_harness.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* "one permit 10.0.0.0/8 relay _default_esmtp_map": the rules of a listener, one in a line. */
static const char *
rules_of(unsigned listener)
{
	static const char *const modes[] = {"inspect", "relay", "raw"};
	static char text[4096];
	const struct listener_entry *entry = &compiled->listeners.entry[listener];
	size_t used = 0;

	assert_true(entry->class_first + entry->class_count <= compiled->listeners.class_rules);
	text[0] = '\0';
	for (uint32_t i = 0; i < entry->class_count; i++) {
		const struct class_rule *rule =
		    &compiled->listeners.class_rule[entry->class_first + i];
		char client[64] = "any";

		assert_true(rule->policy_slot < compiled->images);
		assert_true(rule->class_index < compiled->listeners.classes);
		assert_true(i == 0 || rule[-1].class_index <= rule->class_index);
		assert_int_equal(rule->client.port, 0);
		if (rule->client.family != 0)
			inet_ntop(rule->client.family == 6 ? AF_INET6 : AF_INET,
			    rule->client.address, client, sizeof(client));
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s %s %s/%u %s %s\n",
		    compiled->listeners.class_of[rule->class_index].name,
		    rule->permit ? "permit" : "deny", client, rule->prefix, modes[rule->mode],
		    compiled->image[rule->policy_slot].name);
		assert_true(used < sizeof(text));
	}
	return text;
}

/* The class with an access-list of these lines, and in the global policy with that action. */
static void
make_class(const char *name, const char *action, ...)
{
	char line[256];
	const char *entry;
	va_list entries;

	va_start(entries, action);
	while ((entry = va_arg(entries, const char *)) != NULL) {
		snprintf(line, sizeof(line), "access-list %s_list extended %s", name, entry);
		run(line);
		assert_int_equal(outcome.status, CLI_DONE);
	}
	va_end(entries);
	snprintf(line, sizeof(line), "class-map %s", name);
	expect_quiet(line);
	snprintf(line, sizeof(line), "match access-list %s_list", name);
	expect_quiet(line);
	expect_done("policy-map global_policy", false);
	snprintf(line, sizeof(line), "class %s", name);
	expect_quiet(line);
	run(action);
	assert_int_equal(outcome.status, CLI_DONE);
	expect_done("end", false);
	expect_done("configure terminal", false);
}

/* The recipe, as its document types it. */
static void
test_the_recipe(void **state)
{
	static const char *const lines[] = {"enable", "configure terminal",
	    "access-list ironport_esa_internal extended permit ip any 192.168.1.1",
	    "access-list ironport_esa_internal extended permit ip 192.168.1.1 any",
	    "class-map ironport_esa", "match address ironport_esa_internal",
	    "policy-map global_policy", "class ironport_esa", "no inspect esmtp",
	    "static (inside,outside) 1.1.1.1 192.168.1.1 netmask 255.255.255.255 tcp 50 100"};

	(void)state;
	place.mode = CLI_VIEW;
	for (unsigned i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		run(lines[i]);
		if (outcome.status != CLI_DONE)
			fail_msg("%s: %s", lines[i], outcome.message);
		if (strcmp(lines[i], "no inspect esmtp") == 0)
			assert_string_equal(outcome.message,
			    "WARNING: mail of class ironport_esa is relayed without inspection "
			    "(policy-map global_policy)");
	}
	expect_quiet("static (inside,outside) 1.1.1.2 192.168.1.2");
	assert_string_equal(print(NULL, false),
	    "hostname smtpguard\n"
	    "!\n"
	    "access-list ironport_esa_internal extended permit ip any host 192.168.1.1\n"
	    "access-list ironport_esa_internal extended permit ip host 192.168.1.1 any\n"
	    "!\n"
	    "static (inside,outside) 1.1.1.1 192.168.1.1 netmask 255.255.255.255 tcp 50 100\n"
	    "static (inside,outside) 1.1.1.2 192.168.1.2 netmask 255.255.255.255\n"
	    "!\n"
	    "class-map ironport_esa\n"
	    " match access-list ironport_esa_internal\n"
	    "!\n"
	    "policy-map global_policy\n"
	    " class ironport_esa\n"
	    "  no inspect esmtp\n"
	    " class inspection_default\n"
	    "  inspect esmtp\n"
	    "!\n"
	    "service-policy global_policy global\n");
	expect_comes_back();
	language_compile();
	assert_string_equal(rules_of(0), "ironport_esa permit any/0 relay \n");
	assert_string_equal(rules_of(1), "ironport_esa permit 192.168.1.1/32 relay \n");
	assert_int_equal(compiled->listeners.entry[0].mode, SLOT_INSPECT);
	assert_int_equal(compiled->listeners.entry[1].mode, SLOT_INSPECT);
}

/* The mapped address stands for the server as well as the real one. */
static void
test_both_addresses_of_a_server(void **state)
{
	(void)state;
	expect_quiet("static (inside,outside) tcp 192.0.2.10 2525 10.0.0.20 25");
	expect_quiet("static (inside,outside) tcp 2001:db8::10 25 10.0.0.21 26");
	make_class("c", "no inspect esmtp",
	    "permit tcp 10.1.0.0 255.255.0.0 192.0.2.0 255.255.255.0",
	    "permit tcp 10.2.0.0 255.255.0.0 host 10.0.0.20 eq 25",
	    "permit tcp 10.3.0.0 255.255.0.0 host 10.0.0.20 eq 2525",
	    "permit tcp 10.4.0.0 255.255.0.0 any eq 2525", "permit ip 10.5.0.0 255.255.0.0 any6",
	    "deny ip any6 host 10.0.0.21", "permit ip 2001:db8:1::/48 10.0.0.0 255.0.0.0",
	    "permit ip any6 any6", "permit ip host 2001:db8::2 any", NULL);
	language_compile();
	assert_string_equal(rules_of(0), "c permit 10.1.0.0/16 relay \n"
					 "c permit 10.2.0.0/16 relay \n"
					 "c permit 10.4.0.0/16 relay \n");
	/* Denied to all of its clients: what stands below is never asked. */
	assert_string_equal(rules_of(1), "");
	expect_warning("no access-list c_list deny ip any6 host 10.0.0.21", "class c is relayed");
	language_compile();
	assert_string_equal(rules_of(1), "c permit 2001:db8:1::/48 relay \n"
					 "c permit ::/0 relay \n");
}

static void
test_first_line_decides(void **state)
{
	(void)state;
	expect_quiet("static (inside,outside) 192.0.2.10 10.0.0.20");
	make_class("c", "no inspect esmtp", "deny ip host 10.0.0.9 any",
	    "permit ip 10.0.0.0 255.0.0.0 any", "deny ip host 172.16.0.1 any", NULL);
	language_compile();
	assert_string_equal(rules_of(0), "c deny 10.0.0.9/32 relay \nc permit 10.0.0.0/8 relay \n");
}

static void
test_classes_in_order(void **state)
{
	(void)state;
	expect_quiet("static (inside,outside) 192.0.2.10 10.0.0.20");
	expect_quiet("policy-map type inspect esmtp strict");
	make_class("one", "inspect esmtp strict", "deny ip host 10.0.0.1 any",
	    "permit ip 10.0.0.0 255.0.0.0 any", NULL);
	make_class("two", "no inspect esmtp raw", "permit ip 172.16.0.0/12 any", NULL);
	make_class("three", "inspect esmtp", "permit ip any host 10.0.0.20", NULL);
	make_class("four", "no inspect esmtp", "permit ip any any", NULL);
	language_compile();
	assert_string_equal(rules_of(0), "one deny 10.0.0.1/32 inspect strict\n"
					 "one permit 10.0.0.0/8 inspect strict\n"
					 "two permit 172.16.0.0/12 raw \n"
					 "three permit any/0 inspect _default_esmtp_map\n");
	assert_string_equal(print("policy-map", false), "policy-map type inspect esmtp strict\n"
							"!\n"
							"policy-map global_policy\n"
							" class one\n"
							"  inspect esmtp strict\n"
							" class two\n"
							"  no inspect esmtp raw\n"
							" class three\n"
							"  inspect esmtp\n"
							" class four\n"
							"  no inspect esmtp\n"
							" class inspection_default\n"
							"  inspect esmtp\n");
	expect_comes_back();
	assert_string_equal(
	    compiled->image[compiled->listeners.entry[0].policy_slot].name, "_default_esmtp_map");
	expect_done("policy-map global_policy", false);
	expect_warning("no class inspection_default", "192.0.2.10 is relayed");
	expect_comes_back();
}

static void
test_policies_of_interfaces(void **state)
{
	(void)state;
	expect_quiet("static (inside,outside) 192.0.2.10 10.0.0.20");
	expect_quiet("static (inside,dmz) 192.0.2.11 10.0.0.20");
	make_class("c", "no inspect esmtp", "permit ip host 10.0.0.1 any", NULL);
	expect_quiet("policy-map other");
	expect_quiet("class inspection_default");
	expect_quiet("inspect esmtp");
	expect_quiet("class c");
	expect_warning("no inspect esmtp raw", "class c");
	expect_quiet("service-policy other interface dmz");
	language_compile();
	assert_string_equal(rules_of(0), "c permit 10.0.0.1/32 relay \n");
	assert_string_equal(rules_of(1), "c permit 10.0.0.1/32 raw \n");
	assert_int_equal(compiled->listeners.classes, 2);
	assert_string_equal(compiled->listeners.class_of[0].policy, "global_policy");
	assert_string_equal(compiled->listeners.class_of[1].policy, "other");
	assert_string_equal(compiled->listeners.class_of[1].name, "c");
	expect_comes_back();
}

/* A class without an inspect line, or whose class-map matches nothing, takes nobody. */
static void
test_classes_that_do_nothing(void **state)
{
	(void)state;
	expect_quiet("static (inside,outside) 192.0.2.10 10.0.0.20");
	expect_quiet("class-map c");
	expect_quiet("match any");
	expect_done("policy-map global_policy", false);
	expect_quiet("class c");
	expect_warning("exit", "class c has no line yet");
	expect_comes_back();
	language_compile();
	assert_string_equal(rules_of(0), "");
	expect_done("class c", false);
	expect_warning("no inspect esmtp", "class c is relayed");
	language_compile();
	assert_string_equal(rules_of(0), "c permit any/0 relay \n");
	expect_done("class-map c", false);
	expect_quiet("no match any");
	expect_comes_back();
	language_compile();
	assert_string_equal(rules_of(0), "");
	expect_warning("match any", "class c is relayed");
	expect_done("policy-map global_policy", false);
	expect_quiet("no class c");
	language_compile();
	assert_string_equal(rules_of(0), "");
}

static void
test_class_maps(void **state)
{
	(void)state;
	expect_quiet("access-list a permit ip any any");
	expect_quiet("access-list b permit ip any any");
	expect_quiet("class-map c");
	expect_quiet("description who ! \"they\" are");
	expect_refusal("match access-list nobody", "no access-list nobody");
	expect_quiet("match address a");
	expect_done("match access-list a", false);
	expect_refusal("match access-list b", "matches access-list a; remove that first");
	expect_refusal("match any", "matches access-list a");
	expect_refusal("match default-inspection-traffic", "inspection_default");
	expect_warning("no match access-list b", "no such match");
	expect_warning("no match any", "no such match");
	assert_string_equal(print("class-map", false), "class-map c\n"
						       " description who ! \"they\" are\n"
						       " match access-list a\n");
	expect_comes_back();
	expect_quiet("no match address a");
	expect_quiet("match any");
	expect_refusal("match access-list a", "matches any; remove that first");
	expect_comes_back();
	expect_done("policy-map global_policy", false);
	expect_quiet("class c");
	expect_refusal("no class-map c", "in use by policy-map global_policy");
	expect_done("policy-map global_policy", false);
	expect_quiet("no class c");
	expect_quiet("no class-map c");
	expect_warning("no class-map c", "no class-map c");
	place = (struct cli_place){.mode = CLI_CLASS_MAP, .map = "c"};
	expect_refusal("match any", "does not exist any more");
}

static void
test_the_built_in_class_map(void **state)
{
	char prompt[64];

	(void)state;
	expect_done("class-map inspection_default", false);
	cli_prompt(&place, config, prompt, sizeof(prompt));
	assert_string_equal(prompt, "smtpguard(config-cmap)# ");
	expect_done("match default-inspection-traffic", false);
	expect_refusal("match any", "built in");
	expect_refusal("description x", "built in");
	expect_refusal("no class-map inspection_default", "built in");
	assert_string_equal(print("class-map", false), "");
	assert_string_equal(print("class-map", true), "class-map inspection_default\n"
						      " match default-inspection-traffic\n");
	expect_done("exit", false);
	assert_int_equal(place.mode, CLI_CONFIG);
}

/* Whatever more than before is relayed is told. */
static void
test_warnings(void **state)
{
	(void)state;
	expect_quiet("static (inside,outside) 192.0.2.10 10.0.0.20");
	make_class("c", "no inspect esmtp", "permit ip host 10.0.0.1 any", NULL);
	expect_warning("access-list c_list permit ip host 10.0.0.2 any", "class c is relayed");
	expect_quiet("access-list c_list deny ip host 10.0.0.3 any");
	expect_warning("no access-list c_list deny ip host 10.0.0.3 any", "class c is relayed");
	expect_quiet("no access-list c_list permit ip host 10.0.0.2 any");
	expect_done("policy-map global_policy", false);
	expect_done("class c", false);
	expect_quiet("inspect esmtp");
	expect_warning("inspect esmtp _compat_asa", "harmful");
	expect_quiet("access-list c_list permit ip host 10.0.0.2 any");
}

static void
test_bounds_of_the_language(void **state)
{
	char line[128];

	(void)state;
	for (unsigned i = 0; i < CONFIG_CLASS_MAPS_MAX; i++) {
		snprintf(line, sizeof(line), "class-map c%u", i);
		expect_quiet(line);
	}
	expect_refusal("class-map more", "at most 64");
	expect_done("policy-map global_policy", false);
	expect_quiet("no class inspection_default");
	for (unsigned i = 0; i < CONFIG_CLASSES_MAX; i++) {
		snprintf(line, sizeof(line), "class c%u", i);
		expect_done(line, true);
	}
	expect_refusal("class c40", "at most 32");
	for (unsigned i = 0; i < CONFIG_CLASSES_MAX; i++) {
		snprintf(line, sizeof(line), "class c%u", i);
		expect_done(line, false);
		expect_warning("no inspect esmtp", "relayed");
	}
	expect_refusal("class class-default", "no class-map class-default");
	expect_comes_back();
}

static void
test_bounds_of_the_classes(void **state)
{
	char line[128];

	(void)state;
	expect_quiet("class-map c");
	for (unsigned i = 0; i < CONFIG_CLASSES_MAX; i++) {
		snprintf(line, sizeof(line), "class-map c%u", i);
		expect_quiet(line);
	}
	for (unsigned i = 0; i < CLASSES_MAX / CONFIG_CLASSES_MAX; i++) {
		snprintf(line, sizeof(line), "policy-map p%u", i);
		expect_quiet(line);
		for (unsigned k = 0; k < CONFIG_CLASSES_MAX; k++) {
			snprintf(line, sizeof(line), "class c%u", k);
			expect_done(line, true);
			expect_quiet("inspect esmtp");
		}
	}
	language_compile();
	assert_int_equal(compiled->listeners.classes, CLASSES_MAX);
	expect_done("policy-map global_policy", false);
	expect_quiet("class c");
	language_compile();
	expect_quiet("inspect esmtp");
	assert_false(config_compile(config, compiled));
	assert_string_equal(compiled->error[0],
	    "policy-map p3: class c31 is beyond the 128 classes that may be in use");
}

/* 100 clients for each of 60 statics; as long as they ask the same they share. */
static void
test_bounds_of_the_table(void **state)
{
	char line[128];

	(void)state;
	for (unsigned i = 0; i < 60; i++) {
		snprintf(line, sizeof(line), "static (in,out) 192.0.2.%u 10.0.0.%u", i + 1, i + 1);
		expect_quiet(line);
	}
	make_class("c", "no inspect esmtp", "permit ip host 10.0.0.1 any", NULL);
	for (unsigned i = 1; i < 100; i++) {
		snprintf(line, sizeof(line), "access-list c_list permit ip host 10.1.0.%u any", i);
		expect_warning(line, "class c");
	}
	language_compile();
	assert_int_equal(compiled->listeners.class_rules, 100);
	assert_int_equal(compiled->listeners.entry[59].class_first, 0);
	assert_int_equal(compiled->listeners.entry[59].class_count, 100);
	for (unsigned i = 0; i < 60; i++) {
		snprintf(line, sizeof(line),
		    "access-list c_list permit ip host 10.2.0.%u 10.0.0.%u", i + 1, i + 1);
		expect_warning(line, "class c");
	}
	assert_false(config_compile(config, compiled));
	assert_string_equal(compiled->error[0], "policy-map global_policy: its classes have more "
						"than 4096 lines over all statics");
}

/* All maps there are, the built-in ones and none: each has an image. */
static void
test_every_map_in_use(void **state)
{
	static const char *const maps[] = {
	    "", "_compat_asa", "_compat_fixup_5_1", "_compat_fixup_4_4", "_compat_mailhost_4_0"};
	char name[16], entry[64], action[64];

	(void)state;
	expect_quiet("static (inside,outside) 192.0.2.10 10.0.0.20");
	for (unsigned i = 0; i < CONFIG_MAPS_MAX; i++) {
		snprintf(entry, sizeof(entry), "policy-map type inspect esmtp m%u", i);
		expect_quiet(entry);
	}
	for (unsigned i = 0; i < CONFIG_MAPS_MAX + 5; i++) {
		snprintf(name, sizeof(name), "c%u", i);
		snprintf(entry, sizeof(entry), "permit ip host 10.0.0.%u any", i + 1);
		if (i < CONFIG_MAPS_MAX)
			snprintf(action, sizeof(action), "inspect esmtp m%u", i);
		else
			snprintf(
			    action, sizeof(action), "inspect esmtp %s", maps[i - CONFIG_MAPS_MAX]);
		make_class(name, action, entry, NULL);
	}
	make_class("last", "no inspect esmtp", "permit ip any any", NULL);
	language_compile();
	assert_int_equal(compiled->images, COMPILE_IMAGES_MAX);
	assert_int_equal(compiled->listeners.entry[0].class_count, CONFIG_MAPS_MAX + 6);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_the_recipe, language_setup, language_teardown),
	    cmocka_unit_test_setup_teardown(
		test_both_addresses_of_a_server, language_setup, language_teardown),
	    cmocka_unit_test_setup_teardown(
		test_first_line_decides, language_setup, language_teardown),
	    cmocka_unit_test_setup_teardown(
		test_classes_in_order, language_setup, language_teardown),
	    cmocka_unit_test_setup_teardown(
		test_policies_of_interfaces, language_setup, language_teardown),
	    cmocka_unit_test_setup_teardown(
		test_classes_that_do_nothing, language_setup, language_teardown),
	    cmocka_unit_test_setup_teardown(test_class_maps, language_setup, language_teardown),
	    cmocka_unit_test_setup_teardown(
		test_the_built_in_class_map, language_setup, language_teardown),
	    cmocka_unit_test_setup_teardown(test_warnings, language_setup, language_teardown),
	    cmocka_unit_test_setup_teardown(
		test_bounds_of_the_language, language_setup, language_teardown),
	    cmocka_unit_test_setup_teardown(
		test_bounds_of_the_classes, language_setup, language_teardown),
	    cmocka_unit_test_setup_teardown(
		test_bounds_of_the_table, language_setup, language_teardown),
	    cmocka_unit_test_setup_teardown(
		test_every_map_in_use, language_setup, language_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
