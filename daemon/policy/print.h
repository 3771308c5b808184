/*
 * print -- the configuration as lines; config_print() of config.h and the canonical text of a map
 *
 * Order: hostname, fixup, access-list, static, class-map, policy-map type inspect esmtp, policy-map,
 * service-policy: what is named stands before what names it; then `no`
 * lines for what the factory configuration has and this one has not, because the lines are entered
 * upon a factory configuration.
 */
#ifndef DAEMON_POLICY_PRINT_H
#define DAEMON_POLICY_PRINT_H

#include "daemon/policy/tree.h"

/* One map alone, every parameter spelled out; name "" is the default map. */
void print_map_whole(
    const struct config *config, const char *name, const struct config_writer *writer);

#endif
