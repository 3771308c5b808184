/*
 * rule -- the gate's rule in the packet filter, by netlink and in one transaction
 *
 * For IPv4 and IPv6 a table GATE_TABLE with one chain in the output hook, before any rule that could
 * change a mark:
 *
 *	TCP, mark of a listener, the filter says so	to the queue behind `queue`
 *	TCP, the filter says so				to `queue`
 *
 * Needs CAP_NET_ADMIN.  Errors: 0 or -errno.  Called by filter.c only.
 */
#ifndef GATE_RULE_H
#define GATE_RULE_H

#include <stdint.h>

/* `program` is the filter's descriptor; the rule keeps the program. */
int gate_rule_install(int program, uint16_t queue);
/* -ENOENT: not all of it is there. */
int gate_rule_check(void);
int gate_rule_remove(void);

#endif
