/*
 * show_failover_history -- `show failover history`: the last changes of state of this host
 *
 * In the ASA's layout, the oldest first, with our states behind its words.  They outlive sync and
 * supervisor, not the host.  Without a failover group: "Failover Off".  Manager only.
 */
#ifndef DAEMON_MANAGER_SHOW_FAILOVER_HISTORY_H
#define DAEMON_MANAGER_SHOW_FAILOVER_HISTORY_H

#include "daemon/manager/text.h"
#include "daemon/settings.h"
#include "shm/region.h"

#include <stdbool.h>

void show_failover_history(
    const struct settings_failover *failover, const struct shm *shm, bool json, struct text *out);

#endif
