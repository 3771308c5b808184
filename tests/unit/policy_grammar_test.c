#include "daemon/policy/cli.h"
#include "daemon/policy/grammar.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct config *config;
static struct cli_place place;
static struct cli_outcome outcome;

static int
setup(void **state)
{
	(void)state;
	config = config_create();
	place = (struct cli_place){.mode = CLI_EXEC};
	return config == NULL;
}

static int
teardown(void **state)
{
	(void)state;
	config_free(config);
	return 0;
}

static void
run(const char *line)
{
	cli_execute(&place, config, line, &outcome);
}

static void
expect_action(const char *line, enum cli_action action, const char *value)
{
	run(line);
	assert_int_equal(outcome.status, CLI_ACTION);
	assert_int_equal(outcome.action, action);
	assert_int_equal(outcome.values, value != NULL);
	if (value != NULL)
		assert_string_equal(outcome.value[0], value);
	assert_false(outcome.changed);
}

static void
expect_failure(const char *line, enum cli_status status, unsigned column)
{
	run(line);
	assert_int_equal(outcome.status, status);
	assert_int_equal(outcome.column, column);
	assert_string_not_equal(outcome.message, "");
	assert_false(outcome.changed);
}

static void
expect_mode(const char *line, enum cli_mode mode)
{
	run(line);
	assert_int_equal(outcome.status, CLI_DONE);
	assert_int_equal(place.mode, mode);
}

/* Every form is well made and has one help text per token. */
static void
test_every_row_is_a_form(void **state)
{
	const struct grammar_row *row;
	struct pattern pattern;

	(void)state;
	for (unsigned i = 0; (row = grammar_row(i)) != NULL; i++) {
		bool only_no = strncmp(row->form, "no ", 3) == 0;
		if (!pattern_parse(&pattern, row->form + (only_no ? 3 : 0), row->help))
			fail_msg("%s", row->form);
		assert_true((row->run == NULL) == (row->action != CLI_ACTION_NONE));
	}
	for (unsigned level = GRAMMAR_VIEW; level <= GRAMMAR_CLASS_MAP; level <<= 1) {
		unsigned count = 0;
		for (unsigned i = 0; (row = grammar_row(i)) != NULL; i++)
			count += (row->levels & (level | GRAMMAR_INNER | GRAMMAR_VIEW)) != 0;
		assert_true(count <= GRAMMAR_ROWS_MAX);
	}
}

static void
test_bad_forms_are_found(void **state)
{
	static const char *const bad[] = {"", "[a]", "a [b", "a ]", "{a|b", "a NOTYPE", "/ a",
	    "a [b / c]", "NUMBER<1", "NUMBER<2-1>", "a b c"};
	static const char *const help[] = {"x", "y", NULL};
	struct pattern pattern;

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(pattern_parse(&pattern, bad[i], help));
	assert_true(pattern_parse(&pattern, "a [b]", help));
	assert_true(pattern_parse(&pattern, "{a | b} ...", help));
}

static void
test_actions(void **state)
{
	(void)state;
	expect_action("show running-config", CLI_ACTION_SHOW_RUNNING_CONFIG, NULL);
	expect_action("show running-config all", CLI_ACTION_SHOW_RUNNING_CONFIG, "all");
	expect_action("show running-config policy", CLI_ACTION_SHOW_RUNNING_CONFIG, "policy-map");
	expect_action("show startup-config", CLI_ACTION_SHOW_STARTUP_CONFIG, NULL);
	expect_action("show version", CLI_ACTION_SHOW_VERSION, NULL);
	expect_action("show conn", CLI_ACTION_SHOW_CONN, NULL);
	expect_action("show conn detail", CLI_ACTION_SHOW_CONN_DETAIL, NULL);
	expect_action("show conn 0123456789abcdEF", CLI_ACTION_SHOW_CONN_ID, "0123456789abcdEF");
	expect_action("show conn closed", CLI_ACTION_SHOW_CONN_CLOSED, NULL);
	expect_action("show conn closed 2001:db8::1", CLI_ACTION_SHOW_CONN_CLOSED, "2001:db8::1");
	expect_action("show service-policy", CLI_ACTION_SHOW_SERVICE_POLICY, NULL);
	expect_action("show service-policy inspect esmtp", CLI_ACTION_SHOW_SERVICE_POLICY, NULL);
	expect_action("show fixup", CLI_ACTION_SHOW_FIXUP, NULL);
	expect_action("show running-config access", CLI_ACTION_SHOW_RUNNING_CONFIG, "access-list");
	expect_action("show running-config class-map", CLI_ACTION_SHOW_RUNNING_CONFIG, "class-map");
	expect_action("show counters", CLI_ACTION_SHOW_COUNTERS, NULL);
	expect_action("show counters peer", CLI_ACTION_SHOW_COUNTERS_PEER, NULL);
	expect_action("show events", CLI_ACTION_SHOW_EVENTS, NULL);
	expect_action("show events follow", CLI_ACTION_SHOW_EVENTS_FOLLOW, NULL);
	expect_action("clear conn 0123456789abcdef", CLI_ACTION_CLEAR_CONN, "0123456789abcdef");
	expect_action("clear counters", CLI_ACTION_CLEAR_COUNTERS, NULL);
	expect_action("clear candidate", CLI_ACTION_CLEAR_CANDIDATE, NULL);
	expect_action("show candidate", CLI_ACTION_SHOW_CANDIDATE, NULL);
	expect_action("show configuration diff", CLI_ACTION_SHOW_CONFIGURATION_DIFF, NULL);
	expect_action("show configuration history", CLI_ACTION_SHOW_CONFIGURATION_HISTORY, NULL);
	expect_action("commit", CLI_ACTION_COMMIT, NULL);
	expect_action("commit check", CLI_ACTION_COMMIT_CHECK, NULL);
	expect_action("commit force", CLI_ACTION_COMMIT, "force");
	run("commit force confirmed 65535");
	assert_int_equal(outcome.action, CLI_ACTION_COMMIT);
	assert_int_equal(outcome.values, 3);
	assert_string_equal(outcome.value[0], "force");
	assert_string_equal(outcome.value[1], "confirmed");
	assert_string_equal(outcome.value[2], "65535");
	expect_action("rollback 10", CLI_ACTION_ROLLBACK, "10");
	expect_action("clear service-policy", CLI_ACTION_CLEAR_SERVICE_POLICY, NULL);
	expect_action("write", CLI_ACTION_WRITE_MEMORY, NULL);
	expect_action("wr mem", CLI_ACTION_WRITE_MEMORY, NULL);
	expect_action("write terminal", CLI_ACTION_WRITE_TERMINAL, NULL);
	expect_action("write erase", CLI_ACTION_WRITE_ERASE, NULL);
	expect_action("copy run start", CLI_ACTION_COPY_RUNNING_STARTUP, NULL);
	expect_action("show failover", CLI_ACTION_SHOW_FAILOVER, NULL);
	expect_action("show failover history", CLI_ACTION_SHOW_FAILOVER_HISTORY, NULL);
	expect_action("show failover digest", CLI_ACTION_SHOW_FAILOVER_DIGEST, NULL);
	expect_action("show failover digest 64", CLI_ACTION_SHOW_FAILOVER_DIGEST, "64");
	run("show failover digest 7 1 2 3 4");
	assert_int_equal(outcome.action, CLI_ACTION_SHOW_FAILOVER_DIGEST);
	assert_int_equal(outcome.values, 5);
	expect_action("failover active", CLI_ACTION_FAILOVER_ACTIVE, NULL);
	expect_action("no failover active", CLI_ACTION_FAILOVER_STANDBY, NULL);
	expect_action("failover force", CLI_ACTION_FAILOVER_FORCE, NULL);
	expect_action("upgrade", CLI_ACTION_UPGRADE, NULL);
	expect_action("terminal length 0", CLI_ACTION_TERMINAL_LENGTH, "0");
	expect_action("exit", CLI_ACTION_QUIT, NULL);
	run("test failpoint worker 1 after_publish 3");
	assert_int_equal(outcome.action, CLI_ACTION_TEST_FAILPOINT);
	assert_int_equal(outcome.values, 3);
	assert_string_equal(outcome.value[1], "after_publish");
	run("test failpoint supervisor collect_slots 2");
	assert_int_equal(outcome.action, CLI_ACTION_TEST_FAILPOINT);
	assert_int_equal(outcome.values, 3);
	assert_string_equal(outcome.value[0], "supervisor");
	assert_string_equal(outcome.value[1], "collect_slots");
	run("show running-config all static");
	assert_int_equal(outcome.values, 2);
	assert_string_equal(outcome.value[1], "static");
}

static void
test_abbreviations(void **state)
{
	(void)state;
	expect_action("sh run", CLI_ACTION_SHOW_RUNNING_CONFIG, NULL);
	expect_action("SHOW Version", CLI_ACTION_SHOW_VERSION, NULL);
	expect_action("sh conn d", CLI_ACTION_SHOW_CONN_DETAIL, NULL);
	expect_failure("c", CLI_AMBIGUOUS, 1);
	expect_failure("show co", CLI_AMBIGUOUS, 6);
	expect_failure("  show s", CLI_AMBIGUOUS, 8);
	expect_failure("\"show\" version", CLI_INVALID, 1);
}

static void
test_where_it_fails(void **state)
{
	char line[CLI_LINE_MAX + 16];

	(void)state;
	expect_failure("shw version", CLI_INVALID, 1);
	expect_failure("show  versionx", CLI_INVALID, 7);
	expect_failure("show conn 0123", CLI_INVALID, 11);
	expect_failure("show version now", CLI_INVALID, 14);
	expect_failure("show", CLI_INCOMPLETE, 5);
	expect_failure("hostname", CLI_INCOMPLETE, 9);
	expect_failure("terminal length 513", CLI_INVALID, 17);
	expect_failure("no ", CLI_INCOMPLETE, 4);
	expect_failure("no show version", CLI_INVALID, 4);
	expect_failure("no failover force", CLI_INVALID, 13);
	expect_failure("hostname \"x", CLI_INVALID, 10);
	expect_failure("hostname a\x01", CLI_INVALID, 11);
	expect_failure(
	    "static (inside,outside) 10.0.0.1 10.0.0.300 netmask 255.255.255.255", CLI_INVALID, 34);
	memset(line, 'a', sizeof(line));
	line[sizeof(line) - 1] = '\0';
	expect_failure(line, CLI_INVALID, CLI_LINE_MAX + 1);
	memcpy(line, "test failpoint worker 1 ", 24);
	memcpy(line + CLI_LINE_MAX - 2, " 1", 3);
	expect_failure(line, CLI_INVALID, 25);
}

static void
test_nothing_to_do(void **state)
{
	(void)state;
	expect_mode("", CLI_EXEC);
	expect_mode("  ! a comment", CLI_EXEC);
	expect_mode("!", CLI_EXEC);
	assert_false(outcome.changed);
}

static void
test_modes(void **state)
{
	char prompt[96];

	(void)state;
	expect_mode("disable", CLI_VIEW);
	expect_failure("hostname x", CLI_INVALID, 1);
	expect_failure("write memory", CLI_INVALID, 7);
	expect_failure("failover force", CLI_INVALID, 1);
	expect_action("show failover", CLI_ACTION_SHOW_FAILOVER, NULL);
	expect_action("write terminal", CLI_ACTION_WRITE_TERMINAL, NULL);
	expect_mode("enable", CLI_EXEC);
	expect_mode("configure terminal", CLI_CONFIG);
	expect_mode("policy-map type inspect esmtp strict", CLI_POLICY_MAP);
	expect_mode("parameters", CLI_PARAMETERS);
	cli_prompt(&place, config, prompt, sizeof(prompt));
	assert_string_equal(prompt, "smtpguard(config-pmap-p)# ");
	expect_mode("policy-map global_policy", CLI_POLICY_MAP);
	assert_string_equal(place.map, "global_policy");
	expect_mode("class inspection_default", CLI_CLASS);
	assert_string_equal(place.class_name, "inspection_default");
	expect_action("do show version", CLI_ACTION_SHOW_VERSION, NULL);
	expect_action("show version", CLI_ACTION_SHOW_VERSION, NULL);
	assert_int_equal(place.mode, CLI_CLASS);
	expect_mode("class inspection_default", CLI_CLASS);
	expect_mode("exit", CLI_POLICY_MAP);
	assert_string_equal(place.class_name, "");
	expect_mode("exit", CLI_CONFIG);
	expect_mode("exit", CLI_EXEC);
	expect_mode("conf t", CLI_CONFIG);
	expect_mode("policy-map global_policy", CLI_POLICY_MAP);
	expect_mode("hostname inner", CLI_CONFIG);
	expect_mode("end", CLI_EXEC);
}

/* The modes of the candidate lead into each other, and not to those that are live. */
static void
test_modes_of_the_candidate(void **state)
{
	char prompt[96];

	(void)state;
	expect_mode("configure candidate", CLI_CONFIG);
	assert_true(place.candidate);
	cli_prompt(&place, config, prompt, sizeof(prompt));
	assert_string_equal(prompt, "smtpguard(config-candidate)# ");
	expect_mode("policy-map type inspect esmtp strict", CLI_POLICY_MAP);
	expect_mode("parameters", CLI_PARAMETERS);
	cli_prompt(&place, config, prompt, sizeof(prompt));
	assert_string_equal(prompt, "smtpguard(config-candidate-pmap-p)# ");
	expect_mode("class-map c", CLI_CLASS_MAP);
	expect_mode("policy-map global_policy", CLI_POLICY_MAP);
	expect_mode("class inspection_default", CLI_CLASS);
	expect_mode("hostname inner", CLI_CONFIG);
	assert_true(place.candidate);
	expect_action("commit", CLI_ACTION_COMMIT, NULL);
	assert_true(place.candidate);
	expect_mode("configure terminal", CLI_CONFIG);
	assert_false(place.candidate);
	expect_mode("configure candidate", CLI_CONFIG);
	expect_mode("end", CLI_EXEC);
	assert_false(place.candidate);
	expect_mode("conf cand", CLI_CONFIG);
	expect_mode("exit", CLI_EXEC);
	assert_false(place.candidate);
	expect_mode("conf cand", CLI_CONFIG);
	expect_mode("disable", CLI_VIEW);
	assert_false(place.candidate);
}

static void
test_refusal_leaves_the_place(void **state)
{
	(void)state;
	expect_mode("policy-map type inspect esmtp strict", CLI_POLICY_MAP);
	expect_mode("parameters", CLI_PARAMETERS);
	run("service-policy nothing global");
	assert_int_equal(outcome.status, CLI_REFUSED);
	assert_int_equal(place.mode, CLI_PARAMETERS);
	expect_mode("mask-banner", CLI_PARAMETERS);
}

static void
test_configuration_lines_in_exec(void **state)
{
	(void)state;
	expect_mode("hostname mx", CLI_EXEC);
	assert_true(outcome.changed);
	expect_mode("policy-map type inspect esmtp strict", CLI_POLICY_MAP);
	expect_mode("parameters", CLI_PARAMETERS);
	expect_mode("mask-banner", CLI_PARAMETERS);
	assert_true(outcome.changed);
	expect_mode("mask-banner", CLI_PARAMETERS);
	assert_false(outcome.changed);
}

/* A map whose name is the beginning of a keyword can be named. */
static void
test_values_beat_abbreviations(void **state)
{
	(void)state;
	expect_mode("policy-map t", CLI_POLICY_MAP);
	assert_false(place.esmtp);
	expect_mode("policy-map ty ins es x", CLI_POLICY_MAP);
	assert_true(place.esmtp);
	expect_failure("policy-map type", CLI_INCOMPLETE, 16);
}

static const char *
list(bool help, const char *line)
{
	static char words[1024];
	struct cli_candidate candidates[64];
	unsigned count = (help ? cli_help : cli_complete)(&place, config, line, candidates, 64);
	size_t used = 0;

	words[0] = '\0';
	for (unsigned i = 0; i < count; i++) {
		size_t length = strlen(candidates[i].word);
		assert_true(used + length + 2 < sizeof(words));
		assert_non_null(candidates[i].help);
		if (used > 0)
			words[used++] = ' ';
		memcpy(words + used, candidates[i].word, length + 1);
		used += length;
	}
	return words;
}

static void
test_help(void **state)
{
	(void)state;
	assert_string_equal(list(true, "sh"), "show");
	assert_string_equal(list(true, "show conn "), "detail ID closed <cr>");
	assert_string_equal(list(true, "show conn d"), "detail");
	assert_string_equal(list(true, "wr "), "memory terminal erase <cr>");
	assert_string_equal(list(true, "terminal length "), "<0-512>");
	assert_string_equal(list(true, "nonsense "), "");
	assert_string_equal(list(true, "hostname mx "), "<cr>");
	run("configure terminal");
	assert_string_equal(list(true, ""),
	    "exit end hostname static fixup access-list clear class-map policy-map "
	    "service-policy no do");
	assert_string_equal(list(true, "no "),
	    "hostname static fixup access-list class-map policy-map service-policy");
	assert_string_equal(list(true, "no hostname "), "NAME <cr>");
	assert_string_equal(list(true, "do cl"), "clear");
	assert_string_equal(list(true, "access-list a permit ip "),
	    "any any4 any6 host A.B.C.D | X:X::X X:X::X/<0-128>");
	run("access-list a permit ip any any");
	run("access-list a deny ip any any");
	run("class-map c");
	assert_string_equal(list(true, ""), "exit end description match no do");
	assert_string_equal(
	    list(true, "match "), "access-list address any default-inspection-traffic");
	assert_string_equal(list(true, "match address "), "a NAME");
	run("match access-list a");
	run("policy-map global_policy");
	assert_string_equal(list(true, "class "), "c inspection_default NAME");
	run("class inspection_default");
	assert_string_equal(list(true, "no inspect esmtp "),
	    "_default_esmtp_map _compat_asa _compat_fixup_5_1 _compat_fixup_4_4 "
	    "_compat_mailhost_4_0 NAME raw <cr>");
	run("policy-map type inspect esmtp m");
	assert_string_equal(list(true, "description a"), "LINE");
}

static void
test_completion(void **state)
{
	struct cli_candidate one[1];

	(void)state;
	assert_string_equal(list(false, "sh"), "show");
	assert_string_equal(list(false, "show run"), "running-config");
	assert_string_equal(list(false, "show conn "), "detail closed");
	assert_string_equal(list(false, "terminal length "), "");
	run("policy-map type inspect esmtp strict");
	assert_string_equal(list(false, "hostn"), "hostname");
	assert_string_equal(list(false, "service-policy gl"), "global_policy");
	run("policy-map global_policy");
	run("class inspection_default");
	assert_string_equal(list(false, "inspect esmtp s"), "strict");
	assert_string_equal(list(false, "inspect esmtp \"s"), "");
	assert_int_equal(cli_complete(&place, config, "show ", one, 1), 1);
}

static void
test_action_table(void **state)
{
	(void)state;
	assert_true(cli_action_writes(CLI_ACTION_WRITE_MEMORY));
	assert_true(cli_action_writes(CLI_ACTION_CLEAR_CONN));
	assert_false(cli_action_writes(CLI_ACTION_SHOW_CONN));
	assert_string_not_equal(cli_action_help(CLI_ACTION_SHOW_CONN), "");
	for (unsigned action = CLI_ACTION_NONE + 1; action < CLI_ACTION_COUNT; action++) {
		const struct grammar_row *row = NULL;
		unsigned i = 0;
		while ((row = grammar_row(i)) != NULL && row->action != action)
			i++;
		if (row == NULL)
			fail_msg("no line gives action %u", action);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_row_is_a_form),
	    cmocka_unit_test(test_bad_forms_are_found),
	    cmocka_unit_test_setup_teardown(test_actions, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_abbreviations, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_where_it_fails, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_nothing_to_do, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_modes, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_modes_of_the_candidate, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_refusal_leaves_the_place, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_configuration_lines_in_exec, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_values_beat_abbreviations, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_help, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_completion, setup, teardown),
	    cmocka_unit_test(test_action_table),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
