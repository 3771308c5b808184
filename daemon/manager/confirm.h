/*
 * confirm -- a commit that is live and not confirmed, and what is gone back to without that
 *
 * The time is gateway time (shm/gateway_clock.h): it outlives manager and supervisor, and a host that was
 * paused does not find it passed.  It stands, with the configuration to go back to, in
 * STATE_DIR/confirm-config, tied to the shared memory in which the commit is live: a gateway that was
 * started afresh runs by startup-config, which no unconfirmed commit is ever in, and an event says so.
 *
 * Called by the manager only.
 */
#ifndef DAEMON_MANAGER_CONFIRM_H
#define DAEMON_MANAGER_CONFIRM_H

#include "daemon/manager/store.h"
#include "shm/region.h"

#define CONFIRM_FILE "confirm-config"

struct confirm {
	int directory;
	uint64_t instance; /* running_instance() */
	bool is_armed;
	struct store_entry
	    entry; /* the lines to go back to; who has committed and when; expires_ms */
};

void confirm_open(struct confirm *confirm, const struct shm *shm, int directory, uint64_t instance);
void confirm_close(struct confirm *confirm);

/* Goes back to `back`, or to what it would have gone back to anyway (NULL).  saved "": now. -errno: nothing
 * has changed. */
int confirm_arm(struct confirm *confirm, const struct lines *back, const char *by,
    const char *saved, uint64_t expires_ms);
/* It is confirmed, or over.  -errno: but the next manager will find it again. */
int confirm_forget(struct confirm *confirm);

uint64_t confirm_left_ms(const struct confirm *confirm, uint64_t gateway_ms);

#endif
