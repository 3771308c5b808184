/*
 * event_note -- the manager's own events, written to its own ring
 *
 * They are drained like everybody else's, so they stand in the logs in their order of time.
 * Texts may be NULL from the first one on that is not needed.
 */
#ifndef DAEMON_MANAGER_EVENT_NOTE_H
#define DAEMON_MANAGER_EVENT_NOTE_H

#include "shm/region.h"

#include <stdint.h>

void event_note(const struct shm *shm, uint32_t id, uint64_t number, const char *text0,
    const char *text1, const char *text2);

#endif
