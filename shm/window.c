#include "shm/window.h"

#include "shm/chunk.h"
#include "shm/region.h"

#include <errno.h>
#include <string.h>

static uint32_t
window_held(const struct window *window)
{
	return atomic_load_explicit(&window->last, memory_order_relaxed) -
	       atomic_load_explicit(&window->first, memory_order_relaxed);
}

static uint64_t
window_position(const struct window *window, uint32_t number)
{
	return atomic_load_explicit(&window->origin, memory_order_relaxed) +
	       (uint64_t)number * SHM_CHUNK_SIZE;
}

void
window_rebase(struct window *window, uint64_t position)
{
	uint32_t last = atomic_load_explicit(&window->last, memory_order_relaxed);

	/* The numbers stay, the origin moves: modulo 2^64, so it may lie "below" zero. */
	atomic_store_explicit(
	    &window->origin, position - (uint64_t)last * SHM_CHUNK_SIZE, memory_order_release);
}

bool
window_is_empty(const struct window *window)
{
	return window_held(window) == 0;
}

uint64_t
window_start(const struct window *window)
{
	return window_position(window, atomic_load_explicit(&window->first, memory_order_relaxed));
}

uint64_t
window_end(const struct window *window)
{
	return window_position(window, atomic_load_explicit(&window->last, memory_order_relaxed));
}

bool
window_is_full(const struct window *window)
{
	return window_held(window) >= SHM_WINDOW_CHUNKS;
}

int
window_append(
    struct window *window, const struct shm *shm, struct chunk_cache *cache, uint32_t slot)
{
	uint32_t last = atomic_load_explicit(&window->last, memory_order_relaxed);
	uint32_t chunk;

	if (window_is_full(window))
		return -ENOSPC;
	chunk = chunk_take(shm, cache, slot);
	if (chunk == SHM_NO_CHUNK)
		return -ENOBUFS;
	atomic_store_explicit(
	    &window->chunk[last % SHM_WINDOW_CHUNKS], chunk, memory_order_relaxed);
	atomic_store_explicit(&window->last, last + 1, memory_order_release);
	return 0;
}

static void
window_drop_first(
    struct window *window, const struct shm *shm, struct chunk_cache *cache, bool wipe)
{
	uint32_t first = atomic_load_explicit(&window->first, memory_order_relaxed);
	uint32_t chunk =
	    atomic_load_explicit(&window->chunk[first % SHM_WINDOW_CHUNKS], memory_order_relaxed);

	atomic_store_explicit(&window->first, first + 1, memory_order_release);
	chunk_give(shm, cache, chunk, wipe);
}

void
window_release_below(struct window *window, const struct shm *shm, struct chunk_cache *cache,
    uint64_t position, bool wipe)
{
	while (!window_is_empty(window) && position - window_start(window) >= SHM_CHUNK_SIZE &&
	       position - window_start(window) <= UINT64_MAX / 2)
		window_drop_first(window, shm, cache, wipe);
}

void
window_release_all(
    struct window *window, const struct shm *shm, struct chunk_cache *cache, bool wipe)
{
	while (!window_is_empty(window))
		window_drop_first(window, shm, cache, wipe);
}

uint8_t *
window_span(const struct window *window, const struct shm *shm, uint64_t position, size_t most,
    size_t *ret_length)
{
	uint64_t offset = position - window_start(window);
	uint32_t first = atomic_load_explicit(&window->first, memory_order_relaxed);
	uint32_t chunk;
	size_t inside, left;
	uint8_t *base;

	if (offset >= (uint64_t)window_held(window) * SHM_CHUNK_SIZE)
		return NULL;
	inside = (size_t)(offset % SHM_CHUNK_SIZE);
	chunk = atomic_load_explicit(
	    &window->chunk[(first + (uint32_t)(offset / SHM_CHUNK_SIZE)) % SHM_WINDOW_CHUNKS],
	    memory_order_relaxed);
	base = shm_chunk(shm, chunk);
	if (base == NULL)
		return NULL;
	left = SHM_CHUNK_SIZE - inside;
	*ret_length = left < most ? left : most;
	return base + inside;
}

bool
window_read(
    const struct window *window, const struct shm *shm, uint64_t position, void *to, size_t length)
{
	uint8_t *out = to;

	while (length > 0) {
		size_t part;
		const uint8_t *span = window_span(window, shm, position, length, &part);

		if (span == NULL)
			return false;
		memcpy(out, span, part);
		out += part;
		position += part;
		length -= part;
	}
	return true;
}

bool
window_write(struct window *window, const struct shm *shm, uint64_t position, const void *from,
    size_t length)
{
	const uint8_t *in = from;

	while (length > 0) {
		size_t part;
		uint8_t *span = window_span(window, shm, position, length, &part);

		if (span == NULL)
			return false;
		memcpy(span, in, part);
		in += part;
		position += part;
		length -= part;
	}
	return true;
}

bool
window_check(const struct window *window, const struct shm *shm, uint32_t slot)
{
	uint32_t first = atomic_load(&window->first);
	uint32_t held = atomic_load(&window->last) - first;

	if (held > SHM_WINDOW_CHUNKS)
		return false;
	for (uint32_t i = 0; i < held; i++) {
		uint32_t chunk = atomic_load(&window->chunk[(first + i) % SHM_WINDOW_CHUNKS]);

		if (chunk >= shm->chunks || atomic_load(&shm_chunk_owners(shm)[chunk]) != slot + 1)
			return false;
	}
	return true;
}
