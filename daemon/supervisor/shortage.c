#include "daemon/supervisor/shortage.h"

#include "daemon/supervisor/supervisor.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define DETAIL_MAX 96

static const struct shortage_name {
	const char *name;
	enum counter_id refused;
} names[SHORTAGES] = {
    [SHORTAGE_SLOTS] = {"sessions", COUNTER_sessions_refused_limit},
    [SHORTAGE_CHUNKS] = {"chunks", COUNTER_sessions_refused_chunks},
    [SHORTAGE_DESCRIPTORS] = {"descriptors", COUNTER_sessions_refused_descriptors},
    [SHORTAGE_MEMORY] = {"kernel memory", COUNTER_sessions_refused_memory},
};

enum shortage
shortage_of(int error)
{
	switch (error) {
	case EMFILE:
	case ENFILE:
		return SHORTAGE_DESCRIPTORS;
	case ENOMEM:
	case ENOBUFS:
		return SHORTAGE_MEMORY;
	default:
		return SHORTAGE_NONE;
	}
}

/* True: an event is due. */
static bool
note(struct supervisor *supervisor, enum shortage what)
{
	struct shortage_state *state = &supervisor->shortage[what];

	if (!state->spell.lasts)
		state->refused = 0;
	return spell_note(&state->spell, supervisor->monotonic_ms, SHORTAGE_EVENT_MS, NULL);
}

static void
add_name(struct event *event, enum shortage what)
{
	event_add_text(event, names[what].name, strlen(names[what].name));
}

/* In the words of the ASA. */
static void
tell_slots(struct supervisor *supervisor, const struct shm_endpoint *client,
    const struct shm_endpoint *server)
{
	struct event event;

	event_init(&event, 201011, 0);
	event.number[0] = supervisor->custody.in_use;
	event.number[1] = supervisor->custody.slots;
	event.client = *client;
	event.server = *server;
	supervisor_event(supervisor, &event);
}

static void
tell(const struct supervisor *supervisor, enum shortage what, const char *detail)
{
	struct event event;

	event_init(&event, 109030, 0);
	add_name(&event, what);
	event_add_text(&event, detail, strlen(detail));
	supervisor_event(supervisor, &event);
}

static void
tell_refused(const struct supervisor *supervisor, enum shortage what)
{
	char detail[DETAIL_MAX] = "connections are refused";

	if (what == SHORTAGE_CHUNKS)
		snprintf(detail, sizeof(detail), "%u of %u in use, connections are refused",
		    supervisor->pool.level.used, supervisor->shm.chunks);
	tell(supervisor, what, detail);
}

void
shortage_refused(struct supervisor *supervisor, enum shortage what,
    const struct shm_endpoint *client, const struct shm_endpoint *server)
{
	bool due = note(supervisor, what);

	supervisor_count(supervisor, names[what].refused, 1);
	supervisor->shortage[what].refused++;
	if (due && what == SHORTAGE_SLOTS)
		tell_slots(supervisor, client, server);
	else if (due)
		tell_refused(supervisor, what);
}

void
shortage_put_off(struct supervisor *supervisor, enum shortage what, int error)
{
	char detail[DETAIL_MAX];

	supervisor_count(supervisor, COUNTER_accepts_put_off, 1);
	if (!note(supervisor, what))
		return;
	snprintf(detail, sizeof(detail), "%s, connections wait", strerror(error));
	tell(supervisor, what, detail);
}

void
shortage_tick(struct supervisor *supervisor)
{
	for (enum shortage what = SHORTAGE_NONE + 1; what < SHORTAGES; what++) {
		struct shortage_state *state = &supervisor->shortage[what];
		struct event event;

		if (!spell_is_over(&state->spell, supervisor->monotonic_ms, SHORTAGE_OVER_MS))
			continue;
		event_init(&event, 109031, 0);
		add_name(&event, what);
		event.number[0] = state->refused;
		supervisor_event(supervisor, &event);
	}
}
