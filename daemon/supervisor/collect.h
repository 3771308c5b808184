/*
 * collect -- takes over what a dead supervisor has left
 *
 * Its workers live on, with the memory, the connections and the listeners (worker/handover_client.h,
 * daemon/supervisor/shelf.h).  RUNTIME_DIR/workers names them; CAP_SYS_PTRACE lets this process take
 * duplicates of their descriptors, whatever user they run as and whether they run, hang or are
 * stopped.  Nothing that a worker holds is believed: memory must be ours and the same in all of them,
 * a connection is proved by its cookie.
 *
 * The old manager is ended: a new one begins with the running configuration as it was kept.
 *
 * Then each worker is greeted.  Till it has answered, it is given nothing; its answer comes after all
 * that the dead supervisor had sent it and after all that it is still owed, so from then on the slots
 * say what is true (daemon/supervisor/collect_slots.h).  A worker that does not answer is ended by the
 * watchdog; what it has never read is read for it then.
 *
 * When no worker lives their connections went with them; what else there was systemd may have kept
 * (daemon/supervisor/kept.h).  Without CAP_SYS_PTRACE the old workers are ended, because the listeners
 * are theirs, and so they are when COLLECT_TRIES_MAX supervisors in a row did not get through.
 *
 *   collect_memory	the living workers and their memory
 *   collect_slots	slots and connections
 *
 * Supervisor only.
 */
#ifndef SUPERVISOR_COLLECT_H
#define SUPERVISOR_COLLECT_H

#include "daemon/supervisor/supervisor.h"

/* After collect_memory(), when the loop stands: the rest. */
void collect_rest(struct supervisor *supervisor);

/* It serves: nobody has died of it. */
void collect_done(struct supervisor *supervisor);
/* It cannot now, for want of something, and leaves what it found to the next one: nobody has died of that
 * either.  The exit status. */
int collect_put_off(struct supervisor *supervisor);

/* The greeting of those that could not take it before. */
void collect_tick(struct supervisor *supervisor);
/* READY has come from a worker that was greeted. */
void collect_answered(struct supervisor *supervisor, uint32_t index);
/* It has died without an answer; its sessions are not given away yet. */
void collect_died(struct supervisor *supervisor, uint32_t index);

/* Would a later supervisor get descriptors out of this worker? Otherwise says why, once. */
void collect_try(struct supervisor *supervisor, uint32_t index);

#endif
