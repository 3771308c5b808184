#include "tests/tools/source_steps.h"

#include "tests/tools/source_message.h"
#include "tests/tools/source_pool.h"
#include "tests/tools/source_scripts.h"
#include "tests/tools/source_session.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

void
step_nothing(struct source_session *session)
{
	(void)session;
}

void
step_banner(struct source_session *session)
{
	source_expect(session, EXPECT_BANNER);
}

void
step_ehlo(struct source_session *session)
{
	source_send_text(session, "EHLO source.test\r\n");
	source_expect(session, EXPECT_EHLO);
}

void
step_due(struct source_session *session)
{
	session->due_us = source_pool_due();
}

void
step_starttls(struct source_session *session)
{
	source_send_text(session, "STARTTLS\r\n");
	source_expect(session, EXPECT_STARTTLS);
}

void
step_handshake(struct source_session *session)
{
	transport_tls(&session->transport, TRANSPORT_CLIENT);
}

/* ---- the envelope ---- */

static const char *
sender_mark(const struct source_session *session)
{
	switch (session->phase) {
	case PHASE_ENVELOPE:
		return "+hold-mail";
	case PHASE_RESET_SERVER:
		return "+reset";
	case PHASE_HALF_SERVER:
		return session->one_way ? "+half" : source_options.mark;
	case PHASE_REFUSED_RSET:
		return session->messages == 1 ? "+hold-rset" : source_options.mark;
	default:
		return source_options.mark;
	}
}

static void
send_mail(struct source_session *session)
{
	const struct oracle_name *name = &session->message_name;
	char key[ORACLE_KEY_TEXT];

	oracle_key_print(&name->key, key);
	buffer_print(&session->output, "MAIL FROM:<s-%s%s@source.test> SIZE=%llu BODY=%s\r\n", key,
	    sender_mark(session), (unsigned long long)name->size,
	    name->form == ORACLE_BINARY ? "BINARYMIME" : "8BITMIME");
	source_expect(session, EXPECT_MAIL);
}

static const char *
recipient_mark(const struct source_session *session)
{
	switch (session->phase) {
	case PHASE_FINAL:
	case PHASE_HALF_CLIENT:
	case PHASE_BDAT_LAST:
		return "+hold-final";
	default:
		return source_options.mark;
	}
}

static void
send_rcpt(struct source_session *session, unsigned number)
{
	char key[ORACLE_KEY_TEXT];

	oracle_key_print(&session->message_name.key, key);
	buffer_print(&session->output, "RCPT TO:<r-%s+%u%s@sink.test>\r\n", key, number,
	    recipient_mark(session));
	source_expect(session, EXPECT_RCPT);
}

static void
send_data(struct source_session *session)
{
	source_send_text(session, "DATA\r\n");
	source_expect(session, EXPECT_DATA);
}

/* How many commands there are. */
static unsigned
envelope_length(const struct source_session *session)
{
	return 1 + source_options.recipients + !session->chunked;
}

/* At once, or each after the answer to the one before (RFC 2920). */
bool
step_more_envelope(struct source_session *session)
{
	unsigned at = session->step_at;

	if (at == envelope_length(session))
		return false;
	session->step_at++;
	if (at == 0)
		send_mail(session);
	else if (at <= source_options.recipients)
		send_rcpt(session, at);
	else
		send_data(session);
	return true;
}

void
step_envelope_pipelined(struct source_session *session)
{
	source_message_begin(session);
	session->step_at = 0;
	while (step_more_envelope(session))
		continue;
}

void
step_envelope(struct source_session *session)
{
	if (source_options.pipelining) {
		step_envelope_pipelined(session);
		return;
	}
	source_message_begin(session);
	session->step_at = 0;
	step_more_envelope(session);
}

void
step_envelope_part(struct source_session *session)
{
	char key[ORACLE_KEY_TEXT];

	source_message_begin(session);
	send_mail(session);
	send_rcpt(session, 1);
	oracle_key_print(&session->message_name.key, key);
	buffer_print(&session->output, "RCPT TO:<r-%s+", key);
}

void
step_envelope_rest(struct source_session *session)
{
	source_send_text(session, "2@sink.test>\r\n");
	source_expect(session, EXPECT_RCPT);
	send_data(session);
}

/* ---- content ---- */

void
step_body(struct source_session *session)
{
	source_body_begin(session, BODY_FREE);
}

void
step_body_stops(struct source_session *session)
{
	source_body_begin(session, BODY_STOPS);
}

void
step_body_inside(struct source_session *session)
{
	source_body_begin(session, BODY_INSIDE);
}

void
step_body_between(struct source_session *session)
{
	source_body_begin(session, BODY_BETWEEN);
}

void
step_body_refused(struct source_session *session)
{
	source_body_begin(session, BODY_REFUSED);
}

void
step_mail(struct source_session *session)
{
	source_message_begin(session);
	send_mail(session);
}

/* ---- the rest ---- */

void
step_quit(struct source_session *session)
{
	source_send_text(session, "QUIT\r\n");
	source_expect(session, EXPECT_QUIT);
}

void
step_shutdown(struct source_session *session)
{
	transport_shutdown(&session->transport);
}

void
step_last_noop(struct source_session *session)
{
	source_send_text(session, "NOOP\r\n");
	source_expect(session, EXPECT_LAST_WORDS);
}

void
step_last_quit(struct source_session *session)
{
	source_send_text(session, "QUIT\r\n");
	source_expect(session, EXPECT_BYE);
}

void
step_noop_part(struct source_session *session)
{
	source_send_text(session, "NO");
}

void
step_noop_urgent(struct source_session *session)
{
	if (send(session->transport.fd, "O", 1, MSG_OOB | MSG_NOSIGNAL) != 1)
		source_fail(session, "urgent byte: %s", strerror(errno));
}

void
step_noop_rest(struct source_session *session)
{
	source_send_text(session, session->urgent ? "\r\n" : "P\r\n");
	source_expect(session, EXPECT_NOOP);
}

void
step_one_way(struct source_session *session)
{
	session->one_way = true;
}
