/*
 * pair_policies -- what sessions run by though the configuration says something else by now
 *
 * A session keeps the policy that it began with.  Its image stays in shared memory on both hosts as long as a
 * session names it; a standby that comes later is told texts.  So of each map that a change takes away, while
 * sessions run by it, the lines are kept, and told as one text before the running configuration: behind a line
 * "! policy GENERATION NAME" those of config_print_map().  The standby makes the images and puts them into
 * policy slots, where they stay as long as it has the text; it keeps the lines for the time when it is the
 * active one.
 *
 * Never more than there are policy slots.  Heap.  Called by the manager only.
 */
#ifndef DAEMON_MANAGER_PAIR_POLICIES_H
#define DAEMON_MANAGER_PAIR_POLICIES_H

#include "daemon/manager/lines.h"
#include "daemon/manager/text.h"
#include "daemon/policy/config.h"
#include "shm/policy_area.h"
#include "shm/region.h"

#define PAIR_POLICIES_NAME 64u

struct pair_policy {
	uint8_t generation[POLICY_HASH_SIZE];
	char name[PAIR_POLICIES_NAME]; /* "": relay and raw */
	struct lines lines;
};

struct pair_policies {
	unsigned count;
	uint32_t placed; /* slots with images that came as a text, one bit for each */
	struct pair_policy policy[POLICY_SLOTS];
};

void pair_policies_free(struct pair_policies *policies);

/* `next` takes the place of `old`: keeps what sessions run by and `next` does not give. True: there is more. */
bool pair_policies_change(struct pair_policies *policies, const struct shm *shm,
    const struct config *old, const struct config *next);
/* Drops what no session runs by. True: there is less. */
bool pair_policies_prune(struct pair_policies *policies, const struct shm *shm);

/* As one text. False: no memory, or too long. */
bool pair_policies_write(const struct pair_policies *policies, struct lines *ret_lines);
/* That text again, in the place of what was kept; no image is made. False: it is no such text. */
bool pair_policies_read(struct pair_policies *policies, const struct lines *lines);
/* Makes and places the images of all that is kept. False: not of all, *why says the reason. */
bool pair_policies_place(struct pair_policies *policies, const struct shm *shm, struct text *why);

#endif
