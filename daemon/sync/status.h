/*
 * status -- how the pair stands, for `show failover` (shm/pair.h)
 *
 * Called by sync only, at the end of each turn.
 */
#ifndef DAEMON_SYNC_STATUS_H
#define DAEMON_SYNC_STATUS_H

#include "daemon/sync/sync.h"

void status_publish(struct sync *sync);

#endif
