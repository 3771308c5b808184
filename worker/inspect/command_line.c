#include "worker/inspect/command_line.h"

#include "worker/inspect/answer.h"
#include "worker/inspect/bdat.h"
#include "worker/inspect/compat.h"
#include "worker/inspect/ehlo.h"
#include "worker/inspect/extension_table.h"
#include "worker/inspect/ledger.h"
#include "worker/inspect/message.h"
#include "worker/inspect/phase.h"
#include "worker/inspect/pipelining.h"
#include "worker/inspect/rule.h"
#include "worker/inspect/sasl.h"

#include <string.h>

/* It may be a credential that has lost its AUTH. */
static void
note_unknown(struct builder *build)
{
	build->out->secret = true;
	output_note(build, NOTE_CLIENT, 0, OUTPUT_TEXT("(not a command)"));
}

static void
note_line(struct builder *build, const struct command *command, const uint8_t *line, size_t length)
{
	if (command->verb == VERB_AUTH)
		sasl_note(build, command);
	else if (command->verb < VERB_UNKNOWN)
		output_note(build, NOTE_CLIENT, 0, line, length);
	else if (command_parse_safe_word(line, length))
		output_note(build, NOTE_CLIENT, 0, line, command_parse_safe_word(line, length));
	else
		note_unknown(build);
}

/* ---- what a command may do now ---- */

static bool
was_shown(const struct inspect *state, unsigned extension)
{
	return (state->shown >> extension & 1) != 0;
}

/* Addresses and names beyond ASCII need SMTPUTF8, offered and asked for (RFC 6531 3.4). */
static enum own_reply
judge_octets(const struct inspect *state, const struct command *command)
{
	bool offered = was_shown(state, EXTENSION_SMTPUTF8);

	if (!command->non_ascii)
		return OWN_NONE;
	switch (command->verb) {
	case VERB_MAIL:
		return offered && esmtp_param_given(&command->params, ESMTP_SMTPUTF8)
			   ? OWN_NONE
			   : OWN_NON_ASCII;
	case VERB_RCPT:
		return offered && (state->flags & STATE_SMTPUTF8) ? OWN_NONE : OWN_NON_ASCII;
	case VERB_VRFY:
	case VERB_EXPN:
		return offered ? OWN_NONE : OWN_ARGUMENT;
	default:
		return OWN_ARGUMENT;
	}
}

static bool
is_mail(unsigned verb)
{
	return command_table_row(verb)->argument == ARGUMENT_FROM;
}

/* A transaction goes on, as far as is known. */
static bool
is_in_transaction(const struct inspect *state)
{
	return state->mail == MAIL_SENT || state->mail == MAIL_ACCEPTED;
}

/* Brings no mail on. */
static bool
is_junk(const struct inspect *state, unsigned verb)
{
	if (is_mail(verb))
		return is_in_transaction(state);
	if (verb == VERB_DATA)
		return state->mail == MAIL_NONE;
	return verb < VERB_PERMITTED && verb != VERB_RCPT && verb != VERB_BDAT && verb != VERB_QUIT;
}

/* One transaction has its content by DATA or in chunks (RFC 3030 2), binary content in chunks only
 * (RFC 3030 3). */
static enum own_reply
judge_data(const struct inspect *state)
{
	if (state->flags & STATE_BDAT_FAILED)
		return OWN_CHUNK_FAILED;
	if (state->flags & STATE_CHUNKED)
		return OWN_CHUNKED;
	return state->flags & STATE_BINARY ? OWN_BINARY_DATA : OWN_NONE;
}

/* Between the chunks of one message only these have a place (RFC 3030 2): behind any other command
 * some servers read the next chunk as commands. */
static bool
is_out_of_place(const struct inspect *state, unsigned verb)
{
	return (state->flags & STATE_CHUNKED) != 0 && verb != VERB_NOOP && verb != VERB_RSET &&
	       verb != VERB_QUIT;
}

static enum own_reply
judge(const struct builder *build, const struct command *command)
{
	const struct inspect *state = build->state;
	const struct inspect_policy *policy = build->policy;
	const struct verb *row = command_table_row(command->verb);
	bool tls = (policy->flags & INSPECT_ALLOW_TLS) != 0;

	if (command->verb < VERB_UNKNOWN &&
	    (command->verb >= VERB_PERMITTED || (policy->verbs >> command->verb & 1) == 0))
		return (enum own_reply)row->refusal;
	if (command->fault)
		return (enum own_reply)command->fault;
	if (command->verb == VERB_STARTTLS && !(tls && was_shown(state, EXTENSION_STARTTLS)))
		return OWN_NOT_ALLOWED;
	if (command->verb == VERB_AUTH && !(tls && was_shown(state, EXTENSION_AUTH)))
		return OWN_NOT_ALLOWED;
	/* RFC 4954 4: not within a transaction, not after a success. */
	if (command->verb == VERB_AUTH &&
	    (state->mail != MAIL_NONE || (state->flags & STATE_AUTHENTICATED)))
		return OWN_AUTH_ORDER;
	if (command->verb == VERB_AUTH && !sasl_is_formed(command))
		return OWN_SASL_BAD;
	if (command->verb == VERB_RCPT && state->mail == MAIL_NONE)
		return OWN_NEED_MAIL;
	/* RFC 5321 4.1.4; a server that takes it begins anew, which nobody here would know. */
	if (is_mail(command->verb) && is_in_transaction(state))
		return OWN_NESTED_MAIL;
	if (command->verb == VERB_DATA && judge_data(state) != OWN_NONE)
		return judge_data(state);
	if (is_out_of_place(state, command->verb))
		return OWN_BETWEEN_CHUNKS;
	if (judge_octets(state, command) != OWN_NONE)
		return judge_octets(state, command);
	return esmtp_param_judge(&command->params, state->shown, ehlo_permitted(policy));
}

/* What the session may still do, whatever the command says. */
static enum own_reply
judge_budgets(struct builder *build, const struct command *command)
{
	struct inspect *state = build->state;
	const struct inspect_policy *policy = build->policy;

	if (policy->auth_failures_max && state->auth_failures > policy->auth_failures_max &&
	    command->verb != VERB_QUIT)
		return OWN_AUTH_FAILURES;
	if (!is_junk(state, command->verb))
		return OWN_NONE;
	if (state->junk < UINT32_MAX)
		state->junk++;
	return policy->junk_max && state->junk > policy->junk_max ? OWN_JUNK : OWN_NONE;
}

/* The policy's limits on one message. */
static enum own_reply
judge_limits(const struct builder *build, const struct command *command)
{
	const struct inspect *state = build->state;
	const struct inspect_policy *policy = build->policy;

	if (command->fault)
		return OWN_NONE;
	if (policy->message_size_max && command->params.size > policy->message_size_max)
		/* RFC 1870 6.1 */
		return OWN_TOO_BIG;
	if (command->verb == VERB_RCPT && policy->recipients_max &&
	    state->recipients_asked > policy->recipients_max) /* RFC 5321 4.5.3.1.10 */
		return OWN_RECIPIENTS;
	return OWN_NONE;
}

/* Its form does not keep it from the server: old systems let a command pass by its verb alone, and what
 * they let pass the server may take. */
static bool
reaches_server(const struct builder *build, const struct command *command)
{
	bool strict = build->policy->compat == INSPECT_COMPAT_NONE &&
		      (build->policy->flags & INSPECT_MONITOR_ONLY) == 0;

	return !command->unframed && (!strict || command->fault == OWN_NONE);
}

/* The policy's rules about a command line of that length, with its line end. */
static uint8_t
judge_rules(struct builder *build, const struct command *command, size_t length)
{
	struct inspect *state = build->state;
	uint8_t rule = rule_judge_number(build, CRITERION_CMD_LINE_LENGTH, length);

	if (rule != RULE_NONE || !reaches_server(build, command))
		return rule;
	switch (command->verb) {
	case VERB_MAIL:
	case VERB_SEND:
	case VERB_SOML:
	case VERB_SAML:
		return rule_judge_number(
		    build, CRITERION_SENDER_ADDRESS_LENGTH, command_parse_sender_length(command));
	case VERB_RCPT:
		if (state->mail == MAIL_NONE)
			return RULE_NONE;
		if (state->recipients_asked < UINT32_MAX)
			state->recipients_asked++;
		return rule_judge_number(build, CRITERION_CMD_RCPT_COUNT, state->recipients_asked);
	default:
		return RULE_NONE;
	}
}

/* Servers that pass over white space before a verb, or take a tab for its end, would read a verb
 * where we have read none. */
static bool
is_disguised(const uint8_t *line, size_t length)
{
	size_t start = 0, end;

	while (start < length && line[start] <= ' ')
		start++;
	for (end = start; end < length && line[end] > ' ';)
		end++;
	return command_table_find(line + start, end - start) != VERB_UNKNOWN;
}

/* monitor-only lets pass what a server can take without reading the stream otherwise than we do. */
static bool
may_pass_unjudged(
    const struct inspect *state, const struct command *command, const uint8_t *line, size_t length)
{
	if (command->unframed || is_out_of_place(state, command->verb))
		return false;
	if (command->verb == VERB_UNKNOWN)
		return !is_disguised(line, length);
	return command->verb < VERB_PERMITTED ||
	       command_table_row(command->verb)->class == VERB_CLASS_HTTP;
}

/* ---- passing it on ---- */

void
command_line_enter(struct builder *build, const struct command *command)
{
	struct inspect *state = build->state;
	unsigned flags = 0;

	switch (command->verb) {
	case VERB_MAIL:
	case VERB_SEND:
	case VERB_SOML:
	case VERB_SAML:
		if (state->mail == MAIL_NONE || state->mail == MAIL_UNKNOWN) {
			message_begin(state, command);
			flags = LEDGER_CURRENT;
		}
		break;
	case VERB_RCPT:
		flags = LEDGER_CURRENT;
		break;
	case VERB_RSET:
		message_clear(state);
		break;
	default:
		break;
	}
	ledger_add(state, command->verb < VERB_UNKNOWN ? command->verb : (unsigned)LEDGER_OTHER,
	    flags, OWN_NONE);
	if (command_table_row(command->verb)->turn == VERB_TURN_WAIT)
		state->sync = command->verb;
}

static void
forward(struct builder *build, const struct command *command, size_t length)
{
	output_keep(build, length);
	command_line_enter(build, command);
}

static void
take_relayed(
    struct builder *build, const struct command *command, const uint8_t *line, size_t length)
{
	bool unknown_content = command->verb == VERB_BURL || command->verb == VERB_XEXCH50 ||
			       command->verb == VERB_TURN || command->verb == VERB_ATRN;

	if (command->verb == VERB_BDAT) {
		bdat_command(build, command, line, length);
	} else if (command->unframed || unknown_content) {
		output_keep(build, length);
		phase_open(build->state);
	} else {
		forward(build, command, length);
	}
}

static void
take_after_refusal(struct builder *build, unsigned verb, const uint8_t *line, size_t length)
{
	bool failed = build->state->drain_reply == OWN_FINAL_LOST;

	output_drop(build, length);
	if (verb == VERB_QUIT)
		answer_refuse(build, verb, OWN_BYE, line, length);
	else
		answer_refuse(
		    build, verb, failed ? OWN_AFTER_FAILURE : OWN_AFTER_REFUSAL, line, length);
}

/* A budget that is used up ends the session; whatever else is wrong leaves a chunk behind it. */
static void
take_chunk(struct builder *build, const struct command *command, const uint8_t *line, size_t length)
{
	enum own_reply reply = judge_budgets(build, command);

	if (reply != OWN_NONE && (build->policy->flags & INSPECT_MONITOR_ONLY) == 0) {
		output_drop(build, length);
		answer_refuse(build, VERB_BDAT, reply, line, length);
		bdat_refused(build, command, line, length);
		return;
	}
	if (reply != OWN_NONE)
		answer_monitor(build, reply, line, length);
	bdat_command(build, command, line, length);
}

/* What no rule of the policy has caught. */
static void
take_judged(
    struct builder *build, const struct command *command, const uint8_t *line, size_t length)
{
	bool monitor = (build->policy->flags & INSPECT_MONITOR_ONLY) != 0 &&
		       may_pass_unjudged(build->state, command, line, length);
	enum own_reply reply = judge_budgets(build, command);

	if (reply != OWN_NONE && monitor) {
		answer_monitor(build, reply, line, length);
		reply = OWN_NONE;
	}
	if (reply == OWN_NONE)
		reply = command->unframed ? (enum own_reply)command->fault : judge(build, command);
	if (reply == OWN_NONE)
		reply = judge_limits(build, command);
	if (reply != OWN_NONE && monitor) {
		answer_monitor(build, reply, line, length);
		reply = OWN_NONE;
	}
	if (reply == OWN_NONE) {
		forward(build, command, length);
	} else {
		output_drop(build, length);
		answer_refuse(build, command->verb, reply, line, length);
	}
}

/* RFC 5321 2.3.8: only CRLF ends a line.  What follows a bare LF belongs to the line that it seems to
 * end, and is no command, whatever it looks like: whoever wrote it may have meant data. */
static bool
is_whole(struct inspect *state, bool crlf)
{
	bool torn = (state->flags & STATE_TORN) != 0;

	state->flags &= ~(uint32_t)STATE_TORN;
	if (!crlf)
		state->flags |= STATE_TORN;
	return crlf && !torn;
}

void
command_line_take(struct builder *build, const uint8_t *line, size_t length)
{
	struct inspect *state = build->state;
	bool crlf = length >= 2 && line[length - 2] == '\r';
	size_t text = length - (crlf ? 2 : 1);
	bool whole = is_whole(state, crlf);
	struct command command;

	build->touched = true;
	build->out->tally.commands++;
	if (state->phase == PHASE_AUTH) {
		sasl_take(build, line, length);
		return;
	}
	command_parse(&command, line, text);
	if (!whole) {
		command.fault = OWN_BARE;
		command.unframed = true;
	}
	note_line(build, &command, line, text);
	if (state->mode == INSPECT_MODE_RELAY) {
		take_relayed(build, &command, line, length);
		return;
	}
	if (state->phase == PHASE_REFUSED) {
		take_after_refusal(build, command.verb, line, length);
		return;
	}
	pipelining_judge(build);
	uint8_t rule = judge_rules(build, &command, length);
	if (rule != RULE_NONE) {
		output_drop(build, length);
		rule_answer(build, command.verb, rule);
		if (command.verb == VERB_BDAT)
			bdat_refused(build, &command, line, length);
		return;
	}
	if (build->policy->compat != INSPECT_COMPAT_NONE) {
		if (!compat_take_line(build, &command, line, length))
			forward(build, &command, length);
		return;
	}
	if (command.verb == VERB_BDAT) {
		take_chunk(build, &command, line, length);
		return;
	}
	take_judged(build, &command, line, length);
}

void
command_line_endless(struct builder *build, size_t length)
{
	static const uint8_t word[] = "line";
	struct inspect *state = build->state;
	uint8_t rule = RULE_NONE;

	if ((state->flags & STATE_SKIP_AUTH) == 0)
		rule = rule_judge_number(build, CRITERION_CMD_LINE_LENGTH, length);
	state->flags &= ~(uint32_t)(STATE_SKIP | STATE_SKIP_AUTH | STATE_SKIP_CR);
	state->skipped = 0;
	build->touched = true;
	build->out->tally.commands++;
	/* Nobody knows where the next command begins: so `reject` cannot leave the session open. */
	if (rule != RULE_NONE && build->policy->rule[rule].action != INSPECT_ACTION_REJECT)
		rule_answer(build, VERB_UNKNOWN, rule);
	else
		answer_refuse(build, VERB_UNKNOWN, OWN_ENDLESS, word, sizeof(word) - 1);
}

void
command_line_skipped(struct builder *build, bool crlf)
{
	static const uint8_t word[] = "line";
	struct inspect *state = build->state;
	bool exchange = (state->flags & STATE_SKIP_AUTH) != 0;

	is_whole(state, crlf);
	state->flags &= ~(uint32_t)(STATE_SKIP | STATE_SKIP_AUTH | STATE_SKIP_CR);
	build->touched = true;
	build->out->tally.commands++;
	if (exchange) {
		sasl_cancel(build, OWN_SASL_TOO_LONG);
		return;
	}
	uint8_t rule = rule_judge_number(build, CRITERION_CMD_LINE_LENGTH, state->skipped);
	if (rule != RULE_NONE)
		rule_answer(build, VERB_UNKNOWN, rule);
	else if (build->policy->compat != INSPECT_COMPAT_NONE)
		compat_take_skipped(build);
	else
		answer_refuse(build, VERB_UNKNOWN, OWN_TOO_LONG, word, sizeof(word) - 1);
}
