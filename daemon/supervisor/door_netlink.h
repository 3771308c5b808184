/*
 * door_netlink -- the door, asked of and told to the kernel
 *
 * Each call opens a netlink socket of its own, so that no answer is left to the next one, and waits at
 * most DOOR_NETLINK_MS for each answer; the kernel gives it within the request.  What comes back is
 * checked and bounded before it is used.  Opening and closing are one transaction.
 *
 * Supervisor only (also as `smtpguardd --door`).  0 or -errno: -EPERM without CAP_NET_ADMIN, -ENOENT if
 * there is no door, -EPROTO for an answer that is none.
 */
#ifndef SUPERVISOR_DOOR_NETLINK_H
#define SUPERVISOR_DOOR_NETLINK_H

#include "daemon/supervisor/door_plan.h"

#define DOOR_NETLINK_MS 2000

/* Changes whenever anything of nftables does. */
int door_netlink_generation(uint32_t *ret_generation);
int door_netlink_read(struct door_reading *ret_reading);
/* Families as DOOR_BIT(); those not named are as they were. */
int door_netlink_open(unsigned families);
int door_netlink_close(void);

#endif
