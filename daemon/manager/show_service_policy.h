/*
 * show_service_policy -- `show service-policy [inspect esmtp]` with live counters
 *
 * The structure comes from the running configuration, the numbers from all policy slots that hold
 * an image of the map: sessions that began under an earlier generation count there too, each match
 * for the line that looks at the same thing now.  Classes stand in the order in which they are
 * asked; behind the policies come the fixups, which stand in the place of inspection_default.  The
 * counts of `set connection` are the supervisor's (shm/class_usage.h), over all statics.
 */
#ifndef DAEMON_MANAGER_SHOW_SERVICE_POLICY_H
#define DAEMON_MANAGER_SHOW_SERVICE_POLICY_H

#include "daemon/manager/text.h"
#include "daemon/policy/config.h"
#include "shm/region.h"

void show_service_policy(
    const struct shm *shm, const struct config *config, bool json, struct text *out);

#endif
