#include "shm/release.h"

#include "shm/slot.h"

void
release_set(struct release_state *state, enum release_mode mode)
{
	uint64_t turn = release_word(state) >> RELEASE_MODE_BITS;

	atomic_store_explicit(
	    &state->word, ((turn + 1) << RELEASE_MODE_BITS) | (uint64_t)mode, memory_order_seq_cst);
}

void
release_keep(struct release_state *state, bool keeps)
{
	atomic_store_explicit(&state->keeps, keeps, memory_order_release);
}

void
release_acknowledge(struct release_state *state, uint32_t worker, uint64_t lsn)
{
	if (worker < SHM_WORKERS_MAX && release_acknowledged(state, worker) < lsn)
		atomic_store_explicit(&state->acknowledged[worker], lsn, memory_order_release);
}

uint64_t
release_acknowledged(const struct release_state *state, uint32_t worker)
{
	if (worker >= SHM_WORKERS_MAX)
		return 0;
	return atomic_load_explicit(&state->acknowledged[worker], memory_order_acquire);
}

/* In this order: what is of the last generation is never taken for this one's. */
void
release_acknowledge_slot(struct slot_sync *sync, uint32_t generation, uint64_t sequence,
    const uint64_t received[SHM_LEGS])
{
	if (atomic_load_explicit(&sync->generation, memory_order_relaxed) != generation) {
		atomic_store_explicit(&sync->acknowledged, 0, memory_order_relaxed);
		atomic_store_explicit(&sync->generation, generation, memory_order_release);
	}
	for (int leg = 0; leg < SHM_LEGS; leg++)
		atomic_store_explicit(&sync->received[leg], received[leg], memory_order_relaxed);
	atomic_store_explicit(&sync->acknowledged, sequence, memory_order_release);
}

uint64_t
release_slot_acknowledged(const struct slot_sync *sync, uint32_t generation)
{
	if (atomic_load_explicit(&sync->generation, memory_order_acquire) != generation)
		return 0;
	return atomic_load_explicit(&sync->acknowledged, memory_order_acquire);
}

/* Against release_sleeps(): either the worker sees the word, or sync sees the entry. */
void
release_sleep(struct release_state *state)
{
	atomic_store_explicit(&state->sleeps, 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst);
}

void
release_wake(struct release_state *state)
{
	atomic_store_explicit(&state->sleeps, 0, memory_order_relaxed);
}

bool
release_sleeps(const struct release_state *state)
{
	atomic_thread_fence(memory_order_seq_cst);
	return atomic_load_explicit(&state->sleeps, memory_order_relaxed) != 0;
}
