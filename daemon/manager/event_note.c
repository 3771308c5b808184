#include "daemon/manager/event_note.h"

#include "shm/event_ring.h"

#include <string.h>

void
event_note(const struct shm *shm, enum event_note_id id, uint64_t number, const char *text0,
    const char *text1, const char *text2)
{
	const char *texts[EVENT_TEXTS] = {text0, text1, text2};
	struct event event;

	event_init(&event, id, 0);
	event.number[0] = number;
	for (unsigned i = 0; i < EVENT_TEXTS && texts[i] != NULL; i++)
		event_add_text(&event, texts[i], strlen(texts[i]));
	event_ring_write(shm_events(shm, SHM_WRITER_MANAGER), &event);
}
