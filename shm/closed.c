#include "shm/closed.h"

#include <string.h>

static const char *const reason_texts[CLOSE_REASON_COUNT] = {
#define X(name, text) [CLOSE_##name] = text,
    CLOSE_REASONS(X)
#undef X
};

const char *
closed_reason_text(unsigned reason)
{
	return reason < CLOSE_REASON_COUNT ? reason_texts[reason] : "unknown";
}

uint64_t
closed_tickets(const struct closed_ring *ring)
{
	return atomic_load_explicit(&ring->tickets, memory_order_acquire);
}

/* Everything behind the sequence word. */
static void
copy_body(struct closed_entry *to, const struct closed_entry *from)
{
	memcpy((uint8_t *)to + sizeof(to->sequence), (const uint8_t *)from + sizeof(from->sequence),
	    sizeof(*to) - sizeof(to->sequence));
}

void
closed_add(struct closed_ring *ring, const struct closed_entry *entry)
{
	uint64_t ticket = atomic_fetch_add_explicit(&ring->tickets, 1, memory_order_acq_rel);
	struct closed_entry *place = &ring->entry[ticket % CLOSED_ENTRIES];
	uint64_t writing = 2 * ticket + 1;
	uint64_t seen = atomic_load_explicit(&place->sequence, memory_order_relaxed);

	/* A writer that slept while the ring went round gives its entry up. */
	do {
		if (seen >= writing)
			return;
	} while (!atomic_compare_exchange_weak_explicit(
	    &place->sequence, &seen, writing, memory_order_relaxed, memory_order_relaxed));
	atomic_thread_fence(memory_order_release);
	copy_body(place, entry);
	atomic_compare_exchange_strong_explicit(
	    &place->sequence, &writing, writing + 1, memory_order_release, memory_order_relaxed);
}

bool
closed_read(const struct closed_ring *ring, uint64_t ticket, struct closed_entry *ret_entry)
{
	const struct closed_entry *place = &ring->entry[ticket % CLOSED_ENTRIES];
	const uint64_t complete = 2 * ticket + 2;
	struct closed_entry copy;

	if (atomic_load_explicit(&place->sequence, memory_order_acquire) != complete)
		return false;
	copy_body(&copy, place);
	atomic_thread_fence(memory_order_acquire);
	if (atomic_load_explicit(&place->sequence, memory_order_relaxed) != complete)
		return false;
	copy_body(ret_entry, &copy);
	atomic_store_explicit(&ret_entry->sequence, complete, memory_order_relaxed);
	return true;
}
