/*
 * sync_child -- the sync process of a host that is one of a pair
 *
 * Without a failover group in smtpguard.conf there is none.  It is started, watched and started again as
 * the manager is.  What it needs of this process's rights it gets as open descriptors: the key file, so
 * that the key is read by nobody else; keepalived's notify FIFO, which is made if it is not there; and
 * RUNTIME_DIR/pair, a folder of the unprivileged user for the track file.  It ends when its supervisor
 * ends, and the next one starts another: what it has to know is in shared memory and in the epoch file.
 *
 * Supervisor only.
 */
#ifndef SUPERVISOR_SYNC_CHILD_H
#define SUPERVISOR_SYNC_CHILD_H

#include "daemon/supervisor/supervisor.h"

#define SYNC_CHILD_FOLDER "pair"

void sync_child_init(struct supervisor *supervisor);
/* Before any worker runs: nothing leaves until sync says so. */
void sync_child_hold(struct supervisor *supervisor);

/* Starts it, if there is to be one and its time has come. */
void sync_child_tick(struct supervisor *supervisor);
/* Ends it if it hangs. */
void sync_child_watch(struct supervisor *supervisor);
bool sync_child_is_well(const struct supervisor *supervisor);
void sync_child_ended(struct supervisor *supervisor);

#endif
