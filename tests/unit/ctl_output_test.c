#include "ctl/command.h"
#include "ctl/output.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char answer[] = "one\ntwo\nthree\nfour";

/* What is shown of `answer` (given in pieces of `piece` bytes) behind `line`. */
static char *
shown(const char *line, size_t piece)
{
	char message[OUTPUT_ERROR_MAX];
	struct output output;
	char *text = NULL;
	size_t size, length;
	FILE *file = open_memstream(&text, &size);

	assert_non_null(file);
	assert_true(output_init(&output, file, 0, line, &length, message));
	for (size_t at = 0; at < sizeof(answer) - 1; at += piece) {
		size_t left = sizeof(answer) - 1 - at;

		output_write(&output, answer + at, left < piece ? left : piece);
	}
	output_finish(&output);
	fclose(file);
	return text;
}

static void
assert_shown(const char *line, const char *expected)
{
	for (size_t piece = 1; piece <= sizeof(answer); piece++) {
		char *text = shown(line, piece);

		assert_string_equal(text, expected);
		free(text);
	}
}

static void
test_filters(void **state)
{
	(void)state;
	assert_shown("show conn", "one\ntwo\nthree\nfour\n");
	assert_shown("show conn | include o$|^f", "two\nfour\n");
	assert_shown("show conn | inc t", "two\nthree\n");
	assert_shown("show conn | exclude o", "three\n");
	assert_shown("show conn | begin th", "three\nfour\n");
	assert_shown("show conn | count", "Count: 4 lines\n");
	assert_shown("show conn | count ^t", "Count: 2 lines\n");
}

static void
test_bar_in_quotes_is_text(void **state)
{
	char message[OUTPUT_ERROR_MAX];
	struct output output;
	size_t length;
	const char *line = "mask-banner text \"a | b \\\" |\" | count";

	(void)state;
	assert_true(output_init(&output, stdout, 0, line, &length, message));
	assert_int_equal(length, strlen("mask-banner text \"a | b \\\" |\" "));
	assert_int_equal(output.filter, OUTPUT_COUNT);
}

static void
test_bad_filters_are_named(void **state)
{
	char message[OUTPUT_ERROR_MAX];
	struct output output;
	size_t length;

	(void)state;
	assert_false(output_init(&output, stdout, 0, "show conn | sort", &length, message));
	assert_non_null(strstr(message, "sort"));
	assert_false(output_init(&output, stdout, 0, "show conn | include", &length, message));
	assert_false(output_init(&output, stdout, 0, "show conn | include (", &length, message));
	assert_false(output_init(&output, stdout, 0, "show conn |", &length, message));
}

static void
test_words_are_joined(void **state)
{
	char whole[] = "show running-config | include \"x\"";
	char first[] = "mask-banner", second[] = "text", third[] = "say \"hi\" \\ there",
	     last[] = "";
	char *one[] = {whole};
	char *more[] = {first, second, third, last};
	char line[64], small[8];

	(void)state;
	assert_true(command_join(line, sizeof(line), one, 1));
	assert_string_equal(line, whole);
	assert_true(command_join(line, sizeof(line), more, 4));
	assert_string_equal(line, "mask-banner text \"say \\\"hi\\\" \\\\ there\" \"\"");
	assert_false(command_join(small, sizeof(small), more, 4));
}

static void
test_caret_stands_under_its_byte(void **state)
{
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	(void)state;
	output_caret(file, 2, 3);
	fclose(file);
	assert_string_equal(text, "    ^\n");
	free(text);
}

static void
test_lines_are_whole_or_refused(void **state)
{
	char line[COMMAND_LINE_MAX], *text = calloc(1, 3 * COMMAND_LINE_MAX);
	FILE *file;
	int written;

	(void)state;
	written = snprintf(text, 3 * COMMAND_LINE_MAX, "enable\r\n\n%0*d\n", COMMAND_LINE_MAX, 7);
	memcpy(text + written, "no\0!\nwrite", 10);
	file = fmemopen(text, (size_t)written + 10, "r");
	assert_non_null(file);
	assert_int_equal(command_read_line(file, line), COMMAND_READ_LINE);
	assert_string_equal(line, "enable");
	assert_int_equal(command_read_line(file, line), COMMAND_READ_LINE);
	assert_string_equal(line, "");
	/* Its last byte is no command of its own. */
	assert_int_equal(command_read_line(file, line), COMMAND_READ_REFUSED);
	assert_int_equal(command_read_line(file, line), COMMAND_READ_REFUSED);
	assert_int_equal(command_read_line(file, line), COMMAND_READ_LINE);
	assert_string_equal(line, "write");
	assert_int_equal(command_read_line(file, line), COMMAND_READ_END);
	fclose(file);
	free(text);
}

static void
test_words_are_made_plain(void **state)
{
	char plain[8];

	(void)state;
	output_plain(plain, sizeof(plain), "\033[2Jab\177cdef");
	assert_string_equal(plain, "?[2Jab?");
	output_plain(plain, sizeof(plain), "");
	assert_string_equal(plain, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_lines_are_whole_or_refused),
	    cmocka_unit_test(test_words_are_made_plain),
	    cmocka_unit_test(test_filters),
	    cmocka_unit_test(test_bar_in_quotes_is_text),
	    cmocka_unit_test(test_bad_filters_are_named),
	    cmocka_unit_test(test_words_are_joined),
	    cmocka_unit_test(test_caret_stands_under_its_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
