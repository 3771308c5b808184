/* What is not known of a client that had no session on the other host yet. */
#include "daemon/supervisor/takeover_embryo.h"

#include <linux/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* By Linux with the scales 10, 7 and 0, Windows, and who has room for a few octets. */
static void
test_scale(void **state)
{
	(void)state;
	assert_int_equal(takeover_embryo_scale(63), 7);
	assert_int_equal(takeover_embryo_scale(502), 4);
	assert_int_equal(takeover_embryo_scale(64240), 0);
	assert_int_equal(takeover_embryo_scale(14600), 0);
	assert_int_equal(takeover_embryo_scale(7300), 1);
	assert_int_equal(takeover_embryo_scale(7301), 0);
	assert_int_equal(takeover_embryo_scale(513), 4);
	assert_int_equal(takeover_embryo_scale(1), 13);
	assert_int_equal(takeover_embryo_scale(0), 14);
	assert_int_equal(takeover_embryo_scale(UINT32_MAX), 0);
}

static void
test_plan(void **state)
{
	struct embryo embryo = {
	    .local.family = 4,
	    .peer.family = 4,
	    .send_next = 100,
	    .receive_next = 200,
	    .window_scale = 7,
	};
	struct leg_plan plan;

	(void)state;
	takeover_embryo_plan(&embryo, 1000, &plan);
	assert_int_equal(plan.tcp.send_scale, 0);
	assert_int_equal(plan.tcp.receive_scale, 7);
	assert_true(plan.tcp.options & TCPI_OPT_WSCALE);
	assert_int_equal(plan.tcp.mss, 536);
	embryo.window_scale = EMBRYO_NO_SCALE;
	embryo.peer.family = 6;
	takeover_embryo_plan(&embryo, 1000, &plan);
	assert_false(plan.tcp.options & TCPI_OPT_WSCALE);
	assert_int_equal(plan.tcp.mss, 1220);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_scale),
	    cmocka_unit_test(test_plan),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
