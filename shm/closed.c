#include "shm/closed.h"

#include <stddef.h>
#include <string.h>

static const char *const reason_text[CLOSE_REASON_COUNT] = {
#define X(name, text) [CLOSE_##name] = text,
    CLOSE_REASONS(X)
#undef X
};

const char *
closed_reason_text(unsigned reason)
{
	return reason < CLOSE_REASON_COUNT ? reason_text[reason] : "unknown";
}

#define BODY offsetof(struct closed_entry, session_id)

void
closed_add(struct closed_ring *ring, const struct closed_entry *entry)
{
	uint64_t ticket = atomic_fetch_add(&ring->tickets, 1);
	struct closed_entry *place = &ring->entry[ticket % CLOSED_ENTRIES];

	atomic_store_explicit(&place->sequence, 2 * ticket + 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	memcpy((uint8_t *)place + BODY, (const uint8_t *)entry + BODY, sizeof(*entry) - BODY);
	atomic_store_explicit(&place->sequence, 2 * ticket + 2, memory_order_release);
}

bool
closed_read(const struct closed_ring *ring, uint64_t ticket, struct closed_entry *ret_entry)
{
	const struct closed_entry *place = &ring->entry[ticket % CLOSED_ENTRIES];
	uint64_t complete = 2 * ticket + 2;

	if (atomic_load_explicit(&place->sequence, memory_order_acquire) != complete)
		return false;
	memcpy((uint8_t *)ret_entry + BODY, (const uint8_t *)place + BODY, sizeof(*place) - BODY);
	atomic_thread_fence(memory_order_acquire);
	atomic_store_explicit(&ret_entry->sequence, complete, memory_order_relaxed);
	return atomic_load_explicit(&place->sequence, memory_order_relaxed) == complete;
}

uint64_t
closed_tickets(const struct closed_ring *ring)
{
	return atomic_load_explicit(&ring->tickets, memory_order_acquire);
}
