#include "worker/policy_cache.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define CACHE_BYTES (POLICY_SLOTS * sizeof(struct policy_cache_entry))

int
policy_cache_open(struct policy_cache *cache, const struct policy_area *area)
{
	void *memory = mmap(NULL, CACHE_BYTES, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		return -errno;
	cache->area = area;
	cache->entry = memory;
	return 0;
}

void
policy_cache_close(struct policy_cache *cache)
{
	if (cache->entry != NULL)
		munmap(cache->entry, CACHE_BYTES);
	cache->entry = NULL;
}

/* A checked copy of the image in another slot that has this one's name. */
static bool
fill_by_name(struct policy_cache *cache, uint32_t slot)
{
	struct policy_cache_entry *entry = &cache->entry[slot];
	const struct policy_slot *wanted = &cache->area->slot[slot];

	for (uint32_t i = 0; i < POLICY_SLOTS; i++) {
		size_t size;
		const uint8_t *image = policy_area_image(cache->area, i, &size);

		if (image == NULL || i == slot || size > sizeof(entry->image) ||
		    strncmp(cache->area->slot[i].name, wanted->name, sizeof(wanted->name)) != 0)
			continue;
		memcpy(entry->image, image, size);
		if (inspect_policy_check(entry->image, size))
			return true;
	}
	return false;
}

static bool
cache_fill(struct policy_cache *cache, uint32_t slot, uint64_t hash)
{
	struct policy_cache_entry *entry = &cache->entry[slot];
	const uint8_t *image;
	uint64_t generation;
	size_t size;

	entry->held = false;
	image = policy_area_image(cache->area, slot, &size);
	if (image == NULL || size > sizeof(entry->image))
		return false;
	memcpy(&generation, cache->area->slot[slot].generation, sizeof(generation));
	if (generation != hash)
		return false;
	memcpy(entry->image, image, size);
	entry->hash = hash;
	entry->held = inspect_policy_check(entry->image, size) || fill_by_name(cache, slot);
	return entry->held;
}

const struct inspect_policy *
policy_cache_get(struct policy_cache *cache, uint32_t slot, uint64_t hash)
{
	const struct policy_cache_entry *entry;

	if (slot >= POLICY_SLOTS)
		return NULL;
	entry = &cache->entry[slot];
	if ((!entry->held || entry->hash != hash) && !cache_fill(cache, slot, hash))
		return NULL;
	return (const struct inspect_policy *)(const void *)entry->image;
}
