/*
 * loop -- epoll and timers for a single-threaded test tool
 *
 * The caller owns its watches and timers (members of its own structures) and removes them before
 * it frees them; removal is safe from within any callback.  Time is CLOCK_MONOTONIC in
 * microseconds, read once per round: loop_now() costs nothing.
 */
#ifndef TESTS_TOOLS_LOOP_H
#define TESTS_TOOLS_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct loop_watch {
	int fd; /* -1: not watched */
	uint32_t events;
	void (*ready)(struct loop_watch *watch, uint32_t events);
};

struct loop_timer {
	uint64_t due_us;
	uint32_t place; /* 1-based in the heap; 0: not set */
	void (*expired)(struct loop_timer *timer);
};

void loop_open(void);

/* Sets what is waited for (EPOLLIN, EPOLLOUT); errors and hang-ups are always told. */
void loop_watch(struct loop_watch *watch, int fd, uint32_t events);
void loop_unwatch(struct loop_watch *watch);

void loop_timer_set(struct loop_timer *timer, uint64_t due_us);
void loop_timer_clear(struct loop_timer *timer);

/* One round: waits for events or the next timer, at most `most_ms`. */
void loop_round(unsigned most_ms);
uint64_t loop_now(void);
uint64_t loop_clock(void); /* reads the clock */

#endif
