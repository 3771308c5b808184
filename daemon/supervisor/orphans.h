/*
 * orphans -- connections of the floating addresses that no process holds any more
 *
 * When all processes of a host are killed, its kernel goes on with their connections for a while: it
 * sends what was not acknowledged, and their end, as far as gate and door let it.  Meanwhile the other
 * host may have taken them over; when they come back here, they cannot be made beside those.
 *
 * The door is shut: what the kernel sends at their end goes nowhere.  Listeners stay.  A kernel
 * without INET_DIAG_DESTROY ends none.  Supervisor only, any of its threads.
 */
#ifndef SUPERVISOR_ORPHANS_H
#define SUPERVISOR_ORPHANS_H

#include "shm/layout.h"

/* All connections from these addresses. How many were ended, or -errno. */
int orphans_end(const struct shm_endpoint *addresses, uint32_t count);

/* The one between these two.  0: it was ended; -ENOENT: there is none; -EBUSY: a process holds it, and
 * it stays; or another -errno. */
int orphans_end_one(const struct shm_endpoint *local, const struct shm_endpoint *peer);

#endif
