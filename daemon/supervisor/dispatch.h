/*
 * dispatch -- who carries a session, and telling that worker
 *
 * What a worker is still to be told is kept as bits in the slot (custody_slot.pending); the
 * message is made when it is sent, from what holds then.  So there is no queue of messages that
 * could grow: a slot stands at most once in one worker's queue, or in `unowned` while no worker is
 * ready.  The owner word is published before the slot is queued for its worker.
 */
#ifndef SUPERVISOR_DISPATCH_H
#define SUPERVISOR_DISPATCH_H

#include "daemon/supervisor/supervisor.h"

void dispatch_init(struct supervisor *supervisor);

/* The least loaded ready worker gets it; `pending` is what it will be told. */
void dispatch_assign(struct supervisor *supervisor, uint32_t slot, uint8_t pending);
/* Something more to be told to the owner. */
void dispatch_tell(struct supervisor *supervisor, uint32_t slot, uint8_t pending);
/* An earlier supervisor had given it to that worker. */
void dispatch_restore(struct supervisor *supervisor, uint32_t slot, uint8_t index);
/* The session has no worker any more. */
void dispatch_release(struct supervisor *supervisor, uint32_t slot);
/* Takes it from its (dead) worker into `unowned`, to be adopted. */
void dispatch_orphan(struct supervisor *supervisor, uint32_t slot);
/* Gives what is unowned to the ready workers, if there are any. */
void dispatch_place(struct supervisor *supervisor);
/* The chunks cached by dead workers are to be returned: tells one ready worker of those that no
 * living one was told of. */
void dispatch_sweep(struct supervisor *supervisor);
void dispatch_drain(struct supervisor *supervisor);

/* Sends what is there, until it is all sent or the workers are behind. */
void dispatch_flush(struct supervisor *supervisor);

#endif
