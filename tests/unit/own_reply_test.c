/*
 * The gateway's own replies: what RFC 5321 and RFC 2034 ask of every line of the table.
 */
#include "worker/inspect/own_reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void
test_enhanced_codes_have_their_class(void **state)
{
	(void)state;
	for (unsigned i = OWN_NONE + 1; i < OWN_COUNT; i++) {
		const struct own_reply_row *row = own_reply_row(i);
		if (row->enhanced[0] != (char)('0' + row->code / 100))
			fail_msg("%u %s", row->code, row->enhanced);
		assert_int_equal(row->enhanced[1], '.');
		assert_int_equal(row->enhanced_length, strnlen(row->enhanced, 8));
	}
}

/* RFC 5321 3.8: 421 says that the channel closes, so it must. */
static void
test_421_ends_the_session(void **state)
{
	(void)state;
	for (unsigned i = OWN_NONE + 1; i < OWN_COUNT; i++)
		if (own_reply_row(i)->code == 421 && !own_reply_row(i)->close)
			fail_msg("%s", own_reply_row(i)->text);
}

static void
test_texts_are_printable(void **state)
{
	(void)state;
	for (unsigned i = OWN_NONE + 1; i < OWN_COUNT; i++) {
		const struct own_reply_row *row = own_reply_row(i);
		assert_in_range(row->code, 200, 599);
		assert_true(row->text_length > 0 && row->rule_length > 0);
		for (unsigned k = 0; k < row->text_length; k++)
			assert_in_range(row->text[k], 0x20, 0x7e);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_enhanced_codes_have_their_class),
	    cmocka_unit_test(test_421_ends_the_session),
	    cmocka_unit_test(test_texts_are_printable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
