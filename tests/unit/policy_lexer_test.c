#include "daemon/policy/lexer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct lexer lexer;
static unsigned column;

static void
start(const char *line)
{
	assert_int_equal(lexer_start(&lexer, line, strlen(line)), 0);
}

static void
expect_word(const char *text, unsigned at)
{
	assert_int_equal(lexer_next(&lexer, &column), LEXER_WORD);
	assert_string_equal(lexer.word[lexer.count - 1].text, text);
	assert_int_equal(lexer.word[lexer.count - 1].column, at);
}

static void
test_words(void **state)
{
	(void)state;
	start(" show\tconn  detail ");
	expect_word("show", 2);
	expect_word("conn", 7);
	expect_word("detail", 13);
	assert_int_equal(lexer_next(&lexer, &column), LEXER_END);
}

static void
test_comment_begins_at_a_word(void **state)
{
	(void)state;
	start("hostname mx! ! rest \"open");
	expect_word("hostname", 1);
	expect_word("mx!", 10);
	assert_int_equal(lexer_next(&lexer, &column), LEXER_END);
	start("! only");
	assert_int_equal(lexer_next(&lexer, &column), LEXER_END);
}

static void
test_quotes(void **state)
{
	(void)state;
	start("\"a \\\"b\\\" \\\\ \\.x\" c");
	expect_word("a \"b\" \\ \\.x", 1);
	assert_true(lexer.word[0].quoted);
	expect_word("c", 18);
	start("x \"open");
	expect_word("x", 1);
	assert_int_equal(lexer_next(&lexer, &column), LEXER_BAD);
	assert_int_equal(column, 3);
	start("\"a\"b");
	assert_int_equal(lexer_next(&lexer, &column), LEXER_BAD);
	assert_int_equal(column, 4);
}

static void
test_parentheses_lose_their_blanks(void **state)
{
	(void)state;
	start("( inside , outside ) x");
	expect_word("(inside,outside)", 1);
	expect_word("x", 22);
	start("(inside");
	assert_int_equal(lexer_next(&lexer, &column), LEXER_BAD);
}

static void
test_rest_of_the_line(void **state)
{
	(void)state;
	start("description  it's ! \"so\"  ");
	expect_word("description", 1);
	assert_int_equal(lexer_rest(&lexer, &column), LEXER_WORD);
	assert_string_equal(lexer.word[1].text, "it's ! \"so\"");
	assert_int_equal(lexer_next(&lexer, &column), LEXER_END);
	start(" \"quoted text\" ! comment");
	assert_int_equal(lexer_rest(&lexer, &column), LEXER_WORD);
	assert_string_equal(lexer.word[0].text, "quoted text");
	start("  ");
	assert_int_equal(lexer_rest(&lexer, &column), LEXER_END);
}

static void
test_bytes_that_no_line_holds(void **state)
{
	char line[LEXER_LINE_MAX + 2];

	(void)state;
	assert_int_equal(lexer_start(&lexer, "a\nb", 3), 2);
	assert_int_equal(lexer_start(&lexer, "a\0b", 3), 2);
	assert_int_equal(lexer_start(&lexer, "\x7f", 1), 1);
	assert_int_equal(lexer_start(&lexer, "\x1b[2J", 4), 1);
	assert_int_equal(lexer_start(&lexer, "f\xc3\xbcr", 4), 0);
	assert_int_equal(lexer_start(&lexer, "f\xfcr", 3), 2);
	assert_int_equal(lexer_start(&lexer, "\xc0\xaf", 2), 1);
	assert_int_equal(lexer_start(&lexer, "\xed\xa0\x80", 3), 1);
	assert_int_equal(lexer_start(&lexer, "\xc2\x9b", 2), 1);
	assert_int_equal(lexer_start(&lexer, "\xe2\x82", 2), 1);
	memset(line, 'a', sizeof(line));
	assert_int_equal(lexer_start(&lexer, line, LEXER_LINE_MAX), 0);
	assert_int_equal(lexer_start(&lexer, line, LEXER_LINE_MAX + 1), LEXER_LINE_MAX + 1);
}

static void
test_too_many_words(void **state)
{
	char line[2 * (LEXER_WORDS_MAX + 1) + 1];

	(void)state;
	for (unsigned i = 0; i < sizeof(line) - 1; i++)
		line[i] = i % 2 == 0 ? 'a' : ' ';
	line[sizeof(line) - 1] = '\0';
	start(line);
	for (unsigned i = 0; i < LEXER_WORDS_MAX; i++)
		assert_int_equal(lexer_next(&lexer, &column), LEXER_WORD);
	assert_int_equal(lexer_next(&lexer, &column), LEXER_BAD);
}

static void
test_quoting_comes_back(void **state)
{
	static const char *const texts[] = {"plain", "two words", "\"", "\\", "\\\\", "\\\"", "a\\",
	    "\\.[eE]$", "!", "?", "a\"b", "\"a\" b", "\"a\"", "it's", "(x", "a ! b", "\\\\\\\""};

	(void)state;
	for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		char buffer[64];
		lexer_quote(buffer, sizeof(buffer), texts[i], false);
		start(buffer);
		expect_word(texts[i], 1);
		assert_int_equal(lexer_next(&lexer, &column), LEXER_END);
		lexer_quote(buffer, sizeof(buffer), texts[i], true);
		start(buffer);
		expect_word(texts[i], 1);
		lexer_quote_rest(buffer, sizeof(buffer), texts[i]);
		start(buffer);
		assert_int_equal(lexer_rest(&lexer, &column), LEXER_WORD);
		assert_string_equal(lexer.word[0].text, texts[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_words),
	    cmocka_unit_test(test_comment_begins_at_a_word),
	    cmocka_unit_test(test_quotes),
	    cmocka_unit_test(test_parentheses_lose_their_blanks),
	    cmocka_unit_test(test_rest_of_the_line),
	    cmocka_unit_test(test_bytes_that_no_line_holds),
	    cmocka_unit_test(test_too_many_words),
	    cmocka_unit_test(test_quoting_comes_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
