#include "shm/gateway_clock.h"

#include <time.h>

uint64_t
gateway_clock_advance(struct gateway_clock *clock, uint64_t monotonic_ms, uint64_t floor_ms)
{
	uint64_t passed = 0;

	if (clock->looked_ms != 0 && monotonic_ms > clock->looked_ms)
		passed = monotonic_ms - clock->looked_ms;
	if (passed > GATEWAY_CLOCK_STEP_MAX_MS)
		passed = GATEWAY_CLOCK_STEP_MAX_MS;
	if (monotonic_ms > clock->looked_ms)
		clock->looked_ms = monotonic_ms;
	clock->now_ms += passed;
	if (clock->now_ms < floor_ms)
		clock->now_ms = floor_ms;
	return clock->now_ms;
}

uint64_t
gateway_clock_look(struct gateway_clock *clock, uint64_t floor_ms)
{
	return gateway_clock_advance(clock, monotonic_now_ms(), floor_ms);
}

uint64_t
monotonic_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t
monotonic_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

uint64_t
realtime_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}
