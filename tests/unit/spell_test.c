/* spell: told at first, then once in an interval, and counted in between. */
#include "daemon/supervisor/spell.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define INTERVAL 1000u
#define OVER	 5000u

static void
test_a_spell(void **state)
{
	struct spell spell = {0};
	uint64_t untold;

	(void)state;
	assert_false(spell_is_over(&spell, 100000, OVER));     /* there was none */
	assert_true(spell_note(&spell, 0, INTERVAL, &untold)); /* at time 0 too */
	assert_int_equal(untold, 0);
	assert_false(spell_note(&spell, 1, INTERVAL, &untold));
	assert_false(spell_note(&spell, 999, INTERVAL, NULL));
	assert_true(spell_note(&spell, 1000, INTERVAL, &untold));
	assert_int_equal(untold, 2);
	assert_false(spell_note(&spell, 1001, INTERVAL, &untold));
	assert_int_equal(spell.untold, 1);

	assert_false(spell_is_over(&spell, 1001 + OVER - 1, OVER));
	assert_true(spell_is_over(&spell, 1001 + OVER, OVER));
	assert_int_equal(spell.untold, 1);
	assert_false(spell_is_over(&spell, 1001 + 2 * OVER, OVER)); /* once */
	/* The next spell is told at once, and owes nothing. */
	assert_true(spell_note(&spell, 1001 + OVER + 1, INTERVAL, &untold));
	assert_int_equal(untold, 0);
}

static void
test_it_lasts_as_long_as_it_happens(void **state)
{
	struct spell spell = {0};
	unsigned told = 0;

	(void)state;
	for (uint64_t now = 7; now < 60007; now += 10) {
		told += spell_note(&spell, now, INTERVAL, NULL);
		assert_false(spell_is_over(&spell, now, OVER));
	}
	assert_int_equal(told, 60);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_spell),
	    cmocka_unit_test(test_it_lasts_as_long_as_it_happens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
