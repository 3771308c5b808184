/*
 * show_config -- `show running-config`, `show fixup`, `show startup-config`, `write memory`,
 * `write erase`
 *
 * Return sysexits; on failure *out holds the reason as a line that begins with "%".
 */
#ifndef DAEMON_MANAGER_SHOW_CONFIG_H
#define DAEMON_MANAGER_SHOW_CONFIG_H

#include "daemon/manager/manager.h"

int show_running_config(
    const struct manager *manager, const char *section, bool all, bool json, struct text *out);
int show_fixup(const struct manager *manager, bool json, struct text *out);
int show_startup_config(const struct manager *manager, bool json, struct text *out);
int write_memory(struct manager *manager, const char *by, struct text *out);
int write_erase(struct manager *manager, struct text *out);

#endif
