#include "daemon/sync/notify_line.h"

#include <string.h>

static const char *const words[NOTIFY_STATE_COUNT] = {
#define X(name, word) [NOTIFY_##name] = word,
    NOTIFY_STATES(X)
#undef X
};

const char *
notify_state_word(enum notify_state state)
{
	return (unsigned)state < NOTIFY_STATE_COUNT ? words[state] : "";
}

static bool
take_word(const char **line, size_t *length, const char *word)
{
	size_t word_length = strlen(word);

	if (*length < word_length || memcmp(*line, word, word_length) != 0)
		return false;
	*line += word_length;
	*length -= word_length;
	return true;
}

/* A control byte in it could only come from something that is not keepalived. */
static bool
is_printable(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			return false;
	return true;
}

/* Up to the last quote; NULL and *line moves on, or what is wrong. */
static const char *
take_name(const char **line, size_t *length, char name[NOTIFY_NAME_MAX + 1])
{
	const char *last = memrchr(*line, '"', *length);
	size_t name_length = last != NULL ? (size_t)(last - *line) : 0;

	if (last == NULL)
		return "the name has no closing quote";
	if (name_length == 0)
		return "the name is empty";
	if (name_length > NOTIFY_NAME_MAX)
		return "the name is too long";
	memcpy(name, *line, name_length);
	name[name_length] = '\0';
	*line = last + 1;
	*length -= name_length + 1;
	return NULL;
}

static bool
take_state(const char **line, size_t *length, enum notify_state *ret_state)
{
	const char *blank = memchr(*line, ' ', *length);
	size_t word_length = blank != NULL ? (size_t)(blank - *line) : 0;

	for (unsigned i = 0; i < NOTIFY_STATE_COUNT; i++)
		if (word_length == strlen(words[i]) && memcmp(*line, words[i], word_length) == 0) {
			*ret_state = (enum notify_state)i;
			*line += word_length + 1;
			*length -= word_length + 1;
			return true;
		}
	return false;
}

static bool
take_priority(const char *line, size_t length, uint8_t *ret_priority)
{
	unsigned value = 0;

	if (length == 0 || length > 3)
		return false;
	for (size_t i = 0; i < length; i++) {
		if (line[i] < '0' || line[i] > '9')
			return false;
		value = value * 10 + (unsigned)(line[i] - '0');
	}
	*ret_priority = (uint8_t)value;
	return value <= UINT8_MAX;
}

static enum notify_result
bad(const char **ret_why, const char *why)
{
	*ret_why = why;
	return NOTIFY_BAD;
}

enum notify_result
notify_line_parse(
    const char *line, size_t length, struct notify_line *ret_line, const char **ret_why)
{
	*ret_line = (struct notify_line){0};
	*ret_why = "";
	if (!is_printable(line, length))
		return bad(ret_why, "it holds a control character");
	if (take_word(&line, &length, "VS ") || take_word(&line, &length, "RS "))
		return NOTIFY_FOREIGN;
	ret_line->group = take_word(&line, &length, "GROUP \"");
	if (!ret_line->group && !take_word(&line, &length, "INSTANCE \""))
		return bad(ret_why, "it begins with neither INSTANCE nor GROUP and a quote");
	const char *why = take_name(&line, &length, ret_line->name);
	if (why != NULL)
		return bad(ret_why, why);
	if (!take_word(&line, &length, " ") || !take_state(&line, &length, &ret_line->state))
		return bad(ret_why, "behind the name there is no state that keepalived has");
	if (!take_priority(line, length, &ret_line->priority))
		return bad(ret_why, "the priority is not a number from 0 to 255");
	return NOTIFY_LINE;
}

void
notify_reader_start(struct notify_reader *reader)
{
	reader->length = 0;
	reader->overlong = false;
}

static void
keep(struct notify_reader *reader, const char *bytes, size_t length)
{
	if (length > NOTIFY_LINE_MAX - reader->length) {
		reader->overlong = true;
		return;
	}
	memcpy(reader->line + reader->length, bytes, length);
	reader->length += length;
}

enum notify_result
notify_reader_take(struct notify_reader *reader, const char *bytes, size_t length, size_t *ret_used,
    struct notify_line *ret_line, const char **ret_why)
{
	const char *end = length > 0 ? memchr(bytes, '\n', length) : NULL;
	size_t part = end != NULL ? (size_t)(end - bytes) : length;

	*ret_used = end != NULL ? part + 1 : part;
	*ret_why = "";
	if (!reader->overlong && part > 0)
		keep(reader, bytes, part);
	if (end == NULL)
		return NOTIFY_MORE;
	enum notify_result result =
	    reader->overlong ? bad(ret_why, "it is too long")
			     : notify_line_parse(reader->line, reader->length, ret_line, ret_why);
	notify_reader_start(reader);
	return result;
}
