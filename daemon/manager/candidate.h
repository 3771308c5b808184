/*
 * candidate -- the configuration that `configure candidate` collects
 *
 * One for the host, whoever works on it.  There is one from the first line that makes it differ from what
 * runs, which it was until then, until it is committed or dropped.  `base` is the digest of the running
 * configuration that it began with.
 *
 * It stands in STATE_DIR/candidate-config after each line, whole, and so outlives the manager and a restart
 * of the gateway; like running-config it is not synced.  A file that does not hold is told by an event, and
 * there is no candidate then.
 *
 * Called by the manager only.
 */
#ifndef DAEMON_MANAGER_CANDIDATE_H
#define DAEMON_MANAGER_CANDIDATE_H

#include "daemon/manager/store.h"
#include "daemon/policy/config.h"
#include "shm/region.h"

#define CANDIDATE_FILE "candidate-config"

struct candidate {
	int directory;
	struct config *config;	  /* NULL: there is none */
	struct store_entry entry; /* its lines, who has changed it last and when, its base */
};

void candidate_open(struct candidate *candidate, const struct shm *shm, int directory);
void candidate_close(struct candidate *candidate);

/* `next` is the candidate from now on, and owned by it; -errno: nothing has changed, and it stays the
 * caller's.  saved "": now. */
int candidate_take(struct candidate *candidate, struct config *next, const char *by,
    const char *saved, const unsigned char base[LINES_DIGEST_SIZE]);
/* There is none any more.  -errno: but the next manager will find it again. */
int candidate_drop(struct candidate *candidate);

#endif
