/*
 * launch -- starts a process of the gateway
 *
 * What a process is started with, is noted for a later supervisor (process table, RUNTIME_DIR/workers)
 * before it does anything, and is watched from then on.  A start that fails is judged as an early
 * end: it is tried again later.
 *
 * Supervisor only.
 */
#ifndef SUPERVISOR_LAUNCH_H
#define SUPERVISOR_LAUNCH_H

#include "daemon/supervisor/supervisor.h"
#include "daemon/supervisor/watch.h"

void launch_worker(struct supervisor *supervisor, uint32_t index);
void launch_manager(struct supervisor *supervisor);

/* The process is held until spawn_release() or, on an error, not there. */
int launch_held(struct supervisor *supervisor, struct spawn *spawn, struct process *process);
/* It could not be started: says so, and judges it as an early end. */
void launch_failed(
    struct supervisor *supervisor, struct process *process, const char *name, int error);
/* Its pidfd and its socket in the loop. */
void launch_watch(struct supervisor *supervisor, const struct process *process, int socket,
    struct watch_note end, struct watch_note talk);

/* The regions as the next descriptors: what each program may write it gets writable, the rest for
 * reading (shm/layout.h). */
void launch_regions(const struct supervisor *supervisor, enum shm_role role, struct spawn *spawn);
/* A socket to a process, -1 afterwards; all that leads to a worker. */
void launch_close(struct supervisor *supervisor, int *fd);
void launch_close_worker(struct supervisor *supervisor, uint32_t index);

/* The worker's entry in the process table. */
void launch_publish(struct supervisor *supervisor, uint32_t index, enum process_state state);
/* Its pidfd and its socket in the loop. */
void launch_watch_worker(struct supervisor *supervisor, uint32_t index);
/* RUNTIME_DIR/workers as it is to be now. */
void launch_note(struct supervisor *supervisor);
uint64_t launch_heartbeat(const struct supervisor *supervisor, uint32_t index);
uint64_t launch_manager_heartbeat(const struct supervisor *supervisor);

#endif
