/*
 * journal -- the order of a worker's commits
 *
 * Each worker has a ring of notices, one per commit: which slot, which record sequence, and the
 * positions up to which input is committed.  The entry proper is the record with the bytes that
 * its outlets and windows name, the second part of its inspection state among them; a session has
 * at most one unacknowledged entry, so the ring needs no payload.  Single writer; a reader that falls behind by more than the ring finds a gap in the
 * log sequence numbers and must scan the slots instead (journal_read() says so).
 */
#ifndef SHM_JOURNAL_H
#define SHM_JOURNAL_H

#include "shm/layout.h"
#include "shm/process.h"

#include <stdbool.h>

#define JOURNAL_ENTRIES 8192u

struct journal_entry {
	_Atomic uint64_t lsn; /* 1, 2, ...; 0 while it is written */
	uint32_t slot;
	uint32_t generation;
	uint64_t sequence;
	uint64_t stored[SHM_LEGS];
};

struct journal_ring {
	struct worker_pulse pulse;
	_Alignas(SHM_CACHE_LINE) _Atomic uint64_t head; /* lsn of the newest entry */
	_Alignas(SHM_CACHE_LINE) struct journal_entry entry[JOURNAL_ENTRIES];
};

enum journal_result { JOURNAL_ENTRY, JOURNAL_EMPTY, JOURNAL_GAP };

/* Returns the entry's lsn. */
uint64_t journal_append(struct journal_ring *ring, uint32_t slot, uint32_t generation,
    uint64_t sequence, const uint64_t stored[SHM_LEGS]);
/* Copies entry `lsn`. JOURNAL_GAP: overwritten; go on at *ret_oldest after a scan of the slots. */
enum journal_result journal_read(const struct journal_ring *ring, uint64_t lsn,
    struct journal_entry *ret_entry, uint64_t *ret_oldest);

#endif
