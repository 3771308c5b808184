#include "worker/inspect/server.h"

#include "worker/inspect/answer.h"
#include "worker/inspect/banner.h"
#include "worker/inspect/bdat.h"
#include "worker/inspect/ehlo.h"
#include "worker/inspect/ending.h"
#include "worker/inspect/ledger.h"
#include "worker/inspect/message.h"
#include "worker/inspect/pace.h"
#include "worker/inspect/phase.h"
#include "worker/inspect/reply.h"
#include "worker/inspect/reply_effect.h"

static void
note_reply(struct builder *build, const struct reply *reply, const uint8_t *bytes)
{
	struct reply_line line;

	reply_line(&line, bytes, bytes + reply->length);
	if (reply->code == 334) /* the challenge may tell of the credentials */
		line.length = 0;
	output_note(build, NOTE_SERVER, reply->code, line.text, line.length);
}

/* Passes the reply on, with stray octets as spaces. */
static void
relay(struct builder *build, const struct reply *reply, const uint8_t *bytes)
{
	char text[REPLY_REWRITE_MAX + REPLY_LINES_MAX];
	size_t length = 0;

	if (reply->clean || build->state->mode != INSPECT_MODE_INSPECT) {
		output_keep(build, reply->length);
		return;
	}
	for (size_t i = 0; i < reply->length; i++) {
		bool end = bytes[i] == '\n';
		bool stray = (bytes[i] < 0x20 && bytes[i] != '\t') || bytes[i] == 0x7f;
		if (bytes[i] == '\r' && bytes[i + 1] == '\n')
			continue;
		if (end)
			text[length++] = '\r';
		text[length++] = (char)(stray && !end ? ' ' : bytes[i]);
	}
	output_drop(build, reply->length);
	output_insert(build, INSPECT_CLIENT, text, length);
}

/* The server cannot be followed any more.  A relayed session then passes as it is. */
static void
give_up(struct builder *build, const char *problem, size_t length)
{
	if (build->state->mode == INSPECT_MODE_RELAY)
		phase_open(build->state);
	else
		ending_server_violation(build, problem, length);
}

static void
take_greeting(struct builder *build, const struct reply *reply, const uint8_t *bytes)
{
	struct inspect *state = build->state;

	if (reply->code / 100 == 3) {
		give_up(build, OUTPUT_TEXT("a greeting that is none"));
		return;
	}
	if (state->mode == INSPECT_MODE_RELAY || !banner_rewrite(build, reply, bytes))
		relay(build, reply, bytes);
	state->greeting_ms = 0;
	phase_move(state, PHASE_COMMAND);
	if (reply->code == 421)
		ending_both(build, INSPECT_FIN, INSPECT_REASON_FINS);
}

/* A reply that no command has asked for: only 421 may be one (RFC 5321 3.8). */
static void
take_unasked(struct builder *build, const struct reply *reply, const uint8_t *bytes)
{
	if (reply->code != 421) {
		give_up(build, OUTPUT_TEXT("a reply without a command"));
		return;
	}
	relay(build, reply, bytes);
	ending_both(build, INSPECT_FIN, INSPECT_REASON_FINS);
}

/* The server has refused content of which it does not have all.  The client gets its words, as it
 * would without a gateway, for its end of data; but nobody knows whether the server would read what
 * follows as content or as commands, so it gets nothing more. */
static void
take_early_refusal(struct builder *build, const struct reply *reply, const uint8_t *bytes)
{
	struct reply_line line;

	reply_line(&line, bytes, bytes + reply->length);
	relay(build, reply, bytes);
	message_report(build, reply->code, line.text, line.length);
	build->state->drain_rule = 0;
	ending_drain(build, OWN_NONE, INSPECT_ABORT);
}

/* In content nothing but a refusal may be said: it could be taken for the final reply. */
static void
take_within_content(struct builder *build, const struct reply *reply, const uint8_t *bytes)
{
	if (build->state->mode == INSPECT_MODE_RELAY) {
		phase_open(build->state);
	} else if (reply->code / 100 >= 4) {
		take_early_refusal(build, reply, bytes);
	} else {
		output_drop(build, reply->length);
		ending_server_violation(build, OUTPUT_TEXT("a reply within content"));
	}
}

/* The client has not asked for it; that the server closes is told in any case. */
static bool
is_silent(const struct ledger_entry *entry, unsigned code)
{
	if (code == 421)
		return false;
	return (entry->flags & LEDGER_MUTE) != 0 ||
	       ((entry->flags & LEDGER_HALF) != 0 && code / 100 == 2);
}

/* The chunk of which the server has accepted what it does not have. */
static bool
is_ahead(const struct inspect *state, unsigned code)
{
	return code / 100 == 2 && bdat_is_early(state);
}

static void
write_answer(struct builder *build, const struct ledger_entry *entry, const struct reply *reply,
    const uint8_t *bytes)
{
	bool inspect = build->state->mode == INSPECT_MODE_INSPECT;
	bool good = reply->code / 100 == 2;

	if (is_silent(entry, reply->code)) {
		output_drop(build, reply->length);
	} else if (entry->flags & (LEDGER_SUBSTITUTE | LEDGER_REPLACE)) {
		output_drop(build, reply->length);
		own_reply_give(build, (enum own_reply)entry->reply, entry->rule);
	} else if (entry->verb == VERB_EHLO && good && inspect) {
		ehlo_rewrite(build, reply, bytes);
	} else if (entry->verb == VERB_HELO && good && inspect && ehlo_hides_name(build->policy)) {
		ehlo_rewrite_helo(build, reply);
	} else {
		relay(build, reply, bytes);
	}
	if (entry->verb == VERB_EHLO && good && !inspect)
		ehlo_remember(build->state, reply, bytes);
}

static void
take_answer(struct builder *build, const struct reply *reply, const uint8_t *bytes)
{
	struct inspect *state = build->state;
	const struct ledger_entry *head = ledger_head(state);

	if (!head) {
		take_unasked(build, reply, bytes);
		return;
	}
	if (!reply_effect_is_legal(head, reply->code) || is_ahead(state, reply->code)) {
		give_up(build, OUTPUT_TEXT("a reply that does not fit its command"));
		return;
	}
	struct ledger_entry entry = ledger_take(state);
	write_answer(build, &entry, reply, bytes);
	if (state->phase == PHASE_ENDED) /* a rule about the reply */
		return;
	if (state->sync == entry.verb)
		state->sync = LEDGER_NOTHING;
	reply_effect(build, &entry, reply, bytes);
	if (ledger_is_empty(state))
		pace_go_on(build);
	if (reply->code == 421 || entry.verb == VERB_QUIT)
		ending_both(build, INSPECT_FIN, INSPECT_REASON_FINS);
	if ((entry.flags & LEDGER_REPLACE) != 0 && own_reply_row(entry.reply)->close)
		ending_both(build, INSPECT_FIN, INSPECT_REASON_INSPECTION);
	if (state->phase != PHASE_ENDED && state->phase != PHASE_OPAQUE)
		answer_pending(build);
}

static void
take_reply(struct builder *build, const struct reply *reply, const uint8_t *bytes)
{
	build->touched = true;
	build->out->tally.replies++;
	note_reply(build, reply, bytes);
	switch (build->state->phase) {
	case PHASE_GREETING:
		take_greeting(build, reply, bytes);
		break;
	case PHASE_CONTENT:
		take_within_content(build, reply, bytes);
		break;
	default:
		take_answer(build, reply, bytes);
		break;
	}
}

static bool
take_opaque(struct builder *build, size_t length)
{
	struct inspect *state = build->state;

	if (length == 0)
		return false;
	if (state->flags & STATE_TLS_FRESH) {
		/* TLS begins with the client's hello: this was to be read as if TLS protected it */
		ending_server_violation(build, OUTPUT_TEXT("bytes behind 220 to STARTTLS"));
		return false;
	}
	build->touched = true;
	output_keep(build, length);
	return false;
}

static bool
take_some(struct builder *build)
{
	struct inspect *state = build->state;
	struct reply reply;
	size_t length;
	const uint8_t *rest = output_rest(build, &length);

	switch (state->phase) {
	case PHASE_ENDED:
		return false;
	case PHASE_OPAQUE:
		return take_opaque(build, length);
	case PHASE_DRAIN:
	case PHASE_REFUSED:
		output_drop(build, length);
		return false;
	default:
		break;
	}
	if (length && (state->sync == VERB_AUTH || state->sync == LEDGER_SASL))
		build->out->secret = true; /* challenges too tell of credentials */
	switch (length ? reply_scan(&reply, rest, length) : REPLY_PARTIAL) {
	case REPLY_WHOLE:
		take_reply(build, &reply, rest);
		return true;
	case REPLY_BAD:
		give_up(build, reply.problem, reply.problem_length);
		return state->mode == INSPECT_MODE_RELAY;
	default:
		return false;
	}
}

void
server_step(struct builder *build)
{
	size_t length;

	if (banner_is_held(build))
		return;
	do {
		if (!output_has_room(build))
			return;
	} while (take_some(build));
	if (!build->input->end || build->state->phase == PHASE_ENDED || !output_has_room(build))
		return;
	output_rest(build, &length);
	output_drop(build, length); /* a part of a reply: nobody can use it */
	build->out->end_taken = true;
	ending_server_end(build);
}
