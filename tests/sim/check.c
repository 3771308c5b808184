#include "tests/sim/check.h"

#include "tests/sim/flow.h"
#include "tests/sim/world.h"

#include "shm/session_digest.h"
#include "shm/slot.h"

#include <stdio.h>
#include <stdlib.h>

void
check(const struct world *world, bool holds, const char *what)
{
	if (holds)
		return;
	printf("seed %llu, %s, at %.3f ms: %s\n", (unsigned long long)world->seed,
	    world->plan.is_strict ? "strict" : "degrade", (double)world->now_us / SIM_MS, what);
	for (uint32_t at = 0; at < SIM_HOSTS; at++)
		host_tell(&world->host[at]);
	flow_tell(world);
	exit(sim_expects_break ? EXIT_SUCCESS : EXIT_FAILURE);
}

static bool
record_of(const struct host *host, uint32_t flow, uint32_t number, struct record *ret)
{
	const struct slot_custody *custody = shm_custody(&host->shm, flow);

	return custody->state != SLOT_FREE && custody->session_id == number &&
	       record_read(shm_session(&host->shm, flow), custody->generation, ret);
}

static bool
covers(const struct record *record, uint32_t leg, uint64_t received, bool fin_received,
    uint64_t upto, bool fin)
{
	return record->stored[leg] >= received &&
	       (!fin_received || record->end_seen[leg] == ENDING_FIN) &&
	       record->outlet[leg].written + outlet_pending(&record->outlet[leg]) >= upto &&
	       (!fin || record->ending[leg] == ENDING_FIN);
}

static bool
is_alone(const struct host *host, uint32_t flow, uint32_t leg)
{
	return gate_positions_is_alone(&host->gate) ||
	       (gate_positions_get(&host->gate, mark_of_leg(flow, leg)).ack & GATE_ACK_ALONE);
}

void
check_packet(struct world *world, const struct host *host, uint32_t flow, uint32_t leg,
    uint64_t upto, bool fin)
{
	const struct host *other = &world->host[1 - host->at];
	const struct sock *sock = &host->kernel[flow].sock[leg];
	uint64_t epoch = host_epoch(host);
	struct record record;

	/* What is left of a session that has ended says nothing new. */
	if (host->kernel[flow].is_rest)
		return;
	if (is_alone(host, flow, leg)) {
		check(world, !world->plan.is_strict || epoch >= world->released_epoch,
		    "a stale host releases output alone");
		if (epoch > world->released_epoch)
			world->released_epoch = epoch;
		return;
	}
	/* Of a session that is over, or that its peers have no more (whoever takes over could not make it), the other
	 * host need know nothing. */
	if (!host_can_serve(other) || host->kernel[flow].number != world->flow[flow].number ||
	    flow_has_heard_all(world, flow))
		return;
	check(world, record_of(other, flow, host->kernel[flow].number, &record),
	    "a packet leaves for a session that the other host does not know");
	check(world, covers(&record, leg, sock->received, sock->fin_received, upto, fin),
	    "a packet says more than the other host holds");
}

bool
check_peer_ack(
    const struct world *world, const struct host *host, uint32_t flow, uint32_t leg, uint64_t upto)
{
	bool holds = upto <= host->kernel[flow].sock[leg].written;

	check(world,
	    holds || !world->plan.is_strict || !host_claims(host) ||
		host_epoch(host) < host_epoch(&world->host[1 - host->at]),
	    "a peer has output that this host has never committed");
	return holds;
}

void
check_output(const struct world *world, const struct host *host, uint32_t flow, uint32_t leg,
    uint64_t position, const uint8_t *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		check(world,
		    bytes[i] ==
			flow_output_byte(flow, host->kernel[flow].number, leg, position + i),
		    "a byte leaves that nobody has sent");
}

void
check_reset(const struct world *world, const struct host *host, uint32_t flow)
{
	struct record record;

	check(world,
	    shm_custody(&host->shm, flow)->state != SLOT_REPLICA ||
		!record_of(host, flow, world->flow[flow].number, &record),
	    "a host with a replica and an open door has no socket for it");
}

void
check_replica(
    const struct world *world, const struct host *active, uint32_t slot, uint64_t sequence)
{
	const struct host *standby = &world->host[1 - active->at];
	struct session_digest here, there;

	/* An acknowledgement may come late: the other host has taken over since, its records are its own. */
	if (host_epoch(standby) > host_epoch(active))
		return;
	if (!session_digest_read(&active->shm, slot, NULL, &here) || here.sequence != sequence)
		return; /* it has gone on */
	if (!session_digest_read(&standby->shm, slot, here.from, &there)) {
		/* It may have given everything up since. */
		check(world, !host_can_serve(standby),
		    "a session that was acknowledged is not there");
		return;
	}
	if (there.sequence != sequence)
		return; /* ... before an entry that has come since */
	check(world, there.generation == here.generation && there.state == here.state,
	    "a record that was acknowledged differs");
	check(world, there.identity == here.identity && there.legs == here.legs,
	    "an identity that was acknowledged differs");
	for (unsigned leg = 0; leg < SHM_LEGS; leg++)
		for (unsigned stream = 0; stream < STREAMS; stream++)
			check(world,
			    there.end[leg][stream] == here.end[leg][stream] &&
				there.bytes[leg][stream] == here.bytes[leg][stream],
			    "bytes that were acknowledged differ");
}

bool
check_takeover(const struct world *world, const struct host *host, uint32_t index)
{
	const struct flow *flow = &world->flow[index];
	struct record record;
	bool holds = true, is_known = record_of(host, index, flow->number, &record);

	for (uint32_t leg = 0; leg < SHM_LEGS; leg++) {
		const struct peer *peer = &flow->peer[leg];

		if (is_known)
			holds &= covers(&record, leg, peer->acked, peer->fin_acked, peer->received,
			    peer->fin_received);
		else
			holds &= peer->acked == 0 && peer->received == 0;
	}
	check(world,
	    holds || !world->plan.is_strict || flow->is_lost || flow_has_heard_all(world, index),
	    "a peer was told more than the host that takes over holds");
	return holds && is_known;
}
