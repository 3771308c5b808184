/*
 * shortage -- what has run out: counted, and told once a second while it lasts
 *
 * Who finds that something has run out says so here, each time; the first time makes an event that
 * names it, and so does every SHORTAGE_EVENT_MS while it goes on.  When nobody has missed it for
 * SHORTAGE_OVER_MS, an event says that it is over, and how many connections it has cost.
 *
 * Supervisor only.
 */
#ifndef SUPERVISOR_SHORTAGE_H
#define SUPERVISOR_SHORTAGE_H

#include "daemon/supervisor/spell.h"

#define SHORTAGE_EVENT_MS 1000u
#define SHORTAGE_OVER_MS  5000u

enum shortage {
	SHORTAGE_NONE,
	SHORTAGE_SLOTS,	      /* sessions_max */
	SHORTAGE_CHUNKS,      /* memory_max */
	SHORTAGE_DESCRIPTORS, /* of the process or the host */
	SHORTAGE_MEMORY,      /* of the kernel */
	SHORTAGES,
};

struct shortage_state {
	struct spell spell;
	uint64_t refused; /* connections since it began */
};

struct supervisor;
struct shm_endpoint;

/* What an errno says has run out; SHORTAGE_NONE: it speaks of something else. */
enum shortage shortage_of(int error);

/* A connection was refused for it. */
void shortage_refused(struct supervisor *supervisor, enum shortage what,
    const struct shm_endpoint *client, const struct shm_endpoint *server);
/* Connections are left to wait for it. */
void shortage_put_off(struct supervisor *supervisor, enum shortage what, int error);
/* Tells of what is over. */
void shortage_tick(struct supervisor *supervisor);

#endif
