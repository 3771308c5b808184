#include "daemon/supervisor/classify.h"

#include <endian.h>
#include <string.h>

#define MAPPED_LOW    0x0000ffff00000000ull /* ::ffff:0:0 */
#define MAPPED_PREFIX 96u

/* An address as 128 bits, and of which family it is once IPv4-mapped ones are told. */
struct canonical {
	uint64_t half[2];
	uint8_t family;
};

static struct canonical
canonical_of(const struct shm_endpoint *endpoint)
{
	struct canonical address = {.family = endpoint->family};
	uint32_t low;

	if (endpoint->family == 4) {
		memcpy(&low, endpoint->address, sizeof(low));
		address.half[1] = MAPPED_LOW | be32toh(low);
		return address;
	}
	memcpy(address.half, endpoint->address, sizeof(address.half));
	address.half[0] = be64toh(address.half[0]);
	address.half[1] = be64toh(address.half[1]);
	if (address.half[0] == 0 && (address.half[1] & 0xffffffff00000000ull) == MAPPED_LOW)
		address.family = 4;
	return address;
}

/* The first `bits` of 64. */
static uint64_t
mask_of(unsigned bits)
{
	return bits == 0 ? 0 : bits >= 64 ? UINT64_MAX : ~(UINT64_MAX >> bits);
}

void
classify_prepare(const struct class_rule *rule, struct classify_rule *ret_rule)
{
	struct canonical address = canonical_of(&rule->client);
	unsigned prefix = rule->prefix + (rule->client.family == 4 ? MAPPED_PREFIX : 0);

	*ret_rule = (struct classify_rule){
	    .family = prefix < MAPPED_PREFIX ? rule->client.family : address.family,
	    .permit = rule->permit != 0,
	    .mode = rule->mode,
	    .class_index = rule->class_index,
	    .policy_slot = rule->policy_slot,
	};
	if (rule->client.family == 0)
		return;
	ret_rule->mask[0] = mask_of(prefix);
	ret_rule->mask[1] = mask_of(prefix < 64 ? 0 : prefix - 64);
	for (int i = 0; i < 2; i++)
		ret_rule->value[i] = address.half[i] & ret_rule->mask[i];
}

static bool
fits(const struct classify_rule *rule, const struct canonical *client)
{
	uint64_t differs = ((client->half[0] & rule->mask[0]) ^ rule->value[0]) |
			   ((client->half[1] & rule->mask[1]) ^ rule->value[1]);

	return differs == 0 && (rule->family == 0 || rule->family == client->family);
}

/* The rule that takes the client, NULL when no class does. */
static const struct classify_rule *
taken_by(const struct classify_rule *rule, uint32_t count, const struct canonical *client)
{
	for (uint32_t i = 0; i < count; i++) {
		uint16_t denied = rule[i].class_index;

		if (!fits(&rule[i], client))
			continue;
		if (rule[i].permit)
			return &rule[i];
		while (i + 1 < count && rule[i + 1].class_index == denied)
			i++;
	}
	return NULL;
}

struct classify_decision
classify(const struct listener_entry *entry, const struct classify_rule *rules,
    const struct shm_endpoint *client)
{
	struct classify_decision decision = {
	    .policy_slot = entry->policy_slot,
	    .mode = entry->mode,
	    .class_index = CLASS_NONE,
	};
	const struct classify_rule *taken;
	struct canonical address;

	if (entry->class_count == 0)
		return decision;
	address = canonical_of(client);
	taken = taken_by(&rules[entry->class_first], entry->class_count, &address);
	if (taken) {
		decision.policy_slot = taken->policy_slot;
		decision.mode = taken->mode;
		decision.class_index = taken->class_index;
	}
	return decision;
}
