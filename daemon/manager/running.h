/*
 * running -- the running configuration: loaded at start, changed whole or not at all
 *
 * A change is compiled, its images are placed, the standby of a pair is asked (pair_config.h), its
 * listeners are applied by the supervisor; only when all of that has worked does it take the place of the
 * old one.  On failure nothing has
 * changed and the operator gets the reason.
 *
 * At a first start the saved configuration is loaded; a static whose address cannot be had does not
 * keep the others from working: it is reported and tried again every RUNNING_RETRY_MS.  A manager
 * that was started anew finds what was running in STATE_DIR/running-config, saved or not.
 *
 * Called by the manager only. *why texts are lines without line end.
 */
#ifndef DAEMON_MANAGER_RUNNING_H
#define DAEMON_MANAGER_RUNNING_H

#include "daemon/manager/pair_config.h"
#include "daemon/manager/supervisor_link.h"
#include "daemon/manager/text.h"
#include "daemon/policy/compile.h"
#include "shm/region.h"

#define RUNNING_RETRY_MS 10000u

struct running {
	const struct shm *shm;
	struct supervisor_link *link;
	struct pair_config *pair; /* NULL: this host is no one's standby and has none */
	int directory;
	struct config *config;
	struct compiled *compiled; /* scratch of the change under way */
	uint64_t sequence;	   /* of the listener table that holds; its upper half names this
				    * shared memory */
	/* Listeners that could not be opened, left out of the table that holds. */
	unsigned failed;
	struct shm_endpoint failed_listen[LISTENERS_MAX];
	uint64_t retry_ms; /* CLOCK_MONOTONIC */
};

/* 0 or -errno (out of memory, no supervisor); trouble with files is told by events. */
int running_open(
    struct running *running, const struct shm *shm, struct supervisor_link *link, int directory);
void running_close(struct running *running);

/* Takes `next` on success; on failure it stays the caller's and *why says the reason. A warning
 * may stand in *why after success. */
bool running_change(struct running *running, struct config *next, struct text *why);
/* The same, on a standby, with what the active host runs by or asks about.  `is_live`: it does run by it, and
 * a static whose address cannot be had is borne, as at a start. */
bool running_follow(struct running *running, struct config *next, bool is_live, struct text *why);

/* The same, back to what has run before: a static whose address cannot be had is borne, as at a start. */
bool running_go_back(struct running *running, struct config *next, struct text *why);
/* Could it run, as far as can be said without doing it?  Nothing changes; *why says the reason. */
bool running_check(struct running *running, const struct config *config, struct text *why);

/* Tries listeners that could not be opened, when it is time. */
void running_tick(struct running *running, uint64_t now_ms);

/* Names the shared memory in which this gateway runs: not 0, different after each fresh start. */
uint64_t running_instance(const struct running *running);

#endif
