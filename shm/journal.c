#include "shm/journal.h"

uint64_t
journal_append(struct journal_ring *ring, uint32_t slot, uint32_t generation, uint64_t sequence,
    const uint64_t stored[SHM_LEGS])
{
	uint64_t lsn = atomic_load_explicit(&ring->head, memory_order_relaxed) + 1;
	struct journal_entry *entry = &ring->entry[lsn % JOURNAL_ENTRIES];

	atomic_store_explicit(&entry->lsn, 0, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	entry->slot = slot;
	entry->generation = generation;
	entry->sequence = sequence;
	for (unsigned leg = 0; leg < SHM_LEGS; leg++)
		entry->stored[leg] = stored[leg];
	atomic_store_explicit(&entry->lsn, lsn, memory_order_release);
	atomic_store_explicit(&ring->head, lsn, memory_order_release);
	return lsn;
}

static void
copy_body(struct journal_entry *to, const struct journal_entry *from)
{
	to->slot = from->slot;
	to->generation = from->generation;
	to->sequence = from->sequence;
	for (unsigned leg = 0; leg < SHM_LEGS; leg++)
		to->stored[leg] = from->stored[leg];
}

/* Where a reader that has lost `lsn` goes on: half a ring behind the head, so that the writer does
 * not overtake it at once again, and always beyond `lsn`. */
static enum journal_result
gap(uint64_t head, uint64_t lsn, uint64_t *ret_oldest)
{
	uint64_t oldest = head < JOURNAL_ENTRIES / 2 ? 1 : head - JOURNAL_ENTRIES / 2 + 1;

	*ret_oldest = oldest > lsn ? oldest : lsn + 1;
	return JOURNAL_GAP;
}

enum journal_result
journal_read(const struct journal_ring *ring, uint64_t lsn, struct journal_entry *ret_entry,
    uint64_t *ret_oldest)
{
	const struct journal_entry *entry = &ring->entry[lsn % JOURNAL_ENTRIES];
	uint64_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
	struct journal_entry copy;

	if (lsn > head)
		return JOURNAL_EMPTY;
	if (lsn == 0 || head - lsn >= JOURNAL_ENTRIES)
		return gap(head, lsn, ret_oldest);
	if (atomic_load_explicit(&entry->lsn, memory_order_acquire) == lsn) {
		copy_body(&copy, entry);
		atomic_thread_fence(memory_order_acquire);
		if (atomic_load_explicit(&entry->lsn, memory_order_relaxed) == lsn) {
			copy_body(ret_entry, &copy);
			atomic_store_explicit(&ret_entry->lsn, lsn, memory_order_relaxed);
			return JOURNAL_ENTRY;
		}
	}
	return gap(atomic_load_explicit(&ring->head, memory_order_acquire), lsn, ret_oldest);
}
