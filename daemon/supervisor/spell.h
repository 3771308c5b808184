/*
 * spell -- something that happens again and again, and is told only now and then
 *
 * A spell begins with the first time, and is over when it has not happened for a while.  Within one, an
 * event is due the first time and then at most once in each interval.
 *
 * Pure.  Supervisor only; times in ms of CLOCK_MONOTONIC.
 */
#ifndef SUPERVISOR_SPELL_H
#define SUPERVISOR_SPELL_H

#include <stdbool.h>
#include <stdint.h>

struct spell {
	bool lasts;
	uint64_t told_ms;
	uint64_t last_ms;
	uint64_t untold; /* times since it was told */
};

/* It has happened. True: to be told; *ret_untold, if not NULL, is how often it was not since then. */
bool spell_note(struct spell *spell, uint64_t now_ms, uint64_t interval_ms, uint64_t *ret_untold);
/* True once, when it is over; spell->untold still holds. */
bool spell_is_over(struct spell *spell, uint64_t now_ms, uint64_t over_ms);

#endif
