#include "worker/inspect/mime_value.h"

#include "worker/inspect/mime_decode.h"
#include "worker/inspect/state.h"

#include <string.h>

#define NAMES	   3u	 /* enum mime_parameter_name */
#define PIECES_MAX 1024u /* a field has no room for more: each takes 8 octets at least */
#define INDEX_MAX  128u	 /* continuations of these numbers are put in order */

/* A continuation of a name. */
struct piece {
	const uint8_t *text;
	uint16_t length;
	bool quoted, extended;
};

struct search {
	void (*take)(void *context, const struct mime_text *text);
	void *context;
	unsigned pieces;
	unsigned later[NAMES]; /* pieces whose number is beyond INDEX_MAX */
	struct piece piece[PIECES_MAX];
	/* For each number the piece, from 1; then those of greater numbers as they stand. */
	uint16_t place[NAMES][INDEX_MAX + PIECES_MAX];
	uint8_t text[CONTENT_FIELD_MAX];    /* a value without backslashes */
	uint8_t decoded[CONTENT_FIELD_MAX]; /* ... and decoded */
	uint8_t joined[CONTENT_FIELD_MAX];
};

_Static_assert(CONTENT_FIELD_MAX <= 8 * PIECES_MAX, "each piece of a field has room");
_Static_assert(CONTENT_FIELD_MAX <= UINT16_MAX, "the length of a piece");

/* ---- readings of the whole value ---- */

static size_t
quote_end(const uint8_t *text, size_t length, size_t start)
{
	size_t end = start + 1;

	while (end < length && text[end] != '"')
		end += text[end] == '\\' ? 2 : 1;
	return end < length ? end : length;
}

/* With a space for each comment; what does not end is none.  Quotes within a comment mean nothing, nor
 * do parentheses within quotes.  Returns the length. */
static size_t
without_comments(uint8_t *to, const uint8_t *text, size_t length)
{
	uint16_t opened[CONTENT_FIELD_MAX]; /* where in `to` */
	size_t out = 0, depth = 0;
	bool quotes = true; /* none was met that does not end */

	for (size_t i = 0; i < length; i++) {
		size_t end = i;
		if (text[i] == '\\' && i + 1 < length)
			end++;
		else if (text[i] == '"' && depth == 0 && quotes)
			end = quote_end(text, length, i);
		quotes &= end < length;
		if (end == length)
			end = i;
		if (text[i] == '(')
			opened[depth++] = (uint16_t)out;
		if (text[i] == ')' && depth) {
			out = opened[--depth];
			to[out++] = ' ';
			continue;
		}
		memcpy(to + out, text + i, end + 1 - i);
		out += end + 1 - i;
		i = end;
	}
	return out;
}

static void
read_without_comments(const uint8_t *value, size_t length,
    void (*use)(void *context, const uint8_t *value, size_t length), void *context)
{
	uint8_t text[CONTENT_FIELD_MAX];

	if (length == 0 || !memchr(value, '(', length))
		return;
	use(context, text, without_comments(text, value, length));
}

void
mime_value_readings(const uint8_t *value, size_t length,
    void (*use)(void *context, const uint8_t *value, size_t length), void *context)
{
	uint8_t decoded[CONTENT_FIELD_MAX];

	if (length > sizeof(decoded))
		length = sizeof(decoded);
	use(context, value, length);
	read_without_comments(value, length, use, context);
	struct mime_words words = mime_decode_words(decoded, value, length);
	if (!words.any)
		return;
	use(context, decoded, words.length);
	read_without_comments(decoded, words.length, use, context);
}

/* ---- the texts of one parameter ---- */

static void
give(struct search *search, struct mime_text *text, const uint8_t *octets, size_t length,
    enum mime_charset charset)
{
	text->octets = octets;
	text->length = length;
	text->characters = mime_charset_count(charset, octets, length);
	search->take(search->context, text);
}

static void
give_plain(struct search *search, struct mime_text *text, const uint8_t *octets, size_t length)
{
	struct mime_words words = mime_decode_words(search->decoded, octets, length);

	text->shown = !words.any || !words.sure;
	give(search, text, octets, length, MIME_CHARSET_UTF8);
	text->shown = true;
	if (words.any)
		give(search, text, search->decoded, words.length, words.charset);
}

/* charset'language' before the text (RFC 2231 4); 0: it is not there. */
static size_t
prefix_length(const uint8_t *text, size_t length, enum mime_charset *ret_charset)
{
	const uint8_t *end = text + length;
	const uint8_t *first = length ? memchr(text, '\'', length) : NULL;
	const uint8_t *second =
	    first && first + 1 < end ? memchr(first + 1, '\'', (size_t)(end - first) - 1) : NULL;

	*ret_charset = MIME_CHARSET_UTF8;
	if (!second)
		return 0;
	if (first > text)
		*ret_charset = mime_charset_find(text, (size_t)(first - text));
	return (size_t)(second - text) + 1;
}

static void
give_extended(struct search *search, struct mime_text *text, const uint8_t *octets, size_t length)
{
	enum mime_charset charset;
	size_t prefix = prefix_length(octets, length, &charset);

	text->shown = prefix == 0;
	give(search, text, octets, length, MIME_CHARSET_UTF8);
	text->shown = true;
	size_t decoded = mime_decode_percent(search->decoded, octets + prefix, length - prefix);
	give(search, text, search->decoded, decoded, charset);
	if (charset != MIME_CHARSET_UNKNOWN)
		return;
	/* Perhaps no character set at all: a name with apostrophes. */
	decoded = mime_decode_percent(search->decoded, octets, length);
	give(search, text, search->decoded, decoded, charset);
}

static void
give_text(struct search *search, const struct mime_parameter *parameter, bool bare,
    const uint8_t *octets, size_t length)
{
	struct mime_text text = {.name = parameter->name, .bare = bare};

	if (parameter->extended)
		give_extended(search, &text, octets, length);
	else
		give_plain(search, &text, octets, length);
}

static void
give_single(struct search *search, const struct mime_parameter *parameter)
{
	size_t length = parameter->quoted_length;

	if (!parameter->quoted || parameter->odd)
		give_text(search, parameter, true, parameter->plain, parameter->plain_length);
	if (!parameter->quoted)
		return;
	if (length && memchr(parameter->quoted, '\\', length))
		give_text(search, parameter, false, parameter->quoted, length);
	length = mime_parameter_unquote(search->text, parameter->quoted, length);
	give_text(search, parameter, false, search->text, length);
}

/* ---- continuations ---- */

static void
keep_piece(struct search *search, const struct mime_parameter *parameter)
{
	bool plain = !parameter->quoted ||
		     (parameter->odd && parameter->plain_length > parameter->quoted_length);
	size_t length = plain ? parameter->plain_length : parameter->quoted_length;
	unsigned name = parameter->name, slot = parameter->index;

	if (search->pieces == PIECES_MAX)
		return;
	if (slot >= INDEX_MAX)
		slot = INDEX_MAX + search->later[name]++;
	uint16_t *place = &search->place[name][slot];
	if (*place && search->piece[*place - 1].length >= length)
		return;
	search->piece[search->pieces++] =
	    (struct piece){.text = plain ? parameter->plain : parameter->quoted,
		.length = (uint16_t)length,
		.quoted = !plain,
		.extended = parameter->extended};
	*place = (uint16_t)search->pieces;
}

/* Appends a piece to what is joined; what has no room is left out. */
static size_t
join(struct search *search, const struct piece *piece, size_t length, enum mime_charset *charset)
{
	const uint8_t *text = piece->text;
	size_t more = piece->length, room = sizeof(search->joined) - length, prefix;

	if (piece->quoted) {
		more = mime_parameter_unquote(search->text, text, more);
		text = search->text;
	}
	if (piece->extended && length == 0) {
		prefix = prefix_length(text, more, charset);
		text += prefix;
		more -= prefix;
	}
	if (more > room)
		more = room;
	if (piece->extended)
		return length + mime_decode_percent(search->joined + length, text, more);
	memcpy(search->joined + length, text, more);
	return length + more;
}

static void
give_pieces(struct search *search, enum mime_parameter_name name)
{
	struct mime_text text = {.name = name, .shown = true};
	enum mime_charset charset = MIME_CHARSET_UTF8;
	bool any = false, extended = false;
	size_t length = 0;

	for (unsigned slot = 0; slot < INDEX_MAX + search->later[name]; slot++) {
		if (search->place[name][slot] == 0)
			continue;
		const struct piece *piece = &search->piece[search->place[name][slot] - 1];
		length = join(search, piece, length, &charset);
		extended |= piece->extended;
		any = true;
	}
	if (any && extended)
		give(search, &text, search->joined, length, charset);
	else if (any)
		give_plain(search, &text, search->joined, length);
}

/* ---- all of it ---- */

static void
search_reading(void *context, const uint8_t *value, size_t length)
{
	struct search *search = context;
	struct mime_parameter_search parameters = {.text = value, .length = length};
	struct mime_parameter parameter;

	search->pieces = 0;
	memset(search->later, 0, sizeof(search->later));
	memset(search->place, 0, sizeof(search->place));
	while (mime_parameter_next(&parameters, &parameter)) {
		if (!parameter.given)
			continue;
		if (parameter.index == MIME_PARAMETER_SINGLE)
			give_single(search, &parameter);
		else
			keep_piece(search, &parameter);
	}
	for (unsigned name = 0; name < NAMES; name++)
		give_pieces(search, (enum mime_parameter_name)name);
}

void
mime_value_each(const uint8_t *value, size_t length,
    void (*take)(void *context, const struct mime_text *text), void *context)
{
	struct search search;

	search.take = take;
	search.context = context;
	mime_value_readings(value, length, search_reading, &search);
}
