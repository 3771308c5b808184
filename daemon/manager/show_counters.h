/*
 * show_counters -- `show counters [peer]`, `clear counters`, `clear service-policy`
 *
 * A counter's value is the sum over all processes.  Clearing adds to the manager's own block what
 * takes the sum to zero (modulo 2^64), so that it outlives this process; gauges are not cleared.
 *
 * What the active host of a pair has counted its standby shows beside its own: by the active's names, among
 * them those of the rules of its policies (counter_rule_name()), which the active shows as JSON only.
 */
#ifndef DAEMON_MANAGER_SHOW_COUNTERS_H
#define DAEMON_MANAGER_SHOW_COUNTERS_H

#include "daemon/manager/text.h"
#include "shm/region.h"

void show_counters(const struct shm *shm, bool json, struct text *out);
/* Of the active, as told to this host; none when it is not a standby. */
void show_counters_peer(const struct shm *shm, bool json, struct text *out);
void counters_clear(const struct shm *shm);
void counters_clear_rules(const struct shm *shm);

#endif
