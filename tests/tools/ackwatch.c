/*
 * ackwatch --control DEVICE TRACE PORT -- did anything leave the active host ahead of its standby?
 *
 * Hears all TCP that comes in by DEVICE, at the far end of the active host's cable, but for the port of
 * the sync channel, and judges it (flows.h) by TRACE, which the standby writes (store_trace.h).  Packets are
 * taken first and the trace is read then: what had let them go is in it.  All clocks are one.
 *
 * Answers with figures when it hears; then commands on standard input, each answered with one line of JSON:
 *	figures		so far; "lead_us" is the least time by which the standby had something before it
 *			was acknowledged
 *	stop		likewise, and ends
 * What is wrong is told on standard error, the first of each kind.
 */
#include "daemon/gate/decision.h"
#include "daemon/gate/packet.h"
#include "tests/tools/control.h"
#include "tests/tools/flows.h"
#include "tests/tools/loop.h"

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#define TICK_US	       20000u
#define HEADERS	       160u
#define BUFFER_BYTES   (256 << 20)
#define PACKETS_MOST   65536u
#define TRACES_MOST    4096u
#define COMPLAINTS_MAX 5u

static int wire, trace = -1;
static const char *trace_path;
static uint16_t ignored_port;
static bool stopping;
static struct loop_timer tick;
static struct flows *flows;

static struct flow_packet packet[PACKETS_MOST];
static struct store_trace stored[TRACES_MOST];
static size_t stored_bytes, stored_used; /* octets read, entries told */

static struct {
	uint64_t packets, acks, syn_acks, fins, resets, stores, missed;
	uint64_t verdict[FLOW_VERDICT_COUNT];
	uint64_t lead_ns;
} figures = {.lead_ns = UINT64_MAX};

/* ---- the wire ---- */

static void
open_wire(const char *device)
{
	const struct sockaddr_ll address = {
	    .sll_family = AF_PACKET,
	    .sll_protocol = htons(ETH_P_ALL),
	    .sll_ifindex = (int)if_nametoindex(device),
	};
	int room = BUFFER_BYTES, yes = 1;

	wire = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (wire < 0 || setsockopt(wire, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) < 0 ||
	    setsockopt(wire, SOL_SOCKET, SO_TIMESTAMPNS, &yes, sizeof(yes)) < 0 ||
	    bind(wire, (const struct sockaddr *)&address, sizeof(address)) < 0)
		err(EX_OSERR, "%s", device);
}

static struct shm_endpoint
endpoint(const struct packet_headers *headers, bool is_source)
{
	struct shm_endpoint of = {.family = headers->is_ipv6 ? 6 : 4};
	size_t length = headers->is_ipv6 ? 16 : 4;

	memcpy(of.address, headers->ip + (headers->is_ipv6 ? 8 : 12) + (is_source ? 0 : length),
	    length);
	of.port = packet_u16(headers->tcp + (is_source ? 0 : 2));
	return of;
}

static uint64_t
stamp(struct msghdr *message)
{
	const struct cmsghdr *control = CMSG_FIRSTHDR(message);
	struct timespec when;

	if (control == NULL || control->cmsg_type != SCM_TIMESTAMPNS)
		errx(EX_OSERR, "a packet without a time");
	memcpy(&when, CMSG_DATA(control), sizeof(when));
	return (uint64_t)when.tv_sec * 1000000000u + (uint64_t)when.tv_nsec;
}

/* 1: a packet; 0: one that says nothing here; -1: none is left. */
static int
hear(struct flow_packet *ret_packet)
{
	uint8_t bytes[HEADERS], control[CMSG_SPACE(sizeof(struct timespec))];
	struct iovec room = {bytes, sizeof(bytes)};
	struct sockaddr_ll from;
	struct msghdr message = {
	    .msg_name = &from,
	    .msg_namelen = sizeof(from),
	    .msg_iov = &room,
	    .msg_iovlen = 1,
	    .msg_control = control,
	    .msg_controllen = sizeof(control),
	};
	ssize_t whole = recvmsg(wire, &message, MSG_TRUNC | MSG_DONTWAIT);
	struct packet_headers headers;

	if (whole < 0 && errno != EAGAIN)
		err(EX_OSERR, "the wire");
	if (whole < 0)
		return -1;
	if (!packet_parse(
		bytes, (size_t)whole < HEADERS ? (size_t)whole : HEADERS, (size_t)whole, &headers))
		return 0;
	struct gate_packet decided = packet_to_decide(&headers, 0);
	bool from_gateway = from.sll_pkttype != PACKET_OUTGOING;
	*ret_packet = (struct flow_packet){
	    .when_ns = stamp(&message),
	    .gateway = endpoint(&headers, from_gateway),
	    .peer = endpoint(&headers, !from_gateway),
	    .seq = packet_u32(headers.tcp + 4),
	    .ack = decided.ack,
	    .payload = headers.payload,
	    .flags = decided.flags,
	    .from_gateway = from_gateway,
	};
	return ret_packet->gateway.port != ignored_port && ret_packet->peer.port != ignored_port;
}

static size_t
hear_all(void)
{
	struct tpacket_stats statistics;
	socklen_t length = sizeof(statistics);
	size_t count = 0;
	int heard;

	while (count < PACKETS_MOST && (heard = hear(&packet[count])) >= 0)
		count += heard > 0;
	if (getsockopt(wire, SOL_PACKET, PACKET_STATISTICS, &statistics, &length) == 0)
		figures.missed += statistics.tp_drops;
	return count;
}

/* ---- the trace ---- */

/* More of it behind what is there. */
static void
read_trace(void)
{
	size_t used = stored_used * sizeof(stored[0]);
	ssize_t length;

	memmove(stored, (const uint8_t *)stored + used, stored_bytes - used);
	stored_bytes -= used;
	stored_used = 0;
	if (trace < 0)
		trace = open(trace_path, O_RDONLY | O_CLOEXEC);
	if (trace < 0)
		return;
	length = read(trace, (uint8_t *)stored + stored_bytes, sizeof(stored) - stored_bytes);
	if (length < 0)
		err(EX_OSERR, "%s", trace_path);
	stored_bytes += (size_t)length;
}

/* All that was stored before. */
static void
store_until(uint64_t when_ns)
{
	for (;;) {
		if (stored_used == stored_bytes / sizeof(stored[0])) {
			read_trace();
			if (stored_bytes < sizeof(stored[0]))
				return;
		}
		if (stored[stored_used].when_ns >= when_ns)
			return;
		flows_store(flows, &stored[stored_used++]);
		figures.stores++;
	}
}

/* ---- the judgement ---- */

static void
complain(const struct flow_packet *of, const struct flow_judgement *judgement)
{
	char gateway[INET6_ADDRSTRLEN] = "", peer[INET6_ADDRSTRLEN] = "";
	int family = of->gateway.family == 4 ? AF_INET : AF_INET6;

	if (figures.verdict[judgement->verdict] > COMPLAINTS_MAX)
		return;
	inet_ntop(family, of->gateway.address, gateway, sizeof(gateway));
	inet_ntop(family, of->peer.address, peer, sizeof(peer));
	fprintf(stderr,
	    "%s: %s port %u to %s port %u: flags %02x, acknowledges %u octets, the standby has "
	    "%u and ending %u (%" PRIu64 ")\n",
	    flow_verdict_word(judgement->verdict), gateway, of->gateway.port, peer, of->peer.port,
	    of->flags, judgement->acknowledged, judgement->had, judgement->ending, of->when_ns);
}

static void
count(const struct flow_packet *of)
{
	figures.packets++;
	if (!of->from_gateway)
		return;
	figures.acks += (of->flags & (GATE_ACK | GATE_SYN)) == GATE_ACK;
	figures.syn_acks += (of->flags & (GATE_ACK | GATE_SYN)) == (GATE_ACK | GATE_SYN);
	figures.fins += (of->flags & GATE_FIN) != 0;
	figures.resets += (of->flags & GATE_RST) != 0;
}

static void
judge(const struct flow_packet *of)
{
	struct flow_judgement judgement;

	store_until(of->when_ns);
	judgement = flows_judge(flows, of);
	figures.verdict[judgement.verdict]++;
	if (judgement.verdict != FLOW_GOOD)
		complain(of, &judgement);
	if (judgement.is_first && judgement.lead_ns < figures.lead_ns)
		figures.lead_ns = judgement.lead_ns;
	count(of);
}

static void
judge_all(void)
{
	size_t heard;

	do {
		heard = hear_all();
		for (size_t i = 0; i < heard; i++)
			judge(&packet[i]);
	} while (heard == PACKETS_MOST);
}

static void
look(struct loop_timer *timer)
{
	judge_all();
	loop_timer_set(timer, loop_now() + TICK_US);
}

/* ---- commands ---- */

static void
print_figures(void)
{
	uint64_t lead_ns = figures.lead_ns == UINT64_MAX ? 0 : figures.lead_ns;

	printf("{\"packets\": %" PRIu64 ", \"acks\": %" PRIu64 ", \"syn_acks\": %" PRIu64
	       ", \"fins\": %" PRIu64 ", \"resets\": %" PRIu64 ", \"stores\": %" PRIu64
	       ", \"missed\": %" PRIu64 ", \"lead_us\": %.1f",
	    figures.packets, figures.acks, figures.syn_acks, figures.fins, figures.resets,
	    figures.stores, figures.missed, (double)lead_ns / 1000);
	for (unsigned i = 0; i < FLOW_VERDICT_COUNT; i++)
		printf(", \"%s\": %" PRIu64, flow_verdict_word(i), figures.verdict[i]);
	printf("}\n");
	fflush(stdout);
}

static void
command(char *line)
{
	if (strcmp(line, "stop") == 0) {
		stopping = true;
		return;
	}
	judge_all();
	print_figures();
}

int
main(int argc, char **argv)
{
	if (argc != 5 || strcmp(argv[1], "--control") != 0)
		errx(EX_USAGE, "usage: ackwatch --control DEVICE TRACE PORT");
	trace_path = argv[3];
	ignored_port = (uint16_t)strtoul(argv[4], NULL, 10);
	flows = flows_create();
	open_wire(argv[2]);
	loop_open();
	control_open(command);
	tick.expired = look;
	loop_timer_set(&tick, loop_clock());
	print_figures();
	while (!stopping)
		loop_round(1000);
	judge_all();
	print_figures();
	flows_destroy(flows);
	return 0;
}
