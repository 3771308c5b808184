#include "shm/event_ring.h"

#include "shm/gateway_clock.h"

#include <stddef.h>
#include <string.h>

static const struct event_description catalogue[] = {
#define EVENT(id, severity, name, text, help) {id, severity, #name, text, help},
#include "shm/events.def"
#undef EVENT
};

const struct event_description *
event_describe(uint32_t id)
{
	for (size_t i = 0; i < sizeof(catalogue) / sizeof(catalogue[0]); i++)
		if (catalogue[i].id == id)
			return &catalogue[i];
	return NULL;
}

void
event_init(struct event *event, uint32_t id, uint64_t session_id)
{
	memset(event, 0, sizeof(*event));
	event->id = id;
	event->session_id = session_id;
	event->realtime_us = realtime_now_us();
	for (unsigned i = 0; i < EVENT_TEXTS; i++)
		event->text_length[i] = EVENT_TEXT_UNSET;
}

/* Where text `index` begins; the lengths before it are bounded as they are added up. */
static size_t
event_text_start(const struct event *event, unsigned index)
{
	size_t start = 0;

	for (unsigned i = 0; i < index; i++)
		if (event->text_length[i] <= EVENT_TEXT_SIZE - start)
			start += event->text_length[i];
	return start;
}

void
event_add_text(struct event *event, const char *text, size_t length)
{
	unsigned index = 0;
	size_t start;

	while (index < EVENT_TEXTS && event->text_length[index] != EVENT_TEXT_UNSET)
		index++;
	if (index == EVENT_TEXTS)
		return;
	start = event_text_start(event, index);
	if (length > EVENT_TEXT_SIZE - start)
		length = EVENT_TEXT_SIZE - start;
	memcpy(event->text + start, text, length);
	event->text_length[index] = (uint16_t)length;
}

void
event_text(const struct event *event, unsigned index, const char **ret_text, size_t *ret_length)
{
	size_t start;

	*ret_text = event->text;
	*ret_length = 0;
	if (index >= EVENT_TEXTS || event->text_length[index] == EVENT_TEXT_UNSET)
		return;
	start = event_text_start(event, index);
	if (event->text_length[index] > EVENT_TEXT_SIZE - start)
		return;
	*ret_text = event->text + start;
	*ret_length = event->text_length[index];
}

#define BODY offsetof(struct event, realtime_us)

void
event_ring_write(struct event_ring *ring, const struct event *event)
{
	uint64_t number = atomic_load_explicit(&ring->head, memory_order_relaxed);
	struct event *place = &ring->entry[number % EVENT_RING_ENTRIES];

	atomic_store_explicit(&place->sequence, 0, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	memcpy((uint8_t *)place + BODY, (const uint8_t *)event + BODY, sizeof(*event) - BODY);
	atomic_store_explicit(&place->sequence, number + 1, memory_order_release);
	atomic_store_explicit(&ring->head, number + 1, memory_order_release);
}

bool
event_ring_read(
    const struct event_ring *ring, uint64_t *cursor, struct event *ret_event, uint64_t *ret_lost)
{
	uint64_t head = atomic_load_explicit(&ring->head, memory_order_acquire);

	if (*cursor > head) /* the ring is hostile, or was made anew */
		*cursor = head;
	if (head - *cursor > EVENT_RING_ENTRIES) {
		*ret_lost += head - EVENT_RING_ENTRIES - *cursor;
		*cursor = head - EVENT_RING_ENTRIES;
	}
	while (*cursor < head) {
		const struct event *place = &ring->entry[*cursor % EVENT_RING_ENTRIES];
		uint64_t complete = ++*cursor;

		if (atomic_load_explicit(&place->sequence, memory_order_acquire) == complete) {
			memcpy((uint8_t *)ret_event + BODY, (const uint8_t *)place + BODY,
			    sizeof(*place) - BODY);
			atomic_thread_fence(memory_order_acquire);
			atomic_store_explicit(&ret_event->sequence, complete, memory_order_relaxed);
			if (atomic_load_explicit(&place->sequence, memory_order_relaxed) ==
			    complete)
				return true;
		}
		++*ret_lost;
	}
	return false;
}
