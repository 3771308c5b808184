#include "shm/embryos.h"

#include <stdbool.h>
#include <string.h>

static uint32_t
count_of(const struct embryos *embryos)
{
	uint32_t count = atomic_load_explicit(&embryos->count, memory_order_relaxed);

	return count < EMBRYO_MOST ? count : EMBRYO_MOST;
}

static uint32_t
oldest(const struct embryos *embryos)
{
	uint32_t found = 0;

	for (uint32_t i = 1; i < EMBRYO_MOST; i++)
		if (embryos->entry[i].seen_ms < embryos->entry[found].seen_ms)
			found = i;
	return found;
}

static bool
is_of(
    const struct embryo *embryo, const struct shm_endpoint *local, const struct shm_endpoint *peer)
{
	return memcmp(&embryo->peer, peer, sizeof(*peer)) == 0 &&
	       memcmp(&embryo->local, local, sizeof(*local)) == 0;
}

void
embryos_remove(
    struct embryos *embryos, const struct shm_endpoint *local, const struct shm_endpoint *peer)
{
	uint32_t count = count_of(embryos);

	for (uint32_t i = 0; i < count; i++) {
		if (!is_of(&embryos->entry[i], local, peer))
			continue;
		embryos->entry[i] = embryos->entry[count - 1];
		atomic_store_explicit(&embryos->count, count - 1, memory_order_release);
		return;
	}
}

void
embryos_add(struct embryos *embryos, const struct embryo *embryo)
{
	uint32_t count;

	/* A SYN-ACK that is sent again is an embryo again. */
	embryos_remove(embryos, &embryo->local, &embryo->peer);
	count = count_of(embryos);
	if (count == EMBRYO_MOST) {
		embryos->entry[oldest(embryos)] = *embryo;
		atomic_store_explicit(&embryos->count, EMBRYO_MOST, memory_order_release);
		return;
	}
	embryos->entry[count] = *embryo;
	atomic_store_explicit(&embryos->count, count + 1, memory_order_release);
}

void
embryos_clear(struct embryos *embryos)
{
	atomic_store_explicit(&embryos->count, 0, memory_order_release);
}
