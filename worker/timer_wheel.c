#include "worker/timer_wheel.h"

static struct list *
bucket_of(struct timer_wheel *wheel, uint64_t tick)
{
	return &wheel->bucket[tick % TIMER_BUCKETS];
}

void
timer_wheel_init(struct timer_wheel *wheel, uint64_t now_ms)
{
	wheel->tick = now_ms / TIMER_TICK_MS;
	for (unsigned i = 0; i < TIMER_BUCKETS; i++)
		list_init(&wheel->bucket[i]);
}

bool
timer_is_set(const struct timer *timer)
{
	return list_is_linked(&timer->node);
}

void
timer_cancel(struct timer *timer)
{
	list_remove(&timer->node);
}

void
timer_set(struct timer_wheel *wheel, struct timer *timer, uint64_t due_ms)
{
	/* Rounded up: a bucket is looked at when its tick begins, and nothing may fire early. */
	uint64_t tick = due_ms / TIMER_TICK_MS + (due_ms % TIMER_TICK_MS != 0);

	if (tick <= wheel->tick)
		tick = wheel->tick + 1;
	timer_cancel(timer);
	timer->due_ms = due_ms;
	list_append(bucket_of(wheel, tick), &timer->node);
}

void
timer_set_no_later(struct timer_wheel *wheel, struct timer *timer, uint64_t due_ms)
{
	if (!timer_is_set(timer) || due_ms < timer->due_ms)
		timer_set(wheel, timer, due_ms);
}

static void
wheel_fire_bucket(struct timer_wheel *wheel, uint64_t now_ms, timer_fire *fire, void *context)
{
	struct list *bucket = bucket_of(wheel, wheel->tick), due;

	/* The bucket's timers go to a list of their own first: fire() may fill the bucket again. */
	if (list_is_empty(bucket))
		return;
	due = *bucket;
	due.next->previous = due.previous->next = &due;
	list_init(bucket);
	while (!list_is_empty(&due)) {
		struct timer *timer = (struct timer *)due.next;

		timer_cancel(timer);
		if (timer->due_ms <= now_ms)
			fire(context, timer);
		else
			list_append(bucket, &timer->node); /* a later round of the wheel */
	}
}

void
timer_wheel_advance(struct timer_wheel *wheel, uint64_t now_ms, timer_fire *fire, void *context)
{
	uint64_t last = now_ms / TIMER_TICK_MS;

	/* After a whole round each bucket has been seen. */
	if (last > wheel->tick + TIMER_BUCKETS)
		wheel->tick = last - TIMER_BUCKETS;
	while (wheel->tick < last) {
		wheel->tick++;
		wheel_fire_bucket(wheel, now_ms, fire, context);
	}
}

uint64_t
timer_wheel_wait(const struct timer_wheel *wheel, uint64_t now_ms, uint64_t most)
{
	uint64_t ticks = most / TIMER_TICK_MS + 1;

	for (uint64_t i = 1; i <= ticks && i < TIMER_BUCKETS; i++) {
		const struct list *bucket = &wheel->bucket[(wheel->tick + i) % TIMER_BUCKETS];
		uint64_t at = (wheel->tick + i) * TIMER_TICK_MS;

		if (list_is_empty(bucket))
			continue;
		if (at <= now_ms)
			return 0;
		return at - now_ms < most ? at - now_ms : most;
	}
	return most;
}
