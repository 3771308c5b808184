/*
 * flow -- clients and mail servers
 *
 * A peer says what it has to say, keeps it until it is acknowledged and says it again; it takes what
 * comes in order.  Packets reach every host whose door is open; a host with an open door and no socket
 * for a connection answers by RST.
 */
#ifndef TESTS_SIM_FLOW_H
#define TESTS_SIM_FLOW_H

#include "tests/sim/sim.h"

/* What the gateway itself says to a client first. */
#define FLOW_TEXT 16u

void flow_start(struct world *world);
void flow_take(struct world *world, const struct due *event);
/* Everything was said and heard, or the connection has ended. */
bool flow_is_done(const struct world *world, uint32_t flow);
/* Both peers have everything, and each other's end. */
bool flow_has_heard_all(const struct world *world, uint32_t flow);
/* Its hosts have lost it. */
void flow_lose(struct world *world, uint32_t flow);
/* After each event: what nobody has who could go on with it is lost. */
void flow_count_losses(struct world *world);
void flow_tell(const struct world *world);
/* How much the peer gets if all goes well. */
uint64_t flow_output_length(const struct world *world, uint32_t flow, uint32_t leg);
/* Of the flow's connection of that number. */
uint8_t flow_output_byte(uint32_t flow, uint32_t number, uint32_t leg, uint64_t position);

#endif
