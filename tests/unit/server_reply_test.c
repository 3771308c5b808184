#include "worker/inspect/reply.h"

#include "worker/inspect/inspect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Scans the text as it grows byte by byte: partial until the last, and never otherwise. */
static enum reply_scan
scan(struct reply *reply, const char *text)
{
	size_t length = strlen(text);
	enum reply_scan found = REPLY_PARTIAL;

	for (size_t n = 1; n <= length && found == REPLY_PARTIAL; n++)
		found = reply_scan(reply, (const uint8_t *)text, n);
	struct reply whole;
	assert_int_equal(reply_scan(&whole, (const uint8_t *)text, length), found);
	return found;
}

static void
test_whole(void **state)
{
	static const struct {
		const char *text;
		unsigned code, lines;
		bool clean;
	} cases[] = {
	    {"250 ok\r\n", 250, 1, true},
	    {"250\r\n", 250, 1, true},
	    {"250-a\r\n250-b\r\n250 c\r\n", 250, 3, true},
	    {"250-a\r\n250\r\n", 250, 2, true},
	    {"599 \xfc\r\n", 599, 1, true},
	    {"250 ok\n", 250, 1, false},
	    {"250 o\rk\r\n", 250, 1, false},
	    {"250 o\x1bk\r\n", 250, 1, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct reply reply;
		assert_int_equal(scan(&reply, cases[i].text), REPLY_WHOLE);
		assert_int_equal(reply.code, cases[i].code);
		assert_int_equal(reply.lines, cases[i].lines);
		assert_int_equal(reply.clean, cases[i].clean);
		assert_int_equal(reply.length, strlen(cases[i].text));
	}
}

static void
test_bad(void **state)
{
	static const char *const cases[] = {"150 no\r\n", "650 no\r\n", "25 no\r\n", "2x0 no\r\n",
	    "250_no\r\n", "\r\n", "SSH-2.0\r\n", "250-a\r\n251 b\r\n", "250-a\r\nb\r\n", "25\n"};
	struct reply reply;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(scan(&reply, cases[i]), REPLY_BAD);
		assert_true(reply.problem_length > 0);
	}
}

static void
test_limits(void **state)
{
	static char text[INSPECT_LOOKAHEAD + 2 * REPLY_LINE_MAX];
	struct reply reply;

	(void)state;
	memset(text, 'x', sizeof(text));
	memcpy(text, "250 ", 4);
	assert_int_equal(reply_scan(&reply, (uint8_t *)text, REPLY_LINE_MAX - 1), REPLY_PARTIAL);
	assert_int_equal(reply_scan(&reply, (uint8_t *)text, REPLY_LINE_MAX), REPLY_BAD);
	memcpy(text + REPLY_LINE_MAX - 2, "\r\n", 2);
	assert_int_equal(reply_scan(&reply, (uint8_t *)text, REPLY_LINE_MAX), REPLY_WHOLE);
	for (size_t i = 0; i + 9 <= sizeof(text); i += 9)
		memcpy(text + i, "250-abc\r\n", 9);
	assert_int_equal(
	    reply_scan(&reply, (uint8_t *)text, (REPLY_LINES_MAX - 1) * 9), REPLY_PARTIAL);
	assert_int_equal(reply_scan(&reply, (uint8_t *)text, REPLY_LINES_MAX * 9), REPLY_BAD);
	memset(text, 'y', sizeof(text));
	for (size_t i = 0; i + 1000 <= sizeof(text); i += 1000) {
		memcpy(text + i, "250-", 4);
		memcpy(text + i + 998, "\r\n", 2);
	}
	assert_int_equal(reply_scan(&reply, (uint8_t *)text, INSPECT_LOOKAHEAD), REPLY_BAD);
}

static void
test_lines(void **state)
{
	static const uint8_t text[] = "250-one\r\n250\n";
	struct reply_line line;

	(void)state;
	reply_line(&line, text, text + sizeof(text) - 1);
	assert_int_equal(line.length, 3);
	assert_memory_equal(line.text, "one", 3);
	reply_line(&line, line.next, text + sizeof(text) - 1);
	assert_int_equal(line.length, 0);
	assert_ptr_equal(line.next, text + sizeof(text) - 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_whole),
	    cmocka_unit_test(test_bad),
	    cmocka_unit_test(test_limits),
	    cmocka_unit_test(test_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
