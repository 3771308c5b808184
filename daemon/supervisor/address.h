/*
 * address -- an endpoint's address as a number
 *
 * IPv4 and IPv4-mapped IPv6 are the same here: ::ffff:A.B.C.D, of family 4.
 *
 * Pure.  Supervisor only.
 */
#ifndef SUPERVISOR_ADDRESS_H
#define SUPERVISOR_ADDRESS_H

#include "shm/layout.h"

#define ADDRESS_MAPPED_PREFIX 96u /* bits before an IPv4 address */

struct address {
	uint64_t half[2]; /* 128 bits, most significant half first */
	uint8_t family;	  /* 4, 6; anything else as it was, half[] without meaning */
};

struct address address_of(const struct shm_endpoint *endpoint);
/* What counts as one client: an IPv4 address, or an IPv6 network of 64 bits, in which a host has as
 * many addresses as it likes (RFC 4291 2.5.4, RFC 8981). */
struct address address_of_client(const struct shm_endpoint *endpoint);

#endif
