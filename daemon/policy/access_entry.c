#include "daemon/policy/access_entry.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define NETWORK_TEXT 64

static unsigned
address_bits(uint8_t family)
{
	return family == 6 ? 128 : 32;
}

/* The bits of octet `index` that a prefix counts. */
static uint8_t
octet_mask(unsigned prefix, unsigned index)
{
	if (prefix <= index * 8)
		return 0;
	unsigned bits = prefix - index * 8;
	return bits >= 8 ? 0xff : (uint8_t)(0xff << (8 - bits));
}

struct access_network
access_network_around(const struct shm_endpoint *endpoint, unsigned prefix)
{
	struct access_network network = {.family = endpoint->family, .prefix = (uint8_t)prefix};
	for (unsigned i = 0; i < address_bits(endpoint->family) / 8; i++)
		network.address[i] = endpoint->address[i] & octet_mask(prefix, i);
	return network;
}

bool
access_network_holds(const struct access_network *network, const struct shm_endpoint *endpoint)
{
	if (network->family == 0)
		return true;
	if (network->family != endpoint->family)
		return false;
	struct access_network around = access_network_around(endpoint, network->prefix);
	return memcmp(around.address, network->address, sizeof(around.address)) == 0;
}

int
access_netmask_bits(const struct shm_endpoint *mask)
{
	uint32_t word;
	memcpy(&word, mask->address, sizeof(word));
	word = ntohl(word);
	unsigned bits = word == 0 ? 0 : 32u - (unsigned)__builtin_ctz(word);
	uint32_t whole = bits == 0 ? 0 : UINT32_MAX << (32 - bits);
	return word == whole ? (int)bits : -1;
}

static bool
networks_equal(const struct access_network *one, const struct access_network *other)
{
	return one->family == other->family && one->prefix == other->prefix &&
	       memcmp(one->address, other->address, sizeof(one->address)) == 0;
}

bool
access_entry_equal(const struct access_entry *one, const struct access_entry *other)
{
	return one->permit == other->permit && one->tcp == other->tcp && one->port == other->port &&
	       networks_equal(&one->source, &other->source) &&
	       networks_equal(&one->destination, &other->destination);
}

static void
netmask_text(unsigned prefix, char *buffer, size_t size)
{
	snprintf(buffer, size, "%u.%u.%u.%u", octet_mask(prefix, 0), octet_mask(prefix, 1),
	    octet_mask(prefix, 2), octet_mask(prefix, 3));
}

static void
network_text(const struct access_network *network, char buffer[NETWORK_TEXT])
{
	char address[INET6_ADDRSTRLEN], mask[INET_ADDRSTRLEN];
	inet_ntop(
	    network->family == 6 ? AF_INET6 : AF_INET, network->address, address, sizeof(address));
	netmask_text(network->prefix, mask, sizeof(mask));
	if (network->family == 0)
		snprintf(buffer, NETWORK_TEXT, "any");
	else if (network->prefix == 0)
		snprintf(buffer, NETWORK_TEXT, "any%u", network->family);
	else if (network->prefix == address_bits(network->family))
		snprintf(buffer, NETWORK_TEXT, "host %s", address);
	else if (network->family == 4)
		snprintf(buffer, NETWORK_TEXT, "%s %s", address, mask);
	else
		snprintf(buffer, NETWORK_TEXT, "%s/%u", address, network->prefix);
}

void
access_entry_text(const struct access_entry *entry, char *buffer, size_t size)
{
	char source[NETWORK_TEXT], destination[NETWORK_TEXT], port[16] = "";
	network_text(&entry->source, source);
	network_text(&entry->destination, destination);
	if (entry->port != 0)
		snprintf(port, sizeof(port), " eq %u", entry->port);
	snprintf(buffer, size, "%s %s %s %s%s", entry->permit ? "permit" : "deny",
	    entry->tcp ? "tcp" : "ip", source, destination, port);
}
