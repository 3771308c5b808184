/*
 * show_takeover -- the last takeover of this host, as `show failover` says it
 *
 * Its moments are counted from the first of them that is known.  Manager only.
 */
#ifndef DAEMON_MANAGER_SHOW_TAKEOVER_H
#define DAEMON_MANAGER_SHOW_TAKEOVER_H

#include "daemon/manager/failover_view.h"
#include "daemon/manager/text.h"

#include <jansson.h>

void show_takeover(const struct failover_view *view, struct text *out);
/* null: there was none. */
json_t *show_takeover_json(const struct failover_view *view);

#endif
