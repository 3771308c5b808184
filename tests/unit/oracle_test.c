/* A message made from its key is what a check of the same key accepts, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "tests/tools/oracle.h"

static const struct oracle_key key = {0x0123456789abcdefull, 7, 9};

static char *
message_make(uint64_t size, size_t *ret_length)
{
	struct oracle oracle;
	char *text = malloc(size + 1);
	size_t length = 0;

	assert_non_null(text);
	oracle_begin(&oracle, &key, size);
	while (oracle_next_line(&oracle))
		for (unsigned i = 0; i < ORACLE_SPANS; i++) {
			assert_true(length + oracle.span[i].length <= size);
			memcpy(text + length, oracle.span[i].bytes, oracle.span[i].length);
			length += oracle.span[i].length;
		}
	*ret_length = length;
	return text;
}

static void
size_is_exact(void **state)
{
	(void)state;
	for (uint64_t size = ORACLE_SIZE_MIN; size < 5000; size++) {
		size_t length;
		char *text = message_make(size, &length);

		assert_int_equal(length, size);
		assert_memory_equal(text + size - 2, "\r\n", 2);
		free(text);
	}
}

static void
content_is_text(void **state)
{
	size_t length;
	char *text = message_make(1 << 20, &length);

	(void)state;
	for (size_t i = 0; i < length; i++) {
		assert_int_not_equal(text[i], 0);
		if (text[i] == '\r')
			assert_int_equal(text[i + 1], '\n');
		if (text[i] == '\n')
			assert_int_equal(text[i - 1], '\r');
	}
	assert_non_null(memmem(text, length, "\r\n.\r\n", 5));
	assert_non_null(memmem(text, length, "\r\n\r\n", 4));
	free(text);
}

static void
check_accepts_any_cut(void **state)
{
	size_t length;
	char *text = message_make(30000, &length);

	(void)state;
	for (size_t step = 1; step < 3000; step = step * 3 + 1) {
		struct oracle oracle;

		oracle_begin(&oracle, &key, 30000);
		for (size_t at = 0; at < length; at += step)
			assert_true(oracle_check(
			    &oracle, text + at, length - at < step ? length - at : step));
		assert_true(oracle_complete(&oracle));
		assert_false(oracle_check(&oracle, "x", 1));
	}
	free(text);
}

static void
check_finds_any_change(void **state)
{
	size_t length;
	char *text = message_make(4000, &length);

	(void)state;
	for (size_t i = 0; i < length; i++) {
		struct oracle oracle;

		text[i] ^= 1;
		oracle_begin(&oracle, &key, 4000);
		assert_false(oracle_check(&oracle, text, length));
		assert_int_equal(oracle.checked, i);
		text[i] ^= 1;
	}
	free(text);
}

static void
other_keys_give_other_bodies(void **state)
{
	struct oracle_key other = {key.seed, key.connection, key.message + 1};
	struct oracle oracle;
	size_t length;
	char *text = message_make(4000, &length);
	const char *body = memmem(text, length, "\r\n\r\n", 4);
	size_t head = (size_t)(body - text) + 4;

	(void)state;
	oracle_begin(&oracle, &other, 4000);
	for (unsigned i = 0; i < 4; i++)
		assert_true(oracle_next_line(&oracle));
	oracle.at_span = ORACLE_SPANS;
	assert_false(oracle_check(&oracle, text + head, length - head));
	free(text);
}

static void
keys_and_headers_are_read(void **state)
{
	char text[ORACLE_KEY_TEXT], line[80] = "X-Oracle: ";
	struct oracle_key got;
	uint64_t size;

	(void)state;
	oracle_key_print(&key, text);
	assert_true(oracle_key_parse(text, strlen(text), &got));
	assert_memory_equal(&got, &key, sizeof(key));
	assert_false(oracle_key_parse(text, strlen(text) - 1, &got));
	text[3] = 'G';
	assert_false(oracle_key_parse(text, strlen(text), &got));
	oracle_key_print(&key, line + 10);
	memcpy(line + strlen(line), " 1234", 6);
	assert_true(oracle_header_parse(line, strlen(line), &got, &size));
	assert_int_equal(size, 1234);
	assert_false(oracle_header_parse(line, strlen(line) - 5, &got, &size));
	assert_false(oracle_header_parse("X-Oracle: ", 10, &got, &size));
	line[46] = 'x';
	assert_false(oracle_header_parse(line, strlen(line), &got, &size));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(size_is_exact),
	    cmocka_unit_test(content_is_text),
	    cmocka_unit_test(check_accepts_any_cut),
	    cmocka_unit_test(check_finds_any_change),
	    cmocka_unit_test(other_keys_give_other_bodies),
	    cmocka_unit_test(keys_and_headers_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
