/* Replies, quantiles and size distributions of the test tools. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "tests/tools/histogram.h"
#include "tests/tools/reply.h"
#include "tests/tools/sizes.h"

static void
replies_are_read(void **state)
{
	static const struct {
		const char *text;
		long length;
		unsigned code, lines;
		const char *last;
	} cases[] = {
	    {"250 ok\r\n", 8, 250, 1, "ok"},
	    {"250\r\n", 5, 250, 1, ""},
	    {"250-a\r\n250-b\r\n250 c\r\nrest", 21, 250, 3, "c"},
	    {"250-a\r\n250", 0, 0, 0, ""},
	    {"25", 0, 0, 0, ""},
	    {"250-a\r\n251 b\r\n", -1, 0, 0, ""},
	    {"250 a\n", -1, 0, 0, ""},
	    {"250 a\rb\r\n", -1, 0, 0, ""},
	    {"650 a\r\n", -1, 0, 0, ""},
	    {"2x0 a\r\n", -1, 0, 0, ""},
	    {"250_a\r\n", -1, 0, 0, ""},
	    {"\r\n", -1, 0, 0, ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct reply reply;

		assert_int_equal(
		    reply_parse(cases[i].text, strlen(cases[i].text), &reply), cases[i].length);
		if (cases[i].length <= 0)
			continue;
		assert_int_equal(reply.code, cases[i].code);
		assert_int_equal(reply.lines, cases[i].lines);
		assert_int_equal(reply.text_length, strlen(cases[i].last));
		assert_memory_equal(reply.text, cases[i].last, reply.text_length);
	}
}

static void
endless_reply_is_refused(void **state)
{
	static char text[REPLY_MAX + 8];
	struct reply reply;

	(void)state;
	for (size_t i = 0; i + 5 <= sizeof(text); i += 5)
		memcpy(text + i, "250-\r", 5);
	assert_int_equal(reply_parse(text, sizeof(text), &reply), -1);
}

static void
quantiles_are_near(void **state)
{
	struct histogram histogram = {0};

	(void)state;
	assert_int_equal(histogram_quantile(&histogram, 500), 0);
	for (unsigned us = 1; us <= 100000; us++)
		histogram_add(&histogram, us);
	assert_in_range(histogram_quantile(&histogram, 500), 50000, 53200);
	assert_in_range(histogram_quantile(&histogram, 990), 99000, 100000);
	assert_int_equal(histogram_quantile(&histogram, 1000), 100000);
	histogram_add(&histogram, UINT64_MAX);
	assert_int_equal(histogram.max, UINT64_MAX);
}

static void
sizes_are_read_and_picked(void **state)
{
	struct sizes sizes;
	uint64_t random = 1;
	unsigned large = 0;

	(void)state;
	assert_true(sizes_parse("1k-16k:900,16k-1m:99,50m:1", &sizes));
	for (unsigned i = 0; i < 10000; i++) {
		uint64_t size = sizes_pick(&sizes, &random);

		assert_in_range(size, 1024, 50u << 20);
		large += size == 50u << 20;
	}
	assert_in_range(large, 1, 40);
	assert_true(sizes_parse("300", &sizes));
	assert_int_equal(sizes_pick(&sizes, &random), 300);
	assert_false(sizes_parse("", &sizes));
	assert_false(sizes_parse("2k-1k", &sizes));
	assert_false(sizes_parse("1k:0", &sizes));
	assert_false(sizes_parse("1k;2k", &sizes));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(replies_are_read),
	    cmocka_unit_test(endless_reply_is_refused),
	    cmocka_unit_test(quantiles_are_near),
	    cmocka_unit_test(sizes_are_read_and_picked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
