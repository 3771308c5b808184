/*
 * adopt -- to carry on a session whose worker has died
 *
 * The slot holds the record and the bytes; the hand-over item says what the kernel had given the
 * dead worker and taken from it.  Everything is checked before it is used: the record, the
 * windows, the inspection state, and that the kernel's positions fit them.  The core is never
 * called over committed input: the rest of the committed output is sent, committed endings are
 * carried out again, and what was received but not stepped is stepped.  In a pair the record that was
 * found may not have been acknowledged: then it is waited for first, as if it were new.
 *
 * A session whose record does not hold is reset and counted; nothing else is lost by it.  One whose
 * supervisor has died too is lost (HANDOVER_LOST): it is closed, counted, and its chunks given back.
 */
#ifndef WORKER_ADOPT_H
#define WORKER_ADOPT_H

#include "shm/handover.h"
#include "shm/slot.h"

#include <stdbool.h>

struct worker;
struct session;

/* True: record, windows and the kernel's positions fit together. Pure but for *shm's chunk
 * owners; `legs` as in the item. */
bool adopt_check(const struct shm *shm, uint32_t slot, const struct slot_session *shared,
    const struct record *record, const struct handover_item *item);

/* In a pair: what the found record says may be done now. */
void adopt_go_on(struct worker *worker, struct session *session);
/* Once in each turn.  Only now those that go on count as adopted, their output being with the kernel: the supervisor
 * waits for that, since a peer that acknowledges what was not sent from here is not understood. */
void adopt_turn(struct worker *worker);
/* The session was taken (session_take()) and its descriptors attached. */
void adopt_session(
    struct worker *worker, struct session *session, const struct handover_item *item);

#endif
