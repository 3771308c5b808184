#include "worker/inspect/reply.h"

#include "worker/inspect/inspect.h"

#include <string.h>

#define PROBLEM(reply, text)                                                                       \
	((reply)->problem = (text), (reply)->problem_length = sizeof(text) - 1, REPLY_BAD)

/* What can be said of a line of which only the beginning is there. */
static enum reply_scan
judge_start(struct reply *reply, const uint8_t *line, size_t length)
{
	unsigned code = 0;

	for (size_t i = 0; i < 3 && i < length; i++) {
		if (line[i] < '0' || line[i] > '9' || (i == 0 && (line[0] < '2' || line[0] > '5')))
			return PROBLEM(reply, "a line that is no reply");
		code = code * 10 + (line[i] - (unsigned)'0');
	}
	if (length < 3)
		return REPLY_PARTIAL;
	if (reply->lines > 0 && code != reply->code)
		return PROBLEM(reply, "a reply with two codes");
	reply->code = code;
	if (length > 3 && line[3] != ' ' && line[3] != '-' && line[3] != '\r' && line[3] != '\n')
		return PROBLEM(reply, "a line that is no reply");
	return length > 3 ? REPLY_WHOLE : REPLY_PARTIAL;
}

static bool
is_clean(const uint8_t *line, size_t length)
{
	if (length < 2 || line[length - 2] != '\r')
		return false;
	for (size_t i = 0; i + 2 < length; i++)
		if ((line[i] < 0x20 && line[i] != '\t') || line[i] == 0x7f)
			return false;
	return true;
}

/* In octets with the line end. */
static size_t
line_limit(const struct reply *reply, const uint8_t *line, size_t length)
{
	bool challenge = reply->lines == 0 && length > 3 && memcmp(line, "334", 3) == 0;

	return challenge ? REPLY_CHALLENGE_MAX : REPLY_LINE_MAX;
}

/* One line; REPLY_WHOLE if it is there with its end, `length` is set to its octets. */
static enum reply_scan
scan_line(struct reply *reply, const uint8_t *line, size_t *length)
{
	size_t limit = line_limit(reply, line, *length), most = *length < limit ? *length : limit;
	const uint8_t *lf = most ? memchr(line, '\n', most) : NULL;
	enum reply_scan start = judge_start(reply, line, lf ? (size_t)(lf - line) + 1 : most);

	if (start == REPLY_BAD)
		return start;
	if (!lf && *length >= limit)
		return PROBLEM(reply, "a reply line that is too long");
	if (!lf)
		return REPLY_PARTIAL;
	if (start == REPLY_PARTIAL)
		return PROBLEM(reply, "a line that is no reply");
	*length = (size_t)(lf - line) + 1;
	return REPLY_WHOLE;
}

enum reply_scan
reply_scan(struct reply *reply, const uint8_t *bytes, size_t length)
{
	bool more = true;

	*reply = (struct reply){.clean = true};
	while (more) {
		size_t line = length - reply->length;
		if (reply->length > INSPECT_LOOKAHEAD - REPLY_LINE_MAX ||
		    reply->lines >= REPLY_LINES_MAX)
			return PROBLEM(reply, "a reply that is too long");
		enum reply_scan found = scan_line(reply, bytes + reply->length, &line);
		if (found != REPLY_WHOLE)
			return found;
		more = bytes[reply->length + 3] == '-';
		reply->clean &= is_clean(bytes + reply->length, line);
		reply->length += line;
		reply->lines++;
	}
	if (!reply->clean && reply->length > REPLY_REWRITE_MAX)
		return PROBLEM(reply, "a long reply with stray octets");
	return REPLY_WHOLE;
}

void
reply_line(struct reply_line *line, const uint8_t *at, const uint8_t *end)
{
	const uint8_t *lf = memchr(at, '\n', (size_t)(end - at));
	const uint8_t *stop = lf ? lf : end;

	line->next = lf ? lf + 1 : end;
	if (stop > at && stop[-1] == '\r')
		stop--;
	line->text = stop - at > 4 ? at + 4 : stop;
	line->length = (size_t)(stop - line->text);
}
