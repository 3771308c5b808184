/*
 * upgrade -- other programs take the place of these, and no session is lost
 *
 *   CHECKING   each program on disk is asked whether it goes with the memory (shm/fits.h), and the manager
 *	      whether the configuration file is good: the next process would end of what it is not
 *   FLUSHING   nothing is accepted any more, and the workers are told what they are still to be told,
 *	      so that no connection is held by this process alone; server legs that are being
 *	      connected get UPGRADE_CONNECT_MS, what is left of them is connected anew
 *   then this process becomes the next one (execve), which takes over as after a death
 *   (daemon/supervisor/collect.h), starts the new manager, and replaces the old workers one by one:
 *   each is ended when all others are ready, and its sessions are adopted
 *
 * A worker whose records the new programs cannot convert is not ended: it is replaced when its last
 * session has ended.  It gets no new session as long as there is another (daemon/supervisor/choice.h),
 * so that this comes; a single worker is replaced only at an instant at which it has none.
 *
 * Whatever fails before execve leaves everything as it was.  A supervisor that dies meanwhile is no
 * matter: the next one goes on.
 *
 * Supervisor only.
 */
#ifndef SUPERVISOR_UPGRADE_H
#define SUPERVISOR_UPGRADE_H

#include "daemon/supervisor/process.h"

#define UPGRADE_CHECK_MS   10000u
#define UPGRADE_CONNECT_MS 2000u
#define UPGRADE_FLUSH_MS   15000u

enum upgrade_step { UPGRADE_NONE, UPGRADE_CHECKING, UPGRADE_FLUSHING };

struct upgrade {
	enum upgrade_step step;
	unsigned question; /* which of the checks is under way */
	struct process check;
	uint64_t since_ms; /* monotonic: of the step */
};

struct supervisor;

/* 0, -EALREADY, -ESHUTDOWN, or -EPERM: the next process could not take over. */
int upgrade_begin(struct supervisor *supervisor);
/* The program that was asked has ended. */
void upgrade_check_ended(struct supervisor *supervisor);
/* The workers were told what there was, as far as they take it: the end of each turn of the loop. */
void upgrade_flushed(struct supervisor *supervisor);
/* It died of being replaced. */
bool upgrade_has_ended(
    const struct supervisor *supervisor, uint32_t worker, const struct process_death *death);
/* What takes too long; the next worker to be replaced. */
void upgrade_tick(struct supervisor *supervisor);

#endif
