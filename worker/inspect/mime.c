#include "worker/inspect/mime.h"

#include "worker/inspect/command_table.h"
#include "worker/inspect/mime_name.h"
#include "worker/inspect/rule.h"

#include <string.h>

static bool
is_space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The value of a field of that name, behind the colon and white space; NULL: it is another. White
 * space before the colon is obsolete and understood (RFC 5322 4.5). */
static const uint8_t *
value_of(const struct content_extra *extra, const char *name, size_t *ret_length)
{
	size_t length = strlen(name), at = length;

	if (extra->field_length <= length || !ascii_equal(extra->field, name, length))
		return NULL;
	while (at < extra->field_length && is_space(extra->field[at]))
		at++;
	if (at == extra->field_length || extra->field[at] != ':')
		return NULL;
	at++;
	while (at < extra->field_length && is_space(extra->field[at]))
		at++;
	*ret_length = (size_t)extra->field_length - at;
	return extra->field + at;
}

static bool
begins(const uint8_t *value, size_t length, const char *word)
{
	return length >= strlen(word) && ascii_equal(value, word, strlen(word));
}

/* ---- structure ---- */

struct boundary_taker {
	struct inspect *state;
	unsigned before; /* boundaries that were open when the field began */
};

static void
take_boundary(void *context, const uint8_t *text, size_t length)
{
	const struct boundary_taker *taker = context;
	struct content_extra *extra = &taker->state->extra;

	while (length && is_space(text[length - 1])) /* RFC 2046 5.1.1: never its last octet */
		length--;
	if (length == 0 || length > CONTENT_BOUNDARY_MAX)
		return;
	for (unsigned i = taker->before; i < extra->boundaries; i++)
		if (extra->boundary[i].length == length &&
		    memcmp(extra->boundary[i].text, text, length) == 0)
			return;
	if (extra->boundaries == CONTENT_BOUNDARIES)
		return;
	struct content_boundary *boundary = &extra->boundary[extra->boundaries++];
	memset(boundary, 0, sizeof(*boundary));
	boundary->length = (uint8_t)length;
	memcpy(boundary->text, text, length);
}

/* A second Content-Type beside the first adds its boundary: readers differ in which they take. */
static void
learn_structure(struct inspect *state, const uint8_t *value, size_t length)
{
	struct boundary_taker taker = {state, state->extra.boundaries};

	if (begins(value, length, "multipart/"))
		mime_parameter_each(value, length, "boundary", take_boundary, &taker);
	else if (begins(value, length, "message/rfc822") || begins(value, length, "message/global"))
		state->content_flags |= CONTENT_MESSAGE;
}

static bool
matches(const struct content_boundary *boundary, const uint8_t *line, size_t length, bool *closes)
{
	size_t at = 2u + boundary->length;

	if (length < at || line[0] != '-' || line[1] != '-' ||
	    memcmp(line + 2, boundary->text, boundary->length) != 0)
		return false;
	*closes = length >= at + 2 && line[at] == '-' && line[at + 1] == '-';
	if (*closes)
		return true;
	while (at < length && is_space(line[at]))
		at++;
	return at == length;
}

bool
mime_take_line(struct inspect *state, bool *ret_closed)
{
	struct content_extra *extra = &state->extra;

	for (unsigned level = extra->boundaries; level-- > 0;) {
		if (!matches(
			&extra->boundary[level], extra->field, extra->field_length, ret_closed))
			continue;
		/* Whatever was open within it is over. */
		extra->boundaries = (uint8_t)(*ret_closed ? level : level + 1);
		return true;
	}
	return false;
}

/* ---- names ---- */

static void
take_name(void *context, const uint8_t *name, size_t length)
{
	size_t *longest = context;

	(void)name;
	if (length > *longest)
		*longest = length;
}

static uint64_t
count_hits(const struct inspect_output *out)
{
	uint64_t times = 0;

	for (unsigned i = 0; i < out->hit_count; i++)
		times += out->hits[i].times;
	return times;
}

/* A rule about names holds once in a part, though two fields give its name. */
static bool
judge_names(struct builder *build, const uint8_t *value, size_t length)
{
	struct inspect *state = build->state;
	uint64_t hits = count_hits(build->out);
	size_t longest = 0;

	if (!rule_exists(build->policy, CRITERION_MIME_FILENAME_LENGTH) ||
	    (state->content_flags & CONTENT_NAMED))
		return true;
	mime_name_each(value, length, take_name, &longest);
	if (longest == 0)
		return true;
	build->refusal = rule_judge_number(build, CRITERION_MIME_FILENAME_LENGTH, longest);
	if (count_hits(build->out) != hits)
		state->content_flags |= CONTENT_NAMED;
	return build->refusal == RULE_NONE;
}

bool
mime_take_field(struct builder *build)
{
	struct inspect *state = build->state;
	size_t length;
	const uint8_t *value = value_of(&state->extra, "Content-Type", &length);

	if (value)
		learn_structure(state, value, length);
	else
		value = value_of(&state->extra, "Content-Disposition", &length);
	return !value || judge_names(build, value, length);
}
