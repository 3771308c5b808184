#include "shm/chunk.h"

#include "shm/slot.h"

#include <string.h>

#define CHUNK_GRAB 16u /* taken from the pool at once */

void
chunk_cache_init(struct chunk_cache *cache, uint32_t owner)
{
	memset(cache, 0, sizeof(*cache));
	cache->owner = owner;
	cache->hint = owner * 2654435761u; /* workers begin their scans apart */
}

static uint32_t
chunk_mine(const struct chunk_cache *cache)
{
	return CHUNK_CACHED | (cache->owner & ~CHUNK_CACHED);
}

static void
chunk_refill(const struct shm *shm, struct chunk_cache *cache)
{
	_Atomic uint32_t *owners = shm_chunk_owners(shm);

	for (uint32_t i = 0; i < shm->chunks && cache->count < CHUNK_GRAB; i++) {
		uint32_t chunk = (cache->hint + i) % shm->chunks;
		uint32_t expected = CHUNK_FREE;

		if (atomic_load_explicit(&owners[chunk], memory_order_relaxed) != CHUNK_FREE)
			continue;
		if (atomic_compare_exchange_strong(&owners[chunk], &expected, chunk_mine(cache)))
			cache->chunk[cache->count++] = chunk;
	}
	if (cache->count > 0)
		cache->hint = cache->chunk[cache->count - 1] + 1;
}

uint32_t
chunk_take(const struct shm *shm, struct chunk_cache *cache, uint32_t slot)
{
	uint32_t chunk;

	if (cache->count == 0)
		chunk_refill(shm, cache);
	if (cache->count == 0)
		return SHM_NO_CHUNK;
	chunk = cache->chunk[--cache->count];
	atomic_store_explicit(&shm_chunk_owners(shm)[chunk], slot + 1, memory_order_release);
	return chunk;
}

void
chunk_give(const struct shm *shm, struct chunk_cache *cache, uint32_t chunk, bool wipe)
{
	_Atomic uint32_t *owners = shm_chunk_owners(shm);

	if (chunk >= shm->chunks)
		return;
	if (wipe)
		explicit_bzero(shm_chunk(shm, chunk), SHM_CHUNK_SIZE);
	if (cache->count == CHUNK_CACHE_SIZE) {
		/* The oldest half goes back to everybody: the hot pages stay. */
		for (uint32_t i = 0; i < CHUNK_CACHE_SIZE / 2; i++)
			atomic_store_explicit(
			    &owners[cache->chunk[i]], CHUNK_FREE, memory_order_release);
		cache->count = CHUNK_CACHE_SIZE / 2;
		memmove(cache->chunk, cache->chunk + CHUNK_CACHE_SIZE / 2,
		    sizeof(cache->chunk[0]) * cache->count);
	}
	atomic_store_explicit(&owners[chunk], chunk_mine(cache), memory_order_release);
	cache->chunk[cache->count++] = chunk;
}

uint32_t
chunk_sweep(const struct shm *shm, uint32_t owner)
{
	_Atomic uint32_t *owners = shm_chunk_owners(shm);
	uint32_t mark = CHUNK_CACHED | (owner & ~CHUNK_CACHED);
	uint32_t freed = 0;

	for (uint32_t i = 0; i < shm->chunks; i++) {
		uint32_t expected = mark;

		if (atomic_load_explicit(&owners[i], memory_order_relaxed) == mark &&
		    atomic_compare_exchange_strong(&owners[i], &expected, CHUNK_FREE))
			freed++;
	}
	return freed;
}

static bool
chunk_is_held(const struct window *window, uint32_t chunk)
{
	uint32_t first = atomic_load(&window->first);
	uint32_t last = atomic_load(&window->last);

	for (uint32_t number = first; number != last && number - first < SHM_WINDOW_CHUNKS;
	     number++)
		if (atomic_load(&window->chunk[number % SHM_WINDOW_CHUNKS]) == chunk)
			return true;
	return false;
}

static bool
chunk_is_named(const struct slot_session *session, uint32_t chunk)
{
	for (unsigned leg = 0; leg < SHM_LEGS; leg++)
		if (chunk_is_held(&session->input[leg], chunk) ||
		    chunk_is_held(&session->text[leg], chunk))
			return true;
	return chunk_is_held(&session->extension, chunk);
}

uint32_t
chunk_sweep_slot(const struct shm *shm, uint32_t slot, const struct slot_session *session)
{
	_Atomic uint32_t *owners = shm_chunk_owners(shm);
	uint32_t freed = 0;

	for (uint32_t i = 0; i < shm->chunks; i++) {
		if (atomic_load_explicit(&owners[i], memory_order_relaxed) != slot + 1)
			continue;
		if (session != NULL && chunk_is_named(session, i))
			continue;
		atomic_store_explicit(&owners[i], CHUNK_FREE, memory_order_release);
		freed++;
	}
	return freed;
}

uint32_t
chunk_count_free(const struct shm *shm)
{
	_Atomic uint32_t *owners = shm_chunk_owners(shm);
	uint32_t count = 0;

	for (uint32_t i = 0; i < shm->chunks; i++) {
		uint32_t owner = atomic_load_explicit(&owners[i], memory_order_relaxed);

		count += owner == CHUNK_FREE || (owner & CHUNK_CACHED) != 0;
	}
	return count;
}
