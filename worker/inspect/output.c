#include "worker/inspect/output.h"

#include "worker/inspect/hold.h"

#include <string.h>

_Static_assert(OUTPUT_REPORTS + INSPECT_RULES_MAX <= INSPECT_EVENTS_MAX, "room for one action");
_Static_assert(OUTPUT_ACTION_TEXT + INSPECT_RULES_MAX * OUTPUT_RULE_TEXT <= INSPECT_TEXT_MAX,
    "room for one action");

void
output_begin(struct builder *build, struct inspect *state, const struct inspect_policy *policy,
    const struct inspect_input *input, struct inspect_output *out)
{
	memset(build, 0, sizeof(*build));
	build->state = state;
	build->policy = policy;
	build->input = input;
	build->out = out;
	build->now_ms = input->now_ms;
	memset(out, 0, offsetof(struct inspect_output, edits));
	memset(&out->tally, 0, sizeof(out->tally));
	out->text_length = 0;
}

void
output_finish(struct builder *build)
{
	const struct inspect *state = build->state;
	struct inspect_output *out = build->out;

	out->opaque = (state->flags & STATE_OPAQUE) != 0;
	out->phase = state->phase;
	out->reason = state->reason;
	out->rule = state->rule;
	out->held = state->held;
	out->deadline_ms = state->deadline_ms;
	memcpy(out->ending, state->ending, sizeof(out->ending));
}

bool
output_has_room(const struct builder *build)
{
	const struct inspect_output *out = build->out;
	unsigned rules = build->policy->rules;

	for (unsigned leg = 0; leg < INSPECT_LEGS; leg++)
		if (build->used[leg] + OUTPUT_ACTION_EDITS > build->input->room[leg])
			return false;
	return out->edit_count + 2 * OUTPUT_ACTION_EDITS <= INSPECT_EDITS_MAX &&
	       out->event_count + OUTPUT_REPORTS + rules <= INSPECT_EVENTS_MAX &&
	       out->note_count + OUTPUT_REPORTS <= INSPECT_NOTES_MAX &&
	       out->text_length + OUTPUT_ACTION_TEXT + rules * OUTPUT_RULE_TEXT <= INSPECT_TEXT_MAX;
}

const uint8_t *
output_rest(const struct builder *build, size_t *length)
{
	*length = build->input->length - build->out->consumed;
	return *length ? build->input->bytes + build->out->consumed : NULL;
}

static struct inspect_edit *
add_edit(struct builder *build, unsigned kind, unsigned to, size_t length, uint32_t text)
{
	struct inspect_output *out = build->out;
	struct inspect_edit *last = out->edit_count ? &out->edits[out->edit_count - 1] : NULL;

	if (last && last->kind == kind && last->to == to &&
	    (kind != INSPECT_INSERT || last->text + last->length == text)) {
		last->length += (uint32_t)length;
		return last;
	}
	if (out->edit_count >= INSPECT_EDITS_MAX)
		return NULL;
	struct inspect_edit *edit = &out->edits[out->edit_count++];
	*edit = (struct inspect_edit){
	    .kind = (uint8_t)kind, .to = (uint8_t)to, .length = (uint32_t)length, .text = text};
	build->used[to]++;
	return edit;
}

static void
consume(struct builder *build, unsigned kind, size_t length)
{
	unsigned to = build->input->from == INSPECT_CLIENT ? INSPECT_SERVER : INSPECT_CLIENT;

	if (length == 0 || !add_edit(build, kind, to, length, 0))
		return;
	build->out->consumed += length;
	if (to == INSPECT_SERVER)
		hold_count(build, kind, length);
}

void
output_keep(struct builder *build, size_t length)
{
	unsigned to = build->input->from == INSPECT_CLIENT ? INSPECT_SERVER : INSPECT_CLIENT;

	consume(build, build->state->ending[to] ? INSPECT_DROP : INSPECT_KEEP, length);
}

void
output_drop(struct builder *build, size_t length)
{
	consume(build, INSPECT_DROP, length);
}

uint32_t
output_text(struct builder *build, const char *text, size_t length)
{
	struct inspect_output *out = build->out;
	uint32_t offset = out->text_length;

	if (length > INSPECT_TEXT_MAX - offset)
		length = INSPECT_TEXT_MAX - offset;
	if (length)
		memcpy(out->text + offset, text, length);
	out->text_length += (uint32_t)length;
	return offset;
}

void
output_insert(struct builder *build, enum inspect_leg to, const char *text, size_t length)
{
	if (build->state->ending[to] || length == 0)
		return;
	uint32_t offset = output_text(build, text, length);
	length = build->out->text_length - offset;
	if (add_edit(build, INSPECT_INSERT, to, length, offset) && to == INSPECT_SERVER)
		hold_count(build, INSPECT_INSERT, length);
}

void
output_revoke(struct builder *build, uint32_t length)
{
	if (length && build->state->ending[INSPECT_SERVER] == INSPECT_OPEN)
		add_edit(build, INSPECT_REVOKE, INSPECT_SERVER, length, 0);
}

struct inspect_event *
output_event(struct builder *build, uint32_t id)
{
	struct inspect_output *out = build->out;

	if (out->event_count == INSPECT_EVENTS_MAX) /* not reached: callers ask for room */
		out->event_count--;
	struct inspect_event *event = &out->events[out->event_count++];
	*event = (struct inspect_event){.id = id};
	return event;
}

/* What is not printable ASCII becomes a question mark. */
static uint32_t
add_printable(struct builder *build, const void *text, size_t length)
{
	uint32_t offset = output_text(build, text, length);
	struct inspect_output *out = build->out;

	for (uint32_t i = offset; i < out->text_length; i++)
		if (out->text[i] < 0x20 || out->text[i] > 0x7e)
			out->text[i] = '?';
	return offset;
}

void
output_event_text(struct builder *build, struct inspect_event *event, unsigned index,
    const void *text, size_t length, size_t limit)
{
	event->text_offset[index] = add_printable(build, text, length < limit ? length : limit);
	event->text_length[index] = (uint16_t)(build->out->text_length - event->text_offset[index]);
}

void
output_note(
    struct builder *build, enum output_who who, unsigned code, const void *text, size_t length)
{
	struct inspect_output *out = build->out;

	if (out->note_count == INSPECT_NOTES_MAX)
		return;
	if (length > OUTPUT_NOTE_MAX)
		length = OUTPUT_NOTE_MAX;
	struct inspect_note *note = &out->notes[out->note_count++];
	*note = (struct inspect_note){.who = (uint8_t)who, .code = (uint16_t)code};
	note->text = add_printable(build, text, length);
	note->length = (uint16_t)(out->text_length - note->text);
}
