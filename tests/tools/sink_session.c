#include "tests/tools/sink_session.h"

#include "tests/tools/sink_auth.h"
#include "tests/tools/sink_chunk.h"
#include "tests/tools/sink_commands.h"
#include "tests/tools/sink_delivery.h"

#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#define READ_SIZE  262144u
#define READS_MAX  4	 /* per wake-up, so that one fast client does not starve the others */
#define LINE_MAX_  4096u /* of a command */
#define LEAVE_US   10000000u
#define OUTPUT_MAX 262144u /* no more is read from a client that does not read */

struct sink_figures sink_figures;
struct sink_options sink_options;

static struct sink_session *sessions;
static char chunk[READ_SIZE];

static const char *const state_names[] = {"commands", "data", "chunk", "handshake", "leaving"};

void
sink_violation(struct sink_session *session, const char *what)
{
	sink_figures.violations++;
	fprintf(stderr, "mailsink: session %lu, %s: %s\n", session->number,
	    state_names[session->state], what);
}

static void
session_free(struct sink_session *session)
{
	loop_unwatch(&session->watch);
	loop_timer_clear(&session->timer);
	if (session->hold != HOLD_NONE)
		sink_figures.held[session->hold]--;
	if (session->marked_reset)
		sink_figures.marked--;
	sink_delivery_drop(session);
	buffer_free(&session->input);
	buffer_free(&session->output);
	if (session->next != NULL)
		session->next->previous = session->previous;
	if (session->previous != NULL)
		session->previous->next = session->next;
	else
		sessions = session->next;
	sink_figures.open--;
	free(session);
}

static void
session_close(struct sink_session *session)
{
	sink_delivery_abandon(session);
	loop_unwatch(&session->watch);
	transport_close(&session->transport);
	session_free(session);
}

static void
session_failed(struct sink_session *session, int failure)
{
	if (failure == -ECONNRESET || failure == -EPIPE) {
		sink_figures.resets++;
		if (!session->quitting && !session->marked_reset)
			sink_figures.unexpected_resets++;
	} else if (failure == -ENODATA) {
		sink_figures.cut++;
		sink_violation(session, "the connection ended before TLS did");
	} else {
		sink_violation(session, strerror(-failure));
	}
	session_close(session);
}

void
sink_reply_hold(struct sink_session *session, enum sink_hold hold, uint32_t delay_ms)
{
	session->hold = hold;
	sink_figures.held[hold]++;
	if (delay_ms != SINK_HOLD_EVER)
		loop_timer_set(&session->timer, loop_now() + delay_ms * UINT64_C(1000));
}

void
sink_reply_later(struct sink_session *session, enum sink_hold hold, const char *reply)
{
	snprintf(session->reply_later, sizeof(session->reply_later), "%s", reply);
	sink_reply_hold(session, hold, SINK_HOLD_EVER);
}

/* A command line from the input; false: none is complete. */
static bool
session_line(struct sink_session *session)
{
	const char *bytes = buffer_bytes(&session->input);
	const char *end = memchr(bytes, '\n', session->input.length);
	size_t length;

	if (end == NULL) {
		if (session->input.length > LINE_MAX_) {
			sink_violation(session, "endless line");
			buffer_take(&session->input, session->input.length);
		}
		return false;
	}
	length = (size_t)(end - bytes);
	if (length == 0 || bytes[length - 1] != '\r' || memchr(bytes, '\r', length - 1) != NULL) {
		sink_violation(session, "command line with a bare CR or LF");
		buffer_print(&session->output, "500 5.5.2 Bare CR or LF\r\n");
	} else if (session->auth != AUTH_NONE) {
		sink_auth_line(session, bytes, length - 1);
	} else {
		sink_command(session, bytes, length - 1);
	}
	buffer_take(&session->input, length + 1);
	return true;
}

/* Content from the front of the bytes; returns how many were taken. */
static size_t
session_content(struct sink_session *session, const char *bytes, size_t length)
{
	size_t taken;

	if (session->state == SINK_CHUNK)
		return sink_chunk_feed(session, bytes, length);
	if (sink_message_feed(session->message, bytes, length, &taken))
		sink_delivery_complete(session);
	return taken;
}

static bool
takes_content(const struct sink_session *session)
{
	return session->state == SINK_DATA || session->state == SINK_CHUNK;
}

/* Works on what has arrived until it is used up, held or TLS begins. */
static void
session_work(struct sink_session *session)
{
	while (session->hold == HOLD_NONE && session->input.length > 0 &&
	       session->state != SINK_LEAVING && !session->starting_tls) {
		if (takes_content(session)) {
			buffer_take(
			    &session->input, session_content(session, buffer_bytes(&session->input),
						 session->input.length));
		} else if (!session_line(session)) {
			break;
		}
	}
	if (session->starting_tls && session->input.length > 0) {
		sink_violation(session, "bytes behind STARTTLS");
		buffer_free(&session->input);
	}
}

/* Straight from the read buffer when nothing waits before it. */
static void
session_take(struct sink_session *session, const char *bytes, size_t length)
{
	if (takes_content(session) && session->hold == HOLD_NONE && session->input.length == 0) {
		size_t taken = session_content(session, bytes, length);

		bytes += taken;
		length -= taken;
	}
	buffer_add(&session->input, bytes, length);
	session_work(session);
}

/* False: the session is gone. */
static bool
session_flush(struct sink_session *session)
{
	while (session->output.length > 0 && session->hold != HOLD_BANNER &&
	       session->hold != HOLD_MAIL && !session->shut) {
		ssize_t count = transport_write(
		    &session->transport, buffer_bytes(&session->output), session->output.length);

		if (count == -EAGAIN)
			break;
		if (count < 0) {
			session_failed(session, (int)count);
			return false;
		}
		buffer_take(&session->output, (size_t)count);
	}
	return true;
}

static void
session_tls(struct sink_session *session)
{
	session->starting_tls = false;
	session->state = SINK_HANDSHAKE;
	transport_tls(&session->transport, TRANSPORT_SERVER);
	sink_figures.tls++;
}

static void
session_shut(struct sink_session *session)
{
	transport_shutdown(&session->transport);
	session->shut = true;
	buffer_free(&session->output);
}

static uint32_t
session_interest(const struct sink_session *session)
{
	uint32_t events = 0;
	bool output = session->output.length > 0 && session->hold != HOLD_BANNER &&
		      session->hold != HOLD_MAIL && !session->shut;

	if (!session->ended && (session->hold == HOLD_NONE) && session->output.length < OUTPUT_MAX)
		events |= EPOLLIN;
	if (output || session->transport.wants_write)
		events |= EPOLLOUT;
	return events;
}

/* After anything happened: write, begin TLS, half-close, leave, or wait for more. */
static void
session_settle(struct sink_session *session)
{
	if (!session_flush(session))
		return;
	if (session->starting_tls && session->output.length == 0)
		session_tls(session);
	if (session->marked_half && session->state == SINK_DATA && session->output.length == 0 &&
	    !session->shut)
		session_shut(session);
	if (session->hold == HOLD_NONE && (session->output.length == 0 || session->shut)) {
		if (session->ended) {
			session_close(session);
			return;
		}
		if (session->state == SINK_LEAVING && !session->shut) {
			session_shut(session);
			loop_timer_set(&session->timer, loop_now() + LEAVE_US);
		}
	}
	loop_watch(&session->watch, session->transport.fd, session_interest(session));
}

/* False: the session is gone. */
static bool
session_read(struct sink_session *session)
{
	for (unsigned i = 0; i < READS_MAX || transport_pending(&session->transport); i++) {
		ssize_t count = transport_read(&session->transport, chunk, sizeof(chunk));

		if (count == -EAGAIN)
			return true;
		if (count < 0) {
			session_failed(session, (int)count);
			return false;
		}
		if (count == 0) {
			session->ended = true;
			return true;
		}
		session_take(session, chunk, (size_t)count);
		if ((size_t)count < sizeof(chunk) && session->transport.tls == NULL)
			return true;
		if (session->hold != HOLD_NONE || session->starting_tls)
			return true;
	}
	return true;
}

static void
session_ready(struct loop_watch *watch, uint32_t events)
{
	struct sink_session *session =
	    (struct sink_session *)((char *)watch - offsetof(struct sink_session, watch));

	if (session->state == SINK_HANDSHAKE) {
		int failure = transport_handshake(&session->transport);

		if (failure != 0 && failure != -EAGAIN) {
			session_failed(session, failure);
			return;
		}
		if (failure == 0)
			session->state = SINK_COMMANDS;
	} else if ((events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0) {
		if (session->hold != HOLD_NONE && (events & EPOLLERR) != 0) {
			session_failed(session, -ECONNRESET);
			return;
		}
		if (session->hold == HOLD_NONE && !session->ended && !session_read(session))
			return;
	}
	session_settle(session);
}

static void
session_go_on(struct sink_session *session)
{
	sink_figures.held[session->hold]--;
	loop_timer_clear(&session->timer);
	session->hold = HOLD_NONE;
	if (session->final_due)
		sink_delivery_answer(session);
	buffer_print(&session->output, "%s", session->reply_later);
	session->reply_later[0] = '\0';
	session_work(session);
	/* What TLS has already taken from the socket wakes nobody. */
	if (transport_pending(&session->transport) && !session_read(session))
		return;
	session_settle(session);
}

static void
session_expired(struct loop_timer *timer)
{
	struct sink_session *session =
	    (struct sink_session *)((char *)timer - offsetof(struct sink_session, timer));

	if (session->hold != HOLD_NONE)
		session_go_on(session);
	else
		session_close(session); /* has been told 221 and does not go */
}

void
sink_session_open(int fd, const struct sink_profile *profile)
{
	struct sink_session *session = calloc(1, sizeof(*session));

	if (session == NULL)
		err(1, "session");
	session->number = ++sink_figures.sessions;
	sink_figures.open++;
	session->transport.fd = fd;
	session->watch.fd = -1;
	session->watch.ready = session_ready;
	session->timer.expired = session_expired;
	session->profile = profile;
	session->next = sessions;
	if (sessions != NULL)
		sessions->previous = session;
	sessions = session;
	buffer_print(&session->output, "220 sink.test ESMTP ready\r\n");
	if (profile->banner_ms > 0)
		sink_reply_hold(session, HOLD_BANNER, profile->banner_ms);
	session_settle(session);
}

unsigned
sink_release(enum sink_hold hold)
{
	struct sink_session *session = sessions, *next;
	unsigned count = 0;

	for (; session != NULL; session = next) {
		next = session->next;
		if (session->hold != HOLD_NONE && (hold == HOLD_NONE || session->hold == hold)) {
			count++;
			session_go_on(session);
		}
	}
	return count;
}

unsigned
sink_reset_marked(unsigned most)
{
	struct sink_session *session = sessions, *next;
	unsigned count = 0;

	for (; session != NULL && count < most; session = next) {
		next = session->next;
		if (!session->marked_reset)
			continue;
		count++;
		loop_unwatch(&session->watch);
		transport_reset(&session->transport);
		session_free(session);
	}
	return count;
}

void
sink_close_all(void)
{
	while (sessions != NULL)
		session_close(sessions);
}
