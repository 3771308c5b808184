/*
 * accept -- takes connections from a listener
 *
 * At most ACCEPT_BATCH of them at a wake-up, so that one busy listener does not starve the rest.  They
 * are handed to the workers before another listener has its turn: what this process alone has accepted
 * ends with it.
 * Whom a configured limit keeps out is told 421 4.7.0 (daemon/supervisor/admission.h).
 * Who cannot be served is told 421 4.3.2 (RFC 5321 3.8, RFC 3463 X.3.2) and closed: no slot is
 * free, too few chunks, or no descriptor (the spare one is given up for that).  When not even that
 * can be done, connections wait in the kernel's backlog until the next tick.
 *
 * They wait there too while no worker is ready, for the same reason: the backlog outlives this process.
 */
#ifndef SUPERVISOR_ACCEPT_H
#define SUPERVISOR_ACCEPT_H

#include "daemon/supervisor/supervisor.h"

#define ACCEPT_BATCH 64

struct arrival;

void accept_ready(struct supervisor *supervisor, int listener);
/* A client whose connection did not come from a listener. Takes over its descriptor. */
void accept_arrival(struct supervisor *supervisor, struct arrival *arrival);
/* Takes connections again that had to wait; each tick, and as soon as a worker is ready. */
void accept_tick(struct supervisor *supervisor);

#endif
