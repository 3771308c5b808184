/*
 * pool -- how many chunks are in use, and whether that leaves room for another session
 *
 * Counted anew at each tick, part by part when the pool is large, and published for the workers
 * (shm/chunk.h).  Nothing is kept up to date in between: whoever dies where, the next count is right.
 *
 * Supervisor only.
 */
#ifndef SUPERVISOR_POOL_H
#define SUPERVISOR_POOL_H

#include "shm/chunk.h"

struct pool {
	uint32_t
	    next; /* of the count under way: the chunk where it goes on, and what it has found */
	uint32_t used;
	struct chunk_level level; /* of the last whole one */
};

void pool_tick(struct pool *pool, const struct shm *shm);
/* A session more would find no chunk, or take one that those that run need. */
bool pool_is_full(const struct pool *pool, const struct shm *shm);

#endif
