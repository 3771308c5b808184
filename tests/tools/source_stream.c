#include "tests/tools/source_stream.h"

#include "tests/tools/ledger.h"
#include "tests/tools/source_pool.h"
#include "tests/tools/source_session.h"

#include <errno.h>
#include <string.h>

#define OUTPUT_ONCE 65536u /* one wake-up writes about this much */

static char chunk[65536];

void
source_stream_note(struct source_session *session)
{
	uint64_t now = loop_clock();

	if (session->served && !session->doomed && session->waiting_us != 0 &&
	    now - session->waiting_us > session->silence_us)
		session->silence_us = now - session->waiting_us;
	session->waiting_us = 0;
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
		source_reply_take(session, &reply);
		buffer_take(&session->input, (size_t)length);
	}
	if (length < 0 && session->over == OVER_NOT) {
		char text[120];

		ledger_escape(
		    text, sizeof(text), buffer_bytes(&session->input), session->input.length);
		source_fail(session, "not a reply: %s", text);
	}
}

bool
source_stream_may_be_lost(const struct source_session *session)
{
	return session->doomed ||
	       (source_options.may_lose_new && !session->served && !session->established);
}

void
source_stream_ended(struct source_session *session, const char *how)
{
	unsigned until = session->step->until;

	session->ended = true;
	if (source_stream_may_be_lost(session)) {
		source_figures.doomed_reset += session->doomed && *how != '\0';
		session->over = OVER_LOST;
		return;
	}
	if ((until & STEP_LENIENT) != 0)
		return;
	if (source_server_may_vanish(session)) {
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
	    session->expected_count > 0
		? source_expected_name(session->expected[session->expected_first])
		: "");
}

void
source_stream_read(struct source_session *session)
{
	size_t size =
	    source_options.slow_read > 0 ? source_options.slow_read / 100 + 1 : sizeof(chunk);

	do {
		ssize_t count = transport_read(&session->transport, chunk, size);

		if (count == -EAGAIN)
			return;
		source_stream_note(session);
		if (count <= 0) {
			source_stream_ended(session, count == 0 ? "" : strerror((int)-count));
			return;
		}
		session->served = true;
		buffer_add(&session->input, chunk, (size_t)count);
		session_replies(session);
	} while (session->over == OVER_NOT && source_options.slow_read == 0);
}

/* Fills the output from the body and writes it, a bounded amount at a time. */
void
source_stream_write(struct source_session *session)
{
	size_t written = 0;

	while (session->over == OVER_NOT && written < OUTPUT_ONCE) {
		size_t length;
		ssize_t count;

		if (session->body.oracle != NULL)
			source_body_make(session);
		length = session->output.length;
		if (length == 0)
			return;
		if (source_options.chop > 0 && length > source_options.chop)
			length = source_options.chop;
		count =
		    transport_write(&session->transport, buffer_bytes(&session->output), length);
		if (count == -EAGAIN)
			return;
		source_stream_note(session);
		if (count < 0) {
			source_stream_ended(session, strerror((int)-count));
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

void
source_stream_handshake(struct source_session *session)
{
	int failure = transport_handshake(&session->transport);

	source_stream_note(session);
	if (failure == 0)
		session->secured = true;
	else if (failure != -EAGAIN)
		source_fail(session, "TLS handshake: %s", strerror(-failure));
}
