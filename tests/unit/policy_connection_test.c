/* `set connection`: entered in pieces, printed as one line, given to the supervisor by class. */
#include "daemon/policy/compile.h"
#include "tests/unit/language_harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct class_entry *
class_at(uint16_t index)
{
	assert_true(index < compiled->listeners.classes);
	return &compiled->listeners.class_of[index];
}

static void
expect_printed(const char *line)
{
	assert_non_null(strstr(print(NULL, false), line));
	expect_comes_back();
}

static void
test_lines_add_up(void **state)
{
	(void)state;
	run("policy-map global_policy");
	run("class inspection_default");
	expect_quiet("set connection per-client-max 20");
	expect_printed("  set connection per-client-max 20\n");
	expect_quiet("set connection embryonic-conn-max 200 conn-max 1000");
	expect_printed("  set connection conn-max 1000 embryonic-conn-max 200 per-client-max 20\n");
	expect_done("set connection conn-max 1000", false);
	expect_quiet("set conn per-client-e 5 conn 999");
	expect_printed("  set connection conn-max 999 embryonic-conn-max 200 per-client-max 20 "
		       "per-client-embryonic-max 5\n");
	expect_quiet("set connection conn-max 0");
	expect_printed("  set connection conn-max 0 embryonic-conn-max 200 per-client-max 20 "
		       "per-client-embryonic-max 5\n");
	/* What the class does with mail is another matter. */
	assert_non_null(strstr(print(NULL, false), "  inspect esmtp\n"));
}

static void
test_no_takes_back(void **state)
{
	(void)state;
	run("policy-map global_policy");
	run("class inspection_default");
	run("set connection conn-max 1000 embryonic-conn-max 200 per-client-max 20");
	expect_refusal("no set connection conn-max 999", "conn-max 1000");
	/* All of a line or nothing. */
	expect_refusal("no set connection per-client-max conn-max 999", "conn-max 1000");
	expect_quiet("no set connection conn-max 1000 embryonic-conn-max");
	expect_printed("  set connection per-client-max 20\n");
	expect_warning("no set connection conn-max", "has no conn-max");
	expect_quiet("no set connection");
	assert_null(strstr(print(NULL, false), "set connection"));
	expect_comes_back();
	expect_warning("no set connection", "has no limits");
}

static void
expect_incomplete(const char *line, enum cli_status status)
{
	run(line);
	assert_int_equal(outcome.status, status);
	assert_false(outcome.changed);
}

static void
test_what_is_not_a_limit(void **state)
{
	(void)state;
	expect_invalid("set connection conn-max 5", 1); /* in no class */
	run("policy-map global_policy");
	run("class inspection_default");
	expect_invalid("set connection conn-max 2000001", 25);
	expect_invalid("set connection conn-max -1", 25);
	expect_invalid("set connection half-open 5", 16);
	expect_incomplete("set connection", CLI_INCOMPLETE);
	expect_incomplete("set connection conn-max", CLI_INCOMPLETE);
	expect_incomplete("set connection conn-max 5 per-client 5", CLI_AMBIGUOUS);
	assert_null(strstr(print(NULL, false), "set connection"));
}

/* A class with limits alone does something, and leaves the mail to the next one. */
static void
test_a_class_of_limits(void **state)
{
	(void)state;
	run("access-list partners permit ip host 198.51.100.7 any");
	run("class-map partners");
	run("match access-list partners");
	run("policy-map global_policy");
	run("class partners");
	run("set connection conn-max 7");
	expect_done("exit", false);
	assert_string_equal(outcome.message, "");
	expect_printed(" class partners\n  set connection conn-max 7\n class inspection_default\n");
	run("no set connection");
	run("class partners");
	run("no set connection");
	expect_warning("exit", "class partners has no line yet");
}

static void
make_classes(void)
{
	run("static (inside,outside) 192.0.2.1 10.0.0.1 tcp 50 100");
	run("access-list a permit ip host 198.51.100.1 any");
	run("access-list b permit ip host 198.51.100.2 any");
	run("class-map a");
	run("match access-list a");
	run("class-map b");
	run("match access-list b");
	run("class-map all");
	run("match any");
	run("policy-map global_policy");
}

static void
test_compiled(void **state)
{
	const struct listener_entry *entry;
	const struct class_rule *rule;

	(void)state;
	make_classes();
	entry = language_compile();
	assert_int_equal(entry->class_own, CLASS_NONE);
	assert_int_equal(compiled->listeners.classes, 0);
	assert_int_equal(entry->connections_max, 50);
	assert_int_equal(entry->embryonic_max, 100);

	run("class a");
	run("no inspect esmtp");
	run("class b");
	run("set connection per-client-max 3 per-client-embryonic-max 2");
	run("class inspection_default");
	run("set connection conn-max 1000 embryonic-conn-max 200");
	entry = language_compile();
	rule = &compiled->listeners.class_rule[entry->class_first];
	assert_int_equal(entry->class_count, 2);
	assert_string_equal(class_at(rule[0].class_index)->name, "a");
	assert_false(class_at(rule[0].class_index)->limits_given);
	assert_false(class_at(rule[0].class_index)->limits_only);

	assert_string_equal(class_at(rule[1].class_index)->name, "b");
	assert_string_equal(class_at(rule[1].class_index)->policy, "global_policy");
	assert_true(class_at(rule[1].class_index)->limits_given);
	assert_true(class_at(rule[1].class_index)->limits_only);
	assert_int_equal(class_at(rule[1].class_index)->limits.client_max, 3);
	assert_int_equal(class_at(rule[1].class_index)->limits.client_embryonic_max, 2);
	assert_int_equal(class_at(rule[1].class_index)->limits.connections_max, 0);
	assert_int_equal(rule[1].policy_slot, entry->policy_slot);

	assert_string_equal(class_at(entry->class_own)->name, "inspection_default");
	assert_int_equal(class_at(entry->class_own)->limits.connections_max, 1000);
	assert_int_equal(class_at(entry->class_own)->limits.embryonic_max, 200);
	assert_false(class_at(entry->class_own)->limits_only);
}

/* A class for all ends the asking about what it has a say about, and no more. */
static void
test_a_class_for_all(void **state)
{
	const struct listener_entry *entry;

	(void)state;
	make_classes();
	run("class all");
	run("no inspect esmtp");
	run("class a");
	run("inspect esmtp");
	run("class b");
	run("inspect esmtp");
	run("set connection conn-max 1");
	entry = language_compile();
	assert_int_equal(entry->class_count, 2); /* all, b */
	run("class all");
	run("set connection conn-max 0"); /* no limit, and that is said */
	entry = language_compile();
	assert_int_equal(entry->class_count, 1);
	assert_true(class_at(0)->limits_given);
}

/* Policies have classes of the same name. */
static void
test_two_policies(void **state)
{
	const struct listener_entry *entry;

	(void)state;
	make_classes();
	run("class inspection_default");
	run("set connection conn-max 1");
	run("static (inside,dmz) 192.0.2.2 10.0.0.1");
	run("policy-map other");
	run("class inspection_default");
	run("inspect esmtp");
	run("set connection conn-max 2");
	run("service-policy other interface dmz");
	entry = language_compile();
	assert_int_equal(class_at(entry[0].class_own)->limits.connections_max, 1);
	assert_string_equal(class_at(entry[1].class_own)->policy, "other");
	assert_int_equal(class_at(entry[1].class_own)->limits.connections_max, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_lines_add_up, language_setup, language_teardown),
	    cmocka_unit_test_setup_teardown(test_no_takes_back, language_setup, language_teardown),
	    cmocka_unit_test_setup_teardown(
		test_what_is_not_a_limit, language_setup, language_teardown),
	    cmocka_unit_test_setup_teardown(
		test_a_class_of_limits, language_setup, language_teardown),
	    cmocka_unit_test_setup_teardown(test_compiled, language_setup, language_teardown),
	    cmocka_unit_test_setup_teardown(
		test_a_class_for_all, language_setup, language_teardown),
	    cmocka_unit_test_setup_teardown(test_two_policies, language_setup, language_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
