#include "daemon/supervisor/pool.h"

/* 16 GiB of chunks; their owner words are 1 MiB. */
#define CHUNKS_PER_TICK (1u << 18)

void
pool_tick(struct pool *pool, const struct shm *shm)
{
	pool->used += chunk_count_used(shm, pool->next, CHUNKS_PER_TICK);
	if (shm->chunks - pool->next > CHUNKS_PER_TICK) {
		pool->next += CHUNKS_PER_TICK;
		return;
	}
	pool->level.used = pool->used;
	pool->level.serial++;
	chunk_level_publish(shm, pool->level);
	pool->next = pool->used = 0;
}

bool
pool_is_full(const struct pool *pool, const struct shm *shm)
{
	return chunk_level_is_below(shm, pool->level, CHUNK_REFUSE);
}
