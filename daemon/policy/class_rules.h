/*
 * class_rules -- the access-list of a class, as the supervisor asks it for one static
 *
 * The server's addresses are known, so what remains of an access-list are the lines that fit the
 * static, with the clients that they name.  Lines that can never decide are left out: those of
 * another address family than the static listens on, those behind one that fits every client, and
 * denials at the end.  Pure.
 */
#ifndef DAEMON_POLICY_CLASS_RULES_H
#define DAEMON_POLICY_CLASS_RULES_H

#include "daemon/policy/tree.h"
#include "shm/policy_area.h"

/* Fills client, prefix and permit; the rest is 0.  Returns how many there are, at most
 * CONFIG_ACCESS_LINES_MAX, the last one a permission; 0: the class takes no session of the static. */
unsigned class_rules_list(const struct config *config, const struct config_static *rule,
    const char *class_map, struct class_rule list[CONFIG_ACCESS_LINES_MAX]);
/* Does it fit every client that can connect? */
bool class_rules_is_for_all(const struct class_rule *rule);

#endif
