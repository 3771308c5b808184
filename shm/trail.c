#include "shm/trail.h"

#include <string.h>

void
trail_clear(struct trail *trail)
{
	memset(trail->note, 0, sizeof(trail->note));
	atomic_store_explicit(&trail->count, 0, memory_order_release);
}

void
trail_add(struct trail *trail, uint32_t at_ms, enum trail_who who, uint16_t code, const char *text,
    size_t length)
{
	uint32_t count = atomic_load_explicit(&trail->count, memory_order_relaxed);
	struct trail_note *note = &trail->note[count % TRAIL_NOTES];

	if (length > TRAIL_TEXT)
		length = TRAIL_TEXT;
	note->at_ms = at_ms;
	note->code = code;
	note->who = (uint8_t)who;
	note->length = (uint8_t)length;
	memcpy(note->text, text, length);
	note->text[length] = '\0';
	atomic_store_explicit(&trail->count, count + 1, memory_order_release);
}

size_t
trail_read(const struct trail *trail, struct trail_note *notes)
{
	uint32_t count = atomic_load_explicit(&trail->count, memory_order_acquire);
	uint32_t first = count > TRAIL_NOTES ? count - TRAIL_NOTES : 0;
	uint32_t after, read = 0;

	for (uint32_t i = first; i != count; i++)
		notes[i - first] = trail->note[i % TRAIL_NOTES];
	atomic_thread_fence(memory_order_acquire);
	after = atomic_load_explicit(&trail->count, memory_order_relaxed);

	/* What the writer has reached in the meantime (the note after `after` too) is dropped. */
	for (uint32_t i = first; i != count; i++) {
		if (after != count && after - i >= TRAIL_NOTES)
			continue;
		notes[read] = notes[i - first];
		if (notes[read].length > TRAIL_TEXT)
			notes[read].length = TRAIL_TEXT;
		notes[read].text[notes[read].length] = '\0';
		read++;
	}
	return read;
}
