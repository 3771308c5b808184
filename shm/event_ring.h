/*
 * event_ring -- how a process says that something happened, without a system call
 *
 * One ring per writer, single writer, lossy: a reader that falls behind finds out by the
 * sequence numbers how many it has lost.  An event is binary: an id of the catalogue
 * (events.def) and its fields; text is made by the manager.  Untrusted text is put in as it is
 * and bounded; the manager escapes it.  Credentials are never put in.
 */
#ifndef SHM_EVENT_RING_H
#define SHM_EVENT_RING_H

#include "shm/layout.h"

#include <stdbool.h>
#include <stddef.h>

#define EVENT_RING_ENTRIES 4096u
#define EVENT_TEXTS	   3u
#define EVENT_TEXT_SIZE	   352u
#define EVENT_NUMBERS	   4u

struct event {
	_Atomic uint64_t sequence; /* n + 1 when entry n is complete, 0 while it is written */
	uint64_t realtime_us;
	uint64_t session_id; /* 0 none */
	uint32_t id;
	uint32_t rule;
	uint32_t code; /* SMTP reply code, 0 none */
	uint16_t text_length[EVENT_TEXTS];
	uint16_t texts; /* how many were added */
	uint64_t number[EVENT_NUMBERS];
	struct shm_endpoint client;
	struct shm_endpoint server;
	uint8_t reserved1[4];
	char text[EVENT_TEXT_SIZE]; /* the texts one after the other */
	uint8_t reserved2[32];
};
_Static_assert(sizeof(struct event) == 512, "event is part of the ABI");

struct event_ring {
	_Atomic uint64_t head; /* entries ever written */
	uint8_t reserved[56];
	struct event entry[EVENT_RING_ENTRIES];
};

/* Zeroes *event and sets id, session and the time (CLOCK_REALTIME). */
void event_init(struct event *event, uint32_t id, uint64_t session_id);
/* Appends the next text, cut to what is left; at most EVENT_TEXTS calls. */
void event_add_text(struct event *event, const char *text, size_t length);
void event_text(
    const struct event *event, unsigned index, const char **ret_text, size_t *ret_length);

void event_ring_write(struct event_ring *ring, const struct event *event);
/* Reads at *cursor and advances it; *ret_lost += what was overwritten. False: nothing new. */
bool event_ring_read(
    const struct event_ring *ring, uint64_t *cursor, struct event *ret_event, uint64_t *ret_lost);

struct event_description {
	uint32_t id;
	uint8_t severity; /* syslog 0..7 */
	const char *name;
	const char *text;
	const char *help;
};
const struct event_description *event_describe(uint32_t id); /* NULL: not in the catalogue */

#endif
