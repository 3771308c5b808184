/*
 * link -- the connection between the hosts
 *
 * In order within a connection, late, and broken at any time: what was on its way is lost then, and the
 * two ends learn of it at different times.  Each direction may be cut: what is sent waits, as TCP
 * makes it, until it is mended or an end gives up.
 */
#ifndef TESTS_SIM_LINK_H
#define TESTS_SIM_LINK_H

#include "tests/sim/sim.h"

#include <stddef.h>

#define LINK_LETTERS 1024u

struct letter {
	uint64_t order; /* of its sender's in this connection */
	size_t length;
	uint8_t *bytes; /* heap; NULL: free */
};

struct link {
	uint32_t connection;	       /* number of the latest */
	uint32_t connected[SIM_HOSTS]; /* this end believes in that one; 0 in none */
	bool is_cut[SIM_HOSTS];	       /* what that host sends waits */
	uint64_t sent[SIM_HOSTS];      /* letters in this connection */
	uint64_t heard[SIM_HOSTS];     /* ... that have arrived there */
	struct letter letter[LINK_LETTERS];
};

void link_start(struct world *world);
void link_end(struct world *world);
/* Both ends try; EVENT_CONNECT. */
void link_connect(struct world *world);
void link_send(struct world *world, uint32_t from, const uint8_t *bytes, size_t length);
/* EVENT_LETTER. */
void link_arrive(struct world *world, const struct due *event);
/* This end closes; the other learns of it later, if it can: EVENT_CLOSED. */
void link_close(struct world *world, uint32_t at);
void link_closed(struct world *world, const struct due *event);

#endif
