/*
 * leaving -- slots of sessions that have ended, and whose end is still to be told
 *
 * The last record of a session is in its worker's journal; that its slot is free, which may be seconds
 * later, is in nobody's.  So such slots are looked at again and again, some in each round.  Heap, taken
 * once.  Called by the follower.
 */
#ifndef DAEMON_SYNC_LEAVING_H
#define DAEMON_SYNC_LEAVING_H

#include "shm/region.h"

struct leaving;

/* NULL: no memory. */
struct leaving *leaving_create(const struct shm *shm);
void leaving_destroy(struct leaving *leaving);

void leaving_clear(struct leaving *leaving);
void leaving_add(struct leaving *leaving, uint32_t slot, uint32_t generation);
/* A slot that has become free or another session's since it was added; it is not looked at any more.
 * false: none in this round; the next call begins another one. */
bool leaving_next(struct leaving *leaving, uint32_t *ret_slot);

#endif
