/*
 * parting -- the descriptors of sessions that this worker has finished with
 *
 * A finished session's sockets stay open here until the supervisor has taken its slot back, so that
 * a supervisor that dies before it has done so (a reset that is still to be sent, for one) leaves
 * them to the next.  The entries say too which sessions are to be reported FINISHED once more.
 *
 * A supervisor takes slots back in the order in which it is told, so hardly ever more than a few
 * entries wait, and a slot is never handed out again while it waits here: parting_look() comes
 * before each hand-over.  While there is no supervisor nothing is looked at.
 */
#ifndef WORKER_PARTING_H
#define WORKER_PARTING_H

#include "shm/region.h"

struct parting_entry {
	uint32_t slot;
	uint32_t generation;
	int32_t descriptor[SHM_LEGS]; /* -1 none */
};

struct parting {
	struct parting_entry *entry; /* [capacity] */
	uint32_t capacity;	     /* the slots */
	uint32_t count;
};

/* 0 or -errno. */
int parting_open(struct parting *parting, uint32_t slots);
/* Closes what is still held. */
void parting_close(struct parting *parting);

void parting_add(struct parting *parting, const struct parting_entry *entry);
/* Closes the descriptors of the slots that the supervisor has taken back. */
void parting_look(struct parting *parting, const struct shm *shm);

#endif
