/*
 * hold -- entries of the log that the other host has not acknowledged
 *
 * A ring of encoded entries, numbered by lsn without a gap, bounded by bytes and by number.  They stay
 * where they are until they are released, and are zeroed then: they may be credentials.  Heap, taken
 * once.  Called by sync only.
 */
#ifndef DAEMON_SYNC_HOLD_H
#define DAEMON_SYNC_HOLD_H

#include "proto/sync_types.h"

struct held {
	struct sync_bytes bytes;
	bool is_secret;
};

struct hold;

/* NULL: no memory. */
struct hold *hold_create(size_t bytes, uint32_t entries);
void hold_destroy(struct hold *hold);

uint64_t hold_first(const struct hold *hold); /* lsn of the oldest; hold_next() when empty */
uint64_t hold_next(const struct hold *hold);  /* lsn of the next to come; 1 at first */

size_t hold_bytes(const struct hold *hold); /* of all that is held */

/* false: full. */
bool hold_append(struct hold *hold, const uint8_t *bytes, size_t length, bool is_secret);
/* false: not held. */
bool hold_get(const struct hold *hold, uint64_t lsn, struct held *ret_held);
/* Everything up to and with `lsn`. */
void hold_release(struct hold *hold, uint64_t lsn);

#endif
