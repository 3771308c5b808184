/* The match lines of an ESMTP map: entered, refused, printed, entered again; the built-in maps. */
#include "daemon/policy/cli.h"
#include "daemon/policy/grammar.h"
#include "daemon/policy/map.h"
#include "daemon/policy/tree.h"
#include "worker/inspect/criterion_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define TEXT_MAX 65536

/* The ASA's default map, word for word. */
#define ASA_BODY                                                                                   \
	" parameters\n"                                                                            \
	"  mask-banner\n"                                                                          \
	"  no mail-relay\n"                                                                        \
	"  no special-character\n"                                                                 \
	"  no allow-tls\n"                                                                         \
	" match cmd line length gt 512\n"                                                          \
	"  drop-connection log\n"                                                                  \
	" match cmd RCPT count gt 100\n"                                                           \
	"  drop-connection log\n"                                                                  \
	" match body line length gt 998\n"                                                         \
	"  log\n"                                                                                  \
	" match header line length gt 998\n"                                                       \
	"  drop-connection log\n"                                                                  \
	" match sender-address length gt 320\n"                                                    \
	"  drop-connection log\n"                                                                  \
	" match MIME filename length gt 255\n"                                                     \
	"  drop-connection log\n"                                                                  \
	" match ehlo-reply-parameter others\n"                                                     \
	"  mask\n"

static struct config *config;
static struct cli_place place;
static struct cli_outcome outcome;
static char printed[TEXT_MAX];

static void
run(const char *line)
{
	cli_execute(&place, config, line, &outcome);
}

/* Done without a word. */
static void
quiet(const char *line)
{
	run(line);
	if (outcome.status != CLI_DONE || outcome.message[0] != '\0')
		fail_msg("%s: %d %s", line, outcome.status, outcome.message);
}

static void
warned(const char *line, const char *message)
{
	run(line);
	assert_int_equal(outcome.status, CLI_DONE);
	assert_string_equal(outcome.message, message);
}

static void
refused(const char *line, const char *message)
{
	struct config *before = config_clone(config);

	run(line);
	assert_int_equal(outcome.status, CLI_REFUSED);
	assert_string_equal(outcome.message, message);
	assert_true(config_equal(before, config));
	config_free(before);
}

static void
invalid(const char *line, unsigned column)
{
	run(line);
	assert_int_equal(outcome.status, CLI_INVALID);
	assert_int_equal(outcome.column, column);
}

static void
append(void *context, const char *line)
{
	size_t used = strlen(printed);

	(void)context;
	assert_true(strlen(line) <= CLI_LINE_MAX);
	snprintf(printed + used, sizeof(printed) - used, "%s\n", line);
}

static const char *
print(const char *section, bool all)
{
	struct config_writer writer = {append, NULL};

	printed[0] = '\0';
	config_print(config, section, all, &writer);
	return printed;
}

static void
enter_text(struct config *into, const char *text)
{
	struct cli_place where = {.mode = CLI_CONFIG};
	struct cli_outcome result;
	char line[CLI_LINE_MAX + 1];

	while (*text != '\0') {
		size_t length = strcspn(text, "\n");
		snprintf(line, sizeof(line), "%.*s", (int)length, text);
		cli_execute(&where, into, line, &result);
		if (result.status != CLI_DONE)
			fail_msg("%s: %s", line, result.message);
		text += length + 1;
	}
}

static void
comes_back(void)
{
	struct config *fresh = config_create();

	enter_text(fresh, print(NULL, false));
	assert_true(config_equal(config, fresh));
	config_free(fresh);
}

static void
expect_map(const char *lines)
{
	char wanted[2048];

	snprintf(wanted, sizeof(wanted), "policy-map type inspect esmtp m\n%s!\n", lines);
	if (strstr(print("policy-map", false), wanted) == NULL)
		fail_msg("%s", printed);
	comes_back();
}

static int
setup(void **state)
{
	(void)state;
	config = config_create();
	place = (struct cli_place){.mode = CLI_CONFIG};
	quiet("policy-map type inspect esmtp m");
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	config_free(config);
	return 0;
}

/* Every criterion of the core has its line in the language. */
static void
test_every_criterion_can_be_entered(void **state)
{
	(void)state;
	for (unsigned i = 0; i < CRITERION_COUNT; i++) {
		bool number = criterion_table_row(i)->operand == CRITERION_NUMBER;
		struct inspect_policy policy;
		char line[128];

		snprintf(line, sizeof(line), "match %s %s", inspect_criterion_name(i),
		    number ? "gt 7" : "others");
		quiet(line);
		assert_int_equal(place.mode, CLI_CLASS);
		quiet("log");
		assert_non_null(strstr(print("policy-map", false), line));
		map_policy(config, "m", &policy);
		assert_int_equal(policy.rules, i + 1);
		assert_int_equal(policy.rule[i].criterion, i);
		assert_int_equal(policy.rule[i].limit, number ? 7 : 0);
		assert_true(policy.rule[i].set == (number ? 0 : INSPECT_EXTENSION_OTHERS));
	}
	comes_back();
}

static void
test_the_map_of_the_asa(void **state)
{
	struct inspect_policy policy, asa;

	(void)state;
	enter_text(config, "policy-map type inspect esmtp m\n" ASA_BODY);
	map_policy(config, "m", &policy);
	map_policy(config, "_compat_asa", &asa);
	assert_int_equal(policy.rules, 7);
	assert_memory_equal(policy.rule, asa.rule, sizeof(policy.rule));
	assert_memory_equal(policy.rules_of, asa.rules_of, sizeof(policy.rules_of));
	assert_int_equal(policy.compat, INSPECT_COMPAT_NONE);
	comes_back();
}

static void
test_order_and_place(void **state)
{
	char prompt[64];

	(void)state;
	quiet("match header line length gt 998");
	cli_prompt(&place, config, prompt, sizeof(prompt));
	assert_string_equal(prompt, "smtpguard(config-pmap-c)# ");
	quiet("drop-connection log");
	quiet("match mime filename length gt 255");
	quiet("reset");
	quiet("ma no cmd rcpt c g 5");
	quiet("log");
	/* The same line again, in other letters: back into it. */
	quiet("MATCH HEADER LINE LENGTH GT 998");
	quiet("reject 550 5.7.1 \"too \\\"long\\\"\" log");
	expect_map(" match header line length gt 998\n"
		   "  reject 550 5.7.1 \"too \\\"long\\\"\" log\n"
		   " match MIME filename length gt 255\n"
		   "  reset\n"
		   " match not cmd RCPT count gt 5\n"
		   "  log\n");
	quiet("no match mime filename length gt 255");
	assert_int_equal(place.mode, CLI_POLICY_MAP);
	warned("no match MIME filename length gt 255", "policy-map m has no such match");
	quiet("match not cmd RCPT count gt 5");
	warned("no reset", "this match has no action reset");
	quiet("exit");
	quiet("match header line length gt 998");
	quiet("reject");
	expect_map(" match header line length gt 998\n"
		   "  reject\n"
		   " match not cmd RCPT count gt 5\n"
		   "  log\n");
}

static void
test_a_match_without_action(void **state)
{
	struct inspect_policy policy;

	(void)state;
	quiet("match body line length gt 998");
	warned("exit", "WARNING: match body line length gt 998 has no action yet and does nothing");
	quiet("match body line length gt 998");
	quiet("log");
	quiet("no log");
	warned("match sender-address length gt 320",
	    "WARNING: match body line length gt 998 has no action yet and does nothing");
	quiet("drop-connection");
	expect_map(" match body line length gt 998\n"
		   " match sender-address length gt 320\n"
		   "  drop-connection\n");
	map_policy(config, "m", &policy);
	assert_int_equal(policy.rules, 1);
	assert_int_equal(policy.rule[0].criterion, CRITERION_SENDER_ADDRESS_LENGTH);
	/* A line that is taken away is not asked for its action. */
	quiet("match body line length gt 998");
	quiet("no match body line length gt 998");
}

static void
test_ehlo_keywords(void **state)
{
	(void)state;
	quiet("match ehlo-reply-parameter VRFY ecode 8bitmime auth binarymime checkpoint dsn etrn "
	      "others pipelining size");
	quiet("mask log");
	expect_map(" match ehlo-reply-parameter size pipelining 8bitmime ecode auth dsn vrfy "
		   "binarymime etrn checkpoint others\n"
		   "  mask log\n");
	quiet("match not ehlo-reply-parameter smtputf8 ENHANCEDSTATUSCODES");
	quiet("log");
	quiet("no match not ehlo-reply-parameter ecode smtputf8");
	invalid("match ehlo-reply-parameter size unknown", 33);
}

static void
test_actions_that_do_not_fit(void **state)
{
	(void)state;
	quiet("match header line length gt 998");
	refused("mask", "match header line length does not take mask; it takes log, reject, "
			"drop-connection, reset");
	refused("reject 550 4.7.1 no", "reject: with 550 goes an enhanced code 5.y.z, not 4.7.1");
	refused("reject 450 5.7.1 no", "reject: with 450 goes an enhanced code 4.y.z, not 5.7.1");
	refused("reject 550 5.x no", "reject: 5.x is not an enhanced code such as 5.7.1");
	refused("reject 550 5..1 no", "reject: 5..1 is not an enhanced code such as 5.7.1");
	refused("reject 550 5.7.1. no", "reject: 5.7.1. is not an enhanced code such as 5.7.1");
	refused("reject 550 5.7.-1 no", "reject: 5.7.-1 is not an enhanced code such as 5.7.1");
	refused("reject 550 5.7.1 \"f\xc3\xbcr\"", "reject: only printable ASCII");
	refused("reject 550 5.7.1 "
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	    "reject: a text of at most 80 bytes");
	invalid("reject 550 5.7.1 \"\"", 18);
	invalid("reject 250 2.7.1 no", 8);
	invalid("reject 600 5.7.1 no", 8);
	quiet("reset log");
	quiet("match ehlo-reply-parameter others");
	refused("reject", "match ehlo-reply-parameter does not take reject; it takes log, mask, "
			  "drop-connection, reset");
}

static void
test_bad_lines(void **state)
{
	(void)state;
	invalid("match header line length gt 4294967296", 29);
	invalid("match header line length lt 5", 26);
	invalid("match header length gt 5", 14);
	invalid("mail-relay example.org action log", 1);
	run("match cmd");
	assert_int_equal(outcome.status, CLI_INCOMPLETE);
	quiet("parameters");
	quiet("no mail-relay");
	quiet("no special-character");
	invalid("mail-relay example.org action log", 1);
	invalid("special-character action log", 1);
	invalid("header-hold 65537", 13);
}

static void
test_too_many(void **state)
{
	char line[64];

	(void)state;
	for (unsigned i = 0; i < INSPECT_RULES_MAX; i++) {
		snprintf(line, sizeof(line), "match cmd line length gt %u", i);
		quiet(line);
		quiet("drop-connection");
	}
	refused("match cmd line length gt 512", "at most 48 match lines in a policy-map");
	quiet("match cmd line length gt 7");
	comes_back();
}

/* The line in which a connection stands is taken away by another, perhaps with its map. */
static void
test_the_line_is_gone(void **state)
{
	struct cli_place inside;

	(void)state;
	quiet("match cmd line length gt 5");
	inside = place;
	quiet("no match cmd line length gt 5");
	place = inside;
	refused("log", "policy-map m does not have this match any more");
	quiet("no policy-map type inspect esmtp m");
	quiet("policy-map type inspect esmtp m");
	quiet("match cmd line length gt 6");
	place = inside;
	refused("log", "policy-map m does not have this match any more");
	quiet("end");
}

static void
test_builtin_maps(void **state)
{
	static const char *const names[] = {"_default_esmtp_map", "_compat_asa",
	    "_compat_fixup_5_1", "_compat_fixup_4_4", "_compat_mailhost_4_0"};
	char line[128];

	(void)state;
	print("policy-map", true);
	assert_non_null(
	    strstr(printed, "\n"
			    "!\n"
			    "! harmful: by the masked banner Postfix takes it for a PIX: HELO for "
			    "EHLO, 10 s of waiting before the dot; STARTTLS and so TLS is taken "
			    "away; refusals are silent\n"
			    "policy-map type inspect esmtp _compat_asa\n"
			    " description As the ASA's _default_esmtp_map\n" ASA_BODY "!\n"));
	assert_non_null(strstr(printed, " match header line length gt 998\n"
					"  log\n"
					" match MIME filename length gt 255\n"
					"  log\n"
					" match ehlo-reply-parameter others\n"
					"  mask\n"
					"!\n"
					"! harmful: "));
	assert_null(strstr(print("static", true), "harmful"));
	assert_null(strstr(print(NULL, false), "_compat"));
	quiet("policy-map global_policy");
	quiet("class inspection_default");
	for (unsigned i = 0; i < 5; i++) {
		struct inspect_policy policy;
		char message[CLI_MESSAGE_MAX];

		snprintf(line, sizeof(line), "policy-map type inspect esmtp %s", names[i]);
		assert_non_null(strstr(print("policy-map", true), line));
		snprintf(
		    message, sizeof(message), "%s: names that begin with _ are built in", names[i]);
		refused(line, message);
		snprintf(line, sizeof(line), "inspect esmtp %s", names[i]);
		run(line);
		assert_int_equal(outcome.status, CLI_DONE);
		snprintf(message, sizeof(message), "WARNING: %s is harmful: ", names[i]);
		assert_true(i == 0 ? outcome.message[0] == '\0'
				   : strncmp(outcome.message, message, strlen(message)) == 0);
		assert_true(strlen(outcome.message) < CLI_MESSAGE_MAX - 1);
		comes_back();
		map_policy(config, names[i], &policy);
		assert_int_equal(policy.compat, i);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_every_criterion_can_be_entered, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_the_map_of_the_asa, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_order_and_place, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_a_match_without_action, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_ehlo_keywords, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_actions_that_do_not_fit, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_bad_lines, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_too_many, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_the_line_is_gone, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_builtin_maps, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
