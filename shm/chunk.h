/*
 * chunk -- the pool of 64 KiB chunks
 *
 * owner[c] says whom chunk c belongs to: CHUNK_FREE, a slot (slot + 1), or the cache of a worker
 * (CHUNK_CACHED | owner word).  A chunk is taken by compare-and-swap from CHUNK_FREE, so workers
 * need no lock and a worker that dies anywhere leaves nothing worse than chunks marked as its
 * own: chunk_sweep() returns those of a dead worker, chunk_sweep_slot() those of a slot that no
 * window names.  The cache is worker-private and last-in-first-out: hot pages are used again.
 *
 * A cache that has found the pool empty does not look again before it is told to, or gets a chunk
 * back: so many may ask in vain at no cost.
 */
#ifndef SHM_CHUNK_H
#define SHM_CHUNK_H

#include "shm/region.h"

#define CHUNK_FREE	 0u
#define CHUNK_CACHED	 0x80000000u
#define CHUNK_CACHE_SIZE 64u

struct slot_session;

struct chunk_cache {
	uint32_t owner; /* PROCESS_OWNER() of this worker */
	uint32_t count;
	uint32_t hint; /* where the next scan begins */
	uint32_t most; /* holds no more than that */
	uint32_t
	    reserve; /* the last ones, not for input: what is held leaves by the help of these */
	bool dry;    /* the pool was empty */
	uint32_t chunk[CHUNK_CACHE_SIZE];
};

void chunk_cache_init(struct chunk_cache *cache, uint32_t owner);
/* Bounds the cache by its share of the pool, to next to nothing while chunks are short; gives back what is
 * above. */
void chunk_cache_bound(const struct shm *shm, struct chunk_cache *cache, bool is_short);
void chunk_cache_look_again(struct chunk_cache *cache);
/* There are more than `kept` chunks for this cache. */
bool chunk_is_there(const struct shm *shm, struct chunk_cache *cache, uint32_t kept);
uint32_t chunk_take(const struct shm *shm, struct chunk_cache *cache, uint32_t slot);
void chunk_give(const struct shm *shm, struct chunk_cache *cache, uint32_t chunk, bool wipe);

/* Frees what the cache of the dead worker `owner` held. Returns how many. */
uint32_t chunk_sweep(const struct shm *shm, uint32_t owner);
/* Frees chunks owned by `slot` that none of its windows holds; all of them with NULL.  They are
 * zeroed: whether credentials lie in them is no longer known.  Only for the owner of the slot. */
uint32_t chunk_sweep_slot(const struct shm *shm, uint32_t slot, const struct slot_session *session);

uint32_t chunk_count_free(const struct shm *shm); /* cached ones count as free */
/* Of `number` chunks from `first` on (cut at the pool's end): how many are not free. */
uint32_t chunk_count_used(const struct shm *shm, uint32_t first, uint32_t number);

/*
 * How full the pool is, as the supervisor has last counted it: one word in control, for those who
 * cannot count the whole pool each time they ask.  When less than one part in CHUNK_SHORT of the pool
 * is free, everyone holds less; in CHUNK_SHED, sessions that stand still while they hold chunks are
 * ended; in CHUNK_REFUSE, no session is begun.
 */
#define CHUNK_SHORT  4u
#define CHUNK_SHED   8u
#define CHUNK_REFUSE 16u

struct chunk_level {
	uint32_t used;
	uint32_t serial; /* another one with each count; 0: not counted yet */
};

void chunk_level_publish(const struct shm *shm, struct chunk_level level);
struct chunk_level chunk_level_read(const struct shm *shm);
uint32_t chunk_level_free(const struct shm *shm, struct chunk_level level);
bool chunk_level_is_below(const struct shm *shm, struct chunk_level level, uint32_t part);

#endif
