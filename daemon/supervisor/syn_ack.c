#include "daemon/supervisor/syn_ack.h"

#include "daemon/endpoint.h"

#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HOPS 64

/* ---- the packet ---- */

static uint8_t *
put_number(uint8_t *at, uint32_t number)
{
	number = htonl(number);
	memcpy(at, &number, sizeof(number));
	return at + sizeof(number);
}

/* Each to a multiple of four octets. */
static size_t
put_options(const struct embryo *embryo, uint8_t *options)
{
	bool has_sack = embryo->options & EMBRYO_SACK;
	uint8_t *at = options;

	if (embryo->segment_size != 0)
		at = put_number(
		    at, TCPOPT_MAXSEG << 24 | TCPOLEN_MAXSEG << 16 | embryo->segment_size);
	if (has_sack || embryo->options & EMBRYO_TIMESTAMPS) {
		*at++ = has_sack ? TCPOPT_SACK_PERMITTED : TCPOPT_NOP;
		*at++ = has_sack ? TCPOLEN_SACK_PERMITTED : TCPOPT_NOP;
		*at++ = embryo->options & EMBRYO_TIMESTAMPS ? TCPOPT_TIMESTAMP : TCPOPT_NOP;
		*at++ = embryo->options & EMBRYO_TIMESTAMPS ? TCPOLEN_TIMESTAMP : TCPOPT_NOP;
	}
	if (embryo->options & EMBRYO_TIMESTAMPS) {
		at = put_number(at, embryo->timestamp);
		at = put_number(at, embryo->peer_timestamp);
	}
	return (size_t)(at - options);
}

static uint32_t
sum_of(uint32_t sum, const uint8_t *bytes, size_t length)
{
	for (size_t i = 0; i + 1 < length; i += 2)
		sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
	return sum;
}

/* RFC 9293 3.1: with the pseudo header of either family. */
static uint16_t
checksum(const struct embryo *embryo, const uint8_t *segment, size_t length)
{
	size_t address = embryo->peer.family == 6 ? 16 : 4;
	uint32_t sum = IPPROTO_TCP + (uint32_t)length;

	sum = sum_of(sum, embryo->local.address, address);
	sum = sum_of(sum, embryo->peer.address, address);
	sum = sum_of(sum, segment, length);
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static size_t
put_segment(const struct embryo *embryo, uint8_t *segment)
{
	struct tcphdr header = {
	    .source = htons(embryo->local.port),
	    .dest = htons(embryo->peer.port),
	    .seq = htonl(embryo->send_next - 1),
	    .ack_seq = htonl(embryo->receive_next),
	    .syn = 1,
	    .ack = 1,
	    .window = htons(embryo->window),
	};
	size_t length = sizeof(header) + put_options(embryo, segment + sizeof(header));

	header.doff = (length / 4) & 0xf;
	memcpy(segment, &header, sizeof(header));
	header.check = htons(checksum(embryo, segment, length));
	memcpy(segment, &header, sizeof(header));
	return length;
}

/* The kernel fills in what is 0 of the header. */
static size_t
build_ipv4(const struct embryo *embryo, uint8_t *packet)
{
	struct iphdr header = {.version = 4, .ihl = sizeof(header) / 4, .ttl = HOPS};
	size_t length = sizeof(header) + put_segment(embryo, packet + sizeof(header));

	header.protocol = IPPROTO_TCP;
	header.tot_len = htons((uint16_t)length);
	memcpy(&header.saddr, embryo->local.address, sizeof(header.saddr));
	memcpy(&header.daddr, embryo->peer.address, sizeof(header.daddr));
	memcpy(packet, &header, sizeof(header));
	return length;
}

static size_t
build_ipv6(const struct embryo *embryo, uint8_t *packet)
{
	struct ip6_hdr header = {.ip6_flow = htonl(6u << 28)};
	size_t length = put_segment(embryo, packet + sizeof(header));

	header.ip6_plen = htons((uint16_t)length);
	header.ip6_nxt = IPPROTO_TCP;
	header.ip6_hlim = HOPS;
	memcpy(&header.ip6_src, embryo->local.address, sizeof(header.ip6_src));
	memcpy(&header.ip6_dst, embryo->peer.address, sizeof(header.ip6_dst));
	memcpy(packet, &header, sizeof(header));
	return sizeof(header) + length;
}

size_t
syn_ack_build(const struct embryo *embryo, uint8_t packet[SYN_ACK_MOST])
{
	return embryo->peer.family == 6 ? build_ipv6(embryo, packet) : build_ipv4(embryo, packet);
}

/* ---- its way ---- */

void
syn_ack_open(struct syn_ack_sockets *sockets)
{
	/* Nothing is ever received by a socket of this protocol: headers are ours. */
	*sockets = (struct syn_ack_sockets){
	    .ipv4 = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW),
	    .ipv6 = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW),
	};
}

void
syn_ack_close(struct syn_ack_sockets *sockets)
{
	if (sockets->ipv4 >= 0)
		close(sockets->ipv4);
	if (sockets->ipv6 >= 0)
		close(sockets->ipv6);
	*sockets = (struct syn_ack_sockets){-1, -1};
}

/* One that is lost is sent again, as its client is asked again. */
void
syn_ack_send(const struct syn_ack_sockets *sockets, const struct embryo *embryo)
{
	int fd = embryo->peer.family == 6 ? sockets->ipv6 : sockets->ipv4;
	/* A raw socket of IPv6 takes a port for a protocol. */
	struct shm_endpoint peer = embryo->peer;
	struct sockaddr_storage to;
	uint8_t packet[SYN_ACK_MOST];
	size_t length = syn_ack_build(embryo, packet);
	unsigned to_length;

	peer.port = 0;
	to_length = endpoint_sockaddr(&peer, &to);
	if (fd >= 0)
		sendto(fd, packet, length, MSG_NOSIGNAL, (const struct sockaddr *)&to, to_length);
}
