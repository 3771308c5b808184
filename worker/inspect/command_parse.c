#include "worker/inspect/command_parse.h"

#include <string.h>

static bool
is_word(uint8_t byte)
{
	unsigned letter = (unsigned)(byte | 0x20) - 'a';

	return letter < 26 || (unsigned)byte - '0' < 10 || byte == '-';
}

static size_t
word_length(const uint8_t *line, size_t length)
{
	size_t word = 0;

	while (word < length && line[word] != ' ' && line[word] != '\r' && line[word] != '\n')
		word++;
	return word;
}

unsigned
command_parse_verb(const uint8_t *line, size_t length)
{
	return command_table_find(line, word_length(line, length));
}

#define SAFE_WORD 24u

size_t
command_parse_safe_word(const uint8_t *line, size_t length)
{
	unsigned lower = 0, upper = 0;
	size_t word = 0;

	while (word < length && is_word(line[word]))
		word++;
	for (size_t i = 0; i < word; i++) {
		lower += (unsigned)line[i] - 'a' < 26;
		upper += (unsigned)line[i] - 'A' < 26;
	}
	bool header = word < length && line[word] == ':';
	bool plain = (lower == word || upper == word) && (word == length || line[word] <= ' ');
	return word <= SAFE_WORD && (header || plain) ? word : 0;
}

/* Whether the octets are well-formed UTF-8 (RFC 3629 4); ASCII is. */
static bool
is_utf8(const uint8_t *text, size_t length)
{
	for (size_t i = 0; i < length;) {
		uint8_t lead = text[i++];
		unsigned more = lead < 0x80 ? 0 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
		uint8_t low = 0x80, high = 0xbf;
		if (lead < 0x80)
			continue;
		if (lead < 0xc2 || lead > 0xf4 || more > length - i)
			return false;
		if (lead == 0xe0)
			low = 0xa0;
		else if (lead == 0xed)
			high = 0x9f;
		else if (lead == 0xf0)
			low = 0x90;
		else if (lead == 0xf4)
			high = 0x8f;
		for (; more; more--, i++, low = 0x80, high = 0xbf)
			if (text[i] < low || text[i] > high)
				return false;
	}
	return true;
}

/* Sets the fault of octets that no command may hold. */
static void
check_octets(struct command *command, const uint8_t *line, size_t length)
{
	bool eight_bit = false;

	for (size_t i = 0; i < length; i++) {
		if (line[i] == '\r' || line[i] == '\n' || line[i] == '\0') {
			command->fault = line[i] ? OWN_BARE : OWN_SYNTAX;
			command->unframed = true;
			return;
		}
		if (line[i] < 0x20 || line[i] == 0x7f)
			command->fault = OWN_SYNTAX;
		eight_bit |= line[i] >= 0x80;
	}
	command->non_ascii = eight_bit;
	if (eight_bit && !is_utf8(line, length))
		command->fault = OWN_SYNTAX;
}

/* The path from behind '<' to its '>'; quoted strings may hold any of both (RFC 5321 4.1.2). */
static bool
scan_path(struct command *command, const uint8_t *text, size_t length, size_t *taken)
{
	bool quoted = false;

	for (size_t i = 0; i < length; i++) {
		if (quoted && text[i] == '\\') {
			i++;
		} else if (text[i] == '"') {
			quoted = !quoted;
		} else if (!quoted && (text[i] == '<' || text[i] == ' ')) {
			return false;
		} else if (!quoted && text[i] == '>') {
			command->path = text;
			command->path_length = i;
			*taken = i + 1;
			return true;
		}
	}
	return false;
}

/* The words behind the path; the first that is wrong says what is. */
static enum own_reply
scan_parameters(
    struct command *command, enum esmtp_command kind, const uint8_t *text, size_t length)
{
	enum own_reply fault = OWN_NONE;
	size_t at = 0;

	while (at < length && fault == OWN_NONE) {
		if (text[at] != ' ')
			return OWN_ARGUMENT;
		while (at < length && text[at] == ' ')
			at++;
		size_t word = word_length(text + at, length - at);
		fault = esmtp_param_add(&command->params, kind, text + at, word);
		at += word;
	}
	return fault;
}

/* "FROM:<path> parameters"; a space behind the colon is a known fault of clients and harmless. */
static enum own_reply
scan_mail(struct command *command, enum esmtp_command kind, const char *lead, size_t lead_length)
{
	const uint8_t *text = command->argument;
	size_t length = command->argument_length, taken;

	if (length < lead_length || !ascii_equal(text, lead, lead_length))
		return OWN_ARGUMENT;
	text += lead_length;
	length -= lead_length;
	if (length && *text == ' ') {
		text++;
		length--;
	}
	if (length == 0 || *text != '<' || !scan_path(command, text + 1, length - 1, &taken))
		return OWN_ARGUMENT;
	return scan_parameters(command, kind, text + 1 + taken, length - 1 - taken);
}

size_t
command_parse_sender_length(const struct command *command)
{
	const uint8_t *text = command->argument, *end = text + command->argument_length;

	if (command->path)
		return command->path_length;
	const uint8_t *colon = text < end ? memchr(text, ':', (size_t)(end - text)) : NULL;
	if (colon)
		text = colon + 1;
	while (text < end && (*text <= ' ' || *text == '<'))
		text++;
	const uint8_t *close = memrchr(text, '>', (size_t)(end - text));
	return close ? (size_t)(close - text) : word_length(text, (size_t)(end - text));
}

static void
check_argument(struct command *command)
{
	const uint8_t *text = command->argument;
	size_t length = command->argument_length;
	bool good = true;

	switch (command_table_row(command->verb)->argument) {
	case ARGUMENT_NONE:
		if (length)
			command->fault = OWN_NO_ARGUMENT; /* RFC 5321 4.3.2 */
		return;
	case ARGUMENT_TEXT:
		good = length > 0;
		break;
	case ARGUMENT_DOMAIN:
		good = length > 0 && !memchr(text, ' ', length) && !command->non_ascii;
		break;
	case ARGUMENT_FROM:
		command->fault = (uint8_t)scan_mail(command, ESMTP_MAIL, "FROM:", 5);
		return;
	case ARGUMENT_TO:
		command->fault = (uint8_t)scan_mail(command, ESMTP_RCPT, "TO:", 3);
		return;
	default:
		break;
	}
	if (!good)
		command->fault = OWN_ARGUMENT;
}

/* "Subject: x", "Host: y": a header was sent where a command belongs. */
static bool
is_header(const uint8_t *line, size_t word)
{
	size_t name = 0;

	while (name < word && is_word(line[name]))
		name++;
	return name > 0 && name + 1 == word && line[name] == ':';
}

void
command_parse(struct command *command, const uint8_t *line, size_t length)
{
	size_t word = word_length(line, length), at = word;

	memset(command, 0, sizeof(*command));
	command->verb = (uint8_t)command_table_find(line, word);
	check_octets(command, line, length);
	while (at < length && line[at] == ' ')
		at++;
	while (length > at && line[length - 1] == ' ')
		length--; /* RFC 5321 4.1.1: trailing white space is to be tolerated */
	command->argument = line + at;
	command->argument_length = length - at;
	if (command->fault)
		return;
	if (command->verb == VERB_UNKNOWN)
		command->fault = is_header(line, word) ? OWN_NOT_SMTP : OWN_UNKNOWN;
	else
		check_argument(command);
}
