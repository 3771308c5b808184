/*
 * check -- what must never happen, looked at wherever it could
 *
 *   - a packet says of a session more than the other host, if it could take over, holds
 *   - bytes leave that are not those that were sent
 *   - a peer has what the host that serves it never committed
 *   - under `strict`: a host goes on alone when a later epoch has released output; a takeover finds
 *     less than the peers were told
 *   - a host with an open door has no socket for a session that it holds a replica of
 *   - a replica differs from what the active has committed
 *
 * A check that fails tells the seed and ends the program.
 */
#ifndef TESTS_SIM_CHECK_H
#define TESTS_SIM_CHECK_H

#include "tests/sim/sim.h"

#include <stddef.h>

struct host;

void check(const struct world *world, bool holds, const char *what);
void check_packet(struct world *world, const struct host *host, uint32_t flow, uint32_t leg,
    uint64_t upto, bool fin);
/* False: it has, and this host is stale, which hurts nobody. */
bool check_peer_ack(
    const struct world *world, const struct host *host, uint32_t flow, uint32_t leg, uint64_t upto);
void check_output(const struct world *world, const struct host *host, uint32_t flow, uint32_t leg,
    uint64_t position, const uint8_t *bytes, size_t length);
void check_reset(const struct world *world, const struct host *host, uint32_t flow);
/* The standby has acknowledged this record of the active's. */
void check_replica(
    const struct world *world, const struct host *active, uint32_t slot, uint64_t sequence);
/* Before a replica is served; false: it cannot be, which `degrade` allows. */
bool check_takeover(const struct world *world, const struct host *host, uint32_t flow);

#endif
