/*
 * work -- how much the inspection core does, counted and not timed
 *
 * Links with a core that was compiled to call here at each branch, and stands between it and the
 * memory functions: each branch is one step, each octet that they look at or move is another.  Only
 * what happens within inspect_step() is counted; the same input always costs the same.
 */
#ifndef TESTS_FUZZ_WORK_H
#define TESTS_FUZZ_WORK_H

#include <stdint.h>

struct work {
	uint64_t calls; /* of inspect_step() */
	uint64_t steps;
};

/* What was done since it was asked last. */
struct work work_take(void);

#endif
