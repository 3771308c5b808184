/*
 * packet -- the headers of an IPv4 or IPv6 packet with TCP, as far as the gate asks for them
 *
 * Pure.  The bytes are the first of a packet, of which `length` are there and `whole` were sent; they are
 * read within these bounds whatever they say.
 */
#ifndef GATE_PACKET_H
#define GATE_PACKET_H

#include "daemon/gate/decision.h"

#include <stddef.h>

struct packet_headers {
	const uint8_t *ip;
	const uint8_t *tcp;
	const uint8_t *options; /* of TCP */
	size_t options_length;
	uint32_t payload; /* octets */
	bool is_ipv6;
};

/* False: no TCP, or its header is not whole.  One extension header is understood, hop by hop: that
 * of a packet above 64 KiB. */
bool packet_parse(
    const uint8_t *bytes, size_t length, size_t whole, struct packet_headers *ret_headers);
/* All but the address, which only the filter knows. */
struct gate_packet packet_to_decide(const struct packet_headers *headers, uint32_t mark);

uint16_t packet_u16(const uint8_t *bytes);
uint32_t packet_u32(const uint8_t *bytes);

#endif
