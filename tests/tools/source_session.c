#include "tests/tools/source_session.h"

#include "tests/tools/source_message.h"
#include "tests/tools/source_pool.h"
#include "tests/tools/source_scripts.h"
#include "tests/tools/source_stream.h"

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

#define TICK_US 10000u

struct source_session *source_sessions;

static void
session_free(struct source_session *session)
{
	unsigned phase = session->phase;

	source_message_leave(session);
	source_session_mark(session);
	loop_unwatch(&session->watch);
	loop_timer_clear(&session->timer);
	transport_close(&session->transport);
	buffer_free(&session->input);
	buffer_free(&session->output);
	source_body_drop(session);
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
	case OVER_LOST:
		*(session->doomed ? &source_figures.doomed : &source_figures.unserved) += 1;
		transport_reset(&session->transport);
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
source_send_text(struct source_session *session, const char *text)
{
	source_send(session, text, strlen(text));
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
	if (session->body.oracle != NULL)
		return source_body_waits(session); /* else it is for us to go on */
	return session->expected_count > 0 || (step->until & UNTIL_CLOSED) != 0 ||
	       ((step->until & UNTIL_TLS) != 0 && !session->secured);
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

unsigned
source_session_port(const struct source_session *session)
{
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);

	if (getsockname(session->transport.fd, (struct sockaddr *)&address, &length) != 0)
		return 0;
	return address_port(&address);
}

bool
source_session_holds(const struct source_session *session)
{
	return session->begun && !session->released && (session->step->until & STEP_HOLDS) != 0 &&
	       source_body_is_held(session);
}

struct oracle_key
source_session_key(const struct source_session *session)
{
	return (struct oracle_key){source_options.seed, session->number, UINT32_MAX};
}

bool
source_server_may_vanish(const struct source_session *session)
{
	return session->phase == PHASE_RESET_SERVER && session->message != MESSAGE_NONE;
}

static bool
step_over(struct source_session *session)
{
	unsigned until = session->step->until;

	if ((until & STEP_LENIENT) != 0)
		return session->ended;
	if (session->body.oracle != NULL || session->output.length > 0)
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
			source_stream_handshake(session);
		else
			source_stream_write(session);
		if (session->over != OVER_NOT || !step_over(session))
			return;
		if (!session->refused && session->step->more != NULL &&
		    session->step->more(session))
			continue;
		session->begun = false;
		session->body.plan = BODY_FREE;
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
	bool paced = source_body_is_paced(session);
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
	source_stream_note(session);
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
			source_stream_ended(session, "reset after FIN");
	} else if ((events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0) {
		if ((session->step->until & UNTIL_TLS) != 0 && !session->secured)
			source_stream_handshake(session);
		else
			source_stream_read(session);
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
			? source_expected_name(session->expected[session->expected_first])
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
