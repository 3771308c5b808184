/*
 * requests -- what workers, the manager and sync ask the supervisor for
 *
 * All are unprivileged and may be in an attacker's hands: a worker can only touch slots that it
 * owns, and only as its committed record says; the manager can only name listeners, sessions and
 * the stop; sync the door, and what it does to all sockets.  A packet that is not of its fixed form ends the process that sent it.
 */
#ifndef SUPERVISOR_REQUESTS_H
#define SUPERVISOR_REQUESTS_H

#include "daemon/supervisor/supervisor.h"

#define REQUESTS_BATCH 32 /* packets at one wake-up */

void requests_from_worker(struct supervisor *supervisor, uint32_t index, uint32_t events);
void requests_from_manager(struct supervisor *supervisor);
void requests_from_sync(struct supervisor *supervisor);

#endif
