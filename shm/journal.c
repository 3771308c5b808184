#include "shm/journal.h"

#include <string.h>

void
journal_append(struct journal_ring *ring, uint32_t slot, uint32_t generation, uint64_t sequence,
    const uint64_t stored[SHM_LEGS])
{
	uint64_t lsn = atomic_load_explicit(&ring->head, memory_order_relaxed) + 1;
	struct journal_entry *entry = &ring->entry[lsn % JOURNAL_ENTRIES];

	/* 0 first: a reader of the overwritten entry finds out. */
	atomic_store_explicit(&entry->lsn, 0, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	entry->slot = slot;
	entry->generation = generation;
	entry->sequence = sequence;
	memcpy(entry->stored, stored, sizeof(entry->stored));
	atomic_store_explicit(&entry->lsn, lsn, memory_order_release);
	atomic_store_explicit(&ring->head, lsn, memory_order_release);
}

enum journal_result
journal_read(const struct journal_ring *ring, uint64_t lsn, struct journal_entry *ret_entry,
    uint64_t *ret_oldest)
{
	const struct journal_entry *entry = &ring->entry[lsn % JOURNAL_ENTRIES];
	uint64_t head = atomic_load_explicit(&ring->head, memory_order_acquire);

	if (lsn > head)
		return JOURNAL_EMPTY;
	if (lsn > 0 && head - lsn < JOURNAL_ENTRIES &&
	    atomic_load_explicit(&entry->lsn, memory_order_acquire) == lsn) {
		*ret_entry = (struct journal_entry){.slot = entry->slot,
		    .generation = entry->generation,
		    .sequence = entry->sequence,
		    .stored = {entry->stored[SHM_CLIENT], entry->stored[SHM_SERVER]}};
		atomic_store_explicit(&ret_entry->lsn, lsn, memory_order_relaxed);
		atomic_thread_fence(memory_order_acquire);
		if (atomic_load_explicit(&entry->lsn, memory_order_relaxed) == lsn)
			return JOURNAL_ENTRY;
	}
	/* Half a ring ahead, so that the writer does not overtake at once again. */
	*ret_oldest = head < JOURNAL_ENTRIES / 2 ? 1 : head - JOURNAL_ENTRIES / 2 + 1;
	return JOURNAL_GAP;
}
