/*
 * show_failover_json -- `show failover` as JSON: stable keys, null for what is not known
 *
 * Manager only.
 */
#ifndef DAEMON_MANAGER_SHOW_FAILOVER_JSON_H
#define DAEMON_MANAGER_SHOW_FAILOVER_JSON_H

#include "daemon/manager/failover_view.h"
#include "daemon/manager/text.h"

void show_failover_json(const struct failover_view *view, struct text *out);

#endif
