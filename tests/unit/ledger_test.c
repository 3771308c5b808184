#include "worker/inspect/ledger.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void
test_order_over_the_edge(void **state)
{
	struct inspect session = {0};

	(void)state;
	assert_true(ledger_is_empty(&session));
	assert_null(ledger_head(&session));
	for (unsigned turn = 0; turn < 3 * LEDGER_ENTRIES; turn++) {
		ledger_add(&session, turn % VERB_UNKNOWN, 0, OWN_NONE);
		if (turn < 10)
			continue;
		assert_int_equal(ledger_head(&session)->verb, (turn - 10) % VERB_UNKNOWN);
		assert_int_equal(ledger_take(&session).verb, (turn - 10) % VERB_UNKNOWN);
		assert_true(ledger_check(&session));
	}
	assert_int_equal(session.ledger_count, 10);
	ledger_clear(&session);
	assert_true(ledger_is_empty(&session));
}

static void
test_full_takes_no_more(void **state)
{
	struct inspect session = {0};

	(void)state;
	for (unsigned i = 0; i < LEDGER_ENTRIES; i++) {
		assert_false(ledger_is_full(&session));
		ledger_add(&session, VERB_NOOP, 0, OWN_NONE);
	}
	assert_true(ledger_is_full(&session));
	ledger_add(&session, VERB_QUIT, 0, OWN_NONE);
	assert_int_equal(session.ledger_count, LEDGER_ENTRIES);
	assert_int_equal(ledger_head(&session)->verb, VERB_NOOP);
	assert_true(ledger_check(&session));
}

static void
test_forget_transaction(void **state)
{
	struct inspect session = {0};

	(void)state;
	ledger_add(&session, VERB_MAIL, LEDGER_CURRENT, OWN_NONE);
	ledger_add(&session, VERB_UNKNOWN, LEDGER_OWN, OWN_UNKNOWN);
	ledger_forget_transaction(&session);
	assert_int_equal(ledger_take(&session).flags, 0);
	assert_int_equal(ledger_take(&session).flags, LEDGER_OWN);
}

static void
test_check(void **state)
{
	struct inspect session = {0};

	(void)state;
	ledger_add(&session, LEDGER_CONTENT, 0, OWN_NONE);
	assert_true(ledger_check(&session));
	session.ledger[0].reply = OWN_UNKNOWN;
	assert_false(ledger_check(&session)); /* a reply, and nobody to give it */
	session.ledger[0].flags = LEDGER_OWN;
	assert_true(ledger_check(&session));
	session.ledger[0].reply = OWN_COUNT;
	assert_false(ledger_check(&session));
	session.ledger[0].reply = OWN_UNKNOWN;
	session.ledger[0].verb = VERB_UNKNOWN + 1;
	assert_false(ledger_check(&session));
	session.ledger[0].verb = LEDGER_NOTHING;
	assert_false(ledger_check(&session));
	session.ledger[0].verb = VERB_NOOP;
	session.ledger_first = LEDGER_ENTRIES;
	assert_false(ledger_check(&session));
	session.ledger_first = 0;
	session.ledger_count = LEDGER_ENTRIES + 1;
	assert_false(ledger_check(&session));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_order_over_the_edge),
	    cmocka_unit_test(test_full_takes_no_more),
	    cmocka_unit_test(test_forget_transaction),
	    cmocka_unit_test(test_check),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
