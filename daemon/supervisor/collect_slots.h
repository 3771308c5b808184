/*
 * collect_slots -- slots and connections that a dead supervisor has left
 *
 * The slots say what there is; the workers hold the connections.  What only the dead supervisor held
 * the kernel has closed, but for the connections of a takeover (takeover_shelf.h):
 *   a client's leg that no worker has    the session is lost; if a worker had begun it, another
 *					  closes it and gives its chunks back (HANDOVER_LOST)
 *   a server's leg that no worker has    it is connected anew: no byte had passed
 *   both legs of a slot that is ENDING   it ends as it would have: all output is with the kernel
 *
 * Supervisor only.
 */
#ifndef SUPERVISOR_COLLECT_SLOTS_H
#define SUPERVISOR_COLLECT_SLOTS_H

#include "daemon/supervisor/supervisor.h"

/* Custody, owners and dead workers' caches as the memory has them; sessions whose worker is dead are
 * lost. */
void collect_slots(struct supervisor *supervisor);
/* Duplicates of the legs that this worker holds and this process does not yet. */
void collect_slots_sockets(struct supervisor *supervisor, uint32_t index);
/* What a takeover left, and no worker was found for; sessions that are not there are lost. */
void collect_slots_unowned(struct supervisor *supervisor);
/* The worker is dead: the legs that it was sent and has not read. */
void collect_slots_unread(struct supervisor *supervisor, uint32_t index);
/* Nothing more is to be had from the worker: what is missing now is missing for good. */
void collect_slots_settle(struct supervisor *supervisor, uint32_t index);

#endif
