/* The sink's framing: what ends the data, what is a fault, however it is cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "tests/tools/sink_message.h"

static const struct oracle_key none;

/* Feeds text in pieces; returns the fault, "" for none, NULL when the end was not reached. */
static const char *
judge(const char *text, size_t step, struct sink_message *message)
{
	size_t length = strlen(text), taken;
	const char *fault;

	sink_message_begin(message, NULL);
	for (size_t at = 0; at < length; at += taken) {
		size_t part = length - at < step ? length - at : step;

		if (!sink_message_feed(message, text + at, part, &taken)) {
			assert_int_equal(taken, part);
			continue;
		}
		assert_int_equal(at + taken, length);
		fault = sink_message_fault(message, &none);
		return fault == NULL ? "" : fault;
	}
	return NULL;
}

static void
faults_are_found_in_any_cut(void **state)
{
	static const struct {
		const char *text;
		const char *fault; /* its beginning; NULL: no end of data */
	} cases[] = {
	    {"a: b\r\n\r\nbody\r\n.\r\n", ""},
	    {".\r\n", ""},
	    {"..\r\n...x\r\n.\r\n", ""},
	    {"a\r\n.\n\r\n.\r\n", "leading dot"},
	    {"a\n.\r\nb\r\n.\r\n", "bare LF"},
	    {"a\n.\n", NULL},
	    {"a\r.\rb\r\n.\r\n", "bare CR"},
	    {"a\r\r\n.\r\n", "bare CR"},
	    {".a\r\n.\r\n", "leading dot"},
	    {".\rx\r\n.\r\n", "leading dot"},
	    {"a\r\n.", NULL},
	    {"a\r\n.\r", NULL},
	    {"a.\r\n", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (size_t step = 1; step < 20; step++) {
			struct sink_message message;
			const char *fault = judge(cases[i].text, step, &message);

			if (cases[i].fault == NULL || fault == NULL)
				assert_true(cases[i].fault == fault);
			else if (*cases[i].fault == '\0')
				assert_string_equal(fault, "");
			else
				assert_memory_equal(fault, cases[i].fault, strlen(cases[i].fault));
			if (fault != NULL)
				assert_true(message.foreign || message.bytes == 0 ||
					    message.head_length < sizeof(message.head));
		}
}

/* Content is counted without stuffing and final dot. */
static void
content_is_counted(void **state)
{
	struct sink_message message;

	(void)state;
	assert_string_equal(judge("ab\r\n..\r\n.\r\n", 1, &message), "");
	assert_int_equal(message.bytes, 7);
	assert_string_equal(judge(".\r\n", 1, &message), "");
	assert_int_equal(message.bytes, 0);
}

/* Octets of chunks are content as they are, and are checked in any cut. */
static void
chunks_have_no_framing(void **state)
{
	(void)state;
	for (unsigned form = 0; form < ORACLE_FORMS; form++)
		for (size_t most = 1; most < 9000; most = most * 5 + 2) {
			struct oracle_name name = {.size = 8192, .form = form};
			struct oracle_span piece;
			struct sink_message message;
			struct oracle oracle;

			oracle_begin(&oracle, &name);
			sink_message_begin(&message, NULL);
			while (oracle_next_piece(&oracle, most, &piece))
				sink_message_feed_chunk(&message, piece.bytes, piece.length);
			assert_null(sink_message_fault(&message, &none));
			assert_int_equal(message.bytes, name.size);
			sink_message_feed_chunk(&message, "x", 1);
			assert_non_null(sink_message_fault(&message, &none));
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(faults_are_found_in_any_cut),
	    cmocka_unit_test(content_is_counted),
	    cmocka_unit_test(chunks_have_no_framing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
