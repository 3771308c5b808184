/*
 * show_version -- `show version`: version, uptime, processes, shared memory
 */
#ifndef DAEMON_MANAGER_SHOW_VERSION_H
#define DAEMON_MANAGER_SHOW_VERSION_H

#include "daemon/manager/manager.h"

void show_version(const struct manager *manager, bool json, struct text *out);

#endif
