#include "tests/dialogue/observer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define LINE_MAX 16384u

static void __attribute__((format(printf, 2, 3)))
fail(struct observer *observer, const char *format, ...)
{
	va_list list;

	if (observer->failure[0])
		return;
	va_start(list, format);
	vsnprintf(observer->failure, sizeof(observer->failure), format, list);
	va_end(list);
}

void
observer_init(
    struct observer *observer, const struct inspect_policy *policy, enum inspect_mode mode)
{
	memset(observer, 0, sizeof(*observer));
	observer->policy = policy;
	observer->asked = 1; /* the greeting */
	observer->off = mode != INSPECT_MODE_INSPECT || (policy->flags & INSPECT_MONITOR_ONLY) != 0;
}

void
observer_done(struct observer *observer)
{
	visible_done(&observer->command);
	visible_done(&observer->reply);
	visible_done(&observer->answer);
	visible_done(&observer->content);
	chunks_done(&observer->chunks);
}

static enum observer_kind
kind_of(const char *line, size_t length)
{
	static const struct {
		const char *verb;
		enum observer_kind kind;
	} verbs[] = {{"MAIL", OBSERVED_MAIL}, {"RCPT", OBSERVED_RCPT}, {"DATA", OBSERVED_DATA},
	    {"RSET", OBSERVED_CLEARING}, {"HELO", OBSERVED_CLEARING}, {"EHLO", OBSERVED_CLEARING},
	    {"STARTTLS", OBSERVED_STARTTLS}, {"AUTH", OBSERVED_AUTH}, {"BDAT", OBSERVED_CHUNK}};

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		size_t verb = strlen(verbs[i].verb);
		if (length >= verb && strncasecmp(line, verbs[i].verb, verb) == 0 &&
		    (line[verb] == ' ' || line[verb] == '\r'))
			return verbs[i].kind;
	}
	return OBSERVED_OTHER;
}

/* ---- what the server says ---- */

static void
mail_answered(struct observer *observer, bool good)
{
	if (observer->mail == MAIL_SENT)
		observer->mail = good ? MAIL_ACCEPTED : MAIL_NONE;
	if (observer->mail == MAIL_NONE)
		chunks_clear(&observer->chunks);
}

static void
reply_done(struct observer *observer, int class, size_t client)
{
	if (!observer->greeted) {
		observer->greeted = true;
		return;
	}
	if (observer->head == observer->tail)
		return; /* unasked, such as a 421 */
	struct observer_command *command = &observer->queue[observer->head++ % OBSERVER_QUEUE];
	bool current = command->generation == observer->generation;
	switch (command->kind) {
	case OBSERVED_MAIL:
		if (current)
			mail_answered(observer, class == 2);
		break;
	case OBSERVED_CLEARING:
		if (class != 2)
			observer->mail = MAIL_UNKNOWN;
		break;
	case OBSERVED_DATA:
		if (class == 3) {
			observer->state = OBSERVE_CONTENT;
			observer->content_start = client;
			visible_clear(&observer->content);
		}
		break;
	case OBSERVED_AUTH:
	case OBSERVED_SASL:
		observer->state = class == 3 ? OBSERVE_SASL : OBSERVE_COMMAND;
		break;
	case OBSERVED_STARTTLS:
		if (class == 2)
			observer->state = OBSERVE_OPAQUE;
		break;
	default:
		break;
	}
}

void
observer_server_said(struct observer *observer, const uint8_t *bytes, size_t length, size_t client)
{
	struct visible *line = &observer->reply;

	for (size_t i = 0; i < length; i++) {
		if (observer->off || observer->state == OBSERVE_OPAQUE)
			return;
		visible_raw(line, bytes + i, 1);
		if (bytes[i] != '\n')
			continue;
		bool digits = line->length >= 5 && line->data[0] >= '2' && line->data[0] <= '5';
		if (!digits ||
		    (line->data[3] != ' ' && line->data[3] != '-' && line->data[3] != '\r'))
			observer->off = true; /* nothing can be said about what follows */
		else if (line->data[3] != '-')
			reply_done(observer, line->data[0] - '0', client);
		visible_clear(line);
	}
}

/* ---- content ---- */

/* Appends one line without its leading dots: what is stuffed where is the core's business. */
static void
add_line(struct visible *text, const struct visible *line)
{
	size_t dots = 0;

	while (dots < line->length && line->data[dots] == '.')
		dots++;
	visible_raw(text, line->length ? line->data + dots : "", line->length - dots);
	visible_raw(text, "\r\n", 2);
}

/*
 * Reads the client's bytes as RFC 5321 2.3.8 and 4.1.1.4 say: lines end at CRLF only, and only a
 * dot between two such ends (or at the very start) ends the data.  Line ends that a normalising
 * gateway makes are made here too.  True when there is a legal end.
 */
static bool
read_content(const uint8_t *bytes, size_t length, struct visible *text)
{
	struct visible line = {0};
	bool legal = true, found = false; /* legal: the current line began behind a CRLF */

	for (size_t i = 0; i < length && !found; i++) {
		bool crlf = bytes[i] == '\r' && i + 1 < length && bytes[i + 1] == '\n';
		if (crlf && legal && line.length == 1 && line.data[0] == '.') {
			found = true;
		} else if (crlf || bytes[i] == '\n') {
			add_line(text, &line);
			visible_clear(&line);
			legal = crlf;
			i += crlf;
		} else {
			uint8_t byte = bytes[i] == '\r' || bytes[i] == '\0' ? ' ' : bytes[i];
			visible_raw(&line, &byte, 1);
		}
	}
	visible_done(&line);
	return found;
}

static void
content_done(struct observer *observer, const uint8_t *client, size_t client_length)
{
	struct visible expected = {0};

	observer->messages++;
	observer->asked++;
	if (observer->content_start > client_length ||
	    !read_content(client + observer->content_start, client_length - observer->content_start,
		&expected))
		fail(observer, "the server saw an end of data that the client did not send");
	else if (expected.length != observer->content.length ||
		 (expected.length &&
		     memcmp(expected.data, observer->content.data, expected.length)))
		fail(observer, "content was changed: %zu bytes expected, %zu at the server",
		    expected.length, observer->content.length);
	visible_done(&expected);
}

/* ---- what the server gets ---- */

static void
push(struct observer *observer, enum observer_kind kind)
{
	if (observer->tail - observer->head >= OBSERVER_QUEUE) {
		fail(observer, "more than %u commands without a reply", OBSERVER_QUEUE);
		return;
	}
	observer->queue[observer->tail++ % OBSERVER_QUEUE] =
	    (struct observer_command){(uint8_t)kind, observer->generation};
}

static void
clear_transaction(struct observer *observer)
{
	observer->generation++;
	observer->mail = MAIL_NONE;
	chunks_clear(&observer->chunks);
}

/* All of the last chunk is there. */
static void
chunks_end(struct observer *observer)
{
	observer->messages++;
	clear_transaction(observer);
}

static enum observer_kind
chunk_begins(struct observer *observer, const struct visible *line)
{
	const char *fault = chunks_server_command(
	    &observer->chunks, line->data, line->length, observer->mail == MAIL_UNKNOWN);

	if (observer->mail == MAIL_NONE)
		fail(observer, "BDAT without MAIL");
	if (fault)
		fail(observer, "%s", fault);
	return observer->chunks.last ? OBSERVED_CONTENT : OBSERVED_CHUNK;
}

static void
chunk_octet(struct observer *observer, uint8_t byte)
{
	const char *fault = chunks_server_octet(&observer->chunks, byte);

	if (fault)
		fail(observer, "%s", fault);
	else if (observer->chunks.server_left == 0 && observer->chunks.last)
		chunks_end(observer);
}

static void
command_line(struct observer *observer, const struct visible *line)
{
	enum observer_kind kind = kind_of(line->data, line->length);

	if (observer->state == OBSERVE_SASL)
		kind = OBSERVED_SASL;
	if (observer->head != observer->tail) {
		uint8_t last = observer->queue[(observer->tail - 1) % OBSERVER_QUEUE].kind;
		if (last == OBSERVED_DATA || last == OBSERVED_STARTTLS)
			fail(observer, "bytes behind DATA or STARTTLS before its reply");
	}
	if (kind == OBSERVED_RCPT && observer->mail == MAIL_NONE)
		fail(observer, "RCPT without MAIL");
	if (kind == OBSERVED_CLEARING)
		clear_transaction(observer);
	if (kind == OBSERVED_MAIL &&
	    (observer->mail == MAIL_NONE || observer->mail == MAIL_UNKNOWN))
		chunks_clear(&observer->chunks);
	if (kind == OBSERVED_MAIL && observer->mail == MAIL_NONE) {
		observer->generation++;
		observer->mail = MAIL_SENT;
	}
	if (kind == OBSERVED_DATA && observer->mail != MAIL_UNKNOWN &&
	    chunks_any(&observer->chunks))
		fail(observer, "DATA behind BDAT");
	if (kind == OBSERVED_CHUNK)
		kind = chunk_begins(observer, line);
	push(observer, kind);
	if (kind == OBSERVED_CONTENT && observer->chunks.server_left == 0)
		chunks_end(observer);
}

static void
content_line(
    struct observer *observer, struct visible *line, const uint8_t *client, size_t client_length)
{
	line->length -= 2;
	if (line->length == 1 && line->data[0] == '.') {
		content_done(observer, client, client_length);
		observer->state = OBSERVE_COMMAND;
		clear_transaction(observer);
		push(observer, OBSERVED_CONTENT);
	} else {
		add_line(&observer->content, line);
	}
}

static void
server_byte(struct observer *observer, uint8_t byte)
{
	const struct visible *line = &observer->command;
	bool after_cr = line->length > 0 && line->data[line->length - 1] == '\r';

	if (byte == '\0')
		fail(observer, "NUL toward the server");
	if (byte == '\n' && !after_cr)
		fail(observer, "bare LF toward the server");
	if (byte != '\n' && after_cr)
		fail(observer, "bare CR toward the server");
	if (observer->state != OBSERVE_CONTENT && line->length > LINE_MAX)
		fail(observer, "overlong line toward the server");
}

void
observer_server_gets(struct observer *observer, const uint8_t *bytes, size_t length,
    const uint8_t *client, size_t client_length)
{
	struct visible *line = &observer->command;

	for (size_t i = 0; i < length; i++) {
		if (observer->off || observer->state == OBSERVE_OPAQUE)
			return;
		if (observer->failure[0])
			return;
		if (observer->chunks.server_left) {
			chunk_octet(observer, bytes[i]);
			continue;
		}
		server_byte(observer, bytes[i]);
		visible_raw(line, bytes + i, 1);
		if (bytes[i] != '\n')
			continue;
		if (observer->state == OBSERVE_CONTENT && line->length >= 2)
			content_line(observer, line, client, client_length);
		else
			command_line(observer, line);
		visible_clear(line);
	}
}

/* ---- what the client says and gets ---- */

void
observer_client_said(struct observer *observer, const uint8_t *bytes, size_t length)
{
	struct chunks *chunks = &observer->chunks;

	for (size_t i = 0; i < length; i++) {
		if (observer->off || observer->state == OBSERVE_OPAQUE)
			return;
		if (chunks->client_left || observer->state == OBSERVE_COMMAND)
			observer->asked += chunks_client_byte(chunks, bytes[i]);
		else if (observer->state == OBSERVE_SASL)
			observer->asked += bytes[i] == '\n';
	}
}

static void
answer_line(struct observer *observer, const struct visible *line)
{
	const char *c = line->data;
	unsigned code = 0;

	for (int i = 0; i < 3; i++) {
		if (line->length < 5 || c[i] < '0' || c[i] > '9') {
			fail(observer, "the client got a line that is no reply");
			return;
		}
		code = code * 10 + (unsigned)(c[i] - '0');
	}
	if (c[3] != ' ' && c[3] != '-' && c[3] != '\r')
		fail(observer, "the client got a reply without separator");
	if (c[line->length - 2] != '\r')
		fail(observer, "the client got a bare LF");
	if (observer->continued && observer->continued != code)
		fail(observer, "the client got %u within a %u reply", code, observer->continued);
	observer->continued = c[3] == '-' ? code : 0;
	observer->answers += c[3] != '-';
}

void
observer_client_gets(struct observer *observer, const uint8_t *bytes, size_t length)
{
	struct visible *line = &observer->answer;

	for (size_t i = 0; i < length; i++) {
		if (observer->off || observer->state == OBSERVE_OPAQUE)
			return;
		if (bytes[i] == '\0')
			fail(observer, "NUL toward the client");
		visible_raw(line, bytes + i, 1);
		if (bytes[i] == '\n') {
			answer_line(observer, line);
			visible_clear(line);
		}
	}
}

void
observer_client_ends(struct observer *observer)
{
	if (observer->off || observer->state == OBSERVE_OPAQUE)
		return;
	if (observer->answer.length || observer->continued)
		fail(observer, "the client's leg ended within a reply");
}

void
observer_server_ends(struct observer *observer)
{
	if (!observer->off && observer->chunks.server_left)
		fail(observer, "the server's leg ended with FIN within a chunk");
}

void
observer_step(struct observer *observer)
{
	if (!observer->off && observer->state != OBSERVE_OPAQUE &&
	    observer->answers > observer->asked)
		fail(observer, "the client got %zu replies and has asked for %zu",
		    observer->answers, observer->asked);
}
