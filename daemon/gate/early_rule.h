/*
 * early_rule -- packets to the floating addresses wait before the door, or go on to it
 *
 * For IPv4 and IPv6 a table EARLY_TABLE with one chain in the prerouting hook, before the door's:
 *
 *	TCP, to a floating address	to `queue`
 *
 * early_rule_hold() puts these rules there, early_rule_pass() takes them away and leaves the chain, because the
 * kernel drops whatever waits in any of the queues when a hook goes.
 *
 * This is no part of the door: what is let go from the queue comes to the door next, and is dropped if that is
 * closed.
 *
 * Needs CAP_NET_ADMIN.  Errors: 0 or -errno.  Supervisor only.
 */
#ifndef GATE_EARLY_RULE_H
#define GATE_EARLY_RULE_H

#include "shm/layout.h"

#include <stdbool.h>

#define EARLY_TABLE "smtpguard_early"

/* At most EARLY_RULES_MOST addresses; -ENOSPC. */
#define EARLY_RULES_MOST 64u

int early_rule_hold(const struct shm_endpoint *addresses, uint32_t count, uint16_t queue);
int early_rule_pass(void);
/* The rules are those of early_rule_hold() with these addresses, or of early_rule_pass(); -ENOENT: they are not. */
int early_rule_check(const struct shm_endpoint *addresses, uint32_t count, bool holds);
/* Nothing if there is none, as on a host without the gate. */
int early_rule_remove(void);

#endif
