/*
 * listening -- the listener table in force
 *
 * A table that was applied is noted for a later supervisor (shm/succession.h), and duplicates of its
 * sockets lie on every worker's shelf (daemon/supervisor/shelf.h).
 *
 * Supervisor only.  0 or -errno.
 */
#ifndef SUPERVISOR_LISTENING_H
#define SUPERVISOR_LISTENING_H

#include "daemon/supervisor/supervisor.h"

/* The manager's table `index`, checked. On failure everything stays as it was; *ret_detail is the
 * entry that could not be had. */
int listening_apply(struct supervisor *supervisor, uint32_t index, uint32_t *ret_detail);
/* Connections wait in the listeners while accepts are put off or an upgrade needs it; to be called when
 * that changes. */
void listening_watch(struct supervisor *supervisor);
/* No connection is accepted any more, by nobody. */
void listening_end(struct supervisor *supervisor);
/* What lies on the shelves of living workers or was kept by systemd, and the table that was in force.
 * Without such a table they wait for the manager's next one, and nothing is accepted till then. */
void listening_found(struct supervisor *supervisor);
/* A new worker gets its duplicates. */
void listening_shelve(struct supervisor *supervisor, uint32_t worker);

#endif
