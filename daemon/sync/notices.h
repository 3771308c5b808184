/*
 * notices -- how far a worker's journal was read, and what each part of it waits for
 *
 * A queue for each worker: journal positions, each with the entry of the log that must be acknowledged
 * before the worker may hear of it.  Positions that wait for the same entry, or for one that an earlier
 * position waits for anyway, are one.  Pure.  Called by the follower.
 */
#ifndef DAEMON_SYNC_NOTICES_H
#define DAEMON_SYNC_NOTICES_H

#include "shm/journal.h"

#define NOTICES_PENDING UINT64_MAX /* for an entry that is not known yet */

struct notice {
	uint64_t lsn; /* of the journal */
	uint64_t log; /* lsn of the log */
};

struct notices {
	uint32_t first, count;
	struct notice ring[JOURNAL_ENTRIES];
};

void notices_clear(struct notices *notices);
/* `lsn` rises. false: full. */
bool notices_add(struct notices *notices, uint64_t lsn, uint64_t log);
/* What was pending waits for that entry. */
void notices_settle(struct notices *notices, uint64_t log);
/* The highest position that waits for nothing any more; 0: none did wait. */
uint64_t notices_acknowledge(struct notices *notices, uint64_t log);

#endif
