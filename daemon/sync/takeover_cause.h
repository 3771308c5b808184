/*
 * takeover_cause -- notes what has led to a takeover of this host, and when (shm/takeover_view.h)
 *
 * Called by sync only.
 */
#ifndef DAEMON_SYNC_TAKEOVER_CAUSE_H
#define DAEMON_SYNC_TAKEOVER_CAUSE_H

#include "daemon/sync/role.h"
#include "shm/takeover_view.h"

/* An input has led from `before` to where the machine is; the cause is published when the sessions are about to be
 * asked for, and again when the epoch is saved. */
void takeover_cause_note(struct takeover_cause *cause, struct takeover_view *view,
    enum role_state before, const struct role *role);

#endif
