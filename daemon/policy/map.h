/*
 * map -- a map of type inspect esmtp, as the core reads it
 *
 * The policy that the compiler puts into its image: what is counted for rule N of a session is of
 * policy.rule[N] here.  For the manager too, which shows what a map does and has counted.
 */
#ifndef DAEMON_POLICY_MAP_H
#define DAEMON_POLICY_MAP_H

#include "daemon/policy/config.h"
#include "worker/inspect/policy.h"

/* A map of the configuration, or a built-in one; another name gives the default map.  Match lines
 * without an action are left out. */
void map_policy(const struct config *config, const char *name, struct inspect_policy *ret_policy);

#endif
