/*
 * trail -- what happened in a session, in its own words
 *
 * A ring of short notes in the slot, written by the owning worker, still readable after the
 * session has ended (shm/closed.h).  Text is escaped and cut by the writer; credentials are never
 * given to it.
 */
#ifndef SHM_TRAIL_H
#define SHM_TRAIL_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define TRAIL_NOTES 16u
#define TRAIL_TEXT  45u

struct trail_note {
	uint32_t at_ms; /* since the session was opened */
	uint16_t code;	/* reply code, 0 none */
	uint8_t who;	/* enum trail_who */
	uint8_t length;
	char text[TRAIL_TEXT + 3];
};
_Static_assert(sizeof(struct trail_note) == 56, "note is part of the ABI");

enum trail_who { TRAIL_GATEWAY, TRAIL_CLIENT, TRAIL_SERVER };

struct trail {
	_Atomic uint32_t count; /* notes ever written; the last TRAIL_NOTES are held */
	uint32_t reserved;
	struct trail_note note[TRAIL_NOTES];
};

void trail_clear(struct trail *trail);
void trail_add(struct trail *trail, uint32_t at_ms, enum trail_who who, uint16_t code,
    const char *text, size_t length);
/* Oldest first into notes[TRAIL_NOTES]; how many. Skips notes that a writer is just changing. */
size_t trail_read(const struct trail *trail, struct trail_note *notes);

#endif
