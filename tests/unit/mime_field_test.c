#include "worker/inspect/mime_field.h"

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

static bool
add(const char *text, unsigned times)
{
	while (times--)
		if (!mime_field_add(&extra, (const uint8_t *)text, strlen(text)))
			return false;
	return true;
}

static bool
holds(const char *text)
{
	return memmem(extra.field, extra.field_length, text, strlen(text)) != NULL;
}

static void
test_which(void **state)
{
	static const struct {
		const char *text;
		enum mime_field which;
		const char *value;
	} rows[] = {
	    {"Content-Type: a/b", MIME_FIELD_TYPE, "a/b"},
	    {"CONTENT-DISPOSITION \t:x", MIME_FIELD_DISPOSITION, "x"},
	    {"content-type:", MIME_FIELD_TYPE, ""},
	    {"Content-Type", MIME_FIELD_OTHER, ""},
	    {"Content-Type ", MIME_FIELD_OTHER, ""},
	    {"Content-Types: a/b", MIME_FIELD_OTHER, ""},
	    {"Content-Transfer-Encoding: x", MIME_FIELD_OTHER, ""},
	    {"", MIME_FIELD_OTHER, ""},
	};
	const uint8_t *value;
	size_t length;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *text = rows[i].text;
		assert_int_equal(
		    mime_field_which((const uint8_t *)text, strlen(text), &value, &length),
		    rows[i].which);
		assert_int_equal(length, strlen(rows[i].value));
		assert_memory_equal(value, rows[i].value, length);
	}
}

static void
test_others_are_given_up(void **state)
{
	(void)state;
	assert_true(add("Cc: ", 1));
	assert_true(add("x", CONTENT_FIELD_MAX - 4));
	assert_false(add("x", 1));
}

static void
test_names_are_kept(void **state)
{
	(void)state;
	assert_true(add("Content-Type: multipart/mixed; boundary=\"one\"; filename*0=a;", 1));
	assert_true(add(" x=\"yy;(\"", 2000));
	assert_true(add("; filename=two; na", 1));
	assert_true(add("me=three", 1));
	assert_true(add(";z", 9000));
	assert_true(add("; name=four", 1));
	assert_int_equal(extra.field_shrunk, 1);
	assert_int_equal(extra.field_lost, 0);
	assert_true(holds("Content-Type: multipart/mixed; boundary=\"one\"; filename*0=a;"));
	assert_true(holds("filename=two;"));
	assert_true(holds("name=three;"));
	assert_true(holds("; name=four"));
}

static void
test_what_can_not_be_left_out_is_counted(void **state)
{
	(void)state;
	assert_true(add("Content-Disposition: a; name=\"", 1));
	assert_true(add("x", 10000));
	assert_int_equal(extra.field_length, CONTENT_FIELD_MAX);
	assert_int_equal(extra.field_lost, 1 + 30 + 10000 - CONTENT_FIELD_MAX);
	setup(state);
	assert_true(add("Content-Disposition: a; ", 1));
	assert_true(add("=?utf-8?Q?_x?= ", 1000));
	assert_int_equal(extra.field_lost, 1 + 24 + 15000 - CONTENT_FIELD_MAX);
	setup(state);
	assert_true(add("Content-Disposition: a; filename (", 1));
	assert_true(add("comment;", 1000));
	assert_int_equal(extra.field_lost, 1 + 34 + 8000 - CONTENT_FIELD_MAX);
	extra.field_lost = UINT32_MAX - 1;
	assert_true(add("xxx", 1));
	assert_int_equal(extra.field_lost, UINT32_MAX);
}

/* White space before the colon may go on for ever. */
static void
test_space_before_the_colon(void **state)
{
	(void)state;
	assert_true(add("Content-Type ", 1));
	assert_true(add(" \t", 9000));
	assert_true(add(": a/b", 1));
	assert_int_equal(extra.field_shrunk, 0);
	assert_int_equal(extra.field_length, strlen("Content-Type: a/b"));
}

static void
test_cuts(void **state)
{
	static char text[40000];
	static struct content_extra whole;
	size_t length = 0;

	(void)state;
	for (unsigned i = 0; length < sizeof(text) - 64; i++)
		length += (size_t)snprintf(text + length, 64, "%s%u;",
		    i == 0	   ? "Content-Type : a"
		    : i % 100 == 0 ? " boundary = \"x y\""
		    : i % 37 == 0  ? "name=long name"
				   : "x",
		    i);
	add(text, 1);
	memcpy(&whole, &extra, sizeof(whole));
	assert_int_equal(whole.field_shrunk, 1);
	for (size_t cut = 1; cut < 3000; cut = cut * 3 + 1) {
		setup(state);
		for (size_t at = 0; at < length; at += cut)
			mime_field_add(&extra, (const uint8_t *)text + at,
			    length - at < cut ? length - at : cut);
		assert_int_equal(extra.field_length, whole.field_length);
		assert_int_equal(extra.field_lost, whole.field_lost);
		assert_memory_equal(extra.field, whole.field, whole.field_length);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_which),
	    cmocka_unit_test_setup(test_others_are_given_up, setup),
	    cmocka_unit_test_setup(test_names_are_kept, setup),
	    cmocka_unit_test_setup(test_what_can_not_be_left_out_is_counted, setup),
	    cmocka_unit_test_setup(test_space_before_the_colon, setup),
	    cmocka_unit_test_setup(test_cuts, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
