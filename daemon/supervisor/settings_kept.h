/*
 * settings_kept -- RUNTIME_DIR/settings: what the supervisors before this one have worked with
 *
 * Nobody reads smtpguard.conf while the gateway runs, so an error may come into it unnoticed.  A
 * supervisor that is started after another's death must not end of it: there are sessions to be taken
 * over.
 *
 * Supervisor only.
 */
#ifndef SUPERVISOR_SETTINGS_KEPT_H
#define SUPERVISOR_SETTINGS_KEPT_H

#include "daemon/settings.h"

#include <stdbool.h>

#define SETTINGS_KEPT_NAME "settings"

/* 0 or -errno. */
int settings_kept_write(int directory, const struct settings *settings);
/* False: there are none that hold, or nothing is to be taken over: no worker lives, and no memory of
 * theirs was kept. */
bool settings_kept_read(
    const char *runtime_directory, bool memory_kept, struct settings *ret_settings);
void settings_kept_remove(int directory);

#endif
