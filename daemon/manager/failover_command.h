/*
 * failover_command -- `failover active`, `no failover active`, `failover force`
 *
 * The request goes to the sync process by shared memory (shm/pair.h), and its answer is waited for here,
 * at most PAIR_REQUEST_MS.  A good answer says that it is being done; `show failover` tells how far.
 * Returns a sysexits status; *ret_reason says what stands against it.
 */
#ifndef DAEMON_MANAGER_FAILOVER_COMMAND_H
#define DAEMON_MANAGER_FAILOVER_COMMAND_H

#include "daemon/settings.h"
#include "shm/pair.h"
#include "shm/region.h"

int failover_command(const struct settings_failover *failover, const struct shm *shm,
    enum pair_command command, const char **ret_reason);

#endif
