#include "shm/window.h"

#include "shm/chunk.h"
#include "shm/region.h"
#include "shm/slot.h"

#include <errno.h>
#include <string.h>

/* Every access of a worker to its own window; nobody else writes it. */
static uint32_t
held(const struct window *window)
{
	return window->last - window->first;
}

/* May go round modulo 2^64 when a window is rebased below what it has counted: only differences
 * of positions are used. */
static uint64_t
number_position(const struct window *window, uint32_t number)
{
	return window->origin + (uint64_t)number * SHM_CHUNK_SIZE;
}

void
window_rebase(struct window *window, uint64_t position)
{
	if (window_is_empty(window))
		atomic_store_explicit(&window->origin,
		    position - (uint64_t)window->first * SHM_CHUNK_SIZE, memory_order_release);
}

bool
window_is_empty(const struct window *window)
{
	return held(window) == 0;
}

uint64_t
window_start(const struct window *window)
{
	return number_position(window, window->first);
}

uint64_t
window_end(const struct window *window)
{
	return number_position(window, window->last);
}

bool
window_is_full(const struct window *window)
{
	return held(window) >= SHM_WINDOW_CHUNKS;
}

bool
window_is_read_full(const struct window *window, uint64_t stored)
{
	return !window_is_empty(window) && stored - window_start(window) >= SHM_READ_MAX;
}

int
window_append(
    struct window *window, const struct shm *shm, struct chunk_cache *cache, uint32_t slot)
{
	uint32_t last = window->last;
	uint32_t chunk;

	/* The number of a chunk does not come again: 2^32 of them are 256 TiB of one session. */
	if (window_is_full(window) || last == UINT32_MAX)
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
drop_first(struct window *window, const struct shm *shm, struct chunk_cache *cache, bool wipe)
{
	uint32_t first = window->first;
	uint32_t chunk = window->chunk[first % SHM_WINDOW_CHUNKS];

	atomic_store_explicit(&window->first, first + 1, memory_order_release);
	chunk_give(shm, cache, chunk, wipe);
}

void
window_release_below(struct window *window, const struct shm *shm, struct chunk_cache *cache,
    uint64_t position, bool wipe)
{
	while (!window_is_empty(window)) {
		uint64_t above = position - window_start(window);

		/* A position below the start is far above it modulo 2^64. */
		if (above < SHM_CHUNK_SIZE || above > (uint64_t)INT64_MAX)
			return;
		drop_first(window, shm, cache, wipe);
	}
}

void
window_release_all(
    struct window *window, const struct shm *shm, struct chunk_cache *cache, bool wipe)
{
	while (!window_is_empty(window))
		drop_first(window, shm, cache, wipe);
}

uint8_t *
window_span(const struct window *window, const struct shm *shm, uint64_t position, size_t most,
    size_t *ret_length)
{
	uint64_t offset = position - window_start(window);
	uint32_t number, within;
	uint8_t *bytes;
	size_t length;

	if (held(window) > SHM_WINDOW_CHUNKS || offset >= (uint64_t)held(window) * SHM_CHUNK_SIZE)
		return NULL;
	number = window->first + (uint32_t)(offset / SHM_CHUNK_SIZE);
	within = (uint32_t)(offset % SHM_CHUNK_SIZE);
	bytes = shm_chunk(shm, window->chunk[number % SHM_WINDOW_CHUNKS]);
	if (bytes == NULL)
		return NULL;
	length = SHM_CHUNK_SIZE - within;
	*ret_length = length < most ? length : most;
	return bytes + within;
}

static bool
holds(const struct window *window, uint64_t position, size_t length)
{
	uint64_t size = (uint64_t)held(window) * SHM_CHUNK_SIZE;
	uint64_t offset = position - window_start(window);

	return offset <= size && length <= size - offset;
}

bool
window_read(
    const struct window *window, const struct shm *shm, uint64_t position, void *to, size_t length)
{
	uint8_t *out = to;

	if (!holds(window, position, length))
		return false;
	while (length > 0) {
		size_t part;
		const uint8_t *bytes = window_span(window, shm, position, length, &part);

		if (bytes == NULL)
			return false;
		memcpy(out, bytes, part);
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

	if (!holds(window, position, length))
		return false;
	while (length > 0) {
		size_t part;
		uint8_t *bytes = window_span(window, shm, position, length, &part);

		if (bytes == NULL)
			return false;
		memcpy(bytes, in, part);
		in += part;
		position += part;
		length -= part;
	}
	return true;
}

/* The chunk `index` places behind the first. */
static uint32_t
chunk_at(const struct window *window, uint32_t index)
{
	return window->chunk[(window->first + index) % SHM_WINDOW_CHUNKS];
}

static bool
names(const struct window *window, uint32_t from, uint32_t chunk)
{
	for (uint32_t i = from; i < held(window); i++) {
		if (chunk_at(window, i) == chunk)
			return true;
	}
	return false;
}

bool
window_check(const struct window *window, const struct shm *shm, uint32_t slot)
{
	const _Atomic uint32_t *owners = shm_chunk_owners(shm);
	uint32_t first = window->first, last = window->last;

	if (last < first || last - first > SHM_WINDOW_CHUNKS)
		return false;
	/* The run of positions must not go round. */
	if (first != last && window_end(window) - 1 < window_start(window))
		return false;
	for (uint32_t i = 0; i < last - first; i++) {
		uint32_t chunk = chunk_at(window, i);

		if (chunk >= shm->chunks || owners[chunk] != slot + 1)
			return false;
		if (names(window, i + 1, chunk))
			return false;
	}
	return true;
}

bool
window_check_slot(const struct slot_session *session, const struct shm *shm, uint32_t slot)
{
	const struct window *windows[] = {
	    &session->input[SHM_CLIENT],
	    &session->input[SHM_SERVER],
	    &session->text[SHM_CLIENT],
	    &session->text[SHM_SERVER],
	    &session->extension,
	};
	const size_t count = sizeof(windows) / sizeof(windows[0]);

	for (size_t i = 0; i < count; i++) {
		if (!window_check(windows[i], shm, slot))
			return false;
	}
	for (size_t i = 0; i < count; i++) {
		for (uint32_t k = 0; k < held(windows[i]); k++) {
			for (size_t other = i + 1; other < count; other++) {
				if (names(windows[other], 0, chunk_at(windows[i], k)))
					return false;
			}
		}
	}
	return true;
}
