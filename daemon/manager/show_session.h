/*
 * show_session -- `show conn ID`: one session with its trail, living or ended
 */
#ifndef DAEMON_MANAGER_SHOW_SESSION_H
#define DAEMON_MANAGER_SHOW_SESSION_H

#include "daemon/manager/manager.h"
#include "shm/closed.h"

#include <jansson.h>

/* False: no session of that id is living or remembered. */
bool show_session(const struct manager *manager, uint64_t id, bool json, struct text *out);

/* New reference. */
json_t *show_session_closed_json(const struct closed_entry *entry, bool with_trail);
uint64_t show_session_duration(const struct closed_entry *entry); /* seconds */

#endif
