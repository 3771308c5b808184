#include "tests/tools/source_session.h"

#include "tests/tools/source_pool.h"
#include "tests/tools/source_steps.h"

#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define TICK_US	    10000u
#define OUTPUT_LOW  65536u /* the body is made while less than this waits to be written */
#define OUTPUT_ONCE 65536u /* one wake-up writes about this much */

struct source_session *source_sessions;

static char chunk[65536];

static const struct {
	const char *name;
	unsigned code;
	const char *text; /* of mailsink; "": any */
} answers[EXPECT_KINDS] = {
    [EXPECT_BANNER] = {"banner", 220, ""},
    [EXPECT_EHLO] = {"EHLO", 250, ""},
    [EXPECT_MAIL] = {"MAIL", 250, "2.1.0 Sender noted"},
    [EXPECT_RCPT] = {"RCPT", 250, "2.1.5 Recipient noted"},
    [EXPECT_DATA] = {"DATA", 354, "End data with"},
    [EXPECT_FINAL] = {"final dot", 250, "2.0.0 Taken"},
    [EXPECT_NOOP] = {"NOOP", 250, "2.0.0 Nothing done"},
    [EXPECT_STARTTLS] = {"STARTTLS", 220, "2.0.0 Ready to start TLS"},
    [EXPECT_QUIT] = {"QUIT", 221, "2.0.0 Good bye"},
};

static void
message_result(
    struct source_session *session, enum ledger_result result, const char *detail, size_t length)
{
	uint64_t *const counts[] = {[LEDGER_GIVEN] = &source_figures.given,
	    [LEDGER_REFUSED] = &source_figures.refused,
	    [LEDGER_UNKNOWN] = &source_figures.unknown,
	    [LEDGER_ONEWAY] = &source_figures.one_way,
	    [LEDGER_UNSENT] = &source_figures.unsent};

	(*counts[result])++;
	ledger_write(&session->key, session->size, result, detail, length);
	session->message = MESSAGE_NONE;
}

/* A message that the session leaves behind. */
static void
message_leave(struct source_session *session)
{
	enum ledger_result result = LEDGER_UNSENT;

	if (session->message == MESSAGE_NONE)
		return;
	if (session->message == MESSAGE_SENT && session->output.length == 0)
		result = session->one_way ? LEDGER_ONEWAY : LEDGER_UNKNOWN;
	message_result(session, result, "", 0);
}

static void
session_free(struct source_session *session)
{
	unsigned phase = session->phase;

	message_leave(session);
	source_session_mark(session);
	loop_unwatch(&session->watch);
	loop_timer_clear(&session->timer);
	transport_close(&session->transport);
	buffer_free(&session->input);
	buffer_free(&session->output);
	free(session->oracle);
	if (session->next != NULL)
		session->next->previous = session->previous;
	if (session->previous != NULL)
		session->previous->next = session->next;
	else
		source_sessions = session->next;
	free(session);
	source_pool_ended(phase);
}

void
source_fail(struct source_session *session, const char *format, ...)
{
	char text[512];
	va_list arguments;

	if (session->over != OVER_NOT)
		return;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	fprintf(stderr,
	    "mailsource: failure: session %" PRIu32 " phase %s variant %u step %s%s age %" PRIu64
	    " ms at %" PRIu64 ": %s\n",
	    session->number, source_phase_name(session->phase), session->variant % 4,
	    session->step->name, session->released ? " (released)" : "",
	    (loop_clock() - session->opened_us) / 1000, loop_clock(), text);
	session->over = OVER_FAILED;
}

/* Takes the session away as its end demands. */
static void
session_end(struct source_session *session)
{
	loop_unwatch(&session->watch);
	switch (session->over) {
	case OVER_DONE:
		source_figures.done++;
		if (!session->ended || session->transport.tls != NULL)
			transport_shutdown(&session->transport);
		break;
	case OVER_FAILED:
		source_figures.failed++;
		transport_reset(&session->transport);
		break;
	default:
		source_figures.broken_off++;
		if (session->number % 2 == 0)
			transport_reset(&session->transport);
		break;
	}
	session_free(session);
}

void
source_session_reset(struct source_session *session)
{
	source_figures.done++;
	loop_unwatch(&session->watch);
	transport_reset(&session->transport);
	session_free(session);
}

void
source_send(struct source_session *session, const char *bytes, size_t length)
{
	buffer_add(&session->output, bytes, length);
}

void
source_expect(struct source_session *session, enum source_expected expected)
{
	unsigned place;

	if (session->expected_count == SOURCE_EXPECTED_MAX)
		errx(1, "more than %u replies expected", SOURCE_EXPECTED_MAX);
	place = (session->expected_first + session->expected_count++) % SOURCE_EXPECTED_MAX;
	session->expected[place] = (uint8_t)expected;
	session->expected_us[place] = loop_now();
}

void
source_message_begin(struct source_session *session)
{
	session->key =
	    (struct oracle_key){source_options.seed, session->number, session->messages++};
	session->size =
	    sizes_pick(source_phase_holds_body(session->phase) ? &source_options.body_sizes
							       : &source_options.sizes,
		&session->random);
	if (session->size < ORACLE_SIZE_MIN)
		session->size = ORACLE_SIZE_MIN;
	session->message = MESSAGE_ENVELOPE;
	session->began_us = loop_now();
	session->body_limit = UINT64_MAX;
	session->body_pace = 0;
	source_figures.begun++;
}

void
source_body_begin(struct source_session *session)
{
	session->oracle = malloc(sizeof(*session->oracle));
	if (session->oracle == NULL)
		err(1, "body");
	oracle_begin(session->oracle, &session->key, session->size);
	session->message = MESSAGE_BODY;
	session->body_sent = 0;
	session->tick_us = loop_now();
	source_expect(session, EXPECT_FINAL);
}

static void
body_line(struct source_session *session)
{
	const struct oracle_span *span = session->oracle->span;
	bool dot = (span[0].length > 0	    ? span[0].bytes[0]
		       : span[1].length > 0 ? span[1].bytes[0]
					    : '\r') == '.';

	if (dot)
		buffer_add(&session->output, ".", 1);
	for (unsigned i = 0; i < ORACLE_SPANS; i++) {
		buffer_add(&session->output, span[i].bytes, span[i].length);
		session->body_sent += span[i].length;
	}
}

/* Makes as much of the body as pace and limit allow now. */
static void
body_make(struct source_session *session)
{
	uint64_t pace = session->released ? 0 : session->body_pace, end = UINT64_MAX;

	if (source_options.slow_write > 0)
		pace = session->body_pace;
	if (pace > 0) {
		if (loop_now() < session->tick_us)
			return;
		session->tick_us = loop_now() + TICK_US;
		end = session->body_sent + pace;
	}
	if (!session->released && session->body_limit < end)
		end = session->body_limit;
	while (session->output.length < OUTPUT_LOW && session->body_sent < end) {
		if (oracle_next_line(session->oracle)) {
			body_line(session);
			continue;
		}
		source_send(session, ".\r\n", 3);
		free(session->oracle);
		session->oracle = NULL;
		session->message = MESSAGE_SENT;
		source_figures.bytes += session->size;
		return;
	}
}

/* Is anything expected of the other side now? */
static bool
session_waits(const struct source_session *session)
{
	const struct source_step *step = session->step;

	if (!session->connected || session->output.length > 0)
		return true;
	if ((step->until & STEP_SERVER) != 0 && !session->released)
		return false;
	if ((step->until & STEP_LENIENT) != 0)
		return false;
	if (session->oracle != NULL)
		return false; /* it is for us to go on */
	return session->expected_count > 0 || (step->until & UNTIL_CLOSED) != 0 ||
	       ((step->until & UNTIL_TLS) != 0 && !session->secured);
}

/* Something came or went: that long it had been silent. */
static void
silence_note(struct source_session *session)
{
	uint64_t now = loop_clock();

	if (session->waiting_us != 0 && now - session->waiting_us > session->silence_us)
		session->silence_us = now - session->waiting_us;
	session->waiting_us = 0;
}

static void
silence_watch(struct source_session *session)
{
	if (!session_waits(session))
		session->waiting_us = 0;
	else if (session->waiting_us == 0)
		session->waiting_us = loop_clock();
	session->deadline_us =
	    session->waiting_us != 0 ? session->waiting_us + source_options.deadline_us : 0;
}

void
source_session_mark(struct source_session *session)
{
	if (session->silence_us > 0)
		histogram_add(&source_figures.silence, session->silence_us);
	session->silence_us = 0;
}

bool
source_session_holds(const struct source_session *session)
{
	return session->begun && !session->released && (session->step->until & STEP_HOLDS) != 0 &&
	       (session->output.length == 0 || session->body_sent > 0);
}

static bool
reply_has_key(const struct source_session *session, const struct reply *reply)
{
	char key[ORACLE_KEY_TEXT];

	oracle_key_print(&session->key, key);
	return memmem(reply->text, reply->text_length, key, strlen(key)) != NULL;
}

/* A refusal of message or envelope: what is left of the session is QUIT. */
static void
reply_refuses(struct source_session *session, enum source_expected kind, const struct reply *reply)
{
	char text[200];

	ledger_escape(text, sizeof(text), reply->text, reply->text_length);
	if (!source_options.may_refuse || kind < EXPECT_MAIL || kind > EXPECT_FINAL ||
	    reply->code < 400 || reply->code == 421) {
		source_fail(session, "reply to %s: %u %s", answers[kind].name, reply->code, text);
		return;
	}
	session->refused = true;
	if (session->message != MESSAGE_NONE)
		message_result(session, LEDGER_REFUSED, text, strlen(text));
}

static void
reply_judge(struct source_session *session, enum source_expected kind, const struct reply *reply)
{
	const char *wanted = source_options.strict ? answers[kind].text : "";

	if (reply->code != answers[kind].code) {
		reply_refuses(session, kind, reply);
		return;
	}
	if (reply->text_length < strlen(wanted) ||
	    memcmp(reply->text, wanted, strlen(wanted)) != 0 ||
	    (kind == EXPECT_FINAL && source_options.strict && !reply_has_key(session, reply))) {
		char text[200];

		ledger_escape(text, sizeof(text), reply->text, reply->text_length);
		source_fail(session, "reply to %s that nobody gave: %u %s", answers[kind].name,
		    reply->code, text);
		return;
	}
	session->goodbye |= kind == EXPECT_QUIT;
	if (kind == EXPECT_FINAL) {
		histogram_add(&source_figures.message, loop_now() - session->began_us);
		message_result(session, LEDGER_GIVEN, reply->text, reply->text_length);
	}
}

/* The sink resets such a session as soon as it has seen MAIL; that may overtake its reply. */
static bool
server_may_vanish(const struct source_session *session)
{
	return session->phase == PHASE_RESET_SERVER && session->message != MESSAGE_NONE;
}

static void
reply_take(struct source_session *session, const struct reply *reply)
{
	unsigned first = session->expected_first;
	enum source_expected kind = session->expected[first];

	if ((session->step->until & STEP_LENIENT) != 0 && reply->code / 100 == 4)
		return;
	if (server_may_vanish(session) && reply->code / 100 == 4) {
		session->over = OVER_DONE;
		return;
	}
	if (session->expected_count == 0 ||
	    (kind == EXPECT_FINAL && session->message != MESSAGE_SENT && !session->refused)) {
		char text[200];

		ledger_escape(text, sizeof(text), reply->text, reply->text_length);
		source_fail(session, "reply to nothing: %u %s", reply->code, text);
		return;
	}
	session->expected_first = (first + 1) % SOURCE_EXPECTED_MAX;
	session->expected_count--;
	if (kind != EXPECT_FINAL && (session->step->until & STEP_SERVER) == 0)
		histogram_add(&source_figures.command, loop_now() - session->expected_us[first]);
	reply_judge(session, kind, reply);
}

static void
session_replies(struct source_session *session)
{
	struct reply reply;
	long length = 0;

	while (session->over == OVER_NOT && session->input.length > 0) {
		length = reply_parse(buffer_bytes(&session->input), session->input.length, &reply);
		if (length <= 0)
			break;
		reply_take(session, &reply);
		buffer_take(&session->input, (size_t)length);
	}
	if (length < 0 && session->over == OVER_NOT) {
		char text[120];

		ledger_escape(
		    text, sizeof(text), buffer_bytes(&session->input), session->input.length);
		source_fail(session, "not a reply: %s", text);
	}
}

/* The connection was ended by the other side. */
static void
session_ended(struct source_session *session, const char *how)
{
	unsigned until = session->step->until;

	session->ended = true;
	if ((until & STEP_LENIENT) != 0)
		return;
	if (server_may_vanish(session)) {
		session->over = OVER_DONE;
		return;
	}
	/* A FIN that was announced: after 221, or by a server that will only listen. */
	if (*how == '\0' && session->expected_count == 0 && (session->goodbye || session->one_way))
		return;
	if (*how == '\0' && (until & UNTIL_CLOSED) != 0 && session->expected_count == 0 &&
	    ((until & STEP_SERVER) == 0 || session->released))
		return;
	source_fail(session, "%s, %u replies expected%s%s", *how == '\0' ? "early FIN" : how,
	    session->expected_count, session->expected_count > 0 ? ", first to " : "",
	    session->expected_count > 0 ? answers[session->expected[session->expected_first]].name
					: "");
}

static void
session_read(struct source_session *session)
{
	size_t size =
	    source_options.slow_read > 0 ? source_options.slow_read / 100 + 1 : sizeof(chunk);

	do {
		ssize_t count = transport_read(&session->transport, chunk, size);

		if (count == -EAGAIN)
			return;
		silence_note(session);
		if (count <= 0) {
			session_ended(session, count == 0 ? "" : strerror((int)-count));
			return;
		}
		buffer_add(&session->input, chunk, (size_t)count);
		session_replies(session);
	} while (session->over == OVER_NOT && source_options.slow_read == 0);
}

/* Fills the output from the body and writes it, a bounded amount at a time. */
static void
session_write(struct source_session *session)
{
	size_t written = 0;

	while (session->over == OVER_NOT && written < OUTPUT_ONCE) {
		size_t length;
		ssize_t count;

		if (session->oracle != NULL)
			body_make(session);
		length = session->output.length;
		if (length == 0)
			return;
		if (source_options.chop > 0 && length > source_options.chop)
			length = source_options.chop;
		count =
		    transport_write(&session->transport, buffer_bytes(&session->output), length);
		if (count == -EAGAIN)
			return;
		silence_note(session);
		if (count < 0) {
			session_ended(session, strerror((int)-count));
			return;
		}
		buffer_take(&session->output, (size_t)count);
		written += (size_t)count;
		if (session->break_bytes > 0 && session->break_bytes <= (uint64_t)count) {
			session->over = OVER_BROKEN;
			return;
		}
		if (session->break_bytes > 0)
			session->break_bytes -= (uint64_t)count;
		if (source_options.chop > 0)
			return;
	}
}

static void
session_handshake(struct source_session *session)
{
	int failure = transport_handshake(&session->transport);

	silence_note(session);
	if (failure == 0)
		session->secured = true;
	else if (failure != -EAGAIN)
		source_fail(session, "TLS handshake: %s", strerror(-failure));
}

static bool
step_over(struct source_session *session)
{
	unsigned until = session->step->until;

	if ((until & STEP_LENIENT) != 0)
		return session->ended;
	if (session->oracle != NULL || session->output.length > 0)
		return false;
	if ((until & UNTIL_ANSWERED) != 0 && session->expected_count > 0)
		return false;
	if ((until & UNTIL_RELEASED) != 0 && !session->released)
		return false;
	if ((until & UNTIL_CLOSED) != 0 && !session->ended)
		return false;
	if ((until & UNTIL_TLS) != 0 && !session->secured)
		return false;
	if ((until & UNTIL_DUE) != 0 && loop_now() < session->due_us)
		return false;
	return true;
}

static void
session_ping(struct source_session *session)
{
	if ((session->step->until & STEP_PINGS) == 0 || session->released ||
	    session->variant / 2 % 2 != 0 || session->expected_count > 0 ||
	    loop_now() < session->tick_us)
		return;
	session->tick_us = loop_now() + TICK_US + oracle_random(&session->random) % (2 * TICK_US);
	source_send(session, "NOOP\r\n", 6);
	source_expect(session, EXPECT_NOOP);
}

/* Goes through as many steps as it can. */
static void
session_advance(struct source_session *session)
{
	while (session->over == OVER_NOT) {
		const struct source_step *next;

		if (!session->begun) {
			session->begun = true;
			session->step->begin(session);
		}
		session_ping(session);
		if ((session->step->until & UNTIL_TLS) != 0 && !session->secured)
			session_handshake(session);
		else
			session_write(session);
		if (session->over != OVER_NOT || !step_over(session))
			return;
		if (!session->refused && session->step->more != NULL &&
		    session->step->more(session))
			continue;
		session->begun = false;
		session->body_sent = 0;
		next = source_step_next(session);
		if (next == NULL)
			session->over = OVER_DONE;
		else
			session->step = next;
	}
}

/* When must the session be looked at although nothing happens? */
static uint64_t
session_next_look(const struct source_session *session)
{
	uint64_t due = session->deadline_us != 0 ? session->deadline_us : UINT64_MAX;
	bool paced = session->oracle != NULL && session->output.length == 0 &&
		     (session->released || session->body_sent < session->body_limit);
	bool pings = (session->step->until & STEP_PINGS) != 0 && !session->released &&
		     session->variant / 2 % 2 == 0 && session->expected_count == 0;

	if ((paced || pings) && session->tick_us < due)
		due = session->tick_us;
	if ((session->step->until & UNTIL_DUE) != 0 && session->due_us < due)
		due = session->due_us;
	if (session->read_us > loop_now() && session->read_us < due)
		due = session->read_us;
	return due;
}

/* After anything happened: go on, and wait for what comes next. The session may be gone then. */
static void
session_settle(struct source_session *session)
{
	uint32_t events = 0;
	uint64_t look;

	if (session->connected)
		session_advance(session);
	if (session->over != OVER_NOT) {
		session_end(session);
		return;
	}
	silence_watch(session);
	if (!session->ended && session->read_us <= loop_now())
		events |= EPOLLIN;
	if (session->output.length > 0 || session->transport.wants_write || !session->connected)
		events |= EPOLLOUT;
	loop_watch(&session->watch, session->transport.fd, events);
	look = session_next_look(session);
	if (look != UINT64_MAX)
		loop_timer_set(&session->timer, look);
	else
		loop_timer_clear(&session->timer);
}

static void
session_connected(struct source_session *session)
{
	int failure = 0;
	socklen_t length = sizeof(failure);

	getsockopt(session->transport.fd, SOL_SOCKET, SO_ERROR, &failure, &length);
	silence_note(session);
	if (failure != 0)
		source_fail(session, "connect: %s", strerror(failure));
	session->connected = true;
}

static void
session_ready(struct loop_watch *watch, uint32_t events)
{
	struct source_session *session =
	    (struct source_session *)((char *)watch - offsetof(struct source_session, watch));

	if (!session->connected) {
		session_connected(session);
	} else if (session->ended && (events & (EPOLLERR | EPOLLHUP)) != 0) {
		if ((events & EPOLLERR) != 0)
			source_fail(session, "reset after FIN");
	} else if ((events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0) {
		if ((session->step->until & UNTIL_TLS) != 0 && !session->secured)
			session_handshake(session);
		else
			session_read(session);
		if (source_options.slow_read > 0)
			session->read_us = loop_now() + TICK_US;
	}
	session_settle(session);
}

static void
session_expired(struct loop_timer *timer)
{
	struct source_session *session =
	    (struct source_session *)((char *)timer - offsetof(struct source_session, timer));

	if (session->deadline_us != 0 && loop_now() >= session->deadline_us)
		source_fail(session,
		    "time-out: nothing for %" PRIu64 " ms, %u replies expected%s%s",
		    source_options.deadline_us / 1000, session->expected_count,
		    session->expected_count > 0 ? ", first to " : "",
		    session->expected_count > 0
			? answers[session->expected[session->expected_first]].name
			: "");
	session_settle(session);
}

void
source_session_release(struct source_session *session)
{
	if (session->released)
		return;
	session->released = true;
	session->tick_us = 0;
	session_settle(session);
}

void
source_session_urgent(struct source_session *session)
{
	if (session->phase != PHASE_URGENT || !source_session_holds(session) || session->urgent ||
	    session->variant % 2 == 0)
		return;
	if (send(session->transport.fd, "P", 1, MSG_OOB | MSG_NOSIGNAL) == 1)
		session->urgent = true;
}

static void
socket_open(struct source_session *session, const struct address *target)
{
	int one = 1, small = 4096;
	int fd = socket(target->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		err(1, "socket");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (source_options.slow_read > 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	session->transport.fd = fd;
	if (connect(fd, (const struct sockaddr *)&target->storage, target->length) != 0 &&
	    errno != EINPROGRESS)
		source_fail(session, "connect: %s", strerror(errno));
}

void
source_session_open(unsigned phase, unsigned variant, uint32_t number)
{
	struct source_session *session = calloc(1, sizeof(*session));

	if (session == NULL)
		err(1, "session");
	session->number = number;
	session->phase = phase;
	session->variant = variant;
	session->step = source_script(phase, variant);
	session->opened_us = loop_clock();
	session->random = source_options.seed ^ (uint64_t)number << 20;
	session->body_limit = UINT64_MAX;
	session->watch.fd = -1;
	session->watch.ready = session_ready;
	session->timer.expired = session_expired;
	session->next = source_sessions;
	if (source_sessions != NULL)
		source_sessions->previous = session;
	source_sessions = session;
	if (oracle_random(&session->random) % 1000 < source_options.abrupt)
		session->break_bytes =
		    1 + oracle_random(&session->random) %
			    (UINT64_C(1) << oracle_random(&session->random) % 20);
	socket_open(session, source_pool_target(phase));
	session_settle(session);
}
