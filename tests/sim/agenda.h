/*
 * agenda -- what happens when, in a simulated world
 *
 * A heap of events by time; two of one time come in the order in which they were put.  Bounded:
 * a world that has more to do than that has gone wrong.
 */
#ifndef TESTS_SIM_AGENDA_H
#define TESTS_SIM_AGENDA_H

#include <stdbool.h>
#include <stdint.h>

#define AGENDA_MAX 2048u

struct due {
	uint64_t at_us;
	uint64_t order;
	uint32_t kind;
	uint32_t host;
	uint32_t flow;
	uint32_t leg;
	uint64_t number;
	uint64_t tag; /* of what it belongs to: one that has ended since is passed over */
};

struct agenda {
	uint32_t count;
	uint64_t order;
	struct due event[AGENDA_MAX];
};

void agenda_clear(struct agenda *agenda);
/* False: full. */
bool agenda_put(struct agenda *agenda, const struct due *event);
/* False: nothing is left. */
bool agenda_take(struct agenda *agenda, struct due *ret_event);

#endif
