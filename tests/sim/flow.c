#include "tests/sim/flow.h"

#include "tests/sim/check.h"
#include "tests/sim/world.h"

#include <stdio.h>

#define AGAIN_US    (150u * SIM_MS)
#define PAUSE_US    (40u * SIM_MS)
#define OPENS_US    (80u * SIM_MS)
#define OPENED_MOST 3u /* connections of one flow in one schedule */

static void
put(struct world *world, enum sim_event kind, uint64_t in_us, uint32_t flow, uint32_t leg,
    uint64_t number, bool fin)
{
	struct due event = {.kind = kind,
	    .flow = flow,
	    .leg = leg,
	    .number = number,
	    .tag = (uint64_t)world->flow[flow].number << 1 | fin};

	sim_put(world, in_us, &event);
}

static void
packet(struct world *world, enum sim_event kind, uint32_t flow, uint32_t leg, uint64_t number,
    bool fin)
{
	if (sim_roll(world, 1000) >= world->plan.loss)
		put(world, kind, 1 + sim_roll(world, world->plan.delay_us), flow, leg, number, fin);
}

void
flow_start(struct world *world)
{
	for (uint32_t flow = 0; flow < SIM_FLOWS; flow++)
		put(world, EVENT_CLIENT_OPENS, sim_roll(world, OPENS_US), flow, 0, 0, false);
}

uint64_t
flow_output_length(const struct world *world, uint32_t flow, uint32_t leg)
{
	return world->flow[flow].peer[!leg].length + (leg == SHM_CLIENT ? FLOW_TEXT : 0);
}

uint8_t
flow_output_byte(uint32_t flow, uint32_t number, uint32_t leg, uint64_t position)
{
	if (leg == SHM_SERVER)
		return sim_byte(flow, number, SHM_CLIENT, position);
	if (position < FLOW_TEXT)
		return sim_byte(flow, number, SHM_LEGS, position);
	return sim_byte(flow, number, SHM_SERVER, position - FLOW_TEXT);
}

void
flow_tell(const struct world *world)
{
	for (uint32_t index = 0; index < SIM_FLOWS; index++) {
		const struct flow *flow = &world->flow[index];

		printf("flow %u: connection %u%s%s\n", index, flow->number,
		    flow->is_open ? "" : ", closed", flow->is_lost ? ", lost" : "");
		for (uint32_t leg = 0; leg < SHM_LEGS; leg++) {
			const struct peer *peer = &flow->peer[leg];

			printf("  leg %u: sent %llu of %llu%s, told of %llu%s, got %llu%s\n", leg,
			    (unsigned long long)peer->sent, (unsigned long long)peer->length,
			    peer->fin_sent ? " and FIN" : "", (unsigned long long)peer->acked,
			    peer->fin_acked ? " and FIN" : "", (unsigned long long)peer->received,
			    peer->fin_received ? " and FIN" : "");
		}
	}
}

static void
close_flow(struct world *world, uint32_t flow)
{
	world->flow[flow].is_open = false;
	if (world->flow[flow].opened < OPENED_MOST && !world->is_healed)
		put(world, EVENT_CLIENT_OPENS, 1 + sim_roll(world, OPENS_US), flow, 0, 0, false);
}

void
flow_lose(struct world *world, uint32_t flow)
{
	if (!world->flow[flow].is_open)
		return;
	sim_stats.lost++;
	close_flow(world, flow);
}

bool
flow_is_done(const struct world *world, uint32_t flow)
{
	return !world->flow[flow].is_open;
}

static bool
is_somewhere(const struct world *world, uint32_t index)
{
	for (uint32_t at = 0; at < SIM_HOSTS; at++) {
		const struct host *host = &world->host[at];

		if (host_can_serve(host) ||
		    (host->is_powered && !host->is_killed && host->kernel[index].exists &&
			host->kernel[index].number == world->flow[index].number))
			return true;
	}
	return false;
}

void
flow_count_losses(struct world *world)
{
	for (uint32_t index = 0; index < SIM_FLOWS; index++)
		if (!is_somewhere(world, index))
			world->flow[index].is_lost = true;
}

bool
flow_has_heard_all(const struct world *world, uint32_t index)
{
	const struct flow *flow = &world->flow[index];

	for (uint32_t leg = 0; leg < SHM_LEGS; leg++)
		if (!flow->peer[leg].fin_sent || !flow->peer[leg].fin_received ||
		    flow->peer[leg].received != flow_output_length(world, index, leg))
			return false;
	return true;
}

static void
open_flow(struct world *world, uint32_t index)
{
	struct flow *flow = &world->flow[index];
	struct host *host = host_that_accepts(world, index);

	if (flow->is_open)
		return;
	if (host == NULL) {
		if (!world->is_healed)
			put(world, EVENT_CLIENT_OPENS, OPENS_US, index, 0, 0, false);
		return;
	}
	flow->is_open = true;
	flow->is_lost = false;
	flow->number++;
	flow->opened++;
	sim_stats.opened++;
	for (uint32_t leg = 0; leg < SHM_LEGS; leg++) {
		flow->peer[leg] = (struct peer){.length = 1 + sim_roll(world, SIM_STREAM_MAX)};
		put(world, EVENT_PEER_SENDS, sim_roll(world, PAUSE_US), index, leg, 0, false);
		put(world, EVENT_PEER_AGAIN, AGAIN_US, index, leg, 0, false);
	}
	host_accept(world, host, index);
}

static void
say_segment(struct world *world, uint32_t index, uint32_t leg)
{
	const struct peer *peer = &world->flow[index].peer[leg];

	packet(world, EVENT_SEGMENT, index, leg, peer->sent, peer->fin_sent);
}

/* A client that has heard all says FIN; the server when it has got one. */
static bool
is_to_end(const struct world *world, uint32_t index, uint32_t leg)
{
	const struct peer *peer = &world->flow[index].peer[leg];

	if (peer->sent < peer->length)
		return false;
	if (leg == SHM_SERVER)
		return peer->fin_received;
	return peer->received == flow_output_length(world, index, leg);
}

static void
peer_sends(struct world *world, uint32_t index, uint32_t leg)
{
	struct peer *peer = &world->flow[index].peer[leg];
	uint64_t left = peer->length - peer->sent;

	if (left > 0) {
		peer->sent += 1 + sim_roll(world, (uint32_t)left);
		say_segment(world, index, leg);
		put(world, EVENT_PEER_SENDS, 1 + sim_roll(world, PAUSE_US), index, leg, 0, false);
	} else if (is_to_end(world, index, leg) && !peer->fin_sent) {
		peer->fin_sent = true;
		say_segment(world, index, leg);
	}
}

static void
peer_again(struct world *world, uint32_t index, uint32_t leg)
{
	const struct peer *peer = &world->flow[index].peer[leg];

	/* The last one is a keepalive. */
	if (peer->acked < peer->sent || (peer->fin_sent && !peer->fin_acked) || world->is_healed)
		say_segment(world, index, leg);
	put(world, EVENT_PEER_AGAIN, AGAIN_US, index, leg, 0, false);
}

static void
look_for_end(struct world *world, uint32_t index)
{
	const struct flow *flow = &world->flow[index];

	for (uint32_t leg = 0; leg < SHM_LEGS; leg++)
		if (!flow->peer[leg].fin_received || !flow->peer[leg].fin_acked)
			return;
	sim_stats.finished++;
	close_flow(world, index);
}

static void
peer_hears(struct world *world, const struct due *event)
{
	struct peer *peer = &world->flow[event->flow].peer[event->leg];
	bool fin = event->tag & 1;

	switch (event->kind) {
	case EVENT_ACK:
		if (event->number > peer->acked)
			peer->acked = event->number;
		peer->fin_acked |= fin;
		break;
	case EVENT_OUTPUT:
		if (event->number > peer->received)
			peer->received = event->number;
		packet(world, EVENT_PEER_ACK, event->flow, event->leg, peer->received,
		    peer->fin_received);
		break;
	default:
		if (event->number != peer->received)
			return; /* something before it is missing */
		if (peer->received < flow_output_length(world, event->flow, event->leg)) {
			flow_lose(world, event->flow);
			return;
		}
		peer->fin_received = true;
		packet(world, EVENT_PEER_ACK, event->flow, event->leg, peer->received, true);
		break;
	}
	peer_sends(world, event->flow, event->leg);
	look_for_end(world, event->flow);
}

/* Of a peer, to whoever has the address. */
static void
gateway_hears(struct world *world, const struct due *event)
{
	for (uint32_t at = 0; at < SIM_HOSTS; at++) {
		struct host *host = &world->host[at];
		const struct kernel_session *session = &host->kernel[event->flow];

		if (!host->is_powered || !host->door)
			continue;
		if (host->is_killed)
			continue; /* what would answer is no packet of a session: the gate drops it */
		if (!session->exists || session->number != world->flow[event->flow].number) {
			check_reset(world, host, event->flow);
			flow_lose(world, event->flow);
			return;
		}
		if (event->kind == EVENT_SEGMENT)
			kernel_segment(
			    world, host, event->flow, event->leg, event->number, event->tag & 1);
		else
			kernel_peer_ack(
			    world, host, event->flow, event->leg, event->number, event->tag & 1);
	}
}

void
flow_take(struct world *world, const struct due *event)
{
	const struct flow *flow = &world->flow[event->flow];

	if (event->kind == EVENT_CLIENT_OPENS) {
		open_flow(world, event->flow);
		return;
	}
	if (!flow->is_open || event->tag >> 1 != flow->number)
		return;
	switch (event->kind) {
	case EVENT_PEER_SENDS:
		peer_sends(world, event->flow, event->leg);
		break;
	case EVENT_PEER_AGAIN:
		peer_again(world, event->flow, event->leg);
		break;
	case EVENT_SEGMENT:
	case EVENT_PEER_ACK:
		gateway_hears(world, event);
		break;
	default:
		peer_hears(world, event);
		break;
	}
}
