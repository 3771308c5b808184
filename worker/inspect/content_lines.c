#include "worker/inspect/content_lines.h"

#include "worker/inspect/rule.h"
#include "worker/inspect/scan.h"

#include <string.h>

static enum inspect_criterion
line_criterion(const struct inspect *state)
{
	return state->content_part == CONTENT_HEADER ? CRITERION_HEADER_LINE_LENGTH
						     : CRITERION_BODY_LINE_LENGTH;
}

/* The octet that makes the line `value` octets long.  False: a rule refuses it. */
static bool
pass_limit(struct builder *build, enum inspect_criterion criterion, uint64_t value)
{
	build->refusal = rule_judge_growing(build, criterion, value);
	build->state->line_judged = (uint32_t)value;
	return build->refusal == RULE_NONE;
}

size_t
content_lines_part(struct builder *build, const uint8_t *octets, size_t length)
{
	struct inspect *state = build->state;
	enum inspect_criterion criterion = line_criterion(state);
	size_t i = 0;

	while (i < length) {
		uint64_t next = rule_next_value(build->policy, criterion, state->line_judged);
		uint32_t limit = next > UINT32_MAX ? UINT32_MAX : (uint32_t)next - 1;
		i += scan_long_line(
		    build->input->scan, octets + i, length - i, &state->column, limit);
		if (i == length || next > UINT32_MAX)
			break;
		if (!pass_limit(build, criterion, next))
			return i;
	}
	return length;
}

void
content_lines_note_cr(struct inspect *state, uint8_t last)
{
	state->content_flags &= ~(uint32_t)CONTENT_CR_LAST;
	if (last == '\r')
		state->content_flags |= CONTENT_CR_LAST;
}

/* The length of the line under way, which LF ends now. */
static uint32_t
line_length(const struct inspect *state)
{
	bool ends_in_cr = (state->content_flags & CONTENT_CR_LAST) != 0;

	return state->column - (ends_in_cr && state->column < UINT32_MAX);
}

void
content_lines_end(struct inspect *state)
{
	uint32_t length = line_length(state);

	if (length > state->longest)
		state->longest = length;
	state->column = 0;
	state->line_judged = 0;
	state->content_flags &= ~(uint32_t)(CONTENT_CR_FIRST | CONTENT_CR_LAST);
}

/* Many lines at once; how many octets may pass. */
static size_t
take_lines(struct builder *build, const uint8_t *octets, size_t length)
{
	struct inspect *state = build->state;
	enum inspect_criterion criterion = line_criterion(state);
	size_t i = 0;

	while (i < length) {
		uint64_t next = rule_next_value(build->policy, criterion, state->line_judged);
		size_t part = length - i;
		if (state->line_judged) { /* only this line is beyond the first limit */
			const uint8_t *lf = memchr(octets + i, '\n', part);
			part = lf ? (size_t)(lf - (octets + i)) + 1 : part;
		}
		uint32_t limit = next > UINT32_MAX ? UINT32_MAX : (uint32_t)next - 1;
		size_t pass =
		    scan_long_line(build->input->scan, octets + i, part, &state->column, limit);
		i += pass;
		if (pass == part) {
			if (octets[i - 1] == '\n')
				state->line_judged = 0;
			continue;
		}
		if (!pass_limit(build, criterion, next))
			return i;
	}
	return length;
}

bool
content_lines_judge(struct builder *build)
{
	struct inspect *state = build->state;

	build->refusal = rule_judge_not(build, line_criterion(state), state->longest);
	state->longest = 0;
	return build->refusal == RULE_NONE;
}

static bool
has_not(const struct inspect_policy *policy)
{
	uint64_t left = policy->rules_of[CRITERION_BODY_LINE_LENGTH];

	for (unsigned i = 0; i < INSPECT_RULES_MAX && left >> i; i++)
		if ((left >> i & 1) && (policy->rule[i].flags & INSPECT_RULE_NOT))
			return true;
	return false;
}

/* With `match not` the longest line must be known, so each is looked at. */
static size_t
take_each_line(struct builder *build, const uint8_t *octets, size_t length)
{
	struct inspect *state = build->state;

	for (size_t i = 0; i < length;) {
		const uint8_t *lf = memchr(octets + i, '\n', length - i);
		size_t part = lf ? (size_t)(lf - (octets + i)) : length - i;
		size_t pass = content_lines_part(build, octets + i, part);
		if (pass < part)
			return i + pass;
		i += part;
		if (part)
			content_lines_note_cr(state, octets[i - 1]);
		if (!lf)
			break;
		content_lines_end(state);
		i++;
	}
	return length;
}

size_t
content_lines_body(struct builder *build, const uint8_t *octets, size_t length)
{
	struct inspect *state = build->state;

	if (length == 0)
		return 0;
	if (has_not(build->policy))
		return take_each_line(build, octets, length);
	content_lines_note_cr(state, octets[length - 1]);
	if (rule_exists(build->policy, CRITERION_BODY_LINE_LENGTH))
		return take_lines(build, octets, length);
	state->column = octets[length - 1] != '\n'; /* whether a line begins must be known */
	return length;
}
