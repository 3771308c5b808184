#include "tests/tools/source_steps.h"

#include "tests/tools/source_pool.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

static const char *const phase_names[PHASES] = {
    [PHASE_LOAD] = "load",
    [PHASE_BANNER] = "banner",
    [PHASE_COMMANDS] = "commands",
    [PHASE_ENVELOPE] = "envelope",
    [PHASE_DATA] = "data",
    [PHASE_FINAL] = "final",
    [PHASE_TLS] = "tls",
    [PHASE_IDLE] = "idle",
    [PHASE_HALF_CLIENT] = "half-client",
    [PHASE_HALF_SERVER] = "half-server",
    [PHASE_URGENT] = "urgent",
    [PHASE_RESET_CLIENT] = "reset-client",
    [PHASE_RESET_SERVER] = "reset-server",
};

const char *
source_phase_name(unsigned phase)
{
	return phase < PHASES ? phase_names[phase] : "?";
}

/* Sessions of these are held in the middle of a message. */
bool
source_phase_holds_body(unsigned phase)
{
	return phase == PHASE_DATA || phase == PHASE_RESET_CLIENT;
}

static void
send_text(struct source_session *session, const char *text)
{
	source_send(session, text, strlen(text));
}

static void
begin_nothing(struct source_session *session)
{
	(void)session;
}

static void
begin_banner(struct source_session *session)
{
	source_expect(session, EXPECT_BANNER);
}

static void
begin_ehlo(struct source_session *session)
{
	send_text(session, "EHLO source.test\r\n");
	source_expect(session, EXPECT_EHLO);
}

static void
begin_due(struct source_session *session)
{
	session->due_us = source_pool_due();
}

static void
begin_starttls(struct source_session *session)
{
	send_text(session, "STARTTLS\r\n");
	source_expect(session, EXPECT_STARTTLS);
}

static void
begin_handshake(struct source_session *session)
{
	transport_tls(&session->transport, TRANSPORT_CLIENT);
}

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
	default:
		return source_options.mark;
	}
}

static void
send_mail(struct source_session *session)
{
	char key[ORACLE_KEY_TEXT];

	oracle_key_print(&session->key, key);
	buffer_print(&session->output, "MAIL FROM:<s-%s%s@source.test> SIZE=%llu BODY=8BITMIME\r\n",
	    key, sender_mark(session), (unsigned long long)session->size);
	source_expect(session, EXPECT_MAIL);
}

static void
send_rcpt(struct source_session *session, unsigned number)
{
	bool hold = session->phase == PHASE_FINAL || session->phase == PHASE_HALF_CLIENT;
	char key[ORACLE_KEY_TEXT];

	oracle_key_print(&session->key, key);
	buffer_print(&session->output, "RCPT TO:<r-%s+%u%s@sink.test>\r\n", key, number,
	    hold ? "+hold-final" : source_options.mark);
	source_expect(session, EXPECT_RCPT);
}

static void
send_data(struct source_session *session)
{
	send_text(session, "DATA\r\n");
	source_expect(session, EXPECT_DATA);
}

/* MAIL, RCPT..., DATA: at once, or each after the answer to the one before (RFC 2920). */
static bool
more_envelope(struct source_session *session)
{
	unsigned at = session->step_at;

	if (at > source_options.recipients + 1)
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

static void
begin_envelope(struct source_session *session)
{
	source_message_begin(session);
	session->step_at = 0;
	do
		more_envelope(session);
	while (source_options.pipelining && session->step_at <= source_options.recipients + 1);
}

static void
begin_envelope_pipelined(struct source_session *session)
{
	source_message_begin(session);
	session->step_at = 0;
	while (more_envelope(session))
		continue;
}

/* Ends in the middle of a RCPT line. */
static void
begin_envelope_cut(struct source_session *session)
{
	char key[ORACLE_KEY_TEXT];

	source_message_begin(session);
	send_mail(session);
	send_rcpt(session, 1);
	oracle_key_print(&session->key, key);
	buffer_print(&session->output, "RCPT TO:<r-%s+", key);
}

static void
begin_envelope_rest(struct source_session *session)
{
	send_text(session, "2@sink.test>\r\n");
	source_expect(session, EXPECT_RCPT);
	send_data(session);
}

static void
begin_body(struct source_session *session)
{
	source_body_begin(session);
	if (source_options.slow_write > 0)
		session->body_pace = source_options.slow_write / 100 + 1;
}

/* Slowly, and not to the end before `go`. */
static void
begin_body_held(struct source_session *session)
{
	session->body_limit = session->size - session->size / 64 - 32;
	session->body_pace = session->size / 128 + 32;
	source_body_begin(session);
}

static void
begin_mail_only(struct source_session *session)
{
	source_message_begin(session);
	send_mail(session);
}

static void
begin_quit(struct source_session *session)
{
	send_text(session, "QUIT\r\n");
	source_expect(session, EXPECT_QUIT);
}

static void
begin_shutdown(struct source_session *session)
{
	transport_shutdown(&session->transport);
}

static void
begin_noop_part(struct source_session *session)
{
	send_text(session, "NO");
}

static void
begin_urgent(struct source_session *session)
{
	if (send(session->transport.fd, "O", 1, MSG_OOB | MSG_NOSIGNAL) != 1)
		source_fail(session, "urgent byte: %s", strerror(errno));
}

static void
begin_noop_rest(struct source_session *session)
{
	send_text(session, session->urgent ? "\r\n" : "P\r\n");
	source_expect(session, EXPECT_NOOP);
}

static void
begin_one_way(struct source_session *session)
{
	session->one_way = true;
}

#define BANNER                                                                                     \
	{                                                                                          \
		"banner", begin_banner, NULL, UNTIL_ANSWERED                                       \
	}
#define EHLO                                                                                       \
	{                                                                                          \
		"ehlo", begin_ehlo, NULL, UNTIL_ANSWERED                                           \
	}
#define DUE                                                                                        \
	{                                                                                          \
		"pace", begin_due, NULL, UNTIL_DUE                                                 \
	}
#define ENVELOPE                                                                                   \
	{                                                                                          \
		"envelope", begin_envelope, more_envelope, UNTIL_ANSWERED                          \
	}
#define BODY                                                                                       \
	{                                                                                          \
		"body", begin_body, NULL, UNTIL_ANSWERED                                           \
	}
#define MESSAGE ENVELOPE, BODY
#define SECURE                                                                                     \
	{"starttls", begin_starttls, NULL, UNTIL_ANSWERED},                                        \
	    {"handshake", begin_handshake, NULL, UNTIL_TLS}, EHLO
#define LEAVE                                                                                      \
	{"quit", begin_quit, NULL, UNTIL_ANSWERED}, {"leave", begin_nothing, NULL, UNTIL_CLOSED},  \
	{                                                                                          \
		NULL, NULL, NULL, 0                                                                \
	}
#define HOLD(kinds)                                                                                \
	{                                                                                          \
		"hold", begin_nothing, NULL, UNTIL_RELEASED | STEP_HOLDS | (kinds)                 \
	}

static const struct source_step script_load[] = {BANNER, EHLO, DUE, MESSAGE, LEAVE};
static const struct source_step script_load_tls[] = {BANNER, EHLO, SECURE, DUE, MESSAGE, LEAVE};
static const struct source_step script_banner[] = {
    {"banner", begin_banner, NULL, UNTIL_ANSWERED | UNTIL_RELEASED | STEP_HOLDS | STEP_SERVER},
    EHLO, MESSAGE, LEAVE};
static const struct source_step script_commands[] = {
    BANNER, EHLO, HOLD(UNTIL_ANSWERED | STEP_PINGS), MESSAGE, LEAVE};
static const struct source_step script_envelope[] = {BANNER, EHLO,
    {"envelope", begin_envelope_pipelined, NULL,
	UNTIL_ANSWERED | UNTIL_RELEASED | STEP_HOLDS | STEP_SERVER},
    BODY, LEAVE};
static const struct source_step script_envelope_cut[] = {BANNER, EHLO,
    {"envelope", begin_envelope_cut, NULL,
	UNTIL_WRITTEN | UNTIL_RELEASED | STEP_HOLDS | STEP_SERVER},
    {"envelope", begin_envelope_rest, NULL, UNTIL_ANSWERED}, BODY, LEAVE};
static const struct source_step script_data[] = {BANNER, EHLO, ENVELOPE,
    {"body", begin_body_held, NULL, UNTIL_ANSWERED | UNTIL_RELEASED | STEP_HOLDS}, LEAVE};
static const struct source_step script_final[] = {BANNER, EHLO, ENVELOPE,
    {"body", begin_body, NULL, UNTIL_ANSWERED | UNTIL_RELEASED | STEP_HOLDS | STEP_SERVER}, LEAVE};
static const struct source_step script_tls_data[] = {BANNER, EHLO, SECURE, ENVELOPE,
    {"body", begin_body_held, NULL, UNTIL_ANSWERED | UNTIL_RELEASED | STEP_HOLDS}, LEAVE};
static const struct source_step script_tls_commands[] = {
    BANNER, EHLO, SECURE, HOLD(UNTIL_ANSWERED | STEP_PINGS), MESSAGE, LEAVE};
static const struct source_step script_idle[] = {BANNER, EHLO, MESSAGE, HOLD(0), LEAVE};
static const struct source_step script_half_client_quit[] = {BANNER, EHLO, ENVELOPE,
    {"body", begin_body, NULL, UNTIL_WRITTEN}, {"quit", begin_quit, NULL, UNTIL_WRITTEN},
    {"half", begin_shutdown, NULL,
	UNTIL_ANSWERED | UNTIL_CLOSED | UNTIL_RELEASED | STEP_HOLDS | STEP_SERVER},
    {NULL, NULL, NULL, 0}};
static const struct source_step script_half_client[] = {BANNER, EHLO, ENVELOPE,
    {"body", begin_body, NULL, UNTIL_WRITTEN},
    {"half", begin_shutdown, NULL,
	UNTIL_ANSWERED | UNTIL_CLOSED | UNTIL_RELEASED | STEP_HOLDS | STEP_SERVER},
    {NULL, NULL, NULL, 0}};
static const struct source_step script_half_server_quit[] = {BANNER, EHLO, MESSAGE,
    {"quit", begin_quit, NULL, UNTIL_ANSWERED}, {"leave", begin_nothing, NULL, UNTIL_CLOSED},
    HOLD(0), {NULL, NULL, NULL, 0}};
static const struct source_step script_half_server_tls[] = {BANNER, EHLO, SECURE,
    {"one way", begin_one_way, NULL, UNTIL_WRITTEN}, ENVELOPE,
    {"one way", begin_nothing, NULL, UNTIL_CLOSED},
    {"body", begin_body_held, NULL, UNTIL_WRITTEN | UNTIL_RELEASED | STEP_HOLDS},
    {NULL, NULL, NULL, 0}};
static const struct source_step script_urgent[] = {BANNER, EHLO,
    {"noop", begin_noop_part, NULL, UNTIL_WRITTEN},
    {"urgent", begin_urgent, NULL, UNTIL_RELEASED | STEP_HOLDS},
    {"noop", begin_noop_rest, NULL, UNTIL_ANSWERED}, MESSAGE, LEAVE};
static const struct source_step script_reset_client[] = {BANNER, EHLO, ENVELOPE,
    {"body", begin_body_held, NULL, UNTIL_ANSWERED | UNTIL_RELEASED | STEP_HOLDS}, LEAVE};
static const struct source_step script_reset_server[] = {BANNER, EHLO,
    {"mail", begin_mail_only, NULL, UNTIL_ANSWERED},
    {"vanish", begin_nothing, NULL, UNTIL_CLOSED | STEP_HOLDS | STEP_LENIENT},
    {NULL, NULL, NULL, 0}};

static const struct source_step *const scripts[PHASES][2] = {
    [PHASE_LOAD] = {script_load, script_load},
    [PHASE_BANNER] = {script_banner, script_banner},
    [PHASE_COMMANDS] = {script_commands, script_commands},
    [PHASE_ENVELOPE] = {script_envelope, script_envelope_cut},
    [PHASE_DATA] = {script_data, script_data},
    [PHASE_FINAL] = {script_final, script_final},
    [PHASE_TLS] = {script_tls_data, script_tls_commands},
    [PHASE_IDLE] = {script_idle, script_idle},
    [PHASE_HALF_CLIENT] = {script_half_client_quit, script_half_client},
    [PHASE_HALF_SERVER] = {script_half_server_quit, script_half_server_tls},
    [PHASE_URGENT] = {script_urgent, script_urgent},
    [PHASE_RESET_CLIENT] = {script_reset_client, script_reset_client},
    [PHASE_RESET_SERVER] = {script_reset_server, script_reset_server},
};

const struct source_step *
source_script(unsigned phase, unsigned variant)
{
	if (phase == PHASE_LOAD && source_options.tls)
		return script_load_tls;
	return scripts[phase][variant % 2];
}

const struct source_step *
source_step_leave(void)
{
	static const struct source_step leave[] = {LEAVE};

	return leave;
}

/* The load goes round from the end of a message to the next one. */
static bool
load_goes_on(struct source_session *session)
{
	return session->phase == PHASE_LOAD && strcmp(session->step->name, "body") == 0 &&
	       (source_options.per_connection == 0 ||
		   session->messages < source_options.per_connection) &&
	       source_pool_message();
}

const struct source_step *
source_step_next(struct source_session *session)
{
	const struct source_step *next = session->step + 1;

	if (session->refused) {
		session->refused = false;
		return source_step_leave();
	}
	if (load_goes_on(session))
		next = session->step - 2;
	return next->name != NULL ? next : NULL;
}
