/* fixup protocol smtp: on, off, ranges, and what becomes of the statics. */
#include "daemon/policy/compile.h"
#include "daemon/policy/tree.h"
#include "shm/slot.h"
#include "tests/unit/language_harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void
expect_handled(const char *const *handled)
{
	language_compile();
	for (uint32_t i = 0; i < compiled->listeners.count; i++) {
		const struct listener_entry *entry = &compiled->listeners.entry[i];
		bool inspected = handled[i][0] != '\0';

		assert_int_equal(entry->mode, inspected ? SLOT_INSPECT : SLOT_RELAY);
		assert_string_equal(compiled->image[entry->policy_slot].name, handled[i]);
	}
}

#define HANDLED(...) expect_handled((const char *const[]){__VA_ARGS__})
#define NORMAL	     "_default_esmtp_map"
#define FIXUP	     "_compat_fixup_5_1"

/* "Disattivare la funzionalita Mailguard": inspection of that port ends. */
static void
test_the_recipe(void **state)
{
	(void)state;
	expect_quiet("static (inside,outside) 192.0.2.10 10.0.0.20");
	expect_quiet("static (inside,outside) tcp 192.0.2.10 587 10.0.0.20 587");
	HANDLED(NORMAL, NORMAL);
	place.mode = CLI_VIEW;
	expect_done("enable", false);
	expect_done("configure terminal", false);
	expect_warning("no fixup protocol smtp 25", "192.0.2.10 is relayed without inspection");
	assert_true(outcome.changed);
	run("write memory");
	assert_int_equal(outcome.action, CLI_ACTION_WRITE_MEMORY);
	assert_string_equal(print("fixup", false), "no fixup protocol smtp 25\n");
	expect_comes_back();
	HANDLED("", NORMAL);
	expect_quiet("clear configure fixup");
	assert_string_equal(print("fixup", false), "");
	HANDLED(NORMAL, NORMAL);
	expect_warning("clear configure fixup", "no fixup");
	assert_false(outcome.changed);
}

static void
test_on(void **state)
{
	(void)state;
	expect_quiet("static (inside,outside) 192.0.2.10 10.0.0.20");
	expect_quiet("static (inside,outside) tcp 192.0.2.10 587 10.0.0.20 25");
	expect_warning("fixup protocol smtp", "harmful");
	assert_non_null(strstr(outcome.message, "PIX"));
	expect_done("fixup protocol smtp 25", false);
	expect_warning("fixup protocol smtp smtp", "harmful");
	HANDLED(FIXUP, NORMAL);
	assert_string_equal(print(NULL, false),
	    "hostname smtpguard\n"
	    "!\n"
	    "fixup protocol smtp 25\n"
	    "!\n"
	    "static (inside,outside) 192.0.2.10 10.0.0.20 netmask 255.255.255.255\n"
	    "static (inside,outside) tcp 192.0.2.10 587 10.0.0.20 25 netmask 255.255.255.255\n"
	    "!\n"
	    "policy-map global_policy\n"
	    " class inspection_default\n"
	    "  inspect esmtp\n"
	    "!\n"
	    "service-policy global_policy global\n");
	expect_comes_back();
	/* It does not depend on a service-policy. */
	expect_warning("no service-policy global_policy global", "192.0.2.10 is relayed");
	HANDLED(FIXUP, "");
	expect_comes_back();
	expect_warning("no fixup protocol smtp", "192.0.2.10 and 1 more");
	HANDLED("", "");
}

static void
test_ranges(void **state)
{
	(void)state;
	expect_quiet("static (inside,outside) tcp 192.0.2.10 24 10.0.0.20 25");
	expect_quiet("static (inside,outside) tcp 192.0.2.10 25 10.0.0.20 25");
	expect_quiet("static (inside,outside) tcp 192.0.2.10 30 10.0.0.20 25");
	expect_quiet("static (inside,outside) tcp 192.0.2.10 31 10.0.0.20 25");
	expect_warning("fixup protocol smtp 25-30", "harmful");
	HANDLED(NORMAL, FIXUP, FIXUP, NORMAL);
	expect_warning("no fixup protocol smtp 30-31", "relayed");
	HANDLED(NORMAL, FIXUP, "", "");
	assert_string_equal(print("fixup", false), "fixup protocol smtp 25-30\n"
						   "no fixup protocol smtp 30-31\n");
	expect_comes_back();
	expect_warning("fixup protocol smtp 25-30", "harmful");
	assert_true(outcome.changed);
	HANDLED(NORMAL, FIXUP, FIXUP, "");
	assert_string_equal(print("fixup", false), "no fixup protocol smtp 30-31\n"
						   "fixup protocol smtp 25-30\n");
	expect_comes_back();
	/* What it covers is forgotten. */
	expect_warning("fixup protocol smtp 1-65535", "harmful");
	assert_string_equal(print("fixup", false), "fixup protocol smtp 1-65535\n");
	expect_invalid("fixup protocol smtp 30-25", 21);
	expect_invalid("fixup protocol smtp 0", 21);
	expect_invalid("fixup protocol smtp 25-", 21);
	expect_invalid("fixup protocol smtp -25", 21);
	expect_invalid("fixup protocol smtp 25-26-27", 21);
	expect_invalid("fixup protocol smtp 1-65536", 21);
	expect_invalid("fixup protocol http 80", 16);
}

/* An exemption is asked first. */
static void
test_beside_classes(void **state)
{
	(void)state;
	expect_quiet("static (inside,outside) 192.0.2.10 10.0.0.20");
	expect_quiet("class-map all");
	expect_quiet("match any");
	expect_done("policy-map global_policy", false);
	expect_quiet("class all");
	expect_warning("no inspect esmtp raw", "relayed");
	expect_warning("fixup protocol smtp 25", "harmful");
	language_compile();
	assert_int_equal(compiled->listeners.entry[0].mode, SLOT_INSPECT);
	assert_int_equal(compiled->listeners.entry[0].class_count, 1);
	assert_int_equal(compiled->listeners.class_rule[0].mode, SLOT_RAW);
}

static void
test_bounds_and_places(void **state)
{
	char line[64];

	(void)state;
	expect_warning("no fixup protocol smtp 2525", "no static listens there");
	expect_warning("static (inside,outside) tcp 192.0.2.10 2525 10.0.0.20 25",
	    "relayed without inspection");
	for (unsigned i = 1; i < CONFIG_FIXUPS_MAX; i++) {
		snprintf(line, sizeof(line), "fixup protocol smtp %u", i);
		expect_warning(line, "harmful");
	}
	expect_refusal("fixup protocol smtp 99", "at most 16");
	expect_warning("fixup protocol smtp 1-99", "harmful");
	assert_int_equal(config->fixups, 2);
	expect_comes_back();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_the_recipe, language_setup, language_teardown),
	    cmocka_unit_test_setup_teardown(test_on, language_setup, language_teardown),
	    cmocka_unit_test_setup_teardown(test_ranges, language_setup, language_teardown),
	    cmocka_unit_test_setup_teardown(test_beside_classes, language_setup, language_teardown),
	    cmocka_unit_test_setup_teardown(
		test_bounds_and_places, language_setup, language_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
