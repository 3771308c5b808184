/*
 * show_conn -- `show conn`, `show conn detail`, `show conn closed`
 *
 * Layout of the ASA; the session id stands at the end of each line.
 */
#ifndef DAEMON_MANAGER_SHOW_CONN_H
#define DAEMON_MANAGER_SHOW_CONN_H

#include "daemon/manager/manager.h"

void show_conn(struct manager *manager, bool detail, bool json, struct text *out);
/* address: NULL for all. False: it is no address. */
bool show_conn_closed(
    const struct manager *manager, const char *address, bool json, struct text *out);

#endif
