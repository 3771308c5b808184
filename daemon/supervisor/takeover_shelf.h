/*
 * takeover_shelf -- the connections of a takeover outlive the supervisor that has made them
 *
 * From the door's opening on a peer may send, and what was acknowledged cannot be taken back: the connections
 * cannot be made anew.  But until a worker has a session the supervisor alone has its connections, and they would end with
 * it.  So before the door opens duplicates of all lie on shelves (shelf.h) that workers hold, and stay there until
 * nothing waits for a worker any more.
 *
 *   takeover_shelf_put()	 all connections are made, the door is shut
 *   takeover_shelf_mark()	 the door is about to open: until then they can be made anew, from then on not
 *   takeover_shelf_look()	 the tick: takes them away when they are not needed any more
 *   takeover_shelf_drop()	 the sessions end, or begin anew
 *
 * The next supervisor, if the dead one's takeover lay on shelves (takeover_shelf_waits()):
 *
 *   takeover_shelf_fetch()	 finds what no worker has of the sessions of one worker, or of none, by the cookies
 *				 that the slots name
 *   takeover_shelf_hand_on()	 the door is open: those go on as they stand.  Their peers are asked, and what one
 *				 did not have by then the kernel sends again, by its timers.
 *
 * A connection that was just made again from where its peer stands (leg_restore_again()) does not lie there: for a
 * moment, until a worker's socket has it, it ends with this process.  So do connections without a session, as those
 * that were just accepted, and sessions beyond what a shelf has room for (some 30,000 connections a worker).
 *
 * Supervisor only.
 */
#ifndef SUPERVISOR_TAKEOVER_SHELF_H
#define SUPERVISOR_TAKEOVER_SHELF_H

#include <stdbool.h>
#include <stdint.h>

struct supervisor;

void takeover_shelf_put(struct supervisor *supervisor);
void takeover_shelf_mark(struct supervisor *supervisor);
void takeover_shelf_look(struct supervisor *supervisor);
void takeover_shelf_drop(struct supervisor *supervisor);

/* The sessions of that epoch's takeover are here, whoever has taken them. */
bool takeover_shelf_has(const struct supervisor *supervisor, uint64_t epoch);

/* Before the slots are read (takeover_collect()): what lies there is not to be gone on with, and ends without a packet. */
void takeover_shelf_clear(struct supervisor *supervisor);
/* Sessions may lie there that no worker has. */
bool takeover_shelf_waits(const struct supervisor *supervisor);
/* worker: an index, or CUSTODY_UNOWNED.  Not while a takeover of this process's own is under way. */
void takeover_shelf_fetch(struct supervisor *supervisor, uint8_t worker);
/* Its connections are here, and no worker has it. */
bool takeover_shelf_is_found(const struct supervisor *supervisor, uint32_t slot);
void takeover_shelf_hand_on(struct supervisor *supervisor);

#endif
