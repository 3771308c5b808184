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

/* shm/events.def */
enum event_note_id {
	EVENT_NOTE_CONFIG_CHANGED = 109020,
	EVENT_NOTE_CONFIG_SAVED = 109021,
	EVENT_NOTE_LISTENER_FAILED = 109022,
	EVENT_NOTE_SAVED_DAMAGED = 109025,
	EVENT_NOTE_SAVED_LINE_REFUSED = 109026,
	EVENT_NOTE_CONFIG_UNUSABLE = 109027,
	EVENT_NOTE_CONFIG_COMMITTED = 109050,
	EVENT_NOTE_COMMIT_CONFIRMED = 109051,
	EVENT_NOTE_COMMIT_TAKEN_BACK = 109052,
	EVENT_NOTE_COMMIT_STAYS = 109053,
	EVENT_NOTE_COMMIT_FORGOTTEN = 109054,
	EVENT_NOTE_ROLE_ASKED = 109075,
	EVENT_NOTE_CONFIG_FOLLOWED = 109090,
	EVENT_NOTE_CONFIG_NOT_FOLLOWED = 109091,
	EVENT_NOTE_CONFIG_REFUSED_THERE = 109092,
	EVENT_NOTE_CONFIG_UNANSWERED = 109093,
};

void event_note(const struct shm *shm, enum event_note_id id, uint64_t number, const char *text0,
    const char *text1, const char *text2);

#endif
