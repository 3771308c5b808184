#include "tests/tools/sink_session.h"

#include "tests/tools/ledger.h"
#include "tests/tools/sink_commands.h"

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

static const char *const state_names[] = {"commands", "data", "handshake", "leaving"};

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
	if (session->message != NULL && session->message->save != NULL)
		fclose(session->message->save);
	free(session->message);
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

/* A message that did not become complete is told, so that a lost end is seen. */
static void
session_close(struct sink_session *session)
{
	if (session->state == SINK_DATA && !session->final_due) {
		sink_figures.partial++;
		if (session->has_key)
			ledger_write(&session->key, session->message->bytes, LEDGER_PARTIAL, "", 0);
	}
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

static FILE *
save_open(struct sink_session *session)
{
	char path[512];
	FILE *file;

	if (sink_options.save == NULL)
		return NULL;
	snprintf(path, sizeof(path), "%s/%lu-%" PRIu64, sink_options.save, session->number,
	    sink_figures.messages);
	file = fopen(path, "we");
	if (file == NULL)
		err(1, "%s", path);
	return file;
}

void
sink_data_begin(struct sink_session *session)
{
	session->message = malloc(sizeof(*session->message));
	if (session->message == NULL)
		err(1, "message");
	sink_message_begin(session->message, save_open(session));
	session->state = SINK_DATA;
	session->final_due = false;
}

static void
message_tell(struct sink_session *session, const char *verdict)
{
	if (!sink_options.quiet)
		fprintf(stderr, "mailsink: message from <%s> to %u, %" PRIu64 " bytes%s%s\n",
		    session->sender, session->recipients, session->message->bytes,
		    *verdict == '\0' ? "" : ": ", verdict);
}

static void
message_count(struct sink_session *session, enum ledger_result result, const char *fault)
{
	struct sink_message *message = session->message;

	sink_figures.bytes += message->bytes;
	sink_figures.messages++;
	sink_figures.ok += result == LEDGER_OK;
	sink_figures.differs += result == LEDGER_DIFFERS;
	sink_figures.rejected += result == LEDGER_REJECTED;
	sink_figures.foreign += message->foreign;
	if (message->known)
		ledger_write(&message->oracle.key, message->bytes, result, fault, strlen(fault));
	else if (session->has_key)
		ledger_write(&session->key, message->bytes, LEDGER_DIFFERS, "no key in it", 12);
}

/* The message is complete: verdict, ledger, reply. */
static void
message_answer(struct sink_session *session)
{
	struct sink_message *message = session->message;
	const char *fault = sink_message_fault(message, &session->key);
	enum ledger_result result = fault != NULL	     ? LEDGER_DIFFERS
				    : session->marked_reject ? LEDGER_REJECTED
							     : LEDGER_OK;
	char key[ORACLE_KEY_TEXT] = "-";

	message_count(session, result, fault != NULL ? fault : "");
	message_tell(session, fault != NULL ? fault : message->foreign ? "" : "every byte right");
	if (message->known)
		oracle_key_print(&message->oracle.key, key);
	if (session->marked_reject)
		buffer_print(&session->output, "554 5.6.0 Refused as asked %s\r\n", key);
	else
		buffer_print(
		    &session->output, "250 2.0.0 Taken %s %" PRIu64 "\r\n", key, message->bytes);
	if (message->save != NULL)
		fclose(message->save);
	free(message);
	session->message = NULL;
	session->final_due = false;
	session->has_sender = false;
	session->has_key = false;
	session->recipients = 0;
	session->marked_hold_final = false;
	session->marked_reject = false;
	session->state = SINK_COMMANDS;
}

static void
message_complete(struct sink_session *session)
{
	uint32_t delay = session->marked_hold_final ? SINK_HOLD_EVER : session->profile->final_ms;

	session->final_due = true;
	if (delay > 0)
		sink_reply_hold(session, HOLD_FINAL, delay);
	else
		message_answer(session);
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
	} else {
		sink_command(session, bytes, length - 1);
	}
	buffer_take(&session->input, length + 1);
	return true;
}

static void
session_data(struct sink_session *session, const char *bytes, size_t length, size_t *ret_taken)
{
	if (sink_message_feed(session->message, bytes, length, ret_taken))
		message_complete(session);
}

/* Works on what has arrived until it is used up, held or TLS begins. */
static void
session_work(struct sink_session *session)
{
	while (session->hold == HOLD_NONE && session->input.length > 0 &&
	       session->state != SINK_LEAVING && !session->starting_tls) {
		if (session->state == SINK_DATA) {
			size_t taken;

			session_data(
			    session, buffer_bytes(&session->input), session->input.length, &taken);
			buffer_take(&session->input, taken);
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
	if (session->state == SINK_DATA && session->hold == HOLD_NONE &&
	    session->input.length == 0) {
		size_t taken;

		session_data(session, bytes, length, &taken);
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
		message_answer(session);
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
