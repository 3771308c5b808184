#include "tests/tools/loop.h"

#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>

#define BATCH 256

static int epoll_fd = -1;
static uint64_t now_us;
static struct epoll_event batch[BATCH];
static int batch_at, batch_count;

/* A binary heap, the earliest first. */
static struct loop_timer **heap;
static uint32_t heap_count, heap_size;

uint64_t
loop_clock(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000u + (uint64_t)ts.tv_nsec / 1000u;
}

uint64_t
loop_now(void)
{
	return now_us;
}

void
loop_open(void)
{
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (epoll_fd < 0)
		err(1, "epoll_create1");
	now_us = loop_clock();
}

void
loop_watch(struct loop_watch *watch, int fd, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = watch};
	int operation = watch->fd == fd ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

	if (watch->fd == fd && watch->events == events)
		return;
	if (epoll_ctl(epoll_fd, operation, fd, &event) != 0)
		err(1, "epoll_ctl");
	watch->fd = fd;
	watch->events = events;
}

void
loop_unwatch(struct loop_watch *watch)
{
	if (watch->fd < 0)
		return;
	if (epoll_ctl(epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL) != 0)
		err(1, "epoll_ctl");
	watch->fd = -1;
	/* It may have an event left in the round that is under way. */
	for (int i = batch_at; i < batch_count; i++)
		if (batch[i].data.ptr == watch)
			batch[i].data.ptr = NULL;
}

static void
heap_put(struct loop_timer *timer, uint32_t place)
{
	heap[place - 1] = timer;
	timer->place = place;
}

static void
heap_up(uint32_t place)
{
	struct loop_timer *timer = heap[place - 1];

	while (place > 1 && heap[place / 2 - 1]->due_us > timer->due_us) {
		heap_put(heap[place / 2 - 1], place);
		place /= 2;
	}
	heap_put(timer, place);
}

static void
heap_down(uint32_t place)
{
	struct loop_timer *timer = heap[place - 1];

	for (;;) {
		uint32_t child = place * 2;

		if (child > heap_count)
			break;
		if (child < heap_count && heap[child]->due_us < heap[child - 1]->due_us)
			child++;
		if (heap[child - 1]->due_us >= timer->due_us)
			break;
		heap_put(heap[child - 1], place);
		place = child;
	}
	heap_put(timer, place);
}

void
loop_timer_set(struct loop_timer *timer, uint64_t due_us)
{
	if (timer->place != 0) {
		uint64_t before = timer->due_us;

		timer->due_us = due_us;
		if (due_us < before)
			heap_up(timer->place);
		else
			heap_down(timer->place);
		return;
	}
	if (heap_count == heap_size) {
		heap_size = heap_size == 0 ? 256 : heap_size * 2;
		heap = realloc(heap, heap_size * sizeof(struct loop_timer *));
		if (heap == NULL)
			err(1, "timers");
	}
	timer->due_us = due_us;
	heap_count++;
	heap_put(timer, heap_count);
	heap_up(heap_count);
}

void
loop_timer_clear(struct loop_timer *timer)
{
	uint32_t place = timer->place;
	struct loop_timer *last;

	if (place == 0)
		return;
	timer->place = 0;
	last = heap[--heap_count];
	if (last == timer)
		return;
	heap_put(last, place);
	heap_up(place);
	heap_down(last->place);
}

static int
wait_ms(unsigned most_ms)
{
	uint64_t left;

	if (heap_count == 0)
		return (int)most_ms;
	if (heap[0]->due_us <= now_us)
		return 0;
	left = (heap[0]->due_us - now_us + 999) / 1000;
	return left < most_ms ? (int)left : (int)most_ms;
}

void
loop_round(unsigned most_ms)
{
	now_us = loop_clock();
	batch_count = epoll_wait(epoll_fd, batch, BATCH, wait_ms(most_ms));
	if (batch_count < 0 && errno != EINTR)
		err(1, "epoll_wait");
	now_us = loop_clock();
	for (batch_at = 0; batch_at < batch_count;) {
		struct epoll_event event = batch[batch_at++];
		struct loop_watch *watch = event.data.ptr;

		if (watch != NULL)
			watch->ready(watch, event.events);
	}
	while (heap_count > 0 && heap[0]->due_us <= now_us) {
		struct loop_timer *timer = heap[0];

		loop_timer_clear(timer);
		timer->expired(timer);
	}
}
