/*
 * show_failover -- `show failover`: the pair as this host knows it
 *
 * In the ASA's layout, with our states behind its words.  Without a failover group: "Failover Off".
 * What the sync process has said holds only while it runs; the door and what may leave are shown in any
 * case.
 */
#ifndef DAEMON_MANAGER_SHOW_FAILOVER_H
#define DAEMON_MANAGER_SHOW_FAILOVER_H

#include "daemon/manager/text.h"
#include "daemon/settings.h"
#include "shm/region.h"

#include <stdbool.h>

/* What both say where there is no failover group. */
void show_failover_off(bool json, struct text *out);

void show_failover(
    const struct settings_failover *failover, const struct shm *shm, bool json, struct text *out);

#endif
