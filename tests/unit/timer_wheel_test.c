#include "worker/timer_wheel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define TIMERS 500u

struct alarm {
	struct timer timer;
	uint64_t fired_ms; /* 0 not yet */
};

struct bench {
	struct timer_wheel wheel;
	uint64_t now_ms;
	unsigned fired;
	bool again;
};

static void
fire(void *context, struct timer *timer)
{
	struct bench *bench = context;

	((struct alarm *)(void *)timer)->fired_ms = bench->now_ms;
	bench->fired++;
	if (bench->again)
		timer_set(&bench->wheel, timer, bench->now_ms);
}

static void
test_never_early_never_late(void **state)
{
	static struct bench bench = {.now_ms = 123457};
	static struct alarm alarm[TIMERS];

	(void)state;
	timer_wheel_init(&bench.wheel, bench.now_ms);
	for (unsigned i = 0; i < TIMERS; i++)
		timer_set(&bench.wheel, &alarm[i].timer, bench.now_ms + (uint64_t)i * i);
	while (bench.fired < TIMERS) {
		bench.now_ms += 1 + bench.now_ms * 2654435761u % 40;
		timer_wheel_advance(&bench.wheel, bench.now_ms, fire, &bench);
		assert_true(bench.now_ms < 123457 + TIMERS * TIMERS + 1000);
	}
	for (unsigned i = 0; i < TIMERS; i++) {
		uint64_t due = 123457 + (uint64_t)i * i;

		assert_in_range(alarm[i].fired_ms, due, due + TIMER_TICK_MS + 40);
		assert_false(timer_is_set(&alarm[i].timer));
	}
}

static void
test_cancel_and_move(void **state)
{
	static struct bench bench;
	struct alarm alarm[3] = {0};

	(void)state;
	timer_wheel_init(&bench.wheel, 0);
	for (int i = 0; i < 3; i++)
		timer_set(&bench.wheel, &alarm[i].timer, 100);
	timer_cancel(&alarm[0].timer);
	timer_cancel(&alarm[0].timer);
	timer_set_no_later(&bench.wheel, &alarm[1].timer, 500);
	assert_int_equal(alarm[1].timer.due_ms, 100);
	timer_set(&bench.wheel, &alarm[2].timer, 500);
	bench.now_ms = 200;
	timer_wheel_advance(&bench.wheel, 200, fire, &bench);
	assert_int_equal(bench.fired, 1);
	assert_int_equal(alarm[1].fired_ms, 200);
	timer_set_no_later(&bench.wheel, &alarm[2].timer, 300);
	bench.now_ms = 320;
	timer_wheel_advance(&bench.wheel, 320, fire, &bench);
	assert_int_equal(alarm[2].fired_ms, 320);
	assert_int_equal(alarm[0].fired_ms, 0);
}

/* A timer that sets itself anew for now is not fired for ever in one turn. */
static void
test_setting_anew_ends(void **state)
{
	static struct bench bench = {.again = true};
	struct alarm alarm = {0};

	(void)state;
	timer_wheel_init(&bench.wheel, 0);
	timer_set(&bench.wheel, &alarm.timer, 10);
	bench.now_ms = 10 * TIMER_TICK_MS;
	timer_wheel_advance(&bench.wheel, bench.now_ms, fire, &bench);
	assert_in_range(bench.fired, 1, 10);
	assert_true(timer_is_set(&alarm.timer));
}

static void
test_long_pause(void **state)
{
	static struct bench bench;
	struct alarm alarm[2] = {0};

	(void)state;
	timer_wheel_init(&bench.wheel, 0);
	timer_set(&bench.wheel, &alarm[0].timer, 1000);
	timer_set(&bench.wheel, &alarm[1].timer, 3ull * TIMER_BUCKETS * TIMER_TICK_MS);
	bench.now_ms = 2ull * TIMER_BUCKETS * TIMER_TICK_MS;
	timer_wheel_advance(&bench.wheel, bench.now_ms, fire, &bench);
	assert_int_equal(bench.fired, 1);
	bench.now_ms *= 50;
	timer_wheel_advance(&bench.wheel, bench.now_ms, fire, &bench);
	assert_int_equal(bench.fired, 2);
}

static void
test_wait(void **state)
{
	static struct bench bench;
	struct alarm alarm = {0};

	(void)state;
	timer_wheel_init(&bench.wheel, 1000);
	assert_int_equal(timer_wheel_wait(&bench.wheel, 1000, 500), 500);
	timer_set(&bench.wheel, &alarm.timer, 1100);
	assert_in_range(timer_wheel_wait(&bench.wheel, 1000, 500), 100, 100 + TIMER_TICK_MS);
	assert_int_equal(timer_wheel_wait(&bench.wheel, 1200, 500), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_never_early_never_late),
	    cmocka_unit_test(test_cancel_and_move),
	    cmocka_unit_test(test_setting_anew_ends),
	    cmocka_unit_test(test_long_pause),
	    cmocka_unit_test(test_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
