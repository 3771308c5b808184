/*
 * peer_counters -- what the active has counted, by name
 *
 * Apart from this host's own counters: the other host may know other names.  So many different names
 * as PEER_COUNTERS_MAX; more are not kept, and are not missed: they are shown, nothing else.  Pure.  Called by sync only.
 */
#ifndef DAEMON_SYNC_PEER_COUNTERS_H
#define DAEMON_SYNC_PEER_COUNTERS_H

#include "proto/sync_types.h"

#define PEER_COUNTERS_MAX 1024u

struct peer_counter {
	char name[SYNC_NAME_MAX + 1];
	uint64_t value;
};

struct peer_counters {
	uint32_t count;
	uint32_t next;					/* where the next name is likely */
	struct peer_counter counter[PEER_COUNTERS_MAX]; /* in the order in which they were told */
};

void peer_counters_clear(struct peer_counters *counters);
/* false: no room for another name. */
bool peer_counters_set(struct peer_counters *counters, const char *name, uint64_t value);
/* false: never told. */
bool peer_counters_get(const struct peer_counters *counters, const char *name, uint64_t *ret_value);

#endif
