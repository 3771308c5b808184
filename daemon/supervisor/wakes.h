/*
 * wakes -- the eventfds by which sync and the workers wake each other (shm/release.h)
 *
 * One for each worker's place, which stays when the worker is another one, and one for sync, that of
 * the journals.  Each worker is started with its own and with sync's (enum inherited), and a supervisor
 * that comes after one's death takes them from the workers.  For a place whose worker was dead just
 * then a new one is made: a sync process that outlives its supervisor does not know that one, and has
 * to be given it.
 *
 * Supervisor only.  0 or -errno.
 */
#ifndef SUPERVISOR_WAKES_H
#define SUPERVISOR_WAKES_H

#include "daemon/supervisor/supervisor.h"

void wakes_init(struct supervisor *supervisor);
void wakes_close(struct supervisor *supervisor);

/* Takes those that the workers of an earlier supervisor hold (collect_memory()), makes the others. */
int wakes_open(struct supervisor *supervisor);

/* The next descriptors of a worker: INHERITED_RELEASE and INHERITED_JOURNAL. */
void wakes_worker(const struct supervisor *supervisor, uint32_t index, struct spawn *spawn);
/* The next descriptors of sync: that of the journals, then those of the workers, in their order. */
void wakes_sync(const struct supervisor *supervisor, struct spawn *spawn);

/* Of what another process has held. */
bool wakes_is_eventfd(int fd);

#endif
