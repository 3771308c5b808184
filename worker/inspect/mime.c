#include "worker/inspect/mime.h"

#include "worker/inspect/command_table.h"
#include "worker/inspect/mime_field.h"
#include "worker/inspect/mime_value.h"

#include <string.h>

struct reader {
	struct inspect *state;
	enum mime_field which;
	bool message, digest; /* of a Content-Type */
};

static bool
is_space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* ---- types ---- */

/* The place behind that word and white space; `length`: it does not stand there. */
static size_t
skip_word(const uint8_t *value, size_t length, size_t at, const char *word)
{
	size_t word_length = strlen(word);

	if (length - at < word_length || !ascii_equal(value + at, word, word_length))
		return length;
	at += word_length;
	while (at < length && is_space(value[at]))
		at++;
	return at;
}

static void
read_type(void *context, const uint8_t *value, size_t length)
{
	struct reader *reader = context;
	size_t at = 0;

	while (at < length && (is_space(value[at]) || value[at] == '"'))
		at++;
	size_t message = skip_word(value, length, at, "message");
	size_t multipart = skip_word(value, length, at, "multipart");
	reader->message |= message < length && value[message] == '/';
	multipart = skip_word(value, length, multipart, "/");
	if (length - multipart >= 6 && ascii_equal(value + multipart, "digest", 6))
		reader->digest = true;
}

/* ---- parameters ---- */

static void
take_name(struct inspect *state, uint64_t characters)
{
	if (characters > UINT32_MAX)
		characters = UINT32_MAX;
	if (characters > state->name_length)
		state->name_length = (uint32_t)characters;
}

/* Without quotes it may end with its first word: what follows is of no weight then
 * (mime_boundary.h). */
static void
take_boundary(struct reader *reader, const struct mime_text *text)
{
	struct content_extra *extra = &reader->state->extra;
	size_t length = text->length, word = 0;

	if (!text->bare) {
		mime_boundary_add(extra, text->octets, length, reader->digest);
		return;
	}
	while (word < length && !is_space(text->octets[word]) && text->octets[word] != ',' &&
	       text->octets[word] != ';' && text->octets[word] != '(')
		word++;
	mime_boundary_add(extra, text->octets, word, reader->digest);
	if (word && text->octets[0] == '"')
		mime_boundary_add(extra, text->octets + 1, word - 1, reader->digest);
}

static void
take_text(void *context, const struct mime_text *text)
{
	struct reader *reader = context;

	if (text->name == MIME_PARAMETER_BOUNDARY && reader->which == MIME_FIELD_TYPE)
		take_boundary(reader, text);
	else if (text->name != MIME_PARAMETER_BOUNDARY && text->shown)
		take_name(reader->state, text->characters);
}

/* ---- fields ---- */

static void
read_field(struct inspect *state, const uint8_t *text, size_t length)
{
	struct reader reader = {.state = state};
	const uint8_t *value;

	reader.which = mime_field_which(text, length, &value, &length);
	if (reader.which == MIME_FIELD_OTHER)
		return;
	/* The type itself may be what was left out. */
	reader.message = reader.digest = state->extra.field_shrunk != 0;
	if (reader.which == MIME_FIELD_TYPE)
		mime_value_readings(value, length, read_type, &reader);
	mime_value_each(value, length, take_text, &reader);
	if (reader.which == MIME_FIELD_TYPE && reader.message)
		state->content_flags |= CONTENT_MESSAGE;
}

/* A CR alone may stand in a chunk, and some readers end a line there. */
static void
read_lines(struct inspect *state, const uint8_t *text, size_t length)
{
	const uint8_t *end = text + length, *cr = text;

	while (length && (cr = memchr(cr, '\r', (size_t)(end - cr))) != NULL) {
		if (++cr == end)
			return;
		const uint8_t *next = memchr(cr, '\r', (size_t)(end - cr));
		read_field(state, cr, (size_t)((next ? next : end) - cr));
	}
}

void
mime_take_field(struct inspect *state)
{
	struct content_extra *extra = &state->extra;

	read_field(state, extra->field, extra->field_length);
	read_lines(state, extra->field, extra->field_length);
	if (extra->field_lost == 0)
		return;
	take_name(state, (uint64_t)extra->field_length + extra->field_lost - 1);
	mime_boundary_add_any(extra);
}
