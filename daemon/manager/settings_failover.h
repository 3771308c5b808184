/*
 * settings_failover -- whether the keys of the failover group go together
 *
 * Pure.  What is asked about has been taken key by key before; a key that is missing or was refused is
 * zero here and offends nothing.
 */
#ifndef DAEMON_MANAGER_SETTINGS_FAILOVER_H
#define DAEMON_MANAGER_SETTINGS_FAILOVER_H

#include "daemon/settings.h"

#define SETTINGS_FAILOVER_RULES 8u

/* What is wrong by rule `rule` (below SETTINGS_FAILOVER_RULES) and with which key; NULL: nothing. */
const char *settings_failover_offends(
    const struct settings_failover *failover, unsigned rule, const char **ret_key);

#endif
