/*
 * children -- the workers and the manager: started, reaped, started again
 *
 * A worker that dies has its sessions given away before the next one is started: if there are others
 * to take them, CHILDREN_SETTLE_MS before, so that they need not share the processor with its start.
 * The manager's death touches no traffic.  A child that cannot run at all ends the start of the gateway instead
 * of being tried for ever: a worker that exits SPAWN_FAILED before any was ready (it has said why:
 * io_uring refused, say), a manager that exits EX_CONFIG before the listeners were applied.
 */
#ifndef SUPERVISOR_CHILDREN_H
#define SUPERVISOR_CHILDREN_H

#include "daemon/supervisor/supervisor.h"

#define CHILDREN_SETTLE_MS 50u

void children_init(struct supervisor *supervisor);
/* Starts what does not run and whose time has come. */
void children_tick(struct supervisor *supervisor);

/* Ends those that hang. */
void children_watch(struct supervisor *supervisor);
/* None hangs and cannot be ended. */
bool children_are_well(const struct supervisor *supervisor);

void children_worker_ended(struct supervisor *supervisor, uint32_t index);
void children_manager_ended(struct supervisor *supervisor);
/* HANDOVER_READY has come. */
void children_worker_ready(struct supervisor *supervisor, uint32_t index);

void children_signal(struct supervisor *supervisor, int number);
bool children_are_gone(const struct supervisor *supervisor);

#endif
