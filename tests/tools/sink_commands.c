#include "tests/tools/sink_commands.h"

#include "tests/tools/ledger.h"
#include "tests/tools/sink_auth.h"
#include "tests/tools/sink_chunk.h"
#include "tests/tools/sink_delivery.h"

#include <string.h>
#include <strings.h>

/* The address between "<" and ">"; false: there is none. */
static bool
path_parse(const char *text, size_t length, const char **ret_path, size_t *ret_length)
{
	const char *open = memchr(text, '<', length), *close;

	if (open == NULL)
		return false;
	close = memchr(open, '>', length - (size_t)(open - text));
	if (close == NULL)
		return false;
	*ret_path = open + 1;
	*ret_length = (size_t)(close - open) - 1;
	return true;
}

static bool
path_marked(const char *path, size_t length, const char *mark)
{
	return memmem(path, length, mark, strlen(mark)) != NULL;
}

/* "s-KEY...@..." or "r-KEY...@...". */
static bool
path_key(const char *path, size_t length, char kind, struct oracle_key *ret_key)
{
	return length >= ORACLE_KEY_TEXT && path[0] == kind && path[1] == '-' &&
	       oracle_key_parse(path + 2, ORACLE_KEY_TEXT - 2, ret_key);
}

static void
envelope_clear(struct sink_session *session)
{
	sink_delivery_abandon(session);
	session->has_sender = false;
	session->has_key = false;
	session->recipients = 0;
	session->marked_hold_final = false;
	session->marked_hold_rset = false;
	session->marked_reject = false;
}

static void
do_ehlo(struct sink_session *session, const char *argument, size_t length)
{
	(void)argument;
	(void)length;
	envelope_clear(session);
	buffer_print(&session->output,
	    "250-sink.test at your service\r\n250-PIPELINING\r\n250-SIZE 104857600\r\n"
	    "250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n250-DSN\r\n250-SMTPUTF8\r\n"
	    "250-CHUNKING\r\n250-BINARYMIME\r\n250-AUTH PLAIN LOGIN\r\n%s250 HELP\r\n",
	    session->transport.tls == NULL ? "250-STARTTLS\r\n" : "");
}

static void
do_helo(struct sink_session *session, const char *argument, size_t length)
{
	(void)argument;
	(void)length;
	envelope_clear(session);
	buffer_print(&session->output, "250 sink.test at your service\r\n");
}

static void
do_mail(struct sink_session *session, const char *argument, size_t length)
{
	const char *path;
	size_t path_length;

	if (session->has_sender || !path_parse(argument, length, &path, &path_length)) {
		buffer_print(&session->output, "503 5.5.1 Not now, or no address\r\n");
		return;
	}
	envelope_clear(session);
	session->has_sender = true;
	session->has_key = path_key(path, path_length, 's', &session->key);
	ledger_escape(session->sender, sizeof(session->sender), path, path_length);
	if (path_marked(path, path_length, "+reset") && !session->marked_reset) {
		session->marked_reset = true;
		sink_figures.marked++;
	}
	session->marked_half = path_marked(path, path_length, "+half");
	session->marked_hold_rset = path_marked(path, path_length, "+hold-rset");
	buffer_print(&session->output, "250 2.1.0 Sender noted\r\n");
	if (path_marked(path, path_length, "+hold-mail"))
		sink_reply_hold(session, HOLD_MAIL, SINK_HOLD_EVER);
	else if (session->profile->mail_ms > 0)
		sink_reply_hold(session, HOLD_MAIL, session->profile->mail_ms);
}

static void
do_rcpt(struct sink_session *session, const char *argument, size_t length)
{
	struct oracle_key key;
	const char *path;
	size_t path_length;

	if (!session->has_sender || !path_parse(argument, length, &path, &path_length)) {
		buffer_print(&session->output, "503 5.5.1 Not now, or no address\r\n");
		return;
	}
	if (session->has_key && (!path_key(path, path_length, 'r', &key) ||
				    memcmp(&key, &session->key, sizeof(key)) != 0)) {
		sink_violation(session, "recipient of another message");
		buffer_print(&session->output, "550 5.1.1 Recipient of another message\r\n");
		return;
	}
	session->recipients++;
	session->marked_reject |= path_marked(path, path_length, "+reject");
	session->marked_hold_final |= path_marked(path, path_length, "+hold-final");
	buffer_print(&session->output, "250 2.1.5 Recipient noted\r\n");
}

static void
do_data(struct sink_session *session, const char *argument, size_t length)
{
	(void)argument;
	(void)length;
	if (session->recipients == 0) {
		buffer_print(&session->output, "503 5.5.1 No recipient\r\n");
		return;
	}
	if (session->message != NULL) {
		sink_violation(session, "DATA after BDAT");
		buffer_print(&session->output, "503 5.5.1 This message comes in chunks\r\n");
		return;
	}
	buffer_print(&session->output, "354 End data with <CR><LF>.<CR><LF>\r\n");
	sink_delivery_begin(session, SINK_DATA);
}

static void
do_rset(struct sink_session *session, const char *argument, size_t length)
{
	static const char reply[] = "250 2.0.0 Reset\r\n";
	bool later = session->marked_hold_rset;

	(void)argument;
	(void)length;
	envelope_clear(session);
	if (later)
		sink_reply_later(session, HOLD_RSET, reply);
	else
		buffer_print(&session->output, "%s", reply);
}

static void
do_noop(struct sink_session *session, const char *argument, size_t length)
{
	(void)argument;
	(void)length;
	buffer_print(&session->output, "250 2.0.0 Nothing done\r\n");
}

static void
do_vrfy(struct sink_session *session, const char *argument, size_t length)
{
	(void)argument;
	(void)length;
	buffer_print(&session->output, "252 2.1.5 Send it and see\r\n");
}

static void
do_starttls(struct sink_session *session, const char *argument, size_t length)
{
	(void)argument;
	(void)length;
	if (session->transport.tls != NULL) {
		buffer_print(&session->output, "503 5.5.1 TLS is on\r\n");
		return;
	}
	envelope_clear(session);
	session->starting_tls = true;
	buffer_print(&session->output, "220 2.0.0 Ready to start TLS\r\n");
}

static void
do_quit(struct sink_session *session, const char *argument, size_t length)
{
	(void)argument;
	(void)length;
	session->quitting = true;
	session->state = SINK_LEAVING;
	buffer_print(&session->output, "221 2.0.0 Good bye\r\n");
}

static const struct {
	const char *verb;
	void (*run)(struct sink_session *session, const char *argument, size_t length);
} commands[] = {
    {"EHLO", do_ehlo},
    {"HELO", do_helo},
    {"MAIL", do_mail},
    {"RCPT", do_rcpt},
    {"DATA", do_data},
    {"BDAT", sink_chunk_begin},
    {"RSET", do_rset},
    {"NOOP", do_noop},
    {"VRFY", do_vrfy},
    {"STARTTLS", do_starttls},
    {"AUTH", sink_auth_begin},
    {"QUIT", do_quit},
};

void
sink_command(struct sink_session *session, const char *line, size_t length)
{
	const char *space = memchr(line, ' ', length);
	size_t verb = space != NULL ? (size_t)(space - line) : length;

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strlen(commands[i].verb) != verb ||
		    strncasecmp(commands[i].verb, line, verb) != 0)
			continue;
		commands[i].run(session, line + verb, length - verb);
		return;
	}
	sink_violation(session, "unknown command");
	buffer_print(&session->output, "500 5.5.2 Unknown command\r\n");
}
