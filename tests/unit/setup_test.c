/* `failover setup`: what it asks, what it refuses, and what it writes for the two hosts. */
#include "ctl/setup.h"

#include "ctl/setup_command.h"
#include "ctl/setup_folder.h"
#include "ctl/setup_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include <cmocka.h>

#define WORDS_MAX 40
#define LINE_MAX  512

static const char good[] =
    "nodes mx1 mx2 sync 10.0.0.1 10.0.0.2 lan 192.0.2.1 192.0.2.2 interface eth0 "
    "addresses 192.0.2.10/24 2001:db8::10/64 192.0.2.11/24";

/* libconfig 1.5 leaks the string it was reading when it finds a syntax error. */
const char *__lsan_default_suppressions(void);
const char *
__lsan_default_suppressions(void)
{
	return "leak:libconfig.so";
}

static bool
take(struct setup *setup, const char *line, char why[SETUP_WHY_MAX])
{
	char text[LINE_MAX], *word[WORDS_MAX], *rest = NULL;
	int words = 0;

	snprintf(text, sizeof(text), "%s", line);
	for (char *at = strtok_r(text, " ", &rest); at != NULL; at = strtok_r(NULL, " ", &rest))
		word[words++] = at;
	memset(setup, 0, sizeof(*setup));
	return setup_take_words(setup, words, word, why) && setup_complete(setup, why) &&
	       setup_check(setup, why);
}

static void
need_refusal(const char *line, const char *reason)
{
	struct setup setup;
	char why[SETUP_WHY_MAX] = "";

	if (take(&setup, line, why))
		fail_msg("taken: %s", line);
	if (strstr(why, reason) == NULL)
		fail_msg("%s: it says '%s', not '%s'", line, why, reason);
}

static void
test_words(void **state)
{
	struct setup setup;
	char why[SETUP_WHY_MAX];

	(void)state;
	assert_true(take(&setup, good, why));
	assert_string_equal(setup.answer[SETUP_NODES].value[1], "mx2");
	assert_int_equal(setup.answer[SETUP_ADDRESSES].count, 3);
	assert_string_equal(setup.answer[SETUP_PRIORITY].value[0], "100");
	/* A value that is a keyword too. */
	assert_true(take(&setup,
	    "nodes sync lan sync 10.0.0.1 10.0.0.2 lan 192.0.2.1 192.0.2.2 interface "
	    "nodes addresses 192.0.2.10/24 priority 110",
	    why));
	assert_string_equal(setup.answer[SETUP_INTERFACE].value[0], "nodes");
}

static void
test_refused_words(void **state)
{
	(void)state;
	need_refusal("", "nodes is missing");
	need_refusal("nodes mx1 mx2 what", "'what' is no keyword");
	need_refusal("nodes mx1", "nodes: needs 2 values");
	need_refusal("nodes mx1 mx2 nodes mx3 mx4", "is there twice");
	need_refusal("addresses nodes mx1 mx2", "addresses: needs 1 to 64 values");
	need_refusal("nodes mx1 mx\"2", "has more than names and addresses have");
	need_refusal("nodes mx1 mx2\nx", "has more than names and addresses have");
	need_refusal("interface eth0$X", "has more than names and addresses have");
}

/* The good line with one part of it replaced. */
static void
need_refusal_of(const char *part, const char *instead, const char *reason)
{
	const char *at = strstr(good, part);
	char line[LINE_MAX];

	assert_non_null(at);
	snprintf(
	    line, sizeof(line), "%.*s%s%s", (int)(at - good), good, instead, at + strlen(part));
	need_refusal(line, reason);
}

static void
test_what_does_not_go_together(void **state)
{
	(void)state;
	need_refusal_of("mx1 mx2", "mx1 mx1", "is the name of both");
	need_refusal_of("mx1 mx2", "mx1 ..", "is no name");
	need_refusal_of("mx1 mx2", "mx1 a/b", "is no name");
	need_refusal_of("192.0.2.1 192.0.2.2", "192.0.2.1 192.0.2.1", "is the address of both");
	need_refusal_of(
	    "192.0.2.1 192.0.2.2", "192.0.2.1 2001:db8::2", "of the other address family");
	need_refusal_of("192.0.2.1 192.0.2.2", "192.0.2.1 mx2", "is not the address of one host");
	need_refusal_of("192.0.2.10/24", "192.0.2.10", "is not ADDRESS/LENGTH");
	need_refusal_of("192.0.2.10/24", "192.0.2.10/33", "is not ADDRESS/LENGTH");
	need_refusal_of("192.0.2.10/24", "192.0.2.10/0", "is not ADDRESS/LENGTH");
	need_refusal_of("192.0.2.10/24", "192.0.2.10/24/1", "is not ADDRESS/LENGTH");
	need_refusal_of("192.0.2.10/24", "192.0.2.2/24", "is a host's own");
	need_refusal_of(
	    "192.0.2.1 192.0.2.2", "2001:db8::1 2001:0db8::1", "is the address of both");
	need_refusal_of("192.0.2.10/24 2001:db8::10/64 192.0.2.11/24", "2001:db8::10/64",
	    "and no other is of the family of lan");
	need_refusal_of("eth0", "an-interface-of-16", "is no interface's name");
	need_refusal_of("eth0", "eth0 priority 80", "is not a number from 81 to 154");
	need_refusal_of("eth0", "eth0 priority 155", "is not a number from 81 to 154");
	need_refusal_of("eth0", "eth0 router-id 0", "is not a number from 1 to 255");
	need_refusal_of("eth0", "eth0 router-id 256", "is not a number from 1 to 255");
}

static void
test_questions(void **state)
{
	char answers[] =
	    "mx1\nmx1 mx2\n10.0.0.1 10.0.0.2\n192.0.2.1 192.0.2.2\neth0\n192.0.2.10/24\n\n40\n";
	struct setup setup = {0};
	char why[SETUP_WHY_MAX], *said = NULL;
	size_t length;
	FILE *in = fmemopen(answers, strlen(answers), "r"), *out = open_memstream(&said, &length);

	(void)state;
	assert_true(setup_lacks(&setup));
	assert_true(setup_ask(&setup, in, out));
	assert_false(setup_lacks(&setup));
	assert_true(setup_complete(&setup, why));
	assert_true(setup_check(&setup, why));
	assert_string_equal(setup.answer[SETUP_PRIORITY].value[0], "100");
	assert_string_equal(setup.answer[SETUP_ROUTER_ID].value[0], "40");
	fflush(out);
	assert_non_null(strstr(said, "nodes: needs 2 values\nNames of the two hosts: "));
	assert_non_null(strstr(said, "VRRP priority of both hosts [100]: "));
	/* The input ends before all is answered. */
	memset(&setup, 0, sizeof(setup));
	assert_false(setup_ask(&setup, in, out));
	fclose(in);
	fclose(out);
	free(said);
}

static void
need_text(const struct text *text, const char *part)
{
	if (strstr(text_string(text), part) == NULL)
		fail_msg("there is no '%s' in: %s", part, text_string(text));
}

static void
test_texts(void **state)
{
	struct setup setup;
	struct text text, errors;
	char why[SETUP_WHY_MAX];

	(void)state;
	assert_true(take(&setup, good, why));
	text_init(&text, 65536);
	text_init(&errors, 65536);
	assert_true(setup_text_check(&setup, &errors));
	setup_text_settings(&setup, 1, &text);
	need_text(&text, "node = \"mx2\";\n  peer_node = \"mx1\";\n  listen = \"10.0.0.2\";\n  "
			 "peer = \"10.0.0.1\";");
	need_text(&text, "addresses = [\"192.0.2.10\", \"2001:db8::10\", \"192.0.2.11\"];");
	text_clear(&text);
	setup_text_keepalived(&setup, 1, &text);
	need_text(&text, "$OWN_ADDRESS=192.0.2.2\n$PEER_ADDRESS=192.0.2.1\n");
	need_text(&text, "$ADDRESSES= \\\n    192.0.2.10/24 \\\n    "
			 "192.0.2.11/24\n$MORE_ADDRESSES= \\\n    2001:db8::10/64\n\n"
			 "include ");
	text_clear(&text);
	/* Nothing of the other family: nothing of the example's is left. */
	assert_true(take(&setup,
	    "nodes a b sync 10.0.0.1 10.0.0.2 lan 2001:db8::1 2001:db8::2 interface e "
	    "addresses 2001:db8::10/64",
	    why));
	setup_text_keepalived(&setup, 0, &text);
	need_text(&text, "$ADDRESSES= \\\n    2001:db8::10/64\n$MORE_ADDRESSES=\n\ninclude ");
	/* What smtpguardd would refuse. */
	assert_true(take(&setup,
	    "nodes a b sync 10.0.0.1 2001:db8::9 lan 192.0.2.1 192.0.2.2 interface e "
	    "addresses 192.0.2.10/24",
	    why));
	assert_false(setup_text_check(&setup, &errors));
	need_text(&errors,
	    "a/smtpguard.conf:6: failover.peer: must be of the same address family as listen");
	text_free(&text);
	text_free(&errors);
}

static void
clean(const char *folder)
{
	static const char *const made[] = {"pair/mx1/failover.key", "pair/mx1/smtpguard.conf",
	    "pair/mx1/keepalived.conf", "pair/mx2/failover.key", "pair/mx2/smtpguard.conf",
	    "pair/mx2/keepalived.conf", "pair/mx1", "pair/mx2", "pair"};
	char path[128];

	for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, made[i]);
		assert_int_equal(remove(path), 0);
	}
	assert_int_equal(rmdir(folder), 0);
}

static void
test_nothing_is_written_over(void **state)
{
	char folder[] = "/tmp/setup_test.XXXXXX", path[64], command[128];
	char failover[] = "failover", word[] = "setup";
	char *words[] = {failover, word, path};
	struct setup setup;
	struct stat one, other;
	char why[SETUP_WHY_MAX];

	(void)state;
	assert_true(take(&setup, good, why));
	assert_non_null(mkdtemp(folder));
	assert_false(setup_folder_write(&setup, folder, why));
	assert_non_null(strstr(why, "is there already"));
	snprintf(path, sizeof(path), "%s/pair", folder);
	assert_int_equal(setup_command_run(2, words), EX_USAGE);
	assert_true(setup_folder_write(&setup, path, why));
	assert_false(setup_folder_write(&setup, path, why));
	snprintf(command, sizeof(command), "%s/mx1/failover.key", path);
	assert_int_equal(stat(command, &one), 0);
	assert_int_equal(one.st_mode & 07777, 0600);
	snprintf(command, sizeof(command), "%s/mx2/failover.key", path);
	assert_int_equal(stat(command, &other), 0);
	assert_int_equal(one.st_ino, other.st_ino);
	snprintf(path, sizeof(path), "%s/none/pair", folder);
	assert_false(setup_folder_write(&setup, path, why));
	assert_non_null(strstr(why, "No such file"));
	clean(folder);
}

static void
test_nothing_is_left_of_what_failed(void **state)
{
	char folder[] = "/tmp/setup_test.XXXXXX", path[64];
	struct setup setup;
	struct stat status;
	char why[SETUP_WHY_MAX];

	(void)state;
	assert_true(take(&setup, good, why));
	/* Not to be had by setup_check(): the second host's folder cannot be made. */
	memcpy(setup.answer[SETUP_NODES].value[1], "mx1", 4);
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/pair", folder);
	assert_false(setup_folder_write(&setup, path, why));
	assert_int_not_equal(stat(path, &status), 0);
	assert_int_equal(rmdir(folder), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_words),
	    cmocka_unit_test(test_refused_words),
	    cmocka_unit_test(test_what_does_not_go_together),
	    cmocka_unit_test(test_questions),
	    cmocka_unit_test(test_texts),
	    cmocka_unit_test(test_nothing_is_written_over),
	    cmocka_unit_test(test_nothing_is_left_of_what_failed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
