#include "tests/sim/kernel.h"

#include "tests/sim/check.h"
#include "tests/sim/world.h"

#include <string.h>

#define SERVER_ISS 0xfffff800u
#define CLIENT_ISS 0xffffff00u

void
kernel_open(struct world *world, struct host *host, uint32_t flow)
{
	struct kernel_session *session = &host->kernel[flow];

	*session = (struct kernel_session){.exists = true, .number = world->flow[flow].number};
	for (unsigned leg = 0; leg < SHM_LEGS; leg++) {
		session->sock[leg].irs = CLIENT_ISS + sim_roll(world, 0x200);
		session->sock[leg].iss = SERVER_ISS + sim_roll(world, 0x1000);
	}
}

void
kernel_silence(struct host *host, uint32_t flow)
{
	host->kernel[flow].exists = false;
}

static void
put(struct world *world, const struct host *host, enum sim_event kind, uint32_t flow, uint32_t leg,
    uint64_t number, bool fin)
{
	struct due event = {.kind = kind,
	    .flow = flow,
	    .leg = leg,
	    .number = number,
	    .tag = (uint64_t)host->kernel[flow].number << 1 | fin};

	if (sim_roll(world, 1000) >= world->plan.loss)
		sim_put(world, 1 + sim_roll(world, world->plan.delay_us), &event);
}

/* What the peer is told by one packet. */
static void
packet_leaves(
    struct world *world, struct host *host, uint32_t flow, uint32_t leg, uint64_t upto, bool fin)
{
	struct sock *sock = &host->kernel[flow].sock[leg];

	check_packet(world, host, flow, leg, upto, fin);
	sock->told = sock->received;
	sock->fin_told = sock->fin_received;
	put(world, host, EVENT_ACK, flow, leg, sock->received, sock->fin_received);
	if (upto > sock->left)
		sock->left = upto;
	if (upto > 0)
		put(world, host, EVENT_OUTPUT, flow, leg, upto, false);
	sock->fin_left |= fin;
	if (fin)
		put(world, host, EVENT_OUTPUT_FIN, flow, leg, upto, true);
}

static void
say(struct world *world, struct host *host, uint32_t flow, uint32_t leg, uint64_t upto, bool fin)
{
	const struct sock *sock = &host->kernel[flow].sock[leg];
	uint32_t mark = host->kernel[flow].is_rest ? MARK_FREE : mark_of_leg(flow, leg);
	struct gate_place place = gate_positions_get(&host->gate, mark);
	struct gate_packet packet = {
	    .mark = mark,
	    .ack = sock->irs + (uint32_t)sock->received + sock->fin_received,
	    .seq_end = sock->iss + (uint32_t)upto + fin,
	    .flags = (uint8_t)(GATE_ACK | (fin ? GATE_FIN : 0)),
	};

	switch (gate_decide(&packet, gate_positions_is_alone(&host->gate), &place)) {
	case GATE_PASS:
		sim_stats.released++;
		packet_leaves(world, host, flow, leg, upto, fin);
		break;
	case GATE_HOLD:
		sim_stats.held++;
		break;
	case GATE_DROP:
		sim_stats.dropped++;
		break;
	}
}

void
kernel_say(struct world *world, struct host *host, uint32_t flow, uint32_t leg)
{
	const struct kernel_session *session = &host->kernel[flow];
	const struct sock *sock = &session->sock[leg];
	bool fin = sock->fin_written && !sock->fin_acked;

	if (!session->exists || !host->door)
		return;
	if (sock->received != sock->told || sock->fin_received != sock->fin_told ||
	    sock->written > sock->left || (fin && !sock->fin_left))
		say(world, host, flow, leg, sock->written, fin);
}

void
kernel_positions_moved(struct world *world, struct host *host)
{
	if (memcmp(host->place, host->place_seen, sizeof(host->place)) == 0)
		return;
	memcpy(host->place_seen, host->place, sizeof(host->place));
	for (uint32_t flow = 0; flow < SIM_FLOWS; flow++)
		for (uint32_t leg = 0; leg < SHM_LEGS; leg++)
			kernel_say(world, host, flow, leg);
}

void
kernel_again(struct world *world, struct host *host)
{
	for (uint32_t flow = 0; flow < SIM_FLOWS; flow++)
		for (uint32_t leg = 0; leg < SHM_LEGS; leg++) {
			struct sock *sock = &host->kernel[flow].sock[leg];

			if (host->kernel[flow].exists && sock->acked < sock->written)
				sock->left = sock->acked;
			sock->fin_left = false;
			kernel_say(world, host, flow, leg);
		}
}

void
kernel_segment(
    struct world *world, struct host *host, uint32_t flow, uint32_t leg, uint64_t upto, bool fin)
{
	struct sock *sock = &host->kernel[flow].sock[leg];

	if (upto > sock->received && !sock->fin_received)
		sock->received = upto;
	if (fin && upto == sock->received)
		sock->fin_received = true;
	/* A segment that says nothing new is answered all the same. */
	sock->told = UINT64_MAX;
	kernel_say(world, host, flow, leg);
	host_wants_work(world, host);
}

void
kernel_peer_ack(
    struct world *world, struct host *host, uint32_t flow, uint32_t leg, uint64_t upto, bool fin)
{
	struct sock *sock = &host->kernel[flow].sock[leg];

	/* TCP drops what acknowledges bytes that it has not sent. */
	if (!check_peer_ack(world, host, flow, leg, upto))
		return;
	if (upto > sock->acked)
		sock->acked = upto;
	if (fin && upto == sock->written)
		sock->fin_acked = true;
	host_wants_work(world, host);
}
