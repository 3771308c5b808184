/*
 * window -- a run of stream positions held in chunks
 *
 * Position p lies in chunk number (p - origin) / SHM_CHUNK_SIZE, held for first <= number < last;
 * the chunk's index is chunk[number % SHM_WINDOW_CHUNKS].  One writer (the owning worker); each
 * intermediate state of an update is valid, because an adopter may find any of them:
 *   append   chunk[] first, then `last`
 *   drop     `first`, then the chunk is given back
 *   rebase   only while empty: one store of `origin`
 *
 * A window received by adoption is hostile: window_check() first.
 */
#ifndef SHM_WINDOW_H
#define SHM_WINDOW_H

#include "shm/layout.h"

#include <stdbool.h>
#include <stddef.h>

struct window {
	_Atomic uint64_t origin;
	_Atomic uint32_t first;
	_Atomic uint32_t last;
	_Atomic uint32_t chunk[SHM_WINDOW_CHUNKS];
};
_Static_assert(sizeof(struct window) == SHM_CACHE_LINE, "window is part of the ABI");

struct shm;
struct chunk_cache;
struct slot_session;

/* Empty, the next chunk starting at `position`. Only when it holds no chunk. */
void window_rebase(struct window *window, uint64_t position);
bool window_is_empty(const struct window *window);
uint64_t window_start(const struct window *window); /* first position held (= end if empty) */
uint64_t window_end(const struct window *window);   /* first position beyond the held chunks */
bool window_is_full(const struct window *window);   /* SHM_WINDOW_CHUNKS held */
/* In a pair, all being stored up to `stored`: nothing behind that is read before some of it is needed no longer. */
bool window_is_read_full(const struct window *window, uint64_t stored);

/* Takes one chunk from the cache for `slot` and appends it. -ENOBUFS no chunk, -ENOSPC full. */
int window_append(
    struct window *window, const struct shm *shm, struct chunk_cache *cache, uint32_t slot);

/* Gives back every chunk that lies wholly below `position`; with wipe they are zeroed first. */
void window_release_below(struct window *window, const struct shm *shm, struct chunk_cache *cache,
    uint64_t position, bool wipe);
void window_release_all(
    struct window *window, const struct shm *shm, struct chunk_cache *cache, bool wipe);

/* The bytes from `position` to the end of its chunk, at most `most`; NULL when not held. */
uint8_t *window_span(const struct window *window, const struct shm *shm, uint64_t position,
    size_t most, size_t *ret_length);

/* Copies [position, position + length) out or in across chunks; false if not wholly held. */
bool window_read(
    const struct window *window, const struct shm *shm, uint64_t position, void *to, size_t length);
bool window_write(struct window *window, const struct shm *shm, uint64_t position, const void *from,
    size_t length);

/* Bounds, and that each chunk held is owned by this slot. */
bool window_check(const struct window *window, const struct shm *shm, uint32_t slot);
/* window_check() of every window of the slot, and that no chunk stands in two places: it would
 * be given back twice, the second time from under another session. */
bool window_check_slot(const struct slot_session *session, const struct shm *shm, uint32_t slot);

#endif
