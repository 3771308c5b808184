#include "worker/inspect/content.h"

#include "worker/inspect/hold.h"
#include "worker/inspect/mime.h"
#include "worker/inspect/rule.h"
#include "worker/inspect/scan.h"

#include <string.h>

#define DASHES_MAX 80u /* octets of a line that may be a boundary (RFC 2046 5.1.1), and some more */

void
content_begin(struct inspect *state)
{
	state->column = 0;
	state->line_judged = 0;
	state->longest = 0;
	state->content_part = CONTENT_HEADER;
	state->content_flags = 0;
	state->extra.field_length = 0;
	state->extra.boundaries = 0;
}

static bool
needs_mime(const struct builder *build)
{
	return (build->policy->needs & INSPECT_NEED_MIME) != 0;
}

/* ---- lengths of lines ---- */

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

/* Octets within one line, without its LF; how many may pass. */
static size_t
take_line_part(struct builder *build, const uint8_t *octets, size_t length)
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

static void
end_line(struct inspect *state, uint32_t length)
{
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

/* The length of the line under way, which LF ends now. */
static uint32_t
line_length(const struct inspect *state)
{
	bool ends_in_cr = (state->content_flags & CONTENT_CR_LAST) != 0;

	return state->column - (ends_in_cr && state->column < UINT32_MAX);
}

/* `match not` on lengths: the part is over. */
static bool
judge_longest(struct builder *build)
{
	struct inspect *state = build->state;

	build->refusal = rule_judge_not(build, line_criterion(state), state->longest);
	state->longest = 0;
	return build->refusal == RULE_NONE;
}

/* ---- what is collected ---- */

static void
collect(struct inspect *state, const uint8_t *octets, size_t length)
{
	struct content_extra *extra = &state->extra;
	size_t most = state->content_flags & CONTENT_DASHES ? DASHES_MAX : CONTENT_FIELD_MAX;

	if ((state->content_flags & (CONTENT_FIELD | CONTENT_DASHES)) == 0)
		return;
	if (extra->field_length >= most)
		return;
	if (length > most - extra->field_length)
		length = most - extra->field_length;
	memcpy(extra->field + extra->field_length, octets, length);
	extra->field_length = (uint16_t)(extra->field_length + length);
}

/* The line end is no part of a field (RFC 5322 2.2.3). */
static void
unfold(struct inspect *state)
{
	struct content_extra *extra = &state->extra;

	if (extra->field_length > 1 && extra->field[extra->field_length - 1] == '\r')
		extra->field_length--;
}

static void
collect_end(struct inspect *state)
{
	state->content_flags &= ~(uint32_t)(CONTENT_FIELD | CONTENT_DASHES);
	state->extra.field_length = 0;
}

/* A line of dashes is complete.  True: it was a boundary, and the part is another now. */
static bool
end_dashes(struct inspect *state)
{
	bool closed = false, found = mime_take_line(state, &closed);

	collect_end(state);
	if (!found)
		return false;
	state->content_flags &= ~(uint32_t)(CONTENT_NAMED | CONTENT_MESSAGE);
	state->content_part = closed ? CONTENT_BODY : CONTENT_PART_HEADER;
	return true;
}

/* ---- header blocks ---- */

/* The first octet of a line.  False: it ends a field that a rule refuses. */
static bool
begin_header_line(struct builder *build, uint8_t octet)
{
	struct inspect *state = build->state;
	uint32_t *flags = &state->content_flags;

	if (octet == '\r')
		*flags |= CONTENT_CR_FIRST;
	if (!needs_mime(build))
		return true;
	if (*flags & CONTENT_FIELD) {
		if (octet == ' ' || octet == '\t') /* RFC 5322 2.2.3 */
			return true;
		bool good = mime_take_field(build);
		collect_end(state);
		if (!good)
			return false;
	}
	if (octet == 'C' || octet == 'c')
		*flags |= CONTENT_FIELD;
	else if (octet == '-' && state->extra.boundaries)
		*flags |= CONTENT_DASHES;
	return true;
}

/* The empty line.  False: a rule refuses it. */
static bool
end_header(struct builder *build)
{
	struct inspect *state = build->state;

	if (state->content_part == CONTENT_HEADER) {
		if (!judge_longest(build))
			return false;
		hold_release(build);
	}
	bool message = (state->content_flags & CONTENT_MESSAGE) != 0;
	state->content_flags &= ~(uint32_t)(CONTENT_MESSAGE | CONTENT_NAMED);
	state->content_part = message ? CONTENT_PART_HEADER : CONTENT_BODY;
	return true;
}

/* LF in a header block.  False: a rule refuses it. */
static bool
end_header_line(struct builder *build)
{
	struct inspect *state = build->state;
	bool empty = state->column == 0 ||
		     (state->column == 1 && (state->content_flags & CONTENT_CR_FIRST) != 0);

	if (empty && !end_header(build))
		return false;
	if (state->content_flags & CONTENT_DASHES)
		end_dashes(state);
	else
		unfold(state);
	end_line(state, line_length(state));
	return true;
}

/* A line of a header block, or the part of it that is there. */
static size_t
take_header(struct builder *build, const uint8_t *octets, size_t length)
{
	struct inspect *state = build->state;
	const uint8_t *lf = memchr(octets, '\n', length);
	size_t part = lf ? (size_t)(lf - octets) : length;

	if (state->column == 0 && !begin_header_line(build, octets[0]))
		return 0;
	size_t pass = take_line_part(build, octets, part);
	collect(state, octets, pass);
	if (pass < part)
		return pass;
	if (part)
		state->content_flags = octets[part - 1] == '\r'
					   ? state->content_flags | CONTENT_CR_LAST
					   : state->content_flags & ~(uint32_t)CONTENT_CR_LAST;
	if (lf && !end_header_line(build))
		return pass;
	return lf ? part + 1 : part;
}

/* ---- bodies ---- */

/* Whole lines at once where nothing but their lengths matters, else one after the other. */
static size_t
take_body_lengths(struct builder *build, const uint8_t *octets, size_t length)
{
	struct inspect *state = build->state;

	if (rule_exists(build->policy, CRITERION_BODY_LINE_LENGTH))
		return take_lines(build, octets, length);
	if (length) /* whether a line begins is all that must be known */
		state->column = octets[length - 1] != '\n';
	return length;
}

/* The line that may be a boundary, or the part of it that is there. */
static size_t
take_dashes(struct builder *build, const uint8_t *octets, size_t length)
{
	struct inspect *state = build->state;
	const uint8_t *lf = memchr(octets, '\n', length);
	size_t part = lf ? (size_t)(lf - octets) + 1 : length;
	size_t pass = take_body_lengths(build, octets, part);

	collect(state, octets, pass);
	if (pass == part && lf) {
		end_dashes(state);
		end_line(state, 0);
	}
	return pass;
}

static size_t
take_body(struct builder *build, const uint8_t *octets, size_t length)
{
	struct inspect *state = build->state;

	if (state->content_flags & CONTENT_DASHES)
		return take_dashes(build, octets, length);
	if (state->extra.boundaries == 0)
		return take_body_lengths(build, octets, length);
	size_t plain = scan_line_start(build->input->scan, octets, length, state->column == 0, '-');
	if (plain)
		return take_body_lengths(build, octets, plain);
	state->content_flags |= CONTENT_DASHES;
	return take_dashes(build, octets, length);
}

/* With `match not` the longest line must be known, so each is looked at. */
static size_t
take_body_line(struct builder *build, const uint8_t *octets, size_t length)
{
	struct inspect *state = build->state;
	const uint8_t *lf = memchr(octets, '\n', length);
	size_t part = lf ? (size_t)(lf - octets) : length;

	if (state->column == 0 && octets[0] == '-' && state->extra.boundaries)
		state->content_flags |= CONTENT_DASHES;
	size_t pass = take_line_part(build, octets, part);
	collect(state, octets, pass);
	if (pass < part)
		return pass;
	if (part && octets[part - 1] == '\r')
		state->content_flags |= CONTENT_CR_LAST;
	else if (part)
		state->content_flags &= ~(uint32_t)CONTENT_CR_LAST;
	if (!lf)
		return part;
	if (state->content_flags & CONTENT_DASHES)
		end_dashes(state);
	end_line(state, line_length(state));
	return part + 1;
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

static size_t
take_some(struct builder *build, const uint8_t *octets, size_t length)
{
	if (build->state->content_part != CONTENT_BODY)
		return take_header(build, octets, length);
	if (has_not(build->policy))
		return take_body_line(build, octets, length);
	return take_body(build, octets, length);
}

size_t
content_take(struct builder *build, const uint8_t *octets, size_t length)
{
	size_t done = 0;

	build->refusal = RULE_NONE;
	while (done < length) {
		done += take_some(build, octets + done, length - done);
		if (build->refusal != RULE_NONE)
			return done;
	}
	return length;
}

bool
content_end(struct builder *build)
{
	struct inspect *state = build->state;

	build->refusal = RULE_NONE;
	if ((state->content_flags & CONTENT_FIELD) && !mime_take_field(build))
		return false;
	collect_end(state);
	if (state->column)
		end_line(state, line_length(state));
	state->extra.boundaries = 0;
	return judge_longest(build);
}
