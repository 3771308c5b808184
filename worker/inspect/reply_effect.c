#include "worker/inspect/reply_effect.h"

#include "worker/inspect/bdat.h"
#include "worker/inspect/ending.h"
#include "worker/inspect/hold.h"
#include "worker/inspect/message.h"
#include "worker/inspect/phase.h"

#define EVENT_TLS_STARTED 108007u

bool
reply_effect_is_legal(const struct ledger_entry *entry, unsigned code)
{
	/* RFC 4954 4: a cancelled exchange has failed, and the client is told so. */
	if (entry->flags & LEDGER_SUBSTITUTE)
		return code / 100 >= 4;
	if (code / 100 == 2 && entry->verb == VERB_STARTTLS)
		return code == 220;
	if (code / 100 != 3)
		return true;
	if (entry->verb == VERB_DATA)
		return code == 354;
	return code == 334 && (entry->verb == VERB_AUTH || entry->verb == LEDGER_SASL);
}

/* Commands are taken again; but a chunk, or the wait for its final reply, goes on through the
 * replies to what was pipelined before it. */
static void
return_to_commands(struct inspect *state)
{
	if (state->phase != PHASE_CHUNK && state->phase != PHASE_FINAL_REPLY)
		phase_return(state);
}

static void
answered_data(struct builder *build, unsigned code)
{
	struct inspect *state = build->state;
	bool early = (state->flags & STATE_EARLY) != 0;

	state->flags &= ~(uint32_t)STATE_EARLY;
	if (code == 354 && (state->flags & STATE_CLIENT_END) == 0) {
		message_content(state);
		hold_begin(build);
		phase_move(state, PHASE_CONTENT);
	} else if (early && code != 421) {
		/* Content came before it was asked for, and now it would be read as commands. */
		ending_client_violation(build, OUTPUT_TEXT("content before the reply to DATA"));
	}
}

static void
answered_starttls(struct builder *build, unsigned code)
{
	struct inspect *state = build->state;

	if (code != 220)
		return;
	if ((build->policy->flags & INSPECT_LOG_TLS) != 0)
		output_event(build, EVENT_TLS_STARTED);
	build->out->tally.tls_started++;
	if (state->mode == INSPECT_MODE_INSPECT)
		state->flags |= STATE_TLS_FRESH;
	phase_open(state);
	if (state->flags & STATE_CLIENT_END)
		ending_both(build, INSPECT_FIN, INSPECT_REASON_FINS);
}

/* A server that starts anew knows nothing of what it was told (RFC 5321 4.1.4). */
static void
start_anew(struct inspect *state, bool esmtp)
{
	message_clear(state);
	if (!esmtp) {
		state->shown = 0;
		state->flags &= ~(uint32_t)STATE_ENHANCED;
	}
	return_to_commands(state);
}

static void
answered_mail(struct builder *build, const struct ledger_entry *entry, bool good)
{
	struct inspect *state = build->state;

	if ((entry->flags & LEDGER_CURRENT) == 0 || state->mail != MAIL_SENT)
		return;
	if (good)
		state->mail = MAIL_ACCEPTED;
	else
		message_clear(state);
	return_to_commands(state);
}

static void
report(struct builder *build, const struct reply *reply, const uint8_t *bytes)
{
	struct reply_line line;

	reply_line(&line, bytes, bytes + reply->length);
	message_report(build, reply->code, line.text, line.length);
	if (reply->code / 100 == 2)
		build->state->junk = 0;
}

/* A transaction that MAIL's refusal has undone is no message.  Within a chunk: the server has refused
 * it before it had all. */
static void
answered_content(struct builder *build, const struct ledger_entry *entry, const struct reply *reply,
    const uint8_t *bytes)
{
	if ((entry->flags & LEDGER_CURRENT) != 0 && (entry->flags & LEDGER_MUTE) == 0)
		report(build, reply, bytes);
	message_clear(build->state);
	if (build->state->phase != PHASE_CHUNK)
		phase_move(build->state, PHASE_COMMAND);
}

/* RFC 3030 2: what the server has of the transaction now is not known, so it gets no more of it.  The
 * client's last chunk may have been announced as one of many: then its failure was given, and the
 * reply to the LAST that follows it is nobody's. */
static void
answered_chunk_badly(struct builder *build, const struct ledger_entry *entry,
    const struct reply *reply, const uint8_t *bytes)
{
	struct ledger_entry *content = ledger_content(build->state);

	if (entry->flags & LEDGER_CURRENT)
		report(build, reply, bytes);
	if (content)
		content->flags |= LEDGER_MUTE;
	else if (entry->flags & LEDGER_CURRENT)
		build->state->flags |= STATE_BDAT_FAILED;
}

void
reply_effect(struct builder *build, const struct ledger_entry *entry, const struct reply *reply,
    const uint8_t *bytes)
{
	struct inspect *state = build->state;
	bool good = reply->code / 100 == 2;

	switch (entry->verb) {
	case VERB_EHLO:
	case VERB_HELO:
	case VERB_XCLIENT:
		if (good)
			start_anew(state, entry->verb == VERB_EHLO);
		break;
	case VERB_MAIL:
	case VERB_SEND:
	case VERB_SOML:
	case VERB_SAML:
		answered_mail(build, entry, good);
		break;
	case VERB_RCPT:
		if (good && (entry->flags & LEDGER_CURRENT) != 0)
			state->recipients++;
		break;
	case VERB_RSET:
		if (!good && state->mail == MAIL_NONE)
			state->mail = MAIL_UNKNOWN;
		return_to_commands(state);
		break;
	case VERB_DATA:
		answered_data(build, reply->code);
		break;
	case VERB_AUTH:
	case LEDGER_SASL:
		if (reply->code / 100 == 5 && state->auth_failures < UINT32_MAX)
			state->auth_failures++;
		if (good)
			state->flags |= STATE_AUTHENTICATED;
		if (reply->code == 334)
			phase_move(state, PHASE_AUTH);
		else
			return_to_commands(state);
		break;
	case VERB_STARTTLS:
		answered_starttls(build, reply->code);
		break;
	case VERB_BDAT:
		if (!good)
			answered_chunk_badly(build, entry, reply, bytes);
		break;
	case LEDGER_CONTENT:
		answered_content(build, entry, reply, bytes);
		break;
	default:
		break;
	}
}
