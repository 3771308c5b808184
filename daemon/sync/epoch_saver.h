/*
 * epoch_saver -- writes the epoch without keeping its owner waiting
 *
 * fsync may take as long as the disk likes; meanwhile the other host's entries are to be acknowledged.
 * So a thread of its own writes, one epoch after the other; of those that wait only the newest is
 * written, which is above the others.  The owner learns of each end by a descriptor.  Called by sync only.
 */
#ifndef DAEMON_SYNC_EPOCH_SAVER_H
#define DAEMON_SYNC_EPOCH_SAVER_H

#include "daemon/sync/epoch.h"

struct epoch_saved {
	struct epoch epoch;
	int error; /* of epoch_write() */
	char why[EPOCH_WHY_MAX];
};

struct epoch_saver;

/* directory stays the owner's.  NULL: no memory, no thread. */
struct epoch_saver *epoch_saver_create(int directory);
/* Waits for what is being written. */
void epoch_saver_destroy(struct epoch_saver *saver);

int epoch_saver_fd(const struct epoch_saver *saver); /* to be watched for reading */
void epoch_saver_ask(struct epoch_saver *saver, const struct epoch *epoch);
/* False: none has come to its end since. */
bool epoch_saver_take(struct epoch_saver *saver, struct epoch_saved *ret_saved);

#endif
