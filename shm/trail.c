#include "shm/trail.h"

#include <stdbool.h>
#include <string.h>

/* In note.length while the note is being changed. */
#define LENGTH_CHANGING 0xffu

/*
 * A change is: length = CHANGING, the content, count, length.  So a note whose length is right
 * before and after a reader's copy is whole, and is the one that `count` says it is.
 */

static uint8_t
load_length(const struct trail_note *note)
{
	return __atomic_load_n(&note->length, __ATOMIC_ACQUIRE);
}

void
trail_clear(struct trail *trail)
{
	memset(trail, 0, sizeof(*trail));
}

void
trail_add(struct trail *trail, uint32_t at_ms, enum trail_who who, uint16_t code, const char *text,
    size_t length)
{
	uint32_t count = atomic_load_explicit(&trail->count, memory_order_relaxed);
	struct trail_note *note = &trail->note[count % TRAIL_NOTES];

	if (length > TRAIL_TEXT)
		length = TRAIL_TEXT;
	__atomic_store_n(&note->length, LENGTH_CHANGING, __ATOMIC_RELAXED);
	atomic_thread_fence(memory_order_release);
	note->at_ms = at_ms;
	note->code = code;
	note->who = (uint8_t)who;
	memset(note->text, 0, sizeof(note->text));
	if (length > 0)
		memcpy(note->text, text, length);
	atomic_store_explicit(&trail->count, count + 1, memory_order_release);
	__atomic_store_n(&note->length, (uint8_t)length, __ATOMIC_RELEASE);
}

static bool
read_note(const struct trail *trail, uint32_t number, struct trail_note *ret_note)
{
	const struct trail_note *note = &trail->note[number % TRAIL_NOTES];
	uint8_t length = load_length(note);
	struct trail_note copy;

	if (length > TRAIL_TEXT)
		return false;
	memcpy(&copy, note, sizeof(copy));
	atomic_thread_fence(memory_order_acquire);
	if (load_length(note) != length || copy.length != length || copy.who > TRAIL_SERVER)
		return false;
	/* Overtaken: what was copied is a later note. */
	if (atomic_load_explicit(&trail->count, memory_order_acquire) - number > TRAIL_NOTES)
		return false;
	*ret_note = copy;
	return true;
}

size_t
trail_read(const struct trail *trail, struct trail_note *notes)
{
	uint32_t count = atomic_load_explicit(&trail->count, memory_order_acquire);
	uint32_t held = count < TRAIL_NOTES ? count : TRAIL_NOTES;
	size_t read = 0;

	for (uint32_t number = count - held; number != count; number++) {
		if (read_note(trail, number, &notes[read]))
			read++;
	}
	return read;
}
