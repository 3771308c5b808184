#include "shm/event_ring.h"

#include "shm/gateway_clock.h"

#include <string.h>

static const struct event_description descriptions[] = {
#define EVENT(id, severity, name, text, help) {id, severity, #name, text, help},
#include "shm/events.def"
#undef EVENT
};

const struct event_description *
event_describe(uint32_t id)
{
	for (size_t i = 0; i < sizeof(descriptions) / sizeof(descriptions[0]); i++) {
		if (descriptions[i].id == id)
			return &descriptions[i];
	}
	return NULL;
}

void
event_init(struct event *event, uint32_t id, uint64_t session_id)
{
	memset(event, 0, sizeof(*event));
	event->id = id;
	event->session_id = session_id;
	event->realtime_us = realtime_now_us();
}

void
event_add_text(struct event *event, const char *text, size_t length)
{
	size_t used = 0;

	if (event->texts >= EVENT_TEXTS)
		return;
	for (unsigned i = 0; i < event->texts; i++)
		used += event->text_length[i];
	if (length > EVENT_TEXT_SIZE - used)
		length = EVENT_TEXT_SIZE - used;
	if (length > 0)
		memcpy(event->text + used, text, length);
	event->text_length[event->texts++] = (uint16_t)length;
}

/* The event may come from another process: its lengths are cut to the room there is. */
void
event_text(const struct event *event, unsigned index, const char **ret_text, size_t *ret_length)
{
	size_t used = 0, length = 0;

	for (unsigned i = 0; i <= index && i < EVENT_TEXTS; i++) {
		used += length;
		length = event->text_length[i];
		if (length > EVENT_TEXT_SIZE - used)
			length = EVENT_TEXT_SIZE - used;
	}
	*ret_text = event->text + used;
	*ret_length = index < EVENT_TEXTS ? length : 0;
}

/* Everything behind the sequence word. */
static void
copy_body(struct event *to, const struct event *from)
{
	memcpy((uint8_t *)to + sizeof(to->sequence), (const uint8_t *)from + sizeof(from->sequence),
	    sizeof(*to) - sizeof(to->sequence));
}

void
event_ring_write(struct event_ring *ring, const struct event *event)
{
	uint64_t n = atomic_load_explicit(&ring->head, memory_order_relaxed);
	struct event *entry = &ring->entry[n % EVENT_RING_ENTRIES];

	atomic_store_explicit(&entry->sequence, 0, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	copy_body(entry, event);
	atomic_store_explicit(&entry->sequence, n + 1, memory_order_release);
	atomic_store_explicit(&ring->head, n + 1, memory_order_release);
}

static bool
read_entry(const struct event_ring *ring, uint64_t n, struct event *ret_event)
{
	const struct event *entry = &ring->entry[n % EVENT_RING_ENTRIES];

	if (atomic_load_explicit(&entry->sequence, memory_order_acquire) != n + 1)
		return false;
	copy_body(ret_event, entry);
	atomic_thread_fence(memory_order_acquire);
	if (atomic_load_explicit(&entry->sequence, memory_order_relaxed) != n + 1)
		return false;
	atomic_store_explicit(&ret_event->sequence, n + 1, memory_order_relaxed);
	return true;
}

bool
event_ring_read(
    const struct event_ring *ring, uint64_t *cursor, struct event *ret_event, uint64_t *ret_lost)
{
	/* Bounded, so that a writer that runs wild in its ring holds no reader. */
	for (unsigned tries = 0; tries < EVENT_RING_ENTRIES; tries++) {
		uint64_t head = atomic_load_explicit(&ring->head, memory_order_acquire);

		if (*cursor > head)
			*cursor = head;
		if (*cursor == head)
			return false;
		if (head - *cursor > EVENT_RING_ENTRIES) {
			*ret_lost += head - EVENT_RING_ENTRIES - *cursor;
			*cursor = head - EVENT_RING_ENTRIES;
		}
		if (read_entry(ring, (*cursor)++, ret_event))
			return true;
		(*ret_lost)++;
	}
	return false;
}
