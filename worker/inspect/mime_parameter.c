#include "worker/inspect/mime_parameter.h"

#include "worker/inspect/command_table.h"

#include <string.h>

static const struct {
	const char *text;
	size_t length;
} names[] = {
    [MIME_PARAMETER_FILENAME] = {"filename", 8},
    [MIME_PARAMETER_NAME] = {"name", 4},
    [MIME_PARAMETER_BOUNDARY] = {"boundary", 8},
};

static bool
is_space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* What a word begins behind, for one reader or another. */
static bool
is_separator(uint8_t c)
{
	return is_space(c) || c == ';' || c == ',' || c == '"' || c == '(' || c == ')';
}

static size_t
skip_space(const uint8_t *text, size_t length, size_t at)
{
	while (at < length && is_space(text[at]))
		at++;
	return at;
}

/* "*", "*0", "*0*" behind the name; returns what follows. */
static size_t
read_suffix(struct mime_parameter *parameter, const uint8_t *text, size_t length, size_t at)
{
	uint64_t index = 0;

	parameter->index = MIME_PARAMETER_SINGLE;
	parameter->extended = false;
	if (at == length || text[at] != '*')
		return at;
	size_t digits = ++at;
	for (; at < length && (unsigned)text[at] - '0' < 10; at++)
		if (index < MIME_PARAMETER_SINGLE)
			index = index * 10 + (unsigned)text[at] - '0';
	if (at == digits) {
		parameter->extended = true;
		return at;
	}
	parameter->index =
	    index < MIME_PARAMETER_SINGLE ? (uint32_t)index : MIME_PARAMETER_SINGLE - 1;
	if (at < length && text[at] == '*') {
		parameter->extended = true;
		at++;
	}
	return at;
}

/* A name and '=' at `at`, or the end of the text or of what is known of it: a comment.  Sets what follows
 * white space behind '=' as `plain`. */
static bool
read_name(struct mime_parameter *parameter, const uint8_t *text, size_t length, size_t at)
{
	unsigned name = 0;

	while (name < sizeof(names) / sizeof(names[0]) &&
	       (length - at < names[name].length ||
		   !ascii_equal(text + at, names[name].text, names[name].length)))
		name++;
	if (name == sizeof(names) / sizeof(names[0]))
		return false;
	parameter->name = (enum mime_parameter_name)name;
	parameter->begin = at;
	at = read_suffix(parameter, text, length, at + names[name].length);
	at = skip_space(text, length, at);
	parameter->given = at < length && text[at] == '=';
	if (at < length && text[at] != '=' && text[at] != '(')
		return false;
	parameter->plain = text + (parameter->given ? skip_space(text, length, at + 1) : length);
	return true;
}

/* The place of the quote that ends what begins at `at`, or `length`. */
static size_t
quote_end(const uint8_t *text, size_t length, size_t at)
{
	while (at < length && text[at] != '"')
		at += text[at] == '\\' ? 2 : 1;
	return at < length ? at : length;
}

static void
read_quoted(struct mime_parameter *parameter, const uint8_t *text, size_t length)
{
	size_t at = (size_t)(parameter->plain - text) + 1;
	size_t end = quote_end(text, length, at);

	parameter->quoted = text + at;
	parameter->quoted_length = end - at;
	parameter->odd = end == length;
	if (end < length)
		end = skip_space(text, length, end + 1);
	parameter->odd |= end < length && text[end] != ';';
	if (parameter->end < end)
		parameter->end = end;
}

static void
read_plain(struct mime_parameter *parameter, const uint8_t *text, size_t length, bool first)
{
	size_t start = (size_t)(parameter->plain - text), end = start;

	if (first) {
		const uint8_t *semicolon =
		    start < length ? memchr(text + start, ';', length - start) : NULL;
		end = semicolon ? (size_t)(semicolon - text) : length;
	} else {
		end += end < length && text[end] == '"';
		while (end < length && !is_separator(text[end]))
			end++;
	}
	parameter->end = end;
	while (end > start && is_space(text[end - 1]))
		end--;
	parameter->plain_length = end - start;
}

bool
mime_parameter_next(struct mime_parameter_search *search, struct mime_parameter *ret_parameter)
{
	const uint8_t *text = search->text;
	size_t length = search->length, at = search->at;
	struct mime_parameter *parameter = ret_parameter;

	for (; at < length; at++) {
		if (text[at] == ';')
			search->later = false;
		if (at && !is_separator(text[at - 1]))
			continue;
		if (!read_name(parameter, text, length, at))
			continue;
		parameter->quoted = NULL;
		parameter->odd = false;
		read_plain(parameter, text, length, !search->later);
		if (parameter->plain < text + length && parameter->plain[0] == '"')
			read_quoted(parameter, text, length);
		search->later |= parameter->given;
		search->at = at + names[parameter->name].length;
		return true;
	}
	search->at = at;
	return false;
}

size_t
mime_parameter_unquote(uint8_t *to, const uint8_t *text, size_t length)
{
	size_t out = 0;

	for (size_t i = 0; i < length; i++) {
		if (text[i] == '\\' && i + 1 < length)
			i++;
		to[out++] = text[i];
	}
	return out;
}
