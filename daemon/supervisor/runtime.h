/*
 * runtime -- the folders, the lock, the control socket
 *
 * RUNTIME_DIR holds `lock` (only one supervisor runs; the holder's pid stands in it) and
 * `control.sock`.  STATE_DIR belongs to the unprivileged user, because the manager writes in it;
 * STATE_DIR/quarantine is the supervisor's own and is refused if it is anybody else's.  Folders
 * are opened once and used by descriptor, so that renaming them afterwards deceives nobody.
 *
 * Supervisor only.  0, or an exit status of <sysexits.h> after saying why on standard error.
 */
#ifndef SUPERVISOR_RUNTIME_H
#define SUPERVISOR_RUNTIME_H

#include "daemon/supervisor/spawn.h"

struct runtime {
	int lock;
	int directory; /* RUNTIME_DIR */
	int state;     /* STATE_DIR */
	int quarantine;
	int control; /* listening */
};

void runtime_init(struct runtime *runtime);
int runtime_open(struct runtime *runtime, const char *runtime_directory,
    const char *state_directory, const struct spawn_account *account);
/* Removes the control socket. */
void runtime_close(struct runtime *runtime);

#endif
