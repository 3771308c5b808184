#include "worker/inspect/mime_name.h"

#include "worker/inspect/command_table.h"
#include "worker/inspect/mime_decode.h"
#include "worker/inspect/state.h"

#include <string.h>

#define PIECES_MAX 64u /* continuations of one name */
#define INDEX_MAX  999u

/* One parameter as it stands in the value. */
struct parameter {
	const uint8_t *name;
	size_t name_length;
	const uint8_t *text; /* behind '=' and white space */
	size_t length;	     /* up to the semicolon that ends it */
	bool quoted;
};

/* A piece of a continuation (RFC 2231 3). */
struct piece {
	uint16_t index;
	bool encoded;
	const uint8_t *text;
	size_t length;
	bool quoted;
};

struct search {
	const char *wanted;
	void (*take)(void *context, const uint8_t *text, size_t length);
	void *context;
	bool no_quotes;	  /* one that does not end was met: the rest has none */
	bool no_comments; /* likewise */
	unsigned pieces;
	struct piece piece[PIECES_MAX];
	uint8_t text[CONTENT_FIELD_MAX];    /* a value without its quotes */
	uint8_t decoded[CONTENT_FIELD_MAX]; /* ... and decoded */
};

static bool
is_space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* The place of the quote that ends the one at `start`, or `length`. */
static size_t
quote_end(const uint8_t *text, size_t length, size_t start)
{
	size_t end = start + 1;

	while (end < length && text[end] != '"')
		end += text[end] == '\\' ? 2 : 1;
	return end < length ? end : length;
}

/* The place of the parenthesis that ends the comment at `start`; comments are not nested here. */
static size_t
comment_end(const uint8_t *text, size_t length, size_t start)
{
	const uint8_t *end = memchr(text + start, ')', length - start);

	return end ? (size_t)(end - text) : length;
}

/* Up to the next semicolon that no quotes and no comment hold; what does not end holds nothing, and is
 * looked for only once, or a hostile field would cost its square. */
static size_t
segment_length(struct search *search, const uint8_t *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		size_t end = i;
		if (text[i] == ';')
			return i;
		if (text[i] == '"' && !search->no_quotes) {
			end = quote_end(text, length, i);
			search->no_quotes = end == length;
		} else if (text[i] == '(' && !search->no_comments) {
			end = comment_end(text, length, i);
			search->no_comments = end == length;
		}
		if (end < length)
			i = end;
	}
	return length;
}

/* Comments and white space before what counts. */
static size_t
skip_blank(const uint8_t *text, size_t length)
{
	size_t i = 0;

	while (i < length && (is_space(text[i]) || text[i] == '(')) {
		const uint8_t *end = text[i] == '(' ? memchr(text + i, ')', length - i) : NULL;
		i = end ? (size_t)(end - text) + 1 : i + 1;
	}
	return i;
}

static bool
read_parameter(struct parameter *parameter, const uint8_t *text, size_t length)
{
	const uint8_t *equal = memchr(text, '=', length);
	size_t start = skip_blank(text, length), end;

	if (!equal || equal < text + start)
		return false;
	end = (size_t)(equal - text);
	while (end > start && is_space(text[end - 1]))
		end--;
	parameter->name = text + start;
	parameter->name_length = end - start;
	start = (size_t)(equal - text) + 1;
	start += skip_blank(text + start, length - start);
	while (length > start && is_space(text[length - 1]))
		length--;
	parameter->quoted = start < length && text[start] == '"';
	parameter->text = text + start;
	parameter->length = length - start;
	return true;
}

/* Without quotes and backslashes, up to the quote that ends it or the end. */
static size_t
unquote(uint8_t *to, const uint8_t *text, size_t length, bool quoted)
{
	size_t out = 0;

	if (!quoted) {
		memcpy(to, text, length);
		return length;
	}
	for (size_t i = 1; i < length && text[i] != '"'; i++) {
		if (text[i] == '\\' && i + 1 < length)
			i++;
		to[out++] = text[i];
	}
	return out;
}

static void
give(struct search *search, const uint8_t *text, size_t length)
{
	bool any;

	search->take(search->context, text, length);
	size_t decoded = mime_decode_words(search->decoded, text, length, &any);
	if (any)
		search->take(search->context, search->decoded, decoded);
}

/* charset'language' before the text (RFC 2231 4); without both quotes all of it is text. */
static size_t
prefix_length(const uint8_t *text, size_t length)
{
	const uint8_t *first = memchr(text, '\'', length);
	const uint8_t *end = text + length;
	const uint8_t *second =
	    first && first + 1 < end ? memchr(first + 1, '\'', (size_t)(end - first) - 1) : NULL;

	return second ? (size_t)(second - text) + 1 : 0;
}

static void
give_extended(struct search *search, const struct parameter *parameter)
{
	size_t length =
	    unquote(search->text, parameter->text, parameter->length, parameter->quoted);
	size_t prefix = length ? prefix_length(search->text, length) : 0;

	give(search, search->text, length);
	size_t decoded =
	    mime_decode_percent(search->decoded, search->text + prefix, length - prefix);
	search->take(search->context, search->decoded, decoded);
}

static void
keep_piece(struct search *search, const struct parameter *parameter, unsigned index, bool encoded)
{
	if (search->pieces < PIECES_MAX)
		search->piece[search->pieces++] = (struct piece){.index = (uint16_t)index,
		    .encoded = encoded,
		    .text = parameter->text,
		    .length = parameter->length,
		    .quoted = parameter->quoted};
}

/* The digits behind the asterisk; INDEX_MAX + 1 if there are none or too many. */
static unsigned
read_index(const uint8_t *text, size_t length, size_t *ret_used)
{
	unsigned index = 0;
	size_t i = 0;

	for (; i < length && (unsigned)text[i] - '0' < 10 && index <= INDEX_MAX; i++)
		index = index * 10 + ((unsigned)text[i] - '0');
	*ret_used = i;
	return i > 0 && index <= INDEX_MAX ? index : INDEX_MAX + 1;
}

static void
take_parameter(struct search *search, const struct parameter *parameter)
{
	size_t wanted = strlen(search->wanted), used;
	const uint8_t *rest = parameter->name + wanted;

	if (parameter->name_length < wanted ||
	    !ascii_equal(parameter->name, search->wanted, wanted))
		return;
	size_t length = parameter->name_length - wanted;
	if (length == 0) {
		size_t text =
		    unquote(search->text, parameter->text, parameter->length, parameter->quoted);
		give(search, search->text, text);
	} else if (length == 1 && rest[0] == '*') {
		give_extended(search, parameter);
	} else if (rest[0] == '*') {
		unsigned index = read_index(rest + 1, length - 1, &used);
		bool encoded = used + 1 < length && rest[used + 1] == '*';
		if (index <= INDEX_MAX && used + 1 + encoded == length)
			keep_piece(search, parameter, index, encoded);
	}
}

/* By their numbers; those of one number in their order. */
static void
sort_pieces(struct search *search)
{
	for (unsigned i = 1; i < search->pieces; i++) {
		struct piece piece = search->piece[i];
		unsigned at = i;
		for (; at > 0 && search->piece[at - 1].index > piece.index; at--)
			search->piece[at] = search->piece[at - 1];
		search->piece[at] = piece;
	}
}

/* All pieces together: they are parts of one value, so they have room. */
static void
give_pieces(struct search *search)
{
	uint8_t name[CONTENT_FIELD_MAX];
	size_t length = 0;

	if (search->pieces == 0)
		return;
	sort_pieces(search);
	for (unsigned i = 0; i < search->pieces; i++) {
		const struct piece *piece = &search->piece[i];
		size_t text = unquote(search->text, piece->text, piece->length, piece->quoted);
		size_t prefix =
		    i == 0 && piece->encoded && text ? prefix_length(search->text, text) : 0;
		if (text - prefix > sizeof(name) - length)
			break;
		if (piece->encoded)
			length += mime_decode_percent(
			    name + length, search->text + prefix, text - prefix);
		else
			length += unquote(name + length, search->text, text, false);
	}
	search->pieces = 0;
	give(search, name, length);
}

static void
search_value(struct search *search, const uint8_t *value, size_t length)
{
	struct parameter parameter;

	search->no_quotes = search->no_comments = false;
	for (size_t at = 0; at < length;) {
		size_t segment = segment_length(search, value + at, length - at);
		if (read_parameter(&parameter, value + at, segment))
			take_parameter(search, &parameter);
		at += segment + 1;
	}
	give_pieces(search);
}

void
mime_parameter_each(const uint8_t *value, size_t length, const char *wanted,
    void (*take)(void *context, const uint8_t *text, size_t length), void *context)
{
	uint8_t whole[CONTENT_FIELD_MAX];
	struct search search;
	bool any;

	if (length > sizeof(whole))
		length = sizeof(whole);
	search.wanted = wanted;
	search.take = take;
	search.context = context;
	search.pieces = 0;
	search_value(&search, value, length);
	size_t decoded = mime_decode_words(whole, value, length, &any);
	if (any)
		search_value(&search, whole, decoded);
}

void
mime_name_each(const uint8_t *value, size_t length,
    void (*take)(void *context, const uint8_t *name, size_t length), void *context)
{
	mime_parameter_each(value, length, "filename", take, context);
	mime_parameter_each(value, length, "name", take, context);
}
