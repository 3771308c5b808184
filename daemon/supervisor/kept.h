/*
 * kept -- descriptors that systemd keeps for the service, over the death of all its processes
 *
 * Shared memory and listeners are given to systemd's descriptor store (FileDescriptorStoreMax= in the
 * unit), connections never.  What comes back at the next start:
 *   listeners   connections go on waiting in them while there is no process at all
 *   memory      used when no worker lives that has it: the sessions are gone, but not the trails of
 *		 closed ones, the counters, and a running configuration that was not saved
 * A clean stop takes everything out again.  Without systemd nothing is kept.
 *
 * Supervisor only.
 */
#ifndef SUPERVISOR_KEPT_H
#define SUPERVISOR_KEPT_H

#include "shm/policy_area.h"

#include <stdbool.h>

struct kept {
	int memory[SHM_REGIONS]; /* -1 none */
	int listener[LISTENERS_MAX];
	unsigned listeners;
};

/* What this process was started with, by LISTEN_FDS; once, before others take over the numbers. */
void kept_take(struct kept *kept);
/* The memory is the caller's; false: it is not there, as a whole. */
bool kept_use_memory(struct kept *kept, int fd[SHM_REGIONS]);
/* Closes what was not used. */
void kept_close(struct kept *kept);

void kept_put_memory(const int fd[SHM_REGIONS]);
/* In place of those that are kept now. */
void kept_put_listeners(const int *fds, unsigned count);
void kept_drop_all(void);

#endif
