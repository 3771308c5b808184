/*
 * log_drain -- takes events out of all rings, in the order of their time, and hands them on
 *
 * The cursors are noted in a file of the state directory after each pass, so that a manager that
 * was started anew goes on where the dead one stopped: nothing twice, nothing left out.  `tag` ties
 * the file to the rings it speaks of.
 *
 * Events that were overwritten before they were read, or that the target did not take, are counted
 * (events_lost), and told as soon as it takes something again.
 */
#ifndef DAEMON_MANAGER_LOG_DRAIN_H
#define DAEMON_MANAGER_LOG_DRAIN_H

#include "daemon/manager/event_log.h"
#include "daemon/manager/log_target.h"
#include "daemon/manager/text.h"
#include "shm/region.h"

#define LOG_DRAIN_BATCH	  256u
#define LOG_DRAIN_CURSOR  "log-position"
#define LOG_DRAIN_TELL_MS 1000u

struct log_drain {
	const struct shm *shm;
	struct log_target *target;
	struct event_log *log;
	int directory;
	int file;	 /* -1: it could not be opened; tried again */
	bool complained; /* of the file */
	uint64_t tag;
	uint64_t cursor[SHM_WRITERS_MAX];
	struct event *batch; /* [LOG_DRAIN_BATCH] */
	struct text message; /* of the event that is being handed on */
	unsigned first;	     /* the ring that the next pass begins with */
	uint64_t untold;     /* events lost since that was last told */
	uint64_t told_ms;    /* monotonic: when it was tried last */
};

/* 0 or -ENOMEM. That the cursor file cannot be written is said once on standard error. */
int log_drain_open(struct log_drain *drain, const struct shm *shm, struct log_target *target,
    struct event_log *log, int directory, uint64_t tag);
void log_drain_close(struct log_drain *drain);

/* One pass: logs at most LOG_DRAIN_BATCH events and gives each to `follow` (may be NULL). Returns
 * how many there were. */
unsigned log_drain_pass(struct log_drain *drain,
    void (*follow)(void *context, const struct event *event), void *context);

#endif
