#include "worker/inspect/command_parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct command
parse(const char *line)
{
	struct command command;

	command_parse(&command, (const uint8_t *)line, strlen(line));
	return command;
}

static void
test_verbs_are_whole_words(void **state)
{
	(void)state;
	assert_int_equal(parse("mail FROM:<a@b>").verb, VERB_MAIL);
	assert_int_equal(parse("MaIl FROM:<a@b>").fault, OWN_NONE);
	assert_int_equal(parse("MAILX FROM:<a@b>").verb, VERB_UNKNOWN);
	assert_int_equal(parse("MAI").fault, OWN_UNKNOWN);
	assert_int_equal(parse(" RSET").fault, OWN_UNKNOWN);
	assert_int_equal(parse("NOOP\tx").fault, OWN_SYNTAX);
	assert_int_equal(parse("").fault, OWN_UNKNOWN);
	assert_int_equal(parse("Subject: x").fault, OWN_NOT_SMTP);
	assert_int_equal(parse("GET / HTTP/1.1").verb, VERB_GET);
}

static void
test_paths(void **state)
{
	static const struct {
		const char *line;
		unsigned fault;
		const char *path;
	} cases[] = {
	    {"MAIL FROM:<>", OWN_NONE, ""},
	    {"MAIL FROM:<a@b> SIZE=100 BODY=8BITMIME", OWN_NONE, "a@b"},
	    {"MAIL FROM: <a@b>", OWN_NONE, "a@b"},
	    {"MAIL FROM:<\"a >b\\\"<\"@c>", OWN_NONE, "\"a >b\\\"<\"@c"},
	    {"RCPT TO:<postmaster>  ", OWN_NONE, "postmaster"},
	    {"RCPT TO:<@x,@y:a@b> NOTIFY=NEVER", OWN_NONE, "@x,@y:a@b"},
	    {"MAIL FROM:a@b", OWN_ARGUMENT, NULL},
	    {"MAIL FROM :<a@b>", OWN_ARGUMENT, NULL},
	    {"MAIL FROM:  <a@b>", OWN_ARGUMENT, NULL},
	    {"MAIL FROM:<a@b", OWN_ARGUMENT, NULL},
	    {"MAIL FROM:<a b@c>", OWN_ARGUMENT, NULL},
	    {"MAIL FROM:<a<b@c>", OWN_ARGUMENT, NULL},
	    {"MAIL FROM:<\"a@b>", OWN_ARGUMENT, NULL},
	    {"MAIL FROM:<\"a\\", OWN_ARGUMENT, NULL},
	    {"MAIL FROM:<a@b>SIZE=1", OWN_ARGUMENT, NULL},
	    {"MAIL FROM:<a@b> SIZE=", OWN_ARGUMENT, NULL},
	    {"MAIL FROM:<a@b> =1", OWN_ARGUMENT, NULL},
	    {"MAIL TO:<a@b>", OWN_ARGUMENT, NULL},
	    {"RCPT FROM:<a@b>", OWN_ARGUMENT, NULL},
	    {"MAIL", OWN_ARGUMENT, NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct command command = parse(cases[i].line);
		assert_int_equal(command.fault, cases[i].fault);
		if (!cases[i].path)
			continue;
		assert_int_equal(command.path_length, strlen(cases[i].path));
		assert_memory_equal(command.path, cases[i].path, command.path_length);
	}
}

static void
test_arguments(void **state)
{
	(void)state;
	assert_int_equal(parse("DATA").fault, OWN_NONE);
	assert_int_equal(parse("DATA  ").fault, OWN_NONE);
	assert_int_equal(parse("DATA now").fault, OWN_NO_ARGUMENT);
	assert_int_equal(parse("QUIT x").fault, OWN_NO_ARGUMENT);
	assert_int_equal(parse("EHLO").fault, OWN_ARGUMENT);
	assert_int_equal(parse("EHLO a b").fault, OWN_ARGUMENT);
	assert_int_equal(parse("EHLO [IPv6:::1]").fault, OWN_NONE);
	assert_int_equal(parse("NOOP anything at all").fault, OWN_NONE);
	assert_int_equal(parse("VRFY").fault, OWN_ARGUMENT);
	struct command mail = parse("MAIL FROM:<a@b> smtputf8  SIZE=12 ");
	assert_int_equal(mail.fault, OWN_NONE);
	assert_true(esmtp_param_given(&mail.params, ESMTP_SMTPUTF8));
	assert_int_equal(mail.params.size, 12);
	assert_int_equal(parse("MAIL FROM:<a@b> SMTPUTF8X").fault, OWN_PARAMETER);
	assert_int_equal(parse("MAIL FROM:<a@b> SIZE= X").fault, OWN_ARGUMENT);
	assert_int_equal(parse("RCPT TO:<a@b> NOTIFY=NEVER").fault, OWN_NONE);
	assert_int_equal(parse("RCPT TO:<a@b> SIZE=1").fault, OWN_PARAMETER);
	assert_int_equal(parse("SAML FROM:<a@b> SIZE=1").fault, OWN_NONE);
	assert_int_equal(parse("MAIL FROM:<a@b>SIZE=1").fault, OWN_ARGUMENT);
}

static void
test_octets(void **state)
{
	static const uint8_t nul[] = "NOOP\0x";
	struct command command;

	(void)state;
	command_parse(&command, nul, sizeof(nul) - 1);
	assert_true(command.unframed);
	assert_int_equal(command.fault, OWN_SYNTAX);
	assert_true(parse("NOOP\rMAIL FROM:<a@b>").unframed);
	assert_true(parse("NOOP\nRSET").unframed);
	assert_int_equal(parse("NOOP \x1b").fault, OWN_SYNTAX);
	assert_true(parse("MAIL FROM:<j\xc3\xbcrg@b>").non_ascii);
	assert_int_equal(parse("MAIL FROM:<j\xc3\xbcrg@b>").fault, OWN_NONE);
	assert_int_equal(parse("MAIL FROM:<j\xfcrg@b>").fault, OWN_SYNTAX);
	assert_int_equal(parse("MAIL FROM:<\xc0\xaf@b>").fault, OWN_SYNTAX);
	assert_int_equal(parse("MAIL FROM:<\xed\xa0\x80@b>").fault, OWN_SYNTAX);
	assert_int_equal(parse("MAIL FROM:<a@b\xe2\x82").fault, OWN_SYNTAX);
}

static size_t
safe(const char *line)
{
	return command_parse_safe_word((const uint8_t *)line, strlen(line));
}

static void
test_safe_words(void **state)
{
	(void)state;
	assert_int_equal(safe("WIZ now"), 3);
	assert_int_equal(safe("goodmorning"), 11);
	assert_int_equal(safe("Content-Type: text/plain"), 12);
	assert_int_equal(safe("c2VjcmV0LXBhc3N3b3Jk"), 0);
	assert_int_equal(safe("AUTH\tPLAIN AGJvYgBz"), 4);
	assert_int_equal(safe("dGVzdA=="), 0);
	assert_int_equal(safe(""), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_verbs_are_whole_words),
	    cmocka_unit_test(test_paths),
	    cmocka_unit_test(test_arguments),
	    cmocka_unit_test(test_octets),
	    cmocka_unit_test(test_safe_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
