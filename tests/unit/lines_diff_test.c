/* daemon/manager/lines_diff: what it says makes one list the other, in as few lines as can be. */
#include "daemon/manager/lines_diff.h"

#include "daemon/manager/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SHORT_MAX 12u
#define ROUNDS	  20000u

static void
fill(struct lines *lines, const char *words)
{
	char copy[1024], *word, *rest = copy;

	lines_init(lines);
	snprintf(copy, sizeof(copy), "%s", words);
	while (words[0] != '\0' && (word = strsep(&rest, "|")) != NULL)
		assert_true(lines_add(lines, word));
}

/* What is left of `from`, with what is added put in its place, is `to`. */
static void
expect_applies(const struct lines_diff *diff)
{
	size_t from = 0;

	for (size_t to = 0; to < diff->to->count; to++) {
		if (diff->added[to])
			continue;
		while (from < diff->from->count && diff->removed[from])
			from++;
		assert_true(from < diff->from->count);
		assert_string_equal(diff->from->line[from++], diff->to->line[to]);
	}
	while (from < diff->from->count)
		assert_true(diff->removed[from++]);
}

/* Lines that both have, in one order, at most. */
static size_t
longest_common(const struct lines *one, const struct lines *other)
{
	size_t best[SHORT_MAX + 1][SHORT_MAX + 1] = {0};

	for (size_t i = 1; i <= one->count; i++)
		for (size_t j = 1; j <= other->count; j++) {
			size_t skip =
			    best[i - 1][j] > best[i][j - 1] ? best[i - 1][j] : best[i][j - 1];
			bool same = strcmp(one->line[i - 1], other->line[j - 1]) == 0;

			best[i][j] = same ? best[i - 1][j - 1] + 1 : skip;
		}
	return best[one->count][other->count];
}

/* The same at each run. */
static uint32_t
next_number(void)
{
	static uint32_t number = 2463534242u;

	number ^= number << 13;
	number ^= number >> 17;
	number ^= number << 5;
	return number;
}

static void
roll(struct lines *lines)
{
	size_t count = next_number() % (SHORT_MAX + 1);

	lines_init(lines);
	for (size_t i = 0; i < count; i++) {
		const char line[] = {(char)('a' + next_number() % 4), '\0'};

		assert_true(lines_add(lines, line));
	}
}

static void
test_the_least_that_applies(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct lines from, to;
		struct lines_diff diff;

		roll(&from);
		roll(&to);
		assert_true(lines_diff_make(&diff, &from, &to));
		expect_applies(&diff);
		size_t common = longest_common(&from, &to);
		assert_int_equal(diff.removals, from.count - common);
		assert_int_equal(diff.additions, to.count - common);
		lines_diff_free(&diff);
		lines_free(&from);
		lines_free(&to);
	}
}

/* Beyond the bound it is not the least, and still right. */
static void
test_two_that_have_nothing_in_common(void **state)
{
	struct lines from, to;
	struct lines_diff diff;
	char line[32];

	(void)state;
	lines_init(&from);
	lines_init(&to);
	lines_add(&from, "first");
	lines_add(&to, "first");
	for (unsigned i = 0; i < LINES_MAX - 2; i++) {
		snprintf(line, sizeof(line), "from %u", i);
		assert_true(lines_add(&from, line));
		snprintf(line, sizeof(line), "to %u", i);
		assert_true(lines_add(&to, line));
	}
	lines_add(&from, "last");
	lines_add(&to, "last");
	assert_true(lines_diff_make(&diff, &from, &to));
	expect_applies(&diff);
	assert_int_equal(diff.removals, LINES_MAX - 2);
	assert_int_equal(diff.additions, LINES_MAX - 2);
	assert_false(diff.removed[0] || diff.removed[LINES_MAX - 1]);
	lines_diff_free(&diff);
	lines_free(&from);
	lines_free(&to);
}

static void
write_line(void *context, char sign, const char *text)
{
	if (sign != '@')
		text_add(context, &sign, 1);
	text_add_string(context, text);
	text_add_string(context, "\n");
}

static void
expect_printed(const char *from_words, const char *to_words, const char *wanted)
{
	struct lines from, to;
	struct lines_diff diff;
	struct text text;

	fill(&from, from_words);
	fill(&to, to_words);
	text_init(&text, 4096);
	assert_true(lines_diff_make(&diff, &from, &to));
	assert_true(lines_diff_print(&diff, write_line, &text));
	assert_string_equal(text_string(&text), wanted);
	text_free(&text);
	lines_diff_free(&diff);
	lines_free(&from);
	lines_free(&to);
}

static void
test_unified(void **state)
{
	(void)state;
	expect_printed("a|b", "a|b", "");
	expect_printed("", "a", "@@ -0,0 +1,1 @@\n+a\n");
	expect_printed("a", "", "@@ -1,1 +0,0 @@\n-a\n");
	expect_printed("a|b|c", "a|x|c", "@@ -1,3 +1,3 @@\n a\n-b\n+x\n c\n");
	/* Two changes that are far from each other, and the line that the second one is under. */
	expect_printed("a|b|p|  1|  2|  3|  4|  5|  6|q", "x|b|p|  1|  2|  3|  4|  5|  7|q",
	    "@@ -1,4 +1,4 @@\n-a\n+x\n b\n p\n   1\n"
	    "@@ -6,5 +6,5 @@ p\n   3\n   4\n   5\n-  6\n+  7\n q\n");
	/* As near as this they are one. */
	expect_printed("a|1|2|3|4|5|6|b", "x|1|2|3|4|5|6|y",
	    "@@ -1,8 +1,8 @@\n-a\n+x\n 1\n 2\n 3\n 4\n 5\n 6\n-b\n+y\n");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_the_least_that_applies),
	    cmocka_unit_test(test_two_that_have_nothing_in_common),
	    cmocka_unit_test(test_unified),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
