#include "worker/inspect/mime_field.h"

#include "worker/inspect/command_table.h"
#include "worker/inspect/mime_parameter.h"

#include <string.h>

#define TYPE	    "Content-Type"
#define DISPOSITION "Content-Disposition"

#define HEAD  256u  /* octets at the beginning that stay: the names of the field and of a type */
#define TAIL  64u   /* ... at the end: a parameter may begin there */
#define LEAST 1024u /* that must become free, or shrinking would cost more than it is worth */

static bool
is_space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* White space before the colon is obsolete and understood (RFC 5322 4.5). */
static bool
is_field(const uint8_t *text, size_t length, const char *name, size_t *ret_value)
{
	size_t at = strlen(name);

	if (length <= at || !ascii_equal(text, name, at))
		return false;
	while (at < length && is_space(text[at]))
		at++;
	if (at == length || text[at] != ':')
		return false;
	at++;
	while (at < length && is_space(text[at]))
		at++;
	*ret_value = at;
	return true;
}

enum mime_field
mime_field_which(const uint8_t *text, size_t length, const uint8_t **ret_value, size_t *ret_length)
{
	enum mime_field which = MIME_FIELD_OTHER;
	size_t value = length;

	if (is_field(text, length, TYPE, &value))
		which = MIME_FIELD_TYPE;
	else if (is_field(text, length, DISPOSITION, &value))
		which = MIME_FIELD_DISPOSITION;
	*ret_value = text + value;
	*ret_length = length - value;
	return which;
}

/* A text that is written anew without what says nothing. */
struct shrinking {
	const uint8_t *from;
	uint8_t *to;
	size_t at;  /* what stands before it in `from` is done with */
	size_t out; /* octets kept */
};

/* Encoded words may hold anything, and can only be read together. */
static bool
has_words(const uint8_t *text, size_t length)
{
	for (size_t i = 0; i + 1 < length; i++)
		if (text[i] == '=' && text[i + 1] == '?')
			return true;
	return false;
}

/* Keeps [begin, end), and leaves out what stands between that and what was kept before. */
static void
keep(struct shrinking *shrinking, size_t begin, size_t end)
{
	size_t from = begin > shrinking->at ? begin : shrinking->at;

	if (end <= shrinking->at)
		return;
	if (has_words(shrinking->from + shrinking->at, from - shrinking->at))
		from = shrinking->at;
	else if (from > shrinking->at)
		shrinking->to[shrinking->out++] = ';';
	memcpy(shrinking->to + shrinking->out, shrinking->from + from, end - from);
	shrinking->out += end - from;
	shrinking->at = end;
}

/* Keeps head, tail and the parameters that matter. */
static void
shrink(struct content_extra *extra)
{
	uint8_t text[CONTENT_FIELD_MAX];
	size_t length = extra->field_length;
	struct mime_parameter_search search = {.text = text, .length = length};
	struct shrinking shrinking = {.from = text, .to = extra->field};
	struct mime_parameter parameter;

	memcpy(text, extra->field, length);
	keep(&shrinking, 0, HEAD);
	while (shrinking.at < length && mime_parameter_next(&search, &parameter))
		keep(&shrinking, parameter.begin, parameter.end);
	keep(&shrinking, length - TAIL, length);
	extra->field_length = (uint16_t)shrinking.out;
	extra->field_shrunk = 1;
}

/* White space between the name and its colon may be without end, and means nothing. */
static size_t
skip_space(const struct content_extra *extra, const uint8_t *octets, size_t length)
{
	size_t at = 0;

	if ((extra->field_length == strlen(TYPE) &&
		ascii_equal(extra->field, TYPE, strlen(TYPE))) ||
	    (extra->field_length == strlen(DISPOSITION) &&
		ascii_equal(extra->field, DISPOSITION, strlen(DISPOSITION))))
		while (at < length && is_space(octets[at]))
			at++;
	return at;
}

/* Up to the end of a name or of all room: what stands behind either is looked at first. */
static size_t
room_of(const struct content_extra *extra)
{
	static const size_t ends[] = {sizeof(TYPE) - 1, sizeof(DISPOSITION) - 1, CONTENT_FIELD_MAX};
	unsigned i = 0;

	while (i < 2 && extra->field_length >= ends[i])
		i++;
	return ends[i] - extra->field_length;
}

bool
mime_field_add(struct content_extra *extra, const uint8_t *octets, size_t length)
{
	const uint8_t *value;
	size_t value_length;

	for (size_t at = 0; at < length;) {
		at += skip_space(extra, octets + at, length - at);
		size_t left = length - at, room = room_of(extra);
		size_t part = left < room ? left : room;
		memcpy(extra->field + extra->field_length, octets + at, part);
		extra->field_length = (uint16_t)(extra->field_length + part);
		at += part;
		if (part || left == 0)
			continue;
		if (mime_field_which(extra->field, extra->field_length, &value, &value_length) ==
		    MIME_FIELD_OTHER)
			return false;
		if (extra->field_lost) {
			uint32_t most = UINT32_MAX - extra->field_lost;
			extra->field_lost += left < most ? (uint32_t)left : most;
			return true;
		}
		shrink(extra);
		if (CONTENT_FIELD_MAX - extra->field_length < LEAST)
			extra->field_lost = 1;
	}
	return true;
}
