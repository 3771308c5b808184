/*
 * policy_place -- puts compiled images into policy slots and listener tables into shared memory
 *
 * An image never changes while a session or a listener may name it: only slots that no custody and
 * no listener table in use names are filled.  An image that is there already (same generation, same
 * bytes) is used again.  The counters of a slot that is filled anew begin at zero.
 *
 * Called by the manager, the only writer of the policy area.
 */
#ifndef DAEMON_MANAGER_POLICY_PLACE_H
#define DAEMON_MANAGER_POLICY_PLACE_H

#include "daemon/policy/compile.h"
#include "shm/region.h"

/* Places all images and rewrites the policy_slot of listeners and class rules from image index to
 * policy slot.  Slots whose bit is set in `kept` hold what is needed, though nobody names it.
 * 0, -ENOSPC: no slot is free, -EPROTO: the compiled form does not hold. */
int policy_place(const struct shm *shm, struct compiled *compiled, uint32_t kept);
/* One image that nobody names yet, so that its slot is one of those kept from then on. 0, -ENOSPC. */
int policy_place_image(const struct shm *shm, const struct compiled_image *image, uint32_t *kept);

/* The sequence of the newest table, 0 if there is none yet; *ret_table its index. */
uint64_t policy_place_newest(const struct shm *shm, uint32_t *ret_table);
/* Writes the table that is not the newest; returns its index. sequence must be the highest. */
uint32_t policy_place_listeners(
    const struct shm *shm, const struct listener_table *listeners, uint64_t sequence);
/* Takes a table out of use: its images may be overwritten once no session names them. */
void policy_place_retire(const struct shm *shm, uint32_t table);

#endif
