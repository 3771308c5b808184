#include "worker/inspect/mime_boundary.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct content_extra extra;

static int
setup(void **state)
{
	(void)state;
	memset(&extra, 0, sizeof(extra));
	return 0;
}

static void
add(const char *text)
{
	mime_boundary_add(&extra, (const uint8_t *)text, strlen(text), false);
	assert_true(mime_boundary_check(&extra));
}

static enum mime_line
match(const char *line)
{
	return mime_boundary_match(&extra, (const uint8_t *)line, strlen(line));
}

static void
test_lines(void **state)
{
	(void)state;
	assert_int_equal(match("--"), MIME_LINE_TEXT);
	add("abc");
	add("abc ");
	assert_int_equal(extra.boundaries, 1);
	add("x");
	add("abcde");
	assert_int_equal(extra.boundaries, 3);
	assert_int_equal(match("--abc"), MIME_LINE_PART);
	assert_int_equal(match("--abc \t\r"), MIME_LINE_PART);
	assert_int_equal(match("--abc-- and more"), MIME_LINE_CLOSE);
	assert_int_equal(match("--abc-"), MIME_LINE_PART);
	assert_int_equal(match("--abcdef"), MIME_LINE_PART);
	assert_int_equal(match("--x"), MIME_LINE_PART);
	assert_int_equal(match("--ab"), MIME_LINE_TEXT);
	assert_int_equal(match("--ABC"), MIME_LINE_TEXT);
	assert_int_equal(match("-abc"), MIME_LINE_TEXT);
	assert_int_equal(match("- -abc"), MIME_LINE_TEXT);
	assert_int_equal(match("-"), MIME_LINE_TEXT);
}

/* The end of one may be the beginning of another. */
static void
test_ambiguous_lines(void **state)
{
	(void)state;
	add("b");
	assert_int_equal(match("--b--"), MIME_LINE_CLOSE);
	add("b--");
	assert_int_equal(match("--b--"), MIME_LINE_PART);
	mime_boundary_add(&extra, (const uint8_t *)"b-", 2, true);
	assert_int_equal(match("--b--"), MIME_LINE_DIGEST);
	assert_int_equal(match("--b--x"), MIME_LINE_DIGEST);
	assert_int_equal(match("--b"), MIME_LINE_PART);
	add("");
	assert_int_equal(match("--"), MIME_LINE_PART);
}

static void
test_long_ones(void **state)
{
	char text[2 * CONTENT_BOUNDARY_MAX];

	(void)state;
	memset(text, 'b', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	add(text);
	assert_int_equal(extra.boundary[0].length, CONTENT_BOUNDARY_MAX);
	text[0] = text[1] = '-';
	text[CONTENT_BOUNDARY_MAX + 2] = '\0';
	assert_int_equal(match(text), MIME_LINE_PART);
	text[CONTENT_BOUNDARY_MAX + 1] = '\0';
	assert_int_equal(match(text), MIME_LINE_TEXT);
}

static void
test_too_many(void **state)
{
	char text[8];

	(void)state;
	for (unsigned i = 0; i < CONTENT_BOUNDARIES; i++) {
		snprintf(text, sizeof(text), "b%02u", i);
		add(text);
	}
	assert_int_equal(extra.boundaries, CONTENT_BOUNDARIES);
	assert_int_equal(match("--b63"), MIME_LINE_PART);
	assert_int_equal(match("--c"), MIME_LINE_TEXT);
	add("b10");
	assert_int_equal(match("--c"), MIME_LINE_TEXT);
	add("one more");
	assert_int_equal(match("--c"), MIME_LINE_DIGEST);
	assert_int_equal(match("----"), MIME_LINE_DIGEST);
	assert_int_equal(match("-c"), MIME_LINE_TEXT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(test_lines, setup),
	    cmocka_unit_test_setup(test_ambiguous_lines, setup),
	    cmocka_unit_test_setup(test_long_ones, setup),
	    cmocka_unit_test_setup(test_too_many, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
