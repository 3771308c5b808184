/*
 * The filter in the kernel: true for a packet that may not leave by itself (decision.h), which the rule
 * then gives to smtpguard-gate; without that process the rule drops it.  A program of the socket type,
 * as the match "bpf" of the packet filter takes it, run in the output hook: the packet begins with its
 * IP header, whole and not yet cut into segments.
 *
 * What it cannot read it does not let go, if the packet bears a mark of the gateway.
 */
#include "daemon/gate/decision.c"
#include "daemon/gate/filter_maps.h"

#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define PROTOCOL_TCP	    6
#define PROTOCOL_HOPBYHOP   0
#define IPV4_HEADER	    20
#define IPV6_HEADER	    40
#define IPV6_NEXT_HEADER    6
#define IPV4_PROTOCOL	    9
#define IPV4_SOURCE	    12
#define IPV6_SOURCE	    8
#define ADDRESS_MAPPED_BITS 96

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4); /* as many as there are slots, set before it is loaded */
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct gate_place);
} gate_places SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, FILTER_GUARDS_MAX);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct filter_guard);
	__type(value, __u32); /* a port, 0: any */
} gate_guards SEC(".maps");

struct tcp {
	__be16 source, destination;
	__be32 seq, ack;
	__u8 offset, flags;
};

struct where {
	__u32 tcp; /* offset of the TCP header */
	bool is_ipv6;
};

/* 1 found, 0 not TCP, -1 not to be read. */
static __attribute__((always_inline)) int
find_tcp(struct __sk_buff *skb, struct where *where)
{
	__u8 head[10], extension[2];

	if (bpf_skb_load_bytes(skb, 0, head, sizeof(head)) < 0)
		return -1;
	if (head[0] >> 4 == 4) {
		*where = (struct where){(head[0] & 15u) * 4, false};
		return head[IPV4_PROTOCOL] == PROTOCOL_TCP;
	}
	if (head[0] >> 4 != 6)
		return -1;
	*where = (struct where){IPV6_HEADER, true};
	if (head[IPV6_NEXT_HEADER] == PROTOCOL_HOPBYHOP) {
		/* A packet above 64 KiB says its length there. */
		if (bpf_skb_load_bytes(skb, IPV6_HEADER, extension, sizeof(extension)) < 0)
			return -1;
		where->tcp += 8 + extension[1] * 8;
		return extension[0] == PROTOCOL_TCP ? 1 : -1;
	}
	return head[IPV6_NEXT_HEADER] == PROTOCOL_TCP;
}

static __attribute__((always_inline)) bool
is_guarded(struct __sk_buff *skb, const struct where *where, const struct tcp *tcp)
{
	struct filter_guard source = {.bits = 128};
	const __u32 *port;
	int error;

	if (where->is_ipv6) {
		error = bpf_skb_load_bytes(skb, IPV6_SOURCE, source.address, 16);
	} else {
		source.address[10] = source.address[11] = 0xff;
		error = bpf_skb_load_bytes(skb, IPV4_SOURCE, source.address + 12, 4);
	}
	if (error < 0)
		return false;
	port = bpf_map_lookup_elem(&gate_guards, &source);
	return port != NULL && (*port == 0 || bpf_ntohs(tcp->source) == *port ||
				   bpf_ntohs(tcp->destination) == *port);
}

static __attribute__((always_inline)) bool
host_is_alone(void)
{
	__u32 index = 0;
	const volatile struct gate_place *host = bpf_map_lookup_elem(&gate_places, &index);

	return host != NULL && (host->ack & GATE_ACK_ALONE) != 0;
}

SEC("socket")
int
must_not_leave(struct __sk_buff *skb)
{
	struct gate_packet packet = {.mark = skb->mark & MARK_MASK};
	struct gate_place place = {0};
	bool is_ours = (packet.mark & MARK_TAG_MASK) >= MARK_LISTENER &&
		       (packet.mark & MARK_TAG_MASK) <= MARK_SERVER;
	const volatile struct gate_place *committed;
	struct where where;
	struct tcp tcp;
	int found;

	found = find_tcp(skb, &where);
	if (found <= 0)
		return found < 0 && is_ours;
	if (bpf_skb_load_bytes(skb, where.tcp, &tcp, sizeof(tcp)) < 0)
		return is_ours;
	packet.flags = tcp.flags;
	packet.ack = bpf_ntohl(tcp.ack);
	packet.seq_end = bpf_ntohl(tcp.seq) + skb->len - where.tcp - (tcp.offset >> 4) * 4u +
			 !!(tcp.flags & GATE_FIN) + !!(tcp.flags & GATE_SYN);
	if (is_ours) {
		__u32 index = gate_place_of(packet.mark);

		committed = bpf_map_lookup_elem(&gate_places, &index);
		if (committed != NULL) {
			place.ack = committed->ack;
			place.end = committed->end;
		}
	} else if ((packet.flags & GATE_RST) != 0) {
		packet.is_guarded = is_guarded(skb, &where, &tcp);
	}
	return gate_decide(&packet, host_is_alone(), &place) != GATE_PASS;
}

char gate_license[] SEC("license") = "Dual BSD/GPL";
