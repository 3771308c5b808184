#include "shm/release.h"

#define MODE_BITS 2u

void
release_set(struct release_state *state, enum release_mode mode)
{
	uint64_t turn = release_word(state) >> MODE_BITS;

	atomic_store_explicit(
	    &state->word, ((turn + 1) << MODE_BITS) | (uint64_t)mode, memory_order_seq_cst);
}

uint64_t
release_word(const struct release_state *state)
{
	return atomic_load_explicit(&state->word, memory_order_acquire);
}

/* A word that is none of ours holds everything. */
enum release_mode
release_mode(uint64_t word)
{
	uint64_t mode = word & ((1u << MODE_BITS) - 1);

	return mode == RELEASE_ALONE || mode == RELEASE_PAIRED ? (enum release_mode)mode
							       : RELEASE_HELD;
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
