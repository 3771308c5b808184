/*
 * committed -- the configurations that commits have replaced: what `rollback N` brings back
 *
 * The first is what has run before the last commit, the second what has run before the one before, and so
 * on; a commit that was rolled back by its timer was replaced too.  Lines that were entered live are in
 * what the next commit replaces, and make none of their own.
 *
 * A ring of files STATE_DIR/committed.0 ... of which the newest takes the place of the oldest, by its
 * serial; each is put in place whole and synced.  One that does not hold is told by an event and is as if it
 * were not there.  Each host keeps its own.
 *
 * Called by the manager only.
 */
#ifndef DAEMON_MANAGER_COMMITTED_H
#define DAEMON_MANAGER_COMMITTED_H

#include "daemon/manager/store.h"
#include "shm/region.h"

#define COMMITTED_KEPT	10u
#define COMMITTED_SLOTS (COMMITTED_KEPT + 1) /* one more: a commit that fails takes none away */

/* What is said of one; its lines are in its file. */
struct committed_head {
	uint32_t serial; /* 0: none */
	size_t lines;
	char saved[STORE_SAVED_MAX]; /* when it was replaced */
	char by[STORE_BY_MAX];	     /* by whom */
};

struct committed {
	int directory;
	struct committed_head slot[COMMITTED_SLOTS];
};

void committed_open(struct committed *committed, const struct shm *shm, int directory);

/* It is being replaced. 0 or -errno. */
int committed_push(struct committed *committed, const struct lines *lines, const char *by);
/* It was not, after all: takes back what was pushed last. */
int committed_pop(struct committed *committed);

/* NULL: there is none of that number; they begin with 1. */
const struct committed_head *committed_get(const struct committed *committed, unsigned number);
/* As store_read(). */
int committed_read(
    const struct committed *committed, unsigned number, struct store_entry *ret_entry, char *why);

#endif
