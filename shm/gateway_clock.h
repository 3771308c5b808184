/*
 * gateway_clock -- time that never goes back and ages nobody
 *
 * Gateway time is milliseconds since the gateway's first start.  Each process looks at
 * CLOCK_MONOTONIC; a look advances gateway time by what has passed since the last look, but by at
 * most one second, so that a paused host does not time its sessions out.  The supervisor keeps
 * the common floor in control (clock_floor); a process that is ahead stays ahead.  In a pair sync raises it
 * to the other host's while this one has no sessions.
 */
#ifndef SHM_GATEWAY_CLOCK_H
#define SHM_GATEWAY_CLOCK_H

#include <stdint.h>

#define GATEWAY_CLOCK_STEP_MAX_MS 1000u
/* No clock comes so far. */
#define GATEWAY_CLOCK_END_MS (UINT64_C(1) << 48)

struct gateway_clock {
	uint64_t now_ms;
	uint64_t looked_ms; /* CLOCK_MONOTONIC of the last look; 0 before the first */
};

/* Pure: monotonic_ms is CLOCK_MONOTONIC, floor_ms what another process has reached. */
uint64_t gateway_clock_advance(
    struct gateway_clock *clock, uint64_t monotonic_ms, uint64_t floor_ms);
/* The same with the process's own look at CLOCK_MONOTONIC. */
uint64_t gateway_clock_look(struct gateway_clock *clock, uint64_t floor_ms);
uint64_t monotonic_now_ms(void);
uint64_t monotonic_now_us(void);
uint64_t realtime_now_us(void);

#endif
