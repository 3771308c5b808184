/*
 * parked -- which packets wait in the kernel's queue, by connection
 *
 * Numbers only: the packets themselves stay in the kernel.  Each place (decision.h) has its packets in
 * the order in which they came.  A bare ACK that waits says nothing beside the next packet of its
 * connection that waits too, and gives way to it: so a connection that only receives has one packet
 * here, however far it is ahead.  Of one connection PARKED_PLACE_MOST wait, of all as many as were
 * asked for; beyond that a packet is refused, and TCP sends it again.  None waits for longer than
 * PARKED_SECONDS_MOST: the last ACK of a connection whose place was cleared would stay for ever.
 *
 * Heap, taken once.  smtpguard-gate only.
 */
#ifndef GATE_PARKED_H
#define GATE_PARKED_H

#include "daemon/gate/positions.h"

#define PARKED_PLACE_MOST   64u
#define PARKED_SECONDS_MOST 10u

struct parked;

struct parked_packet {
	struct gate_packet packet;
	uint32_t id;
	uint32_t since; /* seconds of any clock that goes on */
	bool is_bare;	/* an ACK and nothing else */
};

enum parked_answer {
	PARKED_WAITS,
	PARKED_REPLACES, /* likewise; *ret_replaced gave way and is to be dropped */
	PARKED_FULL,
};

/* NULL: no memory. */
struct parked *parked_create(uint32_t slots, uint32_t most);
void parked_destroy(struct parked *parked);
bool parked_is_empty(const struct parked *parked);

enum parked_answer parked_add(
    struct parked *parked, const struct parked_packet *packet, uint32_t *ret_replaced);

/* Called for each packet that need not, or must not, wait any more. */
typedef void parked_verdict(void *context, uint32_t id, bool leaves);
void parked_review(struct parked *parked, const struct gate_positions *table, uint32_t now,
    parked_verdict *verdict, void *context);

#endif
