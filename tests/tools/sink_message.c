#include "tests/tools/sink_message.h"

#include <inttypes.h>
#include <string.h>

void
sink_message_begin(struct sink_message *message, FILE *save)
{
	memset(message, 0, sizeof(*message));
	message->save = save;
}

static void
message_spoil(struct sink_message *message, const char *what)
{
	if (message->spoilt)
		return;
	message->spoilt = true;
	snprintf(
	    message->fault, sizeof(message->fault), "%s at offset %" PRIu64, what, message->bytes);
}

static void
message_check(struct sink_message *message, const char *bytes, size_t length)
{
	if (message->known && !message->spoilt && !oracle_check(&message->oracle, bytes, length)) {
		message->bytes = message->oracle.checked;
		message_spoil(message, "other bytes");
	}
}

/* The first line says what the rest must be.  Returns how many bytes were looked at. */
static size_t
message_head(struct sink_message *message, const char *bytes, size_t length)
{
	size_t room = sizeof(message->head) - message->head_length;
	size_t part = length < room ? length : room, line;
	struct oracle_name name;
	char *end;

	memcpy(message->head + message->head_length, bytes, part);
	message->head_length += part;
	end = memchr(message->head, '\n', message->head_length);
	line = end != NULL ? (size_t)(end - message->head) : 0;
	if (line > 0 && message->head[line - 1] == '\r')
		line--;
	if (end != NULL && oracle_header_parse(message->head, line, &name)) {
		message->known = true;
		oracle_begin(&message->oracle, &name);
		message_check(message, message->head, message->head_length);
	} else if (end != NULL || message->head_length == sizeof(message->head)) {
		message->foreign = true;
	}
	return part;
}

/* Content without stuffing. */
static void
message_content(struct sink_message *message, const char *bytes, size_t length)
{
	if (message->save != NULL)
		fwrite(bytes, 1, length, message->save);
	if (!message->known && !message->foreign) {
		size_t part = message_head(message, bytes, length);

		message->bytes += part;
		bytes += part;
		length -= part;
	}
	message_check(message, bytes, length);
	message->bytes += length;
}

/* Bytes up to a CR, a LF or the end of what there is. */
static size_t
message_line(struct sink_message *message, const char *bytes, size_t length)
{
	const char *line_feed = memchr(bytes, '\n', length);
	size_t before = line_feed != NULL ? (size_t)(line_feed - bytes) : length;
	const char *carriage = memchr(bytes, '\r', before);

	if (carriage != NULL) {
		message_content(message, bytes, (size_t)(carriage - bytes));
		message->framing = FRAMING_CR;
		return (size_t)(carriage - bytes) + 1;
	}
	message_content(message, bytes, before);
	if (line_feed == NULL)
		return length;
	message_spoil(message, "bare LF");
	message_content(message, "\n", 1);
	return before + 1;
}

bool
sink_message_feed(struct sink_message *message, const char *bytes, size_t length, size_t *ret_taken)
{
	size_t at = 0;
	bool end = false;

	while (at < length && !end) {
		char c = bytes[at];

		switch (message->framing) {
		case FRAMING_START:
			if (c == '.') {
				message->framing = FRAMING_DOT;
				at++;
			} else {
				message->framing = FRAMING_LINE;
			}
			break;
		case FRAMING_LINE:
			at += message_line(message, bytes + at, length - at);
			break;
		case FRAMING_CR:
			if (c == '\n') {
				message_content(message, "\r\n", 2);
				message->framing = FRAMING_START;
				at++;
			} else {
				message_spoil(message, "bare CR");
				message_content(message, "\r", 1);
				message->framing = FRAMING_LINE;
			}
			break;
		case FRAMING_DOT:
			if (c == '\r') {
				message->framing = FRAMING_DOT_CR;
				at++;
				break;
			}
			if (c != '.')
				message_spoil(message, "leading dot not doubled");
			message->framing = FRAMING_LINE;
			break;
		case FRAMING_DOT_CR:
			if (c == '\n') {
				end = true;
				at++;
				break;
			}
			message_spoil(message, "leading dot not doubled");
			message_content(message, "\r", 1);
			message->framing = FRAMING_LINE;
			break;
		}
	}
	*ret_taken = at;
	return end;
}

void
sink_message_feed_chunk(struct sink_message *message, const char *bytes, size_t length)
{
	message_content(message, bytes, length);
}

const char *
sink_message_fault(struct sink_message *message, const struct oracle_key *envelope)
{
	if (message->known && !oracle_complete(&message->oracle))
		message_spoil(message, "shorter than sent");
	if (message->known && memcmp(&message->oracle.name.key, envelope, sizeof(*envelope)) != 0)
		message_spoil(message, "envelope of another message");
	return message->spoilt ? message->fault : NULL;
}
