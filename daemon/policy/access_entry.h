/*
 * access_entry -- one line of an access-list: which connections it fits
 *
 * An entry names a source and a destination.  The source is the client's address as it connects;
 * the destination the address of the mail server, real or mapped, with `eq` its port.
 * Pure; networks are canonical: no bit is set behind the prefix.
 */
#ifndef DAEMON_POLICY_ACCESS_ENTRY_H
#define DAEMON_POLICY_ACCESS_ENTRY_H

#include "shm/layout.h"

#include <stdbool.h>
#include <stddef.h>

#define ACCESS_ENTRY_TEXT 160

struct access_network {
	uint8_t family; /* 4, 6; 0: any address of both */
	uint8_t prefix; /* bits of the address that count */
	uint8_t address[16];
};

struct access_entry {
	bool permit;
	bool tcp;
	uint16_t port; /* of the destination; 0: any */
	struct access_network source;
	struct access_network destination;
};

bool access_network_holds(
    const struct access_network *network, const struct shm_endpoint *endpoint);
/* The network of that many bits around an address. */
struct access_network access_network_around(const struct shm_endpoint *endpoint, unsigned prefix);
/* Bits of a netmask; -1: its ones do not stand together at the front. */
int access_netmask_bits(const struct shm_endpoint *mask);

bool access_entry_equal(const struct access_entry *one, const struct access_entry *other);
/* "permit ip any host 192.168.1.1" */
void access_entry_text(const struct access_entry *entry, char *buffer, size_t size);

#endif
