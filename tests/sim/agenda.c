#include "tests/sim/agenda.h"

static bool
is_before(const struct due *a, const struct due *b)
{
	return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

/* What is taken along leaves a hole, which rises or sinks to its place. */
static uint32_t
rise(struct agenda *agenda, uint32_t at, const struct due *due)
{
	for (; at > 0 && is_before(due, &agenda->event[(at - 1) / 2]); at = (at - 1) / 2)
		agenda->event[at] = agenda->event[(at - 1) / 2];
	return at;
}

static uint32_t
sink(struct agenda *agenda, const struct due *due)
{
	uint32_t at = 0;

	for (;;) {
		uint32_t child = 2 * at + 1;

		if (child >= agenda->count)
			return at;
		if (child + 1 < agenda->count &&
		    is_before(&agenda->event[child + 1], &agenda->event[child]))
			child++;
		if (!is_before(&agenda->event[child], due))
			return at;
		agenda->event[at] = agenda->event[child];
		at = child;
	}
}

void
agenda_clear(struct agenda *agenda)
{
	agenda->count = 0;
	agenda->order = 0;
}

bool
agenda_put(struct agenda *agenda, const struct due *event)
{
	struct due due = *event;

	if (agenda->count == AGENDA_MAX)
		return false;
	due.order = agenda->order++;
	agenda->event[rise(agenda, agenda->count++, &due)] = due;
	return true;
}

bool
agenda_take(struct agenda *agenda, struct due *ret_event)
{
	struct due last;

	if (agenda->count == 0)
		return false;
	*ret_event = agenda->event[0];
	last = agenda->event[--agenda->count];
	agenda->event[sink(agenda, &last)] = last;
	return true;
}
