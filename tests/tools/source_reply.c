#include "tests/tools/source_reply.h"

#include "tests/tools/source_message.h"
#include "tests/tools/source_pool.h"
#include "tests/tools/source_scripts.h"
#include "tests/tools/source_session.h"

#include <stdio.h>
#include <string.h>

#define QUOTE 200u

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
    [EXPECT_CHUNK] = {"chunk", 250, "2.0.0 Chunk noted"},
    [EXPECT_FINAL] = {"end of data", 250, "2.0.0 Taken"},
    [EXPECT_NOOP] = {"NOOP", 250, "2.0.0 Nothing done"},
    [EXPECT_STARTTLS] = {"STARTTLS", 220, "2.0.0 Ready to start TLS"},
    [EXPECT_CHALLENGE] = {"AUTH", 334, ""},
    [EXPECT_AUTH] = {"credentials", 235, "2.7.0 Known"},
    [EXPECT_QUIT] = {"QUIT", 221, "2.0.0 Good bye"},
    [EXPECT_LAST_WORDS] = {"command after refusal", 421,
	"4.7.0 Closing connection after refused message"},
    [EXPECT_BYE] = {"QUIT after refusal", 221, "2.0.0 Bye"},
};

const char *
source_expected_name(unsigned expected)
{
	return expected < EXPECT_KINDS ? answers[expected].name : "?";
}

static void
complain(struct source_session *session, const char *what, const struct reply *reply)
{
	char text[QUOTE];

	ledger_escape(text, sizeof(text), reply->text, reply->text_length);
	source_fail(session, "%s: %u %s", what, reply->code, text);
}

static bool
begins(const struct reply *reply, const char *wanted)
{
	return reply->text_length >= strlen(wanted) &&
	       memcmp(reply->text, wanted, strlen(wanted)) == 0;
}

/* What mailsink says of a message or of credentials names them. */
static bool
names_its_object(
    const struct source_session *session, enum source_expected kind, const struct reply *reply)
{
	struct oracle_key key = session->message_name.key;
	char text[ORACLE_KEY_TEXT];

	if (kind != EXPECT_FINAL && kind != EXPECT_AUTH)
		return true;
	if (kind == EXPECT_AUTH)
		key = source_session_key(session);
	oracle_key_print(&key, text);
	return memmem(reply->text, reply->text_length, text, strlen(text)) != NULL;
}

/* A refusal of message or envelope that the run allows: what is left of the session is QUIT. */
static void
refusal_allowed(
    struct source_session *session, enum source_expected kind, const struct reply *reply)
{
	char text[QUOTE];

	if (!source_options.may_refuse || kind < EXPECT_MAIL || kind > EXPECT_FINAL ||
	    reply->code < 400 || reply->code == 421) {
		snprintf(text, sizeof(text), "reply to %s", answers[kind].name);
		complain(session, text, reply);
		return;
	}
	session->refused = true;
	ledger_escape(text, sizeof(text), reply->text, reply->text_length);
	if (session->message != MESSAGE_NONE)
		source_message_result(session, LEDGER_REFUSED, text, strlen(text));
}

/* The reply to the content of a message that offends. */
static void
refusal_judge(struct source_session *session, const struct reply *reply)
{
	const char *wanted = source_options.refusal[session->message_name.offence];
	char text[QUOTE];

	snprintf(text, sizeof(text), "%u %.*s", reply->code, (int)reply->text_length, reply->text);
	if (wanted == NULL || strcmp(text, wanted) != 0) {
		complain(session, "refusal that the policy does not give", reply);
		return;
	}
	source_message_result(session, LEDGER_REFUSED, text, strlen(text));
}

static bool
is_of_offender(const struct source_session *session, enum source_expected kind)
{
	return (kind == EXPECT_FINAL || kind == EXPECT_CHUNK) &&
	       session->message_name.offence != ORACLE_GOOD;
}

static void
judge(struct source_session *session, enum source_expected kind, const struct reply *reply)
{
	const char *wanted = source_options.strict ? answers[kind].text : "";
	char what[QUOTE];

	if (is_of_offender(session, kind)) {
		refusal_judge(session, reply);
		return;
	}
	if (reply->code != answers[kind].code) {
		refusal_allowed(session, kind, reply);
		return;
	}
	if (!begins(reply, wanted) ||
	    (source_options.strict && !names_its_object(session, kind, reply))) {
		snprintf(what, sizeof(what), "reply to %s that nobody gave", answers[kind].name);
		complain(session, what, reply);
		return;
	}
	session->goodbye |= kind == EXPECT_QUIT || kind == EXPECT_LAST_WORDS || kind == EXPECT_BYE;
	if (kind == EXPECT_FINAL) {
		histogram_add(&source_figures.message, loop_now() - session->began_us);
		source_message_result(session, LEDGER_GIVEN, reply->text, reply->text_length);
	}
}

/* Of what was not sent whole: only the refusal of a chunk comes so early. */
static bool
is_too_early(const struct source_session *session, enum source_expected kind)
{
	bool whole = session->message == MESSAGE_SENT;

	if (session->refused)
		return false;
	if (is_of_offender(session, kind))
		return !session->chunked && !whole;
	if (kind == EXPECT_CHUNK)
		return session->expected_count == 1 && session->body.chunk_left > 0;
	return kind == EXPECT_FINAL && !whole;
}

void
source_reply_take(struct source_session *session, const struct reply *reply)
{
	unsigned first = session->expected_first;
	enum source_expected kind = session->expected[first];

	if ((session->step->until & STEP_LENIENT) != 0 && reply->code / 100 == 4)
		return;
	if (source_server_may_vanish(session) && reply->code / 100 == 4) {
		session->over = OVER_DONE;
		return;
	}
	if (session->expected_count == 0 || is_too_early(session, kind)) {
		complain(session, "reply to nothing", reply);
		return;
	}
	session->expected_first = (first + 1) % SOURCE_EXPECTED_MAX;
	session->expected_count--;
	if (kind != EXPECT_FINAL && (session->step->until & STEP_SERVER) == 0)
		histogram_add(&source_figures.command, loop_now() - session->expected_us[first]);
	if (kind == EXPECT_BANNER && (session->step->until & STEP_SERVER) == 0)
		histogram_add(&source_figures.greeting, loop_now() - session->opened_us);
	/* Whom the sink lets go before the `go` is held by nobody any more. */
	if ((session->step->until & STEP_SERVER) != 0 && session->expected_count == 0 &&
	    session->body.oracle == NULL && session->output.length == 0)
		session->released = true;
	judge(session, kind, reply);
}
