/*
 * telling -- what the standby lacks of a session, as entries of the log
 *
 * Keeps for each slot what the log has of it: generation, sequence of the record, how far the bytes of
 * its four streams.  From the session's memory as it is now it makes what follows:
 *
 *   whole     the first time: identity, both legs, all bytes that the record needs, record
 *   change    bytes behind those told, record, and the inspection state's second part and the legs if
 *             they are others than before
 *   Ended     the slot is free, or another session's, or the record does not hold
 *   Mark      a poison mark is another one
 *
 * An entry is bounded: what does not fit goes ahead in entries with bytes only, so that the record comes
 * last, when all that it needs is there.  A session is never left half told.  Where bytes
 * that were never told are gone from the window (they had left before they could be told) a trim says
 * so: nothing below is held there either.
 *
 * A record may be published anew while it is read, and bytes may go; then it is tried again.
 * Heap, taken once.  Called by the follower.
 */
#ifndef DAEMON_SYNC_TELLING_H
#define DAEMON_SYNC_TELLING_H

#include "daemon/sync/follower.h"

enum telling_result {
	TELLING_TOLD, /* the record is in the log, by the entry `lsn` */
	TELLING_SAME, /* it was before */
	TELLING_NONE, /* no session, or none that can be told: the log has nothing of it (now) */
	TELLING_TORN, /* it changed all the time: again later */
	TELLING_OVER, /* the log is over */
};

struct telling_news {
	uint64_t lsn; /* of the entry with the record */
	size_t bytes; /* of all its entries, about */
	bool is_last; /* the worker has finished: soon the slot is free */
	struct follower_release release;
};

struct telling;

/* NULL: no memory.  Both stay the owner's. */
struct telling *telling_create(const struct shm *shm, struct channel *channel);
void telling_destroy(struct telling *telling);

/* Another log, which has nothing yet. */
void telling_begin(struct telling *telling);
/* ret_news: with TELLING_TOLD. */
enum telling_result telling_session(
    struct telling *telling, uint64_t now_us, uint32_t slot, struct telling_news *ret_news);
/* The entry by which the log has that record of the session or a later one; 0: none. */
uint64_t telling_has(
    const struct telling *telling, uint32_t slot, uint32_t generation, uint64_t sequence);

#endif
