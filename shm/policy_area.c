#include "shm/policy_area.h"

#include "shm/slot.h"

#include <errno.h>
#include <string.h>

const uint8_t *
policy_area_image(const struct policy_area *area, uint32_t slot, size_t *ret_size)
{
	const struct policy_slot *policy;
	uint32_t size;

	if (slot >= POLICY_SLOTS)
		return NULL;
	policy = &area->slot[slot];
	if (atomic_load_explicit(&policy->state, memory_order_acquire) != POLICY_READY)
		return NULL;
	size = policy->size;
	if (size == 0 || size > POLICY_IMAGE_MAX)
		return NULL;
	*ret_size = size;
	return policy->image;
}

uint32_t
policy_area_find(const struct policy_area *area, uint64_t hash)
{
	for (uint32_t i = 0; i < POLICY_SLOTS; i++) {
		uint64_t its;

		memcpy(&its, area->slot[i].generation, sizeof(its));
		if (its == hash && policy_area_image(area, i, &(size_t){0}) != NULL)
			return i;
	}
	return SHM_NO_SLOT;
}

static bool
family_is_valid(const struct shm_endpoint *endpoint)
{
	return endpoint->family == 4 || endpoint->family == 6;
}

static bool
entry_is_valid(const struct listener_entry *entry)
{
	if (!family_is_valid(&entry->listen) || entry->listen.port == 0)
		return false;
	if (!family_is_valid(&entry->server) || entry->server.port == 0)
		return false;
	if (entry->source.family != 0 && entry->source.family != entry->server.family)
		return false;
	return entry->mode <= SLOT_RAW && entry->client_address <= CLIENT_HIDDEN &&
	       entry->policy_slot < POLICY_SLOTS;
}

static bool
class_is_valid(const struct class_entry *class)
{
	return memchr(class->policy, '\0', sizeof(class->policy)) != NULL &&
	       memchr(class->name, '\0', sizeof(class->name)) != NULL && class->limits_given <= 1 &&
	       class->limits_only <= 1;
}

static bool
rule_is_valid(const struct listener_table *table, const struct class_rule *rule)
{
	static const uint8_t prefix_max[] = {[0] = 0, [4] = 32, [6] = 128};

	if (rule->client.family != 0 && !family_is_valid(&rule->client))
		return false;
	return rule->client.port == 0 && rule->prefix <= prefix_max[rule->client.family] &&
	       rule->permit <= 1 && rule->mode <= SLOT_RAW && rule->policy_slot < POLICY_SLOTS &&
	       rule->class_index < table->classes;
}

/* Its rules lie in the table, and the classes are asked in order. */
static bool
entry_classes_are_valid(const struct listener_table *table, const struct listener_entry *entry)
{
	const struct class_rule *rule;

	if (entry->class_own != CLASS_NONE && entry->class_own >= table->classes)
		return false;
	if (entry->class_count == 0)
		return true;
	if (entry->class_first >= table->class_rules ||
	    entry->class_count > table->class_rules - entry->class_first)
		return false;
	rule = &table->class_rule[entry->class_first];
	for (uint32_t i = 1; i < entry->class_count; i++)
		if (rule[i].class_index < rule[i - 1].class_index)
			return false;
	return true;
}

static bool
table_is_valid(const struct listener_table *table)
{
	if (table->count > LISTENERS_MAX || table->class_rules > CLASS_RULES_MAX ||
	    table->classes > CLASSES_MAX)
		return false;
	for (uint32_t i = 0; i < table->classes; i++)
		if (!class_is_valid(&table->class_of[i]))
			return false;
	for (uint32_t i = 0; i < table->class_rules; i++)
		if (!rule_is_valid(table, &table->class_rule[i]))
			return false;
	for (uint32_t i = 0; i < table->count; i++)
		if (!entry_is_valid(&table->entry[i]) ||
		    !entry_classes_are_valid(table, &table->entry[i]))
			return false;
	return true;
}

int
policy_area_listeners(
    const struct policy_area *area, uint32_t table, struct listener_table *ret_table)
{
	struct listener_table copy;

	if (table >= sizeof(area->listeners) / sizeof(area->listeners[0]))
		return -EPROTO;
	/* Checked in the copy: the writer may change the original at any time. */
	memcpy(&copy, &area->listeners[table], sizeof(copy));
	if (!table_is_valid(&copy))
		return -EPROTO;
	*ret_table = copy;
	return 0;
}
