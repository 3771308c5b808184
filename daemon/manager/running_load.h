/*
 * running_load -- the configuration to start with, from the state directory
 *
 * instance 0: a first start, from startup-config (or its newest good predecessor).  Else a manager
 * started anew beside living sessions: from running-config if it is of this instance.  Damage and
 * lines that are not understood are told by events; they are never passed over in silence.
 *
 * NULL: no memory.  The caller owns the configuration.
 */
#ifndef DAEMON_MANAGER_RUNNING_LOAD_H
#define DAEMON_MANAGER_RUNNING_LOAD_H

#include "daemon/manager/lines.h"
#include "daemon/manager/text.h"
#include "daemon/policy/config.h"
#include "shm/region.h"

#include <stdint.h>

/* From lines alone. `refused` NULL: lines that are not understood are told and passed over; else the first
 * one is named there, and NULL is returned as well. */
struct config *running_load_lines(
    const struct shm *shm, const struct lines *lines, struct text *refused);

struct config *running_load(const struct shm *shm, int directory, uint64_t instance);

#endif
