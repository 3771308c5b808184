#include "worker/inspect/mime_value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct texts {
	const char *wanted;
	size_t wanted_length;
	enum mime_parameter_name name;
	bool found;
	size_t longest; /* of names that are shown */
	size_t given;	/* octets, of all */
};

static void
take(void *context, const struct mime_text *text)
{
	struct texts *texts = context;
	bool boundary = text->name == MIME_PARAMETER_BOUNDARY;

	texts->given += text->length;
	assert_true(text->characters <= text->length);
	if (!boundary && text->shown && text->characters > texts->longest)
		texts->longest = text->characters;
	if (boundary == (texts->name == MIME_PARAMETER_BOUNDARY) && (boundary || text->shown))
		texts->found |= texts->wanted && text->length == texts->wanted_length &&
				memcmp(text->octets, texts->wanted, text->length) == 0;
}

static struct texts
read_value(const char *value, enum mime_parameter_name name, const char *wanted)
{
	struct texts texts = {.wanted = wanted, .name = name};
	uint8_t *exact = malloc(strlen(value) + 1);

	texts.wanted_length = wanted ? strlen(wanted) : 0;
	memcpy(exact, value, strlen(value));
	mime_value_each(exact, strlen(value), take, &texts);
	free(exact);
	return texts;
}

/* The name is among those that a reader may show. */
static bool
gives(const char *value, const char *wanted)
{
	return read_value(value, MIME_PARAMETER_FILENAME, wanted).found;
}

static bool
gives_boundary(const char *value, const char *wanted)
{
	return read_value(value, MIME_PARAMETER_BOUNDARY, wanted).found;
}

static size_t
longest(const char *value)
{
	return read_value(value, MIME_PARAMETER_FILENAME, NULL).longest;
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
	/* Nobody who decodes shows what is encoded as it should be; of others somebody does. */
	assert_false(gives("a; filename=\"=?utf-8?Q?a=41?=\"", "=?utf-8?Q?a=41?="));
	assert_false(gives("a; filename=\"=?utf-8*en?B?YUE=?= x\"", "=?utf-8*en?B?YUE=?= x"));
	assert_true(gives("a; filename=\"=?utf-8?B?YUE?=\"", "=?utf-8?B?YUE?="));
	assert_true(gives("a; filename=\"=?utf-8?B?Y!UE=?=\"", "=?utf-8?B?Y!UE=?="));
	assert_true(gives("a; filename=\"=?utf-8?Q?a =41?=\"", "=?utf-8?Q?a =41?="));
	assert_true(gives("a; filename=\"=?utf-8?Q?a=4?=\"", "=?utf-8?Q?a=4?="));
	assert_true(gives("a; filename=\"=?x-own?Q?a=41?=\"", "=?x-own?Q?a=41?="));
	assert_true(gives("a; filename=\"=?x-own?Q?a=41?=\"", "aA"));
}

static void
test_extended(void **state)
{
	(void)state;
	assert_true(gives("a; filename*=utf-8''invoice%2Eexe", "invoice.exe"));
	assert_true(gives("a; filename*=utf-8'en-US'payload.exe", "payload.exe"));
	assert_true(gives("a; filename*=no%20charset.exe", "no charset.exe"));
	assert_true(gives("a; filename*=no%20charset.exe", "no%20charset.exe"));
	assert_false(gives("a; filename*=utf-8''invoice%2Eexe", "invoice%2Eexe"));
	assert_false(gives("a; filename*=utf-8''invoice%2Eexe", "utf-8''invoice%2Eexe"));
	assert_true(gives("a; filename*=it's%20a 'test'.exe", "it's a 'test'.exe"));
	assert_true(gives("a; filename*0=\"inv\"; filename*1=\"oice.exe\"", "invoice.exe"));
	assert_true(gives("a; filename*1=oice.exe; filename*0=inv", "invoice.exe"));
	assert_true(gives("a; filename*0=inv; filename*2=oice.exe", "invoice.exe"));
	assert_true(gives("a; filename*0*=utf-8'en-US'in%76; filename*1*=%6Fice; filename*2=.exe",
	    "invoice.exe"));
	assert_true(gives("a; filename*0=a; filename*0=bc; filename*1=d", "bcd"));
	assert_true(gives("a; filename*0=a; filename*1000=b; filename*1001=c", "abc"));
	assert_true(gives("a; filename*0=a; filename*99999999999999999999=b", "ab"));
	assert_true(gives("a; filename*0=\"=?utf-8?B?\"; filename*1=\"YUE=?=\"", "aA"));
	assert_true(gives("a; filename*0=\"a\\\"b\"; filename*1=c", "a\"bc"));
	assert_false(gives("a; filename*x=b", "b"));
	assert_true(gives("a; name*0=x; filename*0=inv; name*1=y.com; filename*1=oice", "xy.com"));
}

/* Where readers differ in what a parameter is. */
static void
test_disguised(void **state)
{
	(void)state;
	assert_true(gives("attachment; filename (c) = a.exe", "a.exe"));
	assert_true(gives("attachment; filename(c)=(d)\"a.exe\"(e)", "a.exe"));
	assert_true(gives("attachment; filename (a (b\\) \") c) = \"a.exe\"", "a.exe"));
	assert_true(gives("attachment (; filename=a.exe ;)", "a.exe"));
	assert_true(gives("attachment; (never ends filename=a.exe", "a.exe"));
	assert_true(gives("attachment; x=\"(\"; filename (c)=a.exe", "a.exe"));
	assert_true(gives("attachment; ( x; filename (c)=a.exe", "a.exe"));
	assert_true(gives("attachment; x=\"never ends; filename (c)=a.exe", "a.exe"));
	assert_true(gives("attachment; x=\"; filename=a.exe\"", "a.exe\""));
	assert_true(gives("attachment; x=\"\\\"; filename=\"a;b.exe\"", "a;b.exe"));
	assert_true(gives("attachment, filename=a.exe", "a.exe"));
	assert_true(gives("attachment filename=a.exe", "a.exe"));
	assert_true(gives("filename=a.exe", "a.exe"));
	assert_true(gives("a; filename=\"one\"filename=\"two.exe\"", "two.exe"));
	assert_true(gives("a; filename=\"one\"rest of it.exe", "\"one\"rest of it.exe"));
	assert_true(gives("a; filename=\"one;two;three", "one;two;three"));
	assert_true(gives("a; filename=\"a\\b\"", "a\\b"));
	assert_true(gives("a; filename=\"a\\b\"", "ab"));
	assert_true(gives("a; =?utf-8?Q?filename=3D(c)a.exe?=", "a.exe"));
	assert_false(gives("a; myfilename=a.exe", "a.exe"));
	assert_false(gives("a; filename", ""));
}

static void
test_boundaries(void **state)
{
	(void)state;
	assert_true(gives_boundary("multipart/mixed; boundary=b", "b"));
	assert_true(gives_boundary("multipart/mixed; boundary=\"a b\"; boundary=c", "a b"));
	assert_true(gives_boundary("multipart/mixed; boundary=\"a b\"; boundary=c", "c"));
	assert_true(gives_boundary("multipart/mixed; boundary*=us-ascii''in%6Eer", "inner"));
	assert_true(gives_boundary("multipart/mixed; boundary*0=in; boundary*1=ner", "inner"));
	assert_true(gives_boundary("m/m; boundary=\"=?utf-8?Q?a?=\"", "=?utf-8?Q?a?="));
	assert_true(gives_boundary("m/m; boundary (c)=b", "b"));
	assert_false(gives_boundary("m/m; boundary", ""));
}

static size_t
fill(char *to, const char *before, const char *piece, unsigned times)
{
	size_t length = strlen(before);

	memcpy(to, before, length);
	for (; times--; length += strlen(piece))
		memcpy(to + length, piece, strlen(piece));
	to[length] = '\0';
	return length;
}

/* 90 characters of Japanese are 270 octets of UTF-8, 810 as they are encoded. */
static void
test_lengths(void **state)
{
	static char value[4096];
	static char word[1024];

	(void)state;
	fill(value, "a; filename=", "\xe3\x81\x82", 90);
	assert_int_equal(longest(value), 90);
	fill(value, "a; filename*=UTF-8''", "%E3%81%82", 90);
	assert_int_equal(longest(value), 90);
	fill(word, "=?UTF-8?Q?", "=E3=81=82", 45);
	memcpy(word + strlen(word), "?=", 3);
	snprintf(value, sizeof(value), "a; name=\"%s\r\n %s\"", word, word);
	assert_int_equal(longest(value), 90);
	fill(word, "=?utf-8?B?", "44GC", 45);
	memcpy(word + strlen(word), "?=", 3);
	snprintf(value, sizeof(value), "a; name=\"%s %s.pdf\"", word, word);
	assert_int_equal(longest(value), 94);
	/* A character that two words part. */
	assert_int_equal(longest("a; name=\"=?utf-8?Q?=E3=81?= =?utf-8?Q?=82?=\""), 1);
	assert_int_equal(longest("a; name*0*=utf-8''%E3%81; name*1*=%82x; name*2=\xe3\x81\x82"), 3);
	/* What is not UTF-8, or is not said to be, counts by its octets. */
	assert_int_equal(longest("a; name=\"\xe3\x81\""), 2);
	assert_int_equal(longest("a; name=\"\xc0\x80\xe3\x81\x82\""), 5);
	assert_int_equal(longest("a; name*=iso-8859-1''%E3%81%82"), 3);
	assert_int_equal(longest("a; name=\"=?iso-8859-1?Q?=E3=81=82?=\""), 3);
	assert_int_equal(longest("a; name=\"=?gb2312?B?1tDOxA==?=\""), 4);
}

/* What would cost its square in a lesser reader: no octet is looked at without end. */
static void
test_hostile(void **state)
{
	static const char *const pieces[] = {"\"\\\"", "=?a?b?x", "(", ";(", ";\"", "filename*1=a;",
	    "\\", "filename=\"", "';'", "=?a?q?=3B?=", "name= ", "name=(", "name=\"",
	    "(name=", "name*0=", "name\t", "boundary=\"a", "()", "name=\\\""};
	static char value[9000];

	(void)state;
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		size_t length =
		    fill(value, "a; filename=", pieces[i], (unsigned)(8192 / strlen(pieces[i])));
		struct texts texts = read_value(value, MIME_PARAMETER_FILENAME, NULL);
		/* In each of four readings, each text in up to four forms. */
		assert_true(texts.given <= 4 * 8 * length);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_plain),
	    cmocka_unit_test(test_encoded_words),
	    cmocka_unit_test(test_extended),
	    cmocka_unit_test(test_disguised),
	    cmocka_unit_test(test_boundaries),
	    cmocka_unit_test(test_lengths),
	    cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
