/*
 * commit -- the one way in which a session's record changes
 *
 * commit_begin() gives the draft of the next record with the outlets shortened by what nobody
 * needs any more (worker/receipt.h); commit_publish() makes it the record and notes it in the journal.  Nothing that the
 * draft says may be done before commit_publish() has returned, and in a pair before the session has
 * been let go (worker/release_queue.h).  A draft may be forgotten.
 */
#ifndef WORKER_COMMIT_H
#define WORKER_COMMIT_H

#include "shm/closed.h"
#include "shm/record.h"

struct worker;
struct session;

struct record *commit_begin(struct worker *worker, struct session *session);
void commit_publish(struct worker *worker, struct session *session, struct record *draft);
/* A record that was found is noted again, and waited for as if it were new.  False: it may be acted
 * upon as it is. */
bool commit_renew(struct worker *worker, struct session *session);

/* Puts text of the gateway's own behind what is committed for the leg. 0, -ENOBUFS (no chunk) or
 * -ENOSPC (window or outlet full). */
int commit_insert(struct worker *worker, struct session *session, struct record *draft,
    enum shm_leg leg, const char *text, uint32_t length);

/* Ends both legs: `how` for each that has no ending yet; the core is not called any more. */
void commit_end(struct record *draft, enum ending how, enum close_reason reason);
/* The same, committed: both legs get RST and unsent output is given up. */
void commit_reset(struct worker *worker, struct session *session, enum close_reason reason);
/* For a session whose record does not hold: starts a new one that says only that it is reset, and
 * why.  Its windows are emptied without looking at them. */
void commit_discard(struct worker *worker, struct session *session, enum close_reason reason);

#endif
