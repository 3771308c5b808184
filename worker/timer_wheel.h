/*
 * timer_wheel -- when to look at a session again
 *
 * One hashed wheel per worker; a timer is embedded in what it belongs to and is in the wheel at
 * most once.  A timer never fires early, and at most TIMER_TICK_MS late.  Times are gateway time
 * in milliseconds.  No allocation; the caller owns wheel and timers.
 */
#ifndef WORKER_TIMER_WHEEL_H
#define WORKER_TIMER_WHEEL_H

#include "worker/list.h"

#include <stdbool.h>
#include <stdint.h>

#define TIMER_TICK_MS 16u
#define TIMER_BUCKETS 2048u

struct timer {
	struct list node; /* first */
	uint64_t due_ms;
};

struct timer_wheel {
	uint64_t tick;			   /* the last one that was looked at */
	struct list bucket[TIMER_BUCKETS]; /* of timers */
};

typedef void timer_fire(void *context, struct timer *timer);

void timer_wheel_init(struct timer_wheel *wheel, uint64_t now_ms);
/* Puts the timer at `due_ms`, wherever it was. */
void timer_set(struct timer_wheel *wheel, struct timer *timer, uint64_t due_ms);
/* The same, but a timer that fires sooner is left alone: its owner looks again then. */
void timer_set_no_later(struct timer_wheel *wheel, struct timer *timer, uint64_t due_ms);
void timer_cancel(struct timer *timer);
bool timer_is_set(const struct timer *timer);

/* Takes out what is due and calls fire() for each; fire() may set it or others anew. */
void timer_wheel_advance(
    struct timer_wheel *wheel, uint64_t now_ms, timer_fire *fire, void *context);
/* Milliseconds until the wheel should be looked at again, at most `most`. */
uint64_t timer_wheel_wait(const struct timer_wheel *wheel, uint64_t now_ms, uint64_t most);

#endif
