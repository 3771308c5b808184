#include "shm/chunk.h"

#include "shm/slot.h"

#include <string.h>

#define REFILL 16u

#define SHORT_MOST 16u /* while chunks are short; half of it is the reserve */

/* All that the windows of one session can name. */
#define HELD_MAX (5u * SHM_WINDOW_CHUNKS)

void
chunk_cache_init(struct chunk_cache *cache, uint32_t owner)
{
	memset(cache, 0, sizeof(*cache));
	cache->owner = owner;
	cache->most = CHUNK_CACHE_SIZE;
	/* Workers begin their scans apart; hint is taken modulo the pool. */
	cache->hint = (owner & 0xffu) * 4096u;
}

/* A word that says "in the cache of" whatever the owner word looks like. */
static uint32_t
cached_by(uint32_t owner)
{
	return CHUNK_CACHED | owner;
}

static bool
take_free(_Atomic uint32_t *word, uint32_t owner)
{
	uint32_t expected = CHUNK_FREE;

	return atomic_load_explicit(word, memory_order_relaxed) == CHUNK_FREE &&
	       atomic_compare_exchange_strong_explicit(
		   word, &expected, cached_by(owner), memory_order_acquire, memory_order_relaxed);
}

static void
refill(const struct shm *shm, struct chunk_cache *cache)
{
	_Atomic uint32_t *owners = shm_chunk_owners(shm);
	uint32_t chunk = shm->chunks > 0 ? cache->hint % shm->chunks : 0;
	uint32_t wanted = cache->most < REFILL ? cache->most : REFILL;

	/* Even a cache that keeps nothing has one on its way to a session. */
	wanted = wanted > cache->reserve ? wanted : cache->reserve + 1;
	for (uint32_t looked = 0; looked < shm->chunks && cache->count < wanted; looked++) {
		if (take_free(&owners[chunk], cache->owner))
			cache->chunk[cache->count++] = chunk;
		chunk = chunk + 1 < shm->chunks ? chunk + 1 : 0;
	}
	cache->hint = chunk;
	cache->dry = cache->count < wanted;
}

void
chunk_cache_look_again(struct chunk_cache *cache)
{
	cache->dry = false;
}

bool
chunk_is_there(const struct shm *shm, struct chunk_cache *cache, uint32_t kept)
{
	if (cache->count <= kept && !cache->dry)
		refill(shm, cache);
	return cache->count > kept;
}

uint32_t
chunk_take(const struct shm *shm, struct chunk_cache *cache, uint32_t slot)
{
	uint32_t chunk;

	if (!chunk_is_there(shm, cache, 0))
		return SHM_NO_CHUNK;
	chunk = cache->chunk[--cache->count];
	atomic_store_explicit(&shm_chunk_owners(shm)[chunk], slot + 1, memory_order_release);
	return chunk;
}

/* The colder ones go back to the pool; the next scan begins there, so that memory once bound
 * is used again before fresh pages are. */
static void
give_back(const struct shm *shm, struct chunk_cache *cache, uint32_t number)
{
	_Atomic uint32_t *owners = shm_chunk_owners(shm);

	for (uint32_t i = 0; i < number; i++) {
		if (cache->chunk[i] < cache->hint)
			cache->hint = cache->chunk[i];
		atomic_store_explicit(&owners[cache->chunk[i]], CHUNK_FREE, memory_order_release);
	}
	cache->count -= number;
	memmove(cache->chunk, cache->chunk + number, cache->count * sizeof(cache->chunk[0]));
}

/* The share is small enough that what others have in their caches is no shortage by itself. */
void
chunk_cache_bound(const struct shm *shm, struct chunk_cache *cache, bool is_short)
{
	uint32_t share = shm->chunks / (shm->workers * 4 * CHUNK_SHED);
	uint32_t most = is_short ? SHORT_MOST : CHUNK_CACHE_SIZE;

	cache->most = most < share ? most : share;
	cache->reserve = is_short ? cache->most / 2 : 0;
	if (cache->count > cache->most)
		give_back(shm, cache, cache->count - cache->most);
}

void
chunk_give(const struct shm *shm, struct chunk_cache *cache, uint32_t chunk, bool wipe)
{
	_Atomic uint32_t *word;
	uint32_t owner;

	if (chunk >= shm->chunks)
		return;
	word = &shm_chunk_owners(shm)[chunk];
	owner = atomic_load_explicit(word, memory_order_relaxed);
	/* Given back already: a second time would let two sessions have it. */
	if (owner == CHUNK_FREE || (owner & CHUNK_CACHED) != 0)
		return;
	if (wipe)
		explicit_bzero(shm_chunk(shm, chunk), SHM_CHUNK_SIZE);
	cache->dry = false;
	if (cache->count >= cache->most)
		give_back(shm, cache, (cache->count + 1) / 2);
	if (cache->most == 0) {
		atomic_store_explicit(word, CHUNK_FREE, memory_order_release);
		return;
	}
	atomic_store_explicit(word, cached_by(cache->owner), memory_order_release);
	cache->chunk[cache->count++] = chunk;
}

/* Most are another's: those are only read. */
static bool
free_if(_Atomic uint32_t *word, uint32_t owner)
{
	return atomic_load_explicit(word, memory_order_relaxed) == owner &&
	       atomic_compare_exchange_strong_explicit(
		   word, &owner, CHUNK_FREE, memory_order_release, memory_order_relaxed);
}

uint32_t
chunk_sweep(const struct shm *shm, uint32_t owner)
{
	_Atomic uint32_t *owners = shm_chunk_owners(shm);
	uint32_t freed = 0;

	for (uint32_t chunk = 0; chunk < shm->chunks; chunk++)
		freed += free_if(&owners[chunk], cached_by(owner));
	return freed;
}

static void
add_held(const struct window *window, uint32_t held[HELD_MAX], size_t *count)
{
	uint32_t first = window->first;
	uint32_t number = window->last - first;

	/* Damaged: window_check() refuses it, and it holds nothing. */
	if (number > SHM_WINDOW_CHUNKS)
		return;
	for (uint32_t i = 0; i < number; i++)
		held[(*count)++] = window->chunk[(first + i) % SHM_WINDOW_CHUNKS];
}

static bool
is_held(const uint32_t *held, size_t count, uint32_t chunk)
{
	for (size_t i = 0; i < count; i++) {
		if (held[i] == chunk)
			return true;
	}
	return false;
}

uint32_t
chunk_sweep_slot(const struct shm *shm, uint32_t slot, const struct slot_session *session)
{
	_Atomic uint32_t *owners = shm_chunk_owners(shm);
	uint32_t held[HELD_MAX];
	size_t count = 0;
	uint32_t freed = 0;

	if (session != NULL) {
		for (unsigned leg = 0; leg < SHM_LEGS; leg++) {
			add_held(&session->input[leg], held, &count);
			add_held(&session->text[leg], held, &count);
		}
		add_held(&session->extension, held, &count);
	}
	for (uint32_t chunk = 0; chunk < shm->chunks; chunk++) {
		if (atomic_load_explicit(&owners[chunk], memory_order_relaxed) != slot + 1)
			continue;
		if (is_held(held, count, chunk))
			continue;
		explicit_bzero(shm_chunk(shm, chunk), SHM_CHUNK_SIZE);
		freed += free_if(&owners[chunk], slot + 1);
	}
	return freed;
}

uint32_t
chunk_count_used(const struct shm *shm, uint32_t first, uint32_t number)
{
	const _Atomic uint32_t *owners = shm_chunk_owners(shm);
	uint32_t count = 0;

	for (uint32_t i = 0; i < number && first + i < shm->chunks; i++) {
		uint32_t owner = atomic_load_explicit(&owners[first + i], memory_order_relaxed);

		count += owner != CHUNK_FREE && (owner & CHUNK_CACHED) == 0;
	}
	return count;
}

uint32_t
chunk_count_free(const struct shm *shm)
{
	return shm->chunks - chunk_count_used(shm, 0, shm->chunks);
}

void
chunk_level_publish(const struct shm *shm, struct chunk_level level)
{
	atomic_store_explicit(
	    shm_chunk_level(shm), (uint64_t)level.serial << 32 | level.used, memory_order_relaxed);
}

struct chunk_level
chunk_level_read(const struct shm *shm)
{
	uint64_t word = atomic_load_explicit(shm_chunk_level(shm), memory_order_relaxed);

	return (struct chunk_level){.used = (uint32_t)word, .serial = (uint32_t)(word >> 32)};
}

uint32_t
chunk_level_free(const struct shm *shm, struct chunk_level level)
{
	return level.used < shm->chunks ? shm->chunks - level.used : 0;
}

bool
chunk_level_is_below(const struct shm *shm, struct chunk_level level, uint32_t part)
{
	return (uint64_t)chunk_level_free(shm, level) * part < shm->chunks;
}
