/*
 * stopping -- the clean stop
 *
 *   WAITING   the listeners are closed; sessions may end by themselves (drain bound)
 *   DRAINING  the workers end what is left with 421 4.3.2 (SUPERVISOR_DRAIN_END ms)
 *   LEAVING   workers and manager get SIGTERM, by pidfd
 *   KILLING   and SIGKILL
 *   ENDED
 *
 * Each ends early when there is nothing left to wait for; a further SIGTERM or SIGINT ends the
 * waiting of WAITING and DRAINING.
 */
#ifndef SUPERVISOR_STOPPING_H
#define SUPERVISOR_STOPPING_H

#include "daemon/supervisor/supervisor.h"

/* Nothing if it stops already. */
void stopping_begin(struct supervisor *supervisor, uint64_t drain_ms);
/* SIGTERM or SIGINT. */
void stopping_signal(struct supervisor *supervisor);
/* The gateway cannot run: straight to LEAVING, `status` is the exit status. */
void stopping_fail(struct supervisor *supervisor, int status);
void stopping_tick(struct supervisor *supervisor);

#endif
