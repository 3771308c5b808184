/*
 * peer_counters -- what the active has counted, by name
 *
 * Apart from this host's own counters: the other host may know other names.  So many different names
 * as PEER_COUNTERS_MAX, which is more than an active host has at one time; each change of a policy brings
 * others, so those of policies that are not loaded any more are forgotten when room is wanted.  What finds no
 * room even then is counted, and not kept: it would be shown, nothing else.
 *
 * Sync, on a standby, keeps them in its heap, and publishes them whole in control, where the manager
 * reads them.  Within one log (`log` is the same) no value goes back, unless its operator clears it there.
 * libc only.
 */
#ifndef SHM_PEER_COUNTERS_H
#define SHM_PEER_COUNTERS_H

#include "shm/layout.h"

#include <stdbool.h>

#define PEER_COUNTERS_MAX  4096u
#define PEER_COUNTERS_NAME 64u /* with its NUL */

struct peer_counter {
	char name[PEER_COUNTERS_NAME];
	uint64_t value;
};

struct peer_counters {
	uint64_t log; /* rises whenever all of them were forgotten */
	uint32_t count;
	uint32_t next;					/* where the next name is likely */
	uint64_t not_kept;				/* how often there was no room */
	struct peer_counter counter[PEER_COUNTERS_MAX]; /* in the order in which they were told */
};

struct peer_counters_view {
	_Atomic uint64_t sequence; /* shm/whole.h */
	struct peer_counters counters;
};

void peer_counters_clear(struct peer_counters *counters);
/* false: no room for another name; or it is too long. */
bool peer_counters_set(struct peer_counters *counters, const char *name, uint64_t value);
/* Those of which is_gone() is true. How many. */
uint32_t peer_counters_forget(struct peer_counters *counters,
    bool (*is_gone)(const void *context, const char *name), const void *context);
/* false: never told. */
bool peer_counters_get(const struct peer_counters *counters, const char *name, uint64_t *ret_value);

/* Sync. */
void peer_counters_publish(struct peer_counters_view *view, const struct peer_counters *counters);
/* Any process.  False: nothing was published, or its writer died within.  Then `ret_counters` is empty. */
bool peer_counters_read(const struct peer_counters_view *view, struct peer_counters *ret_counters);

#endif
