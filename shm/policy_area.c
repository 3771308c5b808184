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

int
policy_area_listeners(
    const struct policy_area *area, uint32_t table, struct listener_table *ret_table)
{
	struct listener_table copy;

	if (table >= sizeof(area->listeners) / sizeof(area->listeners[0]))
		return -EPROTO;
	/* Checked in the copy: the writer may change the original at any time. */
	memcpy(&copy, &area->listeners[table], sizeof(copy));
	if (copy.count > LISTENERS_MAX)
		return -EPROTO;
	for (uint32_t i = 0; i < copy.count; i++) {
		if (!entry_is_valid(&copy.entry[i]))
			return -EPROTO;
	}
	*ret_table = copy;
	return 0;
}
