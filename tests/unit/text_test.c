#include "daemon/manager/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Whatever was there before, and however much room it had left. */
static void
test_printf_grows(void **state)
{
	char wanted[300 * 4 + 1];
	struct text text;

	(void)state;
	text_init(&text, 4096);
	for (unsigned i = 0; i < 300; i++) {
		text_printf(&text, "%04u", i);
		snprintf(wanted + (size_t)i * 4, 5, "%04u", i);
		assert_int_equal(text.length, (i + 1) * 4);
		assert_string_equal(text_string(&text), wanted);
	}
	text_clear(&text);
	text_printf(&text, "%s", wanted);
	assert_string_equal(text_string(&text), wanted);
	assert_false(text.overflow);
	text_free(&text);
}

/* What does not fit is left out whole, also where the memory would have had room for it. */
static void
test_printf_is_bounded(void **state)
{
	struct text text;

	(void)state;
	text_init(&text, 10);
	text_printf(&text, "%s", "12345678");
	text_printf(&text, "%s", "abc");
	assert_string_equal(text_string(&text), "12345678");
	assert_true(text.overflow);
	text_printf(&text, "%s", "90");
	assert_string_equal(text_string(&text), "1234567890");
	text_printf(&text, "%0300d", 0);
	assert_string_equal(text_string(&text), "1234567890");
	text_free(&text);
}

static void
expect_escaped(const char *bytes, size_t length, size_t most, const char *wanted)
{
	struct text text;

	text_init(&text, 256);
	text_add_string(&text, "<");
	text_add_escaped(&text, bytes, length, most);
	text_add_string(&text, ">");
	assert_string_equal(text_string(&text), wanted);
	text_free(&text);
}

static void
test_escape(void **state)
{
	(void)state;
	expect_escaped("", 0, 10, "<>");
	expect_escaped("plain", 5, 10, "<plain>");
	expect_escaped("a\rb\\\x80", 5, 20, "<a\\x0db\\x5c\\x80>");
	expect_escaped("\r\n", 2, 8, "<\\x0d\\x0a>");
	expect_escaped("01234567", 8, 10, "<01234567>");
	expect_escaped("0123456789a", 11, 10, "<0123456...>");
	expect_escaped("012345\r\r", 8, 10, "<012345...>");
	expect_escaped("01\n3456789", 10, 10, "<01\\x0a3...>");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_printf_grows),
	    cmocka_unit_test(test_printf_is_bounded),
	    cmocka_unit_test(test_escape),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
