/* A message made from its name is what a check of the same name accepts, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/tools/oracle.h"

#define KEY                                                                                        \
	{                                                                                          \
		0x0123456789abcdefull, 7, 9                                                        \
	}

static const struct oracle_key key = KEY;

static struct oracle_name
named(uint64_t size, enum oracle_form form, enum oracle_offence offence)
{
	return (struct oracle_name){KEY, size, form, offence};
}

static char *
message_make(const struct oracle_name *name, size_t *ret_length)
{
	struct oracle oracle;
	char *text = malloc(name->size + 1);
	size_t length = 0;

	assert_non_null(text);
	oracle_begin(&oracle, name);
	while (oracle_next_line(&oracle))
		for (unsigned i = 0; i < ORACLE_SPANS; i++) {
			assert_true(length + oracle.span[i].length <= name->size);
			memcpy(text + length, oracle.span[i].bytes, oracle.span[i].length);
			length += oracle.span[i].length;
		}
	text[length] = '\0';
	*ret_length = length;
	return text;
}

static void
size_is_exact(void **state)
{
	(void)state;
	for (uint64_t size = ORACLE_SIZE_MIN; size < 5000; size++)
		for (unsigned form = 0; form < ORACLE_FORMS; form++) {
			struct oracle_name name = named(size, form, ORACLE_GOOD);
			size_t length;
			char *text = message_make(&name, &length);

			assert_int_equal(length, size);
			if (form == ORACLE_TEXT)
				assert_memory_equal(text + size - 2, "\r\n", 2);
			free(text);
		}
}

static void
content_is_text(void **state)
{
	struct oracle_name name = named(1 << 20, ORACLE_TEXT, ORACLE_GOOD);
	size_t length;
	char *text = message_make(&name, &length);

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
other_forms_are_what_they_say(void **state)
{
	struct oracle_name lf = named(1 << 20, ORACLE_LF, ORACLE_GOOD);
	struct oracle_name binary = named(100000, ORACLE_BINARY, ORACLE_GOOD);
	size_t length;
	char *text = message_make(&lf, &length);

	(void)state;
	assert_null(memchr(text, '\r', length));
	assert_non_null(memmem(text, length, "\n.\n", 3));
	free(text);
	text = message_make(&binary, &length);
	for (unsigned octet = 0; octet < 256; octet++)
		assert_non_null(memchr(text, (int)octet, length));
	free(text);
}

/* The longest line, and the longest one of the header. */
static size_t
longest_line(const char *text, size_t length, size_t *ret_header)
{
	size_t longest = 0;

	*ret_header = 0;
	for (size_t at = 0; at < length;) {
		const char *end = memchr(text + at, '\n', length - at);
		size_t line = end != NULL ? (size_t)(end - text) - at : length - at;

		line -= line > 0 && text[at + line - 1] == '\r';
		if (line > longest)
			longest = line;
		if (line == 0 && *ret_header == 0)
			*ret_header = longest;
		at = end != NULL ? (size_t)(end - text) + 1 : length;
	}
	return longest;
}

/* The length of both pieces of the longest file name. */
static size_t
longest_name(const char *text)
{
	size_t longest = 0;

	for (const char *at = text; (at = strstr(at, "filename*0=\"")) != NULL;) {
		const char *more = strstr(at, "filename*1=\"");
		size_t length = strcspn(at + 12, "\"");

		assert_non_null(more);
		length += strcspn(more + 12, "\"");
		if (length > longest)
			longest = length;
		at = more;
	}
	return longest;
}

/* Good ones stay within what offenders exceed; these do so once, and the oracle knows where. */
static void
offences_are_made(void **state)
{
	static const struct oracle_key keys[] = {{1, 2, 3}, {4, 5, 6}, {7, 8, 9}, {10, 11, 12}};
	size_t parts = 0, folds = 0;

	(void)state;
	for (unsigned i = 0; i < 4 * ORACLE_OFFENCES * 40; i++) {
		struct oracle_name name = {keys[i % 4], ORACLE_SIZE_LINE + i,
		    i / 4 % 2 == 0 ? ORACLE_TEXT : ORACLE_LF, i / 8 % ORACLE_OFFENCES};
		size_t length, header, line, file;
		char *text;

		name.key.seed += i / 32;
		if (name.offence != ORACLE_LONG_LINE && i % 3 == 0)
			name.size = ORACLE_SIZE_HEADER + i;
		text = message_make(&name, &length);
		line = longest_line(text, length, &header);
		file = longest_name(text);
		assert_int_equal(length, name.size);
		assert_int_equal(header > ORACLE_HEADER_LONG, name.offence == ORACLE_LONG_HEADER);
		assert_int_equal(line > ORACLE_LINE_LONG, name.offence == ORACLE_LONG_LINE);
		assert_int_equal(file > ORACLE_NAME_LONG, name.offence == ORACLE_LONG_NAME);
		parts += file > 0;
		folds += strstr(text, "\n\t") != NULL;
		free(text);
	}
	assert_in_range(parts, 100, 600);
	assert_in_range(folds, 100, 640);
}

static void
offence_is_found(void **state)
{
	struct oracle_name name = named(ORACLE_SIZE_LINE, ORACLE_TEXT, ORACLE_LONG_LINE);
	struct oracle oracle;
	uint64_t before = 0;

	(void)state;
	oracle_begin(&oracle, &name);
	while (oracle.offended == 0) {
		before = oracle.made;
		assert_true(oracle_next_line(&oracle));
	}
	assert_true(oracle.made - before > ORACLE_LINE_LONG);
	assert_int_equal(oracle.offended, oracle.made);
	assert_true(oracle_next_line(&oracle));
}

static void
check_accepts_any_cut(void **state)
{
	(void)state;
	for (unsigned form = 0; form < ORACLE_FORMS; form++) {
		struct oracle_name name = named(30000, form, ORACLE_LONG_NAME);
		size_t length;
		char *text = message_make(&name, &length);

		for (size_t step = 1; step < 3000; step = step * 3 + 1) {
			struct oracle oracle;

			oracle_begin(&oracle, &name);
			for (size_t at = 0; at < length; at += step)
				assert_true(oracle_check(
				    &oracle, text + at, length - at < step ? length - at : step));
			assert_true(oracle_complete(&oracle));
			assert_false(oracle_check(&oracle, "x", 1));
		}
		free(text);
	}
}

static void
pieces_are_the_content(void **state)
{
	struct oracle_name name = named(30000, ORACLE_BINARY, ORACLE_GOOD);
	size_t length;
	char *text = message_make(&name, &length);

	(void)state;
	for (size_t most = 1; most < 5000; most = most * 3 + 1) {
		struct oracle_span piece;
		struct oracle oracle;
		size_t at = 0;

		oracle_begin(&oracle, &name);
		while (oracle_next_piece(&oracle, most, &piece)) {
			assert_in_range(piece.length, 1, most);
			assert_memory_equal(piece.bytes, text + at, piece.length);
			at += piece.length;
		}
		assert_int_equal(at, length);
	}
	free(text);
}

static void
check_finds_any_change(void **state)
{
	struct oracle_name name = named(4000, ORACLE_TEXT, ORACLE_GOOD);
	size_t length;
	char *text = message_make(&name, &length);

	(void)state;
	for (size_t i = 0; i < length; i++) {
		struct oracle oracle;

		text[i] ^= 1;
		oracle_begin(&oracle, &name);
		assert_false(oracle_check(&oracle, text, length));
		assert_int_equal(oracle.checked, i);
		text[i] ^= 1;
	}
	free(text);
}

static void
other_keys_give_other_bodies(void **state)
{
	struct oracle_name name = named(1500, ORACLE_TEXT, ORACLE_GOOD), other = name;
	struct oracle oracle;
	size_t length, head;
	char *text = message_make(&name, &length);

	(void)state;
	head = (size_t)((char *)memmem(text, length, "\r\n\r\n", 4) - text) + 4;
	other.key.message++;
	oracle_begin(&oracle, &other);
	while (oracle.made < head)
		assert_true(oracle_next_line(&oracle));
	oracle.at_span = ORACLE_SPANS;
	assert_false(oracle_check(&oracle, text + head, length - head));
	free(text);
}

static void
keys_and_headers_are_read(void **state)
{
	char text[ORACLE_KEY_TEXT], line[80];
	struct oracle_name got;
	size_t length;

	(void)state;
	oracle_key_print(&key, text);
	assert_true(oracle_key_parse(text, strlen(text), &got.key));
	assert_memory_equal(&got.key, &key, sizeof(key));
	assert_false(oracle_key_parse(text, strlen(text) - 1, &got.key));
	length = (size_t)snprintf(line, sizeof(line), "X-Oracle: %s 1234 lf name ", text) - 1;
	assert_true(oracle_header_parse(line, length, &got));
	assert_memory_equal(&got.key, &key, sizeof(key));
	assert_int_equal(got.size, 1234);
	assert_int_equal(got.form, ORACLE_LF);
	assert_int_equal(got.offence, ORACLE_LONG_NAME);
	for (size_t cut = 0; cut < length; cut++)
		assert_false(oracle_header_parse(line, cut, &got));
	assert_false(oracle_header_parse(line, length + 1, &got));
	line[46] = 'x';
	assert_false(oracle_header_parse(line, length, &got));
	text[3] = 'G';
	assert_false(oracle_key_parse(text, strlen(text), &got.key));
}

/* The first line of a message is its name. */
static void
messages_say_their_names(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ORACLE_FORMS * ORACLE_OFFENCES; i++) {
		struct oracle_name name =
		    named(ORACLE_SIZE_LINE, i % ORACLE_FORMS, i / ORACLE_FORMS);
		struct oracle_name got;
		struct oracle oracle;

		oracle_begin(&oracle, &name);
		assert_true(oracle_next_line(&oracle));
		assert_true(oracle_header_parse(oracle.span[0].bytes, oracle.span[0].length, &got));
		assert_int_equal(got.form, name.form);
		assert_int_equal(got.offence, name.offence);
		assert_int_equal(got.size, name.size);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(size_is_exact),
	    cmocka_unit_test(content_is_text),
	    cmocka_unit_test(other_forms_are_what_they_say),
	    cmocka_unit_test(offences_are_made),
	    cmocka_unit_test(offence_is_found),
	    cmocka_unit_test(check_accepts_any_cut),
	    cmocka_unit_test(pieces_are_the_content),
	    cmocka_unit_test(check_finds_any_change),
	    cmocka_unit_test(other_keys_give_other_bodies),
	    cmocka_unit_test(keys_and_headers_are_read),
	    cmocka_unit_test(messages_say_their_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
