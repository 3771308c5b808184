#include "shm/policy_area.h"

#include <errno.h>
#include <string.h>

const uint8_t *
policy_area_image(const struct policy_area *area, uint32_t slot, size_t *ret_size)
{
	const struct policy_slot *place;
	uint32_t size;

	if (slot >= POLICY_SLOTS)
		return NULL;
	place = &area->slot[slot];
	if (atomic_load_explicit(&place->state, memory_order_acquire) != POLICY_READY)
		return NULL;
	size = place->size;
	if (size == 0 || size > POLICY_IMAGE_MAX)
		return NULL;
	*ret_size = size;
	return place->image;
}

static bool
endpoint_is_address(const struct shm_endpoint *endpoint)
{
	return (endpoint->family == 4 || endpoint->family == 6) && endpoint->port != 0;
}

static bool
listener_check(const struct listener_entry *entry)
{
	if (!endpoint_is_address(&entry->listen) || !endpoint_is_address(&entry->server))
		return false;
	if (entry->source.family != 0 && entry->source.family != entry->server.family)
		return false;
	return entry->policy_slot < POLICY_SLOTS && entry->mode <= 2 &&
	       entry->client_address == CLIENT_HIDDEN;
}

int
policy_area_listeners(
    const struct policy_area *area, uint32_t table, struct listener_table *ret_table)
{
	uint32_t count;

	if (table > 1)
		return -EPROTO;
	memcpy(ret_table, &area->listeners[table], sizeof(*ret_table));
	count = ret_table->count;
	if (count > LISTENERS_MAX)
		return -EPROTO;
	for (uint32_t i = 0; i < count; i++)
		if (!listener_check(&ret_table->entry[i]))
			return -EPROTO;
	return 0;
}
