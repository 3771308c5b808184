#include "shm/spoken.h"

void
spoken_set(const struct shm *shm, uint32_t slot)
{
	if (slot < shm->slots)
		atomic_fetch_or_explicit(&shm_spoken(shm)[slot / SPOKEN_BITS],
		    1ull << slot % SPOKEN_BITS, memory_order_release);
}

void
spoken_clear(const struct shm *shm, uint32_t slot)
{
	_Atomic uint64_t *word;
	uint64_t bit = 1ull << slot % SPOKEN_BITS;

	if (slot >= shm->slots)
		return;
	word = &shm_spoken(shm)[slot / SPOKEN_BITS];
	/* Most sessions find it clear: the line stays with whoever has it. */
	if (atomic_load_explicit(word, memory_order_relaxed) & bit)
		atomic_fetch_and_explicit(word, ~bit, memory_order_relaxed);
}

uint64_t
spoken_word(const struct shm *shm, uint32_t index)
{
	if (index >= SPOKEN_WORDS(shm->slots))
		return 0;
	return atomic_load_explicit(&shm_spoken(shm)[index], memory_order_acquire);
}
