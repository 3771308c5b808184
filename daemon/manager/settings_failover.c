#include "daemon/manager/settings_failover.h"

#include "daemon/manager/present.h"

#include <string.h>

#define FLOATING "is one of addresses: those move from host to host, and the door shuts them"

static bool
are_two(const struct shm_endpoint *one, const struct shm_endpoint *other)
{
	return one->family != 0 && other->family != 0;
}

static bool
is_floating(const struct settings_failover *failover, const struct shm_endpoint *endpoint)
{
	for (uint32_t i = 0; i < failover->addresses; i++)
		if (endpoint->family != 0 && present_same_address(endpoint, &failover->address[i]))
			return true;
	return false;
}

static bool
names_are_one(const struct settings_failover *failover)
{
	return failover->node[0] != '\0' && strcmp(failover->node, failover->peer_node) == 0;
}

static bool
hosts_are_one(const struct settings_failover *failover)
{
	return are_two(&failover->listen, &failover->peer) &&
	       present_same_address(&failover->listen, &failover->peer) &&
	       failover->listen.port == failover->peer.port;
}

static bool
families_differ(const struct settings_failover *failover)
{
	return are_two(&failover->listen, &failover->peer) &&
	       failover->listen.family != failover->peer.family;
}

static bool
listen_is_floating(const struct settings_failover *failover)
{
	return is_floating(failover, &failover->listen);
}

static bool
peer_is_floating(const struct settings_failover *failover)
{
	return is_floating(failover, &failover->peer);
}

static bool
witness_is_floating(const struct settings_failover *failover)
{
	return is_floating(failover, &failover->witness);
}

static bool
witness_is_this_host(const struct settings_failover *failover)
{
	return are_two(&failover->witness, &failover->listen) &&
	       present_same_address(&failover->witness, &failover->listen);
}

static bool
witness_is_peer(const struct settings_failover *failover)
{
	return are_two(&failover->witness, &failover->peer) &&
	       present_same_address(&failover->witness, &failover->peer);
}

static const struct rule {
	const char *key;
	bool (*offends)(const struct settings_failover *failover);
	const char *reason;
} rules[] = {
    {"peer_node", names_are_one, "is this host's own name (node)"},
    {"peer", hosts_are_one, "is this host itself (listen)"},
    {"peer", families_differ, "must be of the same address family as listen"},
    {"listen", listen_is_floating, FLOATING},
    {"peer", peer_is_floating, FLOATING},
    {"witness", witness_is_floating, FLOATING},
    {"witness", witness_is_this_host, "must be a third host, not this one (listen)"},
    {"witness", witness_is_peer, "must be a third host, not the other one (peer)"},
};
_Static_assert(sizeof(rules) / sizeof(rules[0]) == SETTINGS_FAILOVER_RULES, "as the header says");

const char *
settings_failover_offends(
    const struct settings_failover *failover, unsigned rule, const char **ret_key)
{
	if (rule >= SETTINGS_FAILOVER_RULES || !rules[rule].offends(failover))
		return NULL;
	*ret_key = rules[rule].key;
	return rules[rule].reason;
}
