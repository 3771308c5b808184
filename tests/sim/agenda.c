#include "tests/sim/agenda.h"

static bool
is_before(const struct due *a, const struct due *b)
{
	return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

static void
swap(struct due *a, struct due *b)
{
	struct due kept = *a;

	*a = *b;
	*b = kept;
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
	uint32_t at = agenda->count;

	if (at == AGENDA_MAX)
		return false;
	agenda->event[at] = *event;
	agenda->event[at].order = agenda->order++;
	agenda->count++;
	for (; at > 0 && is_before(&agenda->event[at], &agenda->event[(at - 1) / 2]);
	     at = (at - 1) / 2)
		swap(&agenda->event[at], &agenda->event[(at - 1) / 2]);
	return true;
}

bool
agenda_take(struct agenda *agenda, struct due *ret_event)
{
	uint32_t at = 0;

	if (agenda->count == 0)
		return false;
	*ret_event = agenda->event[0];
	agenda->event[0] = agenda->event[--agenda->count];
	for (;;) {
		uint32_t least = at;

		for (uint32_t child = 2 * at + 1; child <= 2 * at + 2; child++)
			if (child < agenda->count &&
			    is_before(&agenda->event[child], &agenda->event[least]))
				least = child;
		if (least == at)
			return true;
		swap(&agenda->event[at], &agenda->event[least]);
		at = least;
	}
}
