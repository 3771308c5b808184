#include "worker/inspect/hold.h"

void
hold_begin(struct builder *build)
{
	struct inspect *state = build->state;

	if (state->hold || state->mode != INSPECT_MODE_INSPECT ||
	    state->ending[INSPECT_SERVER] != INSPECT_OPEN || build->policy->header_hold == 0 ||
	    (build->policy->needs & INSPECT_NEED_HOLD) == 0)
		return;
	state->hold = HOLD_HEADER;
	state->hold_kind = 0;
	state->hold_words = 0;
	state->held = 0;
}

uint32_t
hold_room(const struct builder *build)
{
	const struct inspect *state = build->state;

	if (!state->hold || state->held > build->policy->header_hold)
		return 0;
	return build->policy->header_hold - state->held;
}

void
hold_count(struct builder *build, unsigned kind, size_t length)
{
	struct inspect *state = build->state;

	if (!state->hold || length == 0)
		return;
	if (state->hold_kind != kind) {
		state->hold_kind = (uint8_t)kind;
		state->hold_words++;
	}
	if (state->hold_words > HOLD_PIECES ||
	    (kind != INSPECT_DROP && length > hold_room(build))) {
		hold_end(build);
		return;
	}
	if (kind != INSPECT_DROP)
		state->held += (uint32_t)length;
}

void
hold_whole(struct builder *build)
{
	if (build->state->hold)
		build->state->hold = HOLD_WHOLE;
}

void
hold_release(struct builder *build)
{
	if (build->state->hold != HOLD_WHOLE)
		hold_end(build);
}

void
hold_end(struct builder *build)
{
	struct inspect *state = build->state;

	state->hold = HOLD_NONE;
	state->hold_kind = 0;
	state->hold_words = 0;
	state->held = 0;
}

void
hold_revoke(struct builder *build)
{
	uint32_t held = build->state->held;

	hold_end(build);
	output_revoke(build, held);
}
