#include "worker/inspect/scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LENGTH_MAX 300u

/* ---- the meaning, octet by octet ---- */

static size_t
plain_clean(const uint8_t *text, size_t length, bool line)
{
	size_t i = 0;

	while (i < length) {
		bool pair = text[i] == '\r' && i + 1 < length && text[i + 1] == '\n';
		if (!pair && (text[i] == '\r' || text[i] == '\n' || text[i] == '\0'))
			return i;
		if (line && text[i] == '.')
			return i;
		line = pair;
		i += pair ? 2 : 1;
	}
	return i;
}

static size_t
plain_long_line(const uint8_t *text, size_t length, uint32_t *column, uint32_t limit)
{
	for (size_t i = 0; i < length; i++) {
		if (text[i] == '\n') {
			*column = 0;
			continue;
		}
		uint64_t line = (uint64_t)*column + (text[i] != '\r');
		if (line > limit)
			return i;
		++*column;
	}
	return length;
}

static size_t
plain_line_start(const uint8_t *text, size_t length, bool line, uint8_t byte)
{
	for (size_t i = 0; i < length; i++) {
		if (line && text[i] == byte)
			return i;
		line = text[i] == '\n' || text[i] == '\r';
	}
	return length;
}

/* ---- texts ---- */

static uint64_t
draw(uint64_t *seed)
{
	*seed ^= *seed >> 12;
	*seed ^= *seed << 25;
	*seed ^= *seed >> 27;
	return *seed * UINT64_C(0x2545F4914F6CDD1D) >> 33;
}

/* Mostly lawful lines, and now and then what is not. */
static void
fill(uint8_t *text, size_t length, uint64_t *seed)
{
	static const uint8_t special[] = "\r\n\r\n..\0\n\r--";
	unsigned strange = (unsigned)(draw(seed) % 3) * 20;

	for (size_t i = 0; i < length; i++) {
		if (draw(seed) % 1000 < strange)
			text[i] = special[draw(seed) % (sizeof(special) - 1)];
		else if (i + 1 < length && draw(seed) % 40 == 0)
			text[i] = '\r', text[++i] = '\n';
		else
			text[i] = (uint8_t)('a' + draw(seed) % 26);
	}
}

static void
compare(const uint8_t *text, size_t length, uint32_t column, uint32_t limit, bool line)
{
	for (int how = 0; how < INSPECT_SCANS; how++) {
		uint32_t plain = column, fast = column;
		if (how > (int)inspect_scan_best())
			continue;
		assert_int_equal(
		    scan_clean(how, text, length, line), plain_clean(text, length, line));
		assert_int_equal(scan_long_line(how, text, length, &fast, limit),
		    plain_long_line(text, length, &plain, limit));
		assert_int_equal(fast, plain);
		assert_int_equal(scan_line_start(how, text, length, line, '-'),
		    plain_line_start(text, length, line, '-'));
	}
}

static void
test_random(void **state)
{
	static const uint32_t limits[] = {0, 1, 5, 62, 63, 64, 65, 70, 100, 998, UINT32_MAX};
	uint64_t seed = 20261123;

	(void)state;
	for (unsigned i = 0; i < 60000; i++) {
		size_t length = draw(&seed) % LENGTH_MAX, shift = draw(&seed) % 33;
		/* Exactly as long as it is: a sanitizer sees what is read beyond. */
		uint8_t *memory = malloc(length + shift + 1);
		fill(memory + shift, length, &seed);
		compare(memory + shift, length, (uint32_t)(draw(&seed) % 120),
		    limits[draw(&seed) % (sizeof(limits) / sizeof(limits[0]))],
		    draw(&seed) % 2 != 0);
		free(memory);
	}
}

/* One strange octet at each place of a text of plain ones, and of lines. */
static void
test_every_place(void **state)
{
	static const char *const strange[] = {
	    "\r", "\n", "\0", ".", "\r\n", "\r\n.", "\n.", "-", "\r\n-", "\r\r\n"};
	static const size_t lengths[] = {1, 1, 1, 1, 2, 3, 2, 1, 3, 3};
	uint8_t text[LENGTH_MAX];

	(void)state;
	for (size_t which = 0; which < sizeof(strange) / sizeof(strange[0]); which++) {
		for (size_t at = 0; at + 3 < 200; at++) {
			memset(text, 'x', sizeof(text));
			memcpy(text + 64, "\r\n", 2);
			memcpy(text + 127, "\r\n", 2);
			memcpy(text + at, strange[which], lengths[which]);
			for (uint32_t limit = 60; limit < 72; limit++)
				compare(text, 200, 0, limit, at % 2 != 0);
			compare(text, at + lengths[which], 0, 998, true);
		}
	}
}

/* The column of a line that never ends stays where it can be counted. */
static void
test_endless_line(void **state)
{
	uint8_t text[LENGTH_MAX];

	(void)state;
	memset(text, 'x', sizeof(text));
	for (int how = 0; how <= (int)inspect_scan_best(); how++) {
		uint32_t column = UINT32_MAX - 200;
		for (unsigned i = 0; i < 3; i++)
			assert_int_equal(
			    scan_long_line(how, text, LENGTH_MAX, &column, UINT32_MAX), LENGTH_MAX);
		assert_int_equal(column, UINT32_MAX);
		assert_int_equal(scan_long_line(how, text, LENGTH_MAX, &column, UINT32_MAX - 1), 0);
		text[9] = '\n';
		scan_long_line(how, text, LENGTH_MAX, &column, UINT32_MAX);
		assert_int_equal(column, LENGTH_MAX - 10);
		text[9] = 'x';
	}
}

static void
test_long_texts(void **state)
{
	static uint8_t text[70000];

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = i % 78 == 76 ? '\r' : i % 78 == 77 ? '\n' : 'x';
	compare(text, sizeof(text), 0, 76, true);
	compare(text, sizeof(text), 0, 75, true);
	text[69990] = '\0';
	compare(text, sizeof(text), 0, 998, true);
	memset(text, 'x', sizeof(text));
	compare(text, sizeof(text), 0, 998, false);
	compare(text, sizeof(text), 0, UINT32_MAX, false);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_random),
	    cmocka_unit_test(test_every_place),
	    cmocka_unit_test(test_endless_line),
	    cmocka_unit_test(test_long_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
