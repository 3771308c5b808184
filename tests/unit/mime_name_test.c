#include "worker/inspect/mime_name.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct names {
	unsigned count;
	char text[64][9000];
	size_t length[64];
};

static void
take(void *context, const uint8_t *name, size_t length)
{
	struct names *names = context;

	assert_true(names->count < 64);
	assert_true(length < sizeof(names->text[0]));
	memcpy(names->text[names->count], name, length);
	names->length[names->count++] = length;
}

/* The name is among the candidates. */
static bool
gives(const char *value, const char *wanted)
{
	static struct names names;
	uint8_t *exact = malloc(strlen(value) + 1);
	bool found = false;

	memset(&names, 0, sizeof(names));
	memcpy(exact, value, strlen(value));
	mime_name_each(exact, strlen(value), take, &names);
	free(exact);
	for (unsigned i = 0; i < names.count; i++)
		found |= names.length[i] == strlen(wanted) &&
			 memcmp(names.text[i], wanted, names.length[i]) == 0;
	if (!found)
		for (unsigned i = 0; i < names.count; i++)
			fprintf(stderr, "%s: '%.*s'\n", value, (int)names.length[i], names.text[i]);
	return found;
}

static void
test_plain(void **state)
{
	(void)state;
	assert_true(gives("attachment; filename=a.exe", "a.exe"));
	assert_true(gives("attachment; filename=\"a b.exe\"", "a b.exe"));
	assert_true(gives("attachment; filename=a b.exe; size=3", "a b.exe"));
	assert_true(gives("attachment; FileName = \"a.exe\" ; x=y", "a.exe"));
	assert_true(gives("attachment; filename=\"a\\\"b.exe\"", "a\"b.exe"));
	assert_true(gives("attachment; filename=\"a;b.exe\"", "a;b.exe"));
	assert_true(gives("attachment; filename=\"never ends.exe", "never ends.exe"));
	assert_true(gives("attachment; (a;comment) filename=a.exe", "a.exe"));
	assert_true(gives("application/octet-stream; name=a.exe", "a.exe"));
	assert_true(gives("attachment; filename=one.txt; filename=two.exe", "one.txt"));
	assert_true(gives("attachment; filename=one.txt; filename=two.exe", "two.exe"));
	assert_true(gives("attachment; filename=a.exe.; name=b", "a.exe."));
	assert_false(gives("attachment; filenames=a.exe", "a.exe"));
	assert_false(gives("filename", "filename"));
}

static void
test_encoded_words(void **state)
{
	(void)state;
	assert_true(gives("a; filename=\"=?utf-8?B?aW52b2ljZS5leGU=?=\"", "invoice.exe"));
	assert_true(gives("a; filename==?utf-8?Q?in=76oice_1.exe?=", "invoice 1.exe"));
	assert_true(gives("a; filename=\"=?utf-8?Q?in?= =?utf-8?Q?voice?= .exe\"", "invoice .exe"));
	assert_true(gives("a; filename=\"x=?utf-8?B?LmV4ZQ?=\"", "x.exe"));
	/* All of the value is one. */
	assert_true(gives("=?utf-8?Q?attachment=3B_filename=3D=22a.exe=22?=", "a.exe"));
	assert_true(gives("a; filename=\"=?utf-8?X?aa?=\"", "=?utf-8?X?aa?="));
}

static void
test_extended(void **state)
{
	(void)state;
	assert_true(gives("a; filename*=utf-8''invoice%2Eexe", "invoice.exe"));
	assert_true(gives("a; filename*=utf-8'en-US'payload.exe", "payload.exe"));
	assert_true(gives("a; filename*=no%20charset.exe", "no charset.exe"));
	assert_true(gives("a; filename*0=\"inv\"; filename*1=\"oice.exe\"", "invoice.exe"));
	assert_true(gives("a; filename*1=oice.exe; filename*0=inv", "invoice.exe"));
	assert_true(gives("a; filename*0=inv; filename*2=oice.exe", "invoice.exe"));
	assert_true(gives("a; filename*0*=utf-8'en-US'in%76; filename*1*=%6Fice; filename*2=.exe",
	    "invoice.exe"));
	assert_true(gives("a; name*0=x; filename*0=inv; name*1=y.com; filename*1=oice", "xy.com"));
}

/* What would cost its square, or its memory, in a lesser reader. */
static void
test_hostile(void **state)
{
	static const char *const pieces[] = {"\"\\\"", "=?a?b?x", "(", ";\"", "filename*1=a;", "\\",
	    "filename=\"", "';'", "=?a?q?=3B?="};
	static char value[9000];
	static struct names names;

	(void)state;
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		size_t length = 0;
		memcpy(value, "a; filename=", 12);
		for (length = 12; length + strlen(pieces[i]) < 8192; length += strlen(pieces[i]))
			memcpy(value + length, pieces[i], strlen(pieces[i]));
		for (unsigned parts = 0; parts < 2; parts++) {
			names.count = 0;
			uint8_t *exact = malloc(length);
			memcpy(exact, value, length);
			if (parts == 0 || i != 6)
				mime_name_each(exact, length, take, &names);
			free(exact);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_plain),
	    cmocka_unit_test(test_encoded_words),
	    cmocka_unit_test(test_extended),
	    cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
