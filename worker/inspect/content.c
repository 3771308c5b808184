#include "worker/inspect/content.h"

#include "worker/inspect/content_lines.h"
#include "worker/inspect/hold.h"
#include "worker/inspect/mime.h"
#include "worker/inspect/mime_field.h"
#include "worker/inspect/rule.h"
#include "worker/inspect/scan.h"

#include <string.h>

void
content_begin(struct inspect *state)
{
	state->column = 0;
	state->line_judged = 0;
	state->longest = 0;
	state->content_part = CONTENT_HEADER;
	state->content_flags = 0;
	state->name_length = 0;
	state->extra.field_length = 0;
	state->extra.field_shrunk = 0;
	state->extra.field_lost = 0;
	state->extra.boundaries = 0;
}

static bool
needs_mime(const struct builder *build)
{
	return (build->policy->needs & INSPECT_NEED_MIME) != 0;
}

/* ---- what is collected ---- */

static void
collect_end(struct inspect *state)
{
	state->content_flags &= ~(uint32_t)(CONTENT_FIELD | CONTENT_DASHES);
	state->extra.field_length = 0;
	state->extra.field_shrunk = 0;
	state->extra.field_lost = 0;
}

static void
collect(struct inspect *state, const uint8_t *octets, size_t length)
{
	struct content_extra *extra = &state->extra;

	if (state->content_flags & CONTENT_FIELD) {
		if (!mime_field_add(extra, octets, length))
			collect_end(state);
		return;
	}
	if ((state->content_flags & CONTENT_DASHES) == 0)
		return;
	if (length > MIME_BOUNDARY_LINE - extra->field_length)
		length = MIME_BOUNDARY_LINE - extra->field_length;
	memcpy(extra->field + extra->field_length, octets, length);
	extra->field_length = (uint16_t)(extra->field_length + length);
}

/* A line of dashes is complete. */
static enum mime_line
end_dashes(struct inspect *state)
{
	enum mime_line line =
	    mime_boundary_match(&state->extra, state->extra.field, state->extra.field_length);

	collect_end(state);
	if (line == MIME_LINE_DIGEST)
		state->content_flags |= CONTENT_MESSAGE;
	return line;
}

/* ---- header blocks ---- */

/* A rule on names holds once in a part, by the longest that any of its fields may give. */
static bool
judge_names(struct builder *build)
{
	struct inspect *state = build->state;
	uint32_t longest = state->name_length;

	state->name_length = 0;
	if (longest)
		build->refusal = rule_judge_number(build, CRITERION_MIME_FILENAME_LENGTH, longest);
	return build->refusal == RULE_NONE;
}

static void
end_field(struct inspect *state)
{
	if (state->content_flags & CONTENT_FIELD)
		mime_take_field(state);
	collect_end(state);
}

/* The first octet of a line. */
static void
begin_header_line(struct builder *build, uint8_t octet)
{
	struct inspect *state = build->state;
	uint32_t *flags = &state->content_flags;

	if (octet == '\r')
		*flags |= CONTENT_CR_FIRST;
	if (!needs_mime(build) || octet == ' ' || octet == '\t') /* RFC 5322 2.2.3 */
		return;
	end_field(state);
	if (octet == 'C' || octet == 'c')
		*flags |= CONTENT_FIELD;
	else if (octet == '-' && state->extra.boundaries)
		*flags |= CONTENT_DASHES;
}

/* Behind a CR alone: a field may begin there for some readers, and for others what it stands in goes
 * on (mime.h reads both). */
static void
begin_behind_cr(struct builder *build, uint8_t octet)
{
	struct inspect *state = build->state;
	const struct content_extra *extra = &state->extra;
	const uint8_t *value;
	size_t length;

	if (!needs_mime(build) || (octet != 'C' && octet != 'c'))
		return;
	if ((state->content_flags & CONTENT_FIELD) &&
	    mime_field_which(extra->field, extra->field_length, &value, &length) !=
		MIME_FIELD_OTHER)
		return;
	if (state->content_flags & CONTENT_DASHES)
		end_dashes(state);
	collect_end(state);
	state->content_flags |= CONTENT_FIELD;
}

/* The octets of one line, without its LF, up to a CR. */
static void
collect_line(struct builder *build, const uint8_t *octets, size_t length)
{
	struct inspect *state = build->state;

	if (length && !needs_mime(build)) {
		content_lines_note_cr(state, octets[length - 1]);
		return;
	}
	while (length) {
		const uint8_t *cr = memchr(octets, '\r', length);
		size_t part = cr ? (size_t)(cr - octets) + 1 : length;
		if (state->content_flags & CONTENT_CR_LAST)
			begin_behind_cr(build, octets[0]);
		collect(state, octets, part);
		state->content_flags &= ~(uint32_t)CONTENT_CR_LAST;
		if (cr)
			state->content_flags |= CONTENT_CR_LAST;
		octets += part;
		length -= part;
	}
}

/* The empty line.  False: a rule refuses it. */
static bool
end_header(struct builder *build)
{
	struct inspect *state = build->state;

	if (!judge_names(build))
		return false;
	if (state->content_part == CONTENT_HEADER) {
		if (!content_lines_judge(build))
			return false;
		hold_release(build);
	}
	bool message = (state->content_flags & CONTENT_MESSAGE) != 0;
	state->content_flags &= ~(uint32_t)CONTENT_MESSAGE;
	state->content_part = message ? CONTENT_PART_HEADER : CONTENT_BODY;
	return true;
}

/* LF in a header block.  False: a rule refuses it.  A boundary there ends a part, but the block goes on:
 * what stands before the empty line is header for one reader, and a part's header for another. */
static bool
end_header_line(struct builder *build)
{
	struct inspect *state = build->state;
	struct content_extra *extra = &state->extra;
	bool empty = state->column == 0 ||
		     (state->column == 1 && (state->content_flags & CONTENT_CR_FIRST) != 0);

	if (empty && !end_header(build))
		return false;
	if (state->content_flags & CONTENT_DASHES) {
		if (end_dashes(state) != MIME_LINE_TEXT && !judge_names(build))
			return false;
	} else if (extra->field_length > 1 && extra->field[extra->field_length - 1] == '\r') {
		extra->field_length--; /* the line end is no part of a field (RFC 5322 2.2.3) */
	}
	content_lines_end(state);
	return true;
}

/* A line of a header block, or the part of it that is there. */
static size_t
take_header(struct builder *build, const uint8_t *octets, size_t length)
{
	struct inspect *state = build->state;
	const uint8_t *lf = memchr(octets, '\n', length);
	size_t part = lf ? (size_t)(lf - octets) : length;

	if (state->column == 0)
		begin_header_line(build, octets[0]);
	size_t pass = content_lines_part(build, octets, part);
	if (pass < part)
		return pass;
	collect_line(build, octets, part);
	if (lf && !end_header_line(build))
		return pass;
	return lf ? part + 1 : part;
}

/* ---- bodies ---- */

static void
end_body_dashes(struct inspect *state)
{
	enum mime_line line = end_dashes(state);

	if (line == MIME_LINE_PART || line == MIME_LINE_DIGEST)
		state->content_part = CONTENT_PART_HEADER;
}

/* The line that may be a boundary, or the part of it that is there.  It ends at a CR alone too. */
static size_t
take_dashes(struct builder *build, const uint8_t *octets, size_t length)
{
	struct inspect *state = build->state;
	size_t part = 0;

	if ((state->content_flags & CONTENT_CR_LAST) && octets[0] != '\n') {
		end_body_dashes(state);
		return 0;
	}
	while (part < length && octets[part] != '\r' && octets[part] != '\n')
		part++;
	bool end = part < length && octets[part] == '\n';
	size_t pass = content_lines_body(build, octets, part < length ? part + 1 : part);
	collect(state, octets, pass < part ? pass : part);
	if (build->refusal == RULE_NONE && end)
		end_body_dashes(state);
	return pass;
}

static size_t
take_body(struct builder *build, const uint8_t *octets, size_t length)
{
	struct inspect *state = build->state;

	if (state->content_flags & CONTENT_DASHES)
		return take_dashes(build, octets, length);
	if (state->extra.boundaries == 0)
		return content_lines_body(build, octets, length);
	bool at_line = state->column == 0 || (state->content_flags & CONTENT_CR_LAST) != 0;
	size_t plain = scan_line_start(build->input->scan, octets, length, at_line, '-');
	if (plain)
		return content_lines_body(build, octets, plain);
	state->content_flags |= CONTENT_DASHES;
	state->content_flags &= ~(uint32_t)CONTENT_CR_LAST;
	return take_dashes(build, octets, length);
}

static size_t
take_some(struct builder *build, const uint8_t *octets, size_t length)
{
	if (build->state->content_part != CONTENT_BODY)
		return take_header(build, octets, length);
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
	end_field(state);
	if (!judge_names(build))
		return false;
	if (state->column)
		content_lines_end(state);
	state->extra.boundaries = 0;
	return content_lines_judge(build);
}
