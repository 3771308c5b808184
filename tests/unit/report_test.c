/* report: each of some texts that alternate is told once, and again after a while. */
#include "daemon/sync/report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void
test_texts_that_alternate_are_told_once(void **state)
{
	struct report report = {0};

	(void)state;
	for (uint64_t now = 1; now < 10; now++) {
		assert_int_equal(report_is_new(&report, now, "refused"), now == 1);
		assert_int_equal(report_is_new(&report, now, "too many"), now == 1);
	}
	assert_true(report_is_new(&report, REPORT_AGAIN_US + 1, "refused"));
	assert_false(report_is_new(&report, REPORT_AGAIN_US, "too many"));
}

static void
test_the_oldest_is_forgotten_first(void **state)
{
	static const char *const texts[REPORT_TEXTS + 1] = {"a", "b", "c", "d", "e"};
	struct report report = {0};

	(void)state;
	for (unsigned i = 0; i <= REPORT_TEXTS; i++)
		assert_true(report_is_new(&report, 1 + i, texts[i]));
	assert_false(report_is_new(&report, 10, "b"));
	assert_true(report_is_new(&report, 10, "a"));
	report_forget(&report);
	assert_true(report_is_new(&report, 11, "e"));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_texts_that_alternate_are_told_once),
	    cmocka_unit_test(test_the_oldest_is_forgotten_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
