#include "daemon/gate/packet.h"

#define IPV4_LEAST	 20u
#define IPV4_PROTOCOL	 9
#define IPV6_LENGTH	 40u
#define IPV6_NEXT_HEADER 6
#define HOP_BY_HOP	 0
#define TCP		 6
#define TCP_LEAST	 20u
#define TCP_OFFSET	 12
#define TCP_FLAGS	 13

uint16_t
packet_u16(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

uint32_t
packet_u32(const uint8_t *bytes)
{
	return (uint32_t)packet_u16(bytes) << 16 | packet_u16(bytes + 2);
}

/* Length of all that stands before the TCP header; 0: there is none. */
static size_t
ip_length(const uint8_t *bytes, size_t length)
{
	if (length >= IPV4_LEAST && bytes[0] >> 4 == 4 && bytes[IPV4_PROTOCOL] == TCP) {
		size_t header = (bytes[0] & 15u) * 4;

		return header >= IPV4_LEAST ? header : 0;
	}
	if (length < IPV6_LENGTH + 2 || bytes[0] >> 4 != 6)
		return 0;
	if (bytes[IPV6_NEXT_HEADER] == TCP)
		return IPV6_LENGTH;
	if (bytes[IPV6_NEXT_HEADER] != HOP_BY_HOP || bytes[IPV6_LENGTH] != TCP)
		return 0;
	return IPV6_LENGTH + 8 + bytes[IPV6_LENGTH + 1] * 8u;
}

bool
packet_parse(const uint8_t *bytes, size_t length, size_t whole, struct packet_headers *ret_headers)
{
	size_t ip = ip_length(bytes, length), tcp;

	if (ip == 0 || length < ip + TCP_LEAST)
		return false;
	tcp = (bytes[ip + TCP_OFFSET] >> 4) * 4u;
	if (tcp < TCP_LEAST || length < ip + tcp || whole < length)
		return false;
	*ret_headers = (struct packet_headers){
	    .ip = bytes,
	    .tcp = bytes + ip,
	    .options = bytes + ip + TCP_LEAST,
	    .options_length = tcp - TCP_LEAST,
	    .payload = (uint32_t)(whole - ip - tcp),
	    .is_ipv6 = bytes[0] >> 4 == 6,
	};
	return true;
}

struct gate_packet
packet_to_decide(const struct packet_headers *headers, uint32_t mark)
{
	uint8_t flags = headers->tcp[TCP_FLAGS];

	return (struct gate_packet){
	    .mark = mark & MARK_MASK,
	    .ack = packet_u32(headers->tcp + 8),
	    .seq_end = packet_u32(headers->tcp + 4) + headers->payload + ((flags & GATE_FIN) != 0) +
		       ((flags & GATE_SYN) != 0),
	    .flags = flags,
	};
}
