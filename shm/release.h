/*
 * release -- what may leave this host: sync decides, the workers obey
 *
 * One word says how a commit becomes an act:
 *
 *   RELEASE_ALONE   published here is committed: workers act at once (standalone, or degraded)
 *   RELEASE_PAIRED  a worker acts on a commit when the standby has acknowledged it
 *   RELEASE_HELD    nothing leaves, whatever is committed or acknowledged
 *
 * With the word rises a turn.  A worker notes in its pulse the turn that it has seen; what it has
 * published before may have been acted upon under the turn before, all later commits obey the new one.
 * So sync begins a snapshot only when every worker has seen RELEASE_PAIRED.
 *
 * What is acknowledged is told twice, by what the reader needs: for each slot the sequence of its newest
 * acknowledged record (release_slot_acknowledged(): an adopter finds out by it what the dead worker could do), and
 * for each worker the position in its own journal up to which everything is acknowledged, or needs no
 * acknowledgement.  A worker so finds the sessions that may go on in the order in which it committed
 * them, and looks at no other.
 *
 * Two eventfds wake: one each worker, by sync, once for a batch of acknowledgements; one sync, by any
 * worker, after appending to its journal, and only if sync has said that it sleeps
 * (release_sleep()).  Called by sync and workers; the supervisor sets the first word at start.
 */
#ifndef SHM_RELEASE_H
#define SHM_RELEASE_H

#include "shm/layout.h"

#include <stdbool.h>

struct slot_sync;

enum release_mode { RELEASE_ALONE, RELEASE_PAIRED, RELEASE_HELD };

#define RELEASE_MODE_BITS 2u

struct release_state {
	_Atomic uint64_t word; /* (turn << RELEASE_MODE_BITS) | enum release_mode */
	_Atomic uint32_t keeps;
	_Alignas(SHM_CACHE_LINE) _Atomic uint32_t sleeps;
	/* Journal position of each worker, as above. */
	_Alignas(SHM_CACHE_LINE) _Atomic uint64_t acknowledged[SHM_WORKERS_MAX];
};
_Static_assert(sizeof(struct release_state) == 2 * SHM_CACHE_LINE + 8 * SHM_WORKERS_MAX,
    "release state is part of the ABI");

/* Sync, and the supervisor before there is one: another mode, or the same again with a new turn. */
void release_set(struct release_state *state, enum release_mode mode);
static inline uint64_t
release_word(const struct release_state *state)
{
	return atomic_load_explicit(&state->word, memory_order_acquire);
}

/* A word that is none of ours holds everything. */
static inline enum release_mode
release_mode(uint64_t word)
{
	uint64_t mode = word & ((1u << RELEASE_MODE_BITS) - 1);

	return mode == RELEASE_ALONE || mode == RELEASE_PAIRED ? (enum release_mode)mode
							       : RELEASE_HELD;
}

/* Sync: what a receiver's TCP has not acknowledged stays in the records and windows also in
 * RELEASE_ALONE, as it always does in the other modes: there is a pair, and a standby to come will need
 * it.  Takes effect on a session with its next commit. */
void release_keep(struct release_state *state, bool keeps);
static inline bool
release_keeps(const struct release_state *state)
{
	return atomic_load_explicit(&state->keeps, memory_order_acquire) != 0 ||
	       release_mode(release_word(state)) != RELEASE_ALONE;
}

/* Sync: everything of that worker's journal up to `lsn`. Never goes back. */
void release_acknowledge(struct release_state *state, uint32_t worker, uint64_t lsn);
uint64_t release_acknowledged(const struct release_state *state, uint32_t worker);

/* Sync: the standby has the record of that sequence, of the slot's session of that generation, and its
 * input up to `received`. */
void release_acknowledge_slot(struct slot_sync *sync, uint32_t generation, uint64_t sequence,
    const uint64_t received[SHM_LEGS]);
/* The sequence; 0: nothing of that generation. */
uint64_t release_slot_acknowledged(const struct slot_sync *sync, uint32_t generation);

/* Sync: before it looks at the journals for the last time and waits; and when it is awake again. */
void release_sleep(struct release_state *state);
void release_wake(struct release_state *state);
/* Worker, after journal_append(): whether sync is to be woken. */
bool release_sleeps(const struct release_state *state);

#endif
