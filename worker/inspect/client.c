#include "worker/inspect/client.h"

#include "worker/inspect/answer.h"
#include "worker/inspect/bdat.h"
#include "worker/inspect/body.h"
#include "worker/inspect/command_line.h"
#include "worker/inspect/ehlo.h"
#include "worker/inspect/ending.h"
#include "worker/inspect/ledger.h"
#include "worker/inspect/phase.h"
#include "worker/inspect/pipelining.h"

#include <string.h>

/* "AUTH " stands where a command begins: what follows may be credentials. */
static bool
begins_auth(const uint8_t *line, size_t length)
{
	return length >= 5 && ascii_equal(line, "AUTH ", 5);
}

/* A line that is too long is dropped up to its end; then it is answered once. */
static bool
skip_line(struct builder *build, const uint8_t *rest, size_t length)
{
	struct inspect *state = build->state;
	bool after_cr = (state->flags & STATE_SKIP_CR) != 0;
	const uint8_t *lf = length ? memchr(rest, '\n', length) : NULL;
	size_t part = lf ? (size_t)(lf - rest) + 1 : length;

	if (length > 0)
		build->out->secret = true; /* it may be anything */
	if (part > COMMAND_LINE_SKIP_MAX - state->skipped) {
		output_drop(build, COMMAND_LINE_SKIP_MAX - state->skipped);
		command_line_endless(build, COMMAND_LINE_SKIP_MAX + 1);
		return true;
	}
	output_drop(build, part);
	state->skipped += (uint32_t)part;
	if (lf)
		command_line_skipped(build, part > 1 ? lf[-1] == '\r' : after_cr);
	else if (length && rest[length - 1] == '\r')
		state->flags |= STATE_SKIP_CR;
	else if (length)
		state->flags &= ~(uint32_t)STATE_SKIP_CR;
	return length > 0;
}

/* Bytes wait although the client must wait for a reply. */
static bool
wait_for_reply(struct builder *build, size_t length)
{
	struct inspect *state = build->state;

	if (length == 0)
		return false;
	if (state->sync == VERB_AUTH || state->sync == LEDGER_SASL)
		build->out->secret = true;
	if (state->mode != INSPECT_MODE_INSPECT)
		return false;
	if (state->sync == VERB_DATA)
		state->flags |= STATE_EARLY;
	pipelining_behind(build, state->sync);
	if (state->sync == VERB_STARTTLS) /* RFC 3207 4.2: would be read as if TLS protected it */
		ending_client_violation(build, OUTPUT_TEXT("bytes behind STARTTLS"));
	return false;
}

/* The command's parameters lengthen it by what their extensions say, if they are there (RFC 5321
 * 4.5.3.1.4): what is longer than the server reads, it may take for two lines. */
static size_t
params_limit(const struct builder *build, enum esmtp_command command)
{
	return LINE_LIMIT_DEFAULT +
	       esmtp_param_room(command, build->state->shown, ehlo_permitted(build->policy));
}

/* Octets of the longest line, with its end. */
static size_t
line_limit(const struct builder *build, const uint8_t *rest, size_t length)
{
	const struct inspect *state = build->state;
	const struct inspect_policy *policy = build->policy;

	if (state->phase == PHASE_AUTH)
		return LINE_LIMIT_SASL;
	const struct verb *row = command_table_row(command_parse_verb(rest, length));
	size_t limit = row->limit;
	if (length < LINE_LIMIT_DEFAULT || state->mode != INSPECT_MODE_INSPECT ||
	    policy->compat != INSPECT_COMPAT_NONE || (policy->flags & INSPECT_MONITOR_ONLY) != 0)
		return limit;
	if (row->argument == ARGUMENT_FROM && params_limit(build, ESMTP_MAIL) < limit)
		limit = params_limit(build, ESMTP_MAIL);
	if (row->argument == ARGUMENT_TO && params_limit(build, ESMTP_RCPT) < limit)
		limit = params_limit(build, ESMTP_RCPT);
	return limit;
}

/* A chunk is announced only when the server has answered all that came before: one without a
 * transaction, or behind a chunk that was refused, some servers do not swallow but read as commands. */
static bool
has_ledger_room(const struct inspect *state, const uint8_t *rest, size_t length)
{
	bool chunk = length && command_parse_verb(rest, length) == VERB_BDAT;

	if (chunk && state->mode == INSPECT_MODE_INSPECT)
		return ledger_is_empty(state);
	return !ledger_is_full(state);
}

static bool
take_line(struct builder *build, const uint8_t *rest, size_t length)
{
	struct inspect *state = build->state;

	if (state->flags & STATE_SKIP)
		return skip_line(build, rest, length);
	if (state->flags & STATE_CLOSING)
		return false;
	if (state->sync != LEDGER_NOTHING)
		return wait_for_reply(build, length);
	if (length == 0 || !has_ledger_room(state, rest, length))
		return false;
	if (state->phase == PHASE_AUTH || begins_auth(rest, length))
		build->out->secret = true;
	size_t limit = line_limit(build, rest, length);
	const uint8_t *lf = memchr(rest, '\n', length < limit ? length : limit);
	if (lf) {
		command_line_take(build, rest, (size_t)(lf - rest) + 1);
		return true;
	}
	if (length < limit)
		return false;
	if (state->mode == INSPECT_MODE_RELAY) {
		phase_open(state);
		return true;
	}
	if (state->phase != PHASE_AUTH && command_parse_verb(rest, length) == VERB_BDAT) {
		build->touched = true;
		build->out->tally.commands++;
		bdat_unreadable(build, rest, limit);
		return true;
	}
	state->flags |= STATE_SKIP;
	state->skipped = 0;
	if (state->phase == PHASE_AUTH)
		state->flags |= STATE_SKIP_AUTH;
	return true;
}

static bool
take_some(struct builder *build)
{
	struct inspect *state = build->state;
	size_t length;
	const uint8_t *rest = output_rest(build, &length);

	switch (state->phase) {
	case PHASE_GREETING:
		if (length)
			pipelining_before_greeting(build);
		return false;
	case PHASE_COMMAND:
	case PHASE_TRANSACTION:
	case PHASE_AUTH:
	case PHASE_REFUSED:
		return take_line(build, rest, length);
	case PHASE_CONTENT:
		return body_take(build, rest, length);
	case PHASE_CHUNK:
		return bdat_take(build, rest, length);
	case PHASE_DRAIN:
		return state->chunk != CHUNK_NONE ? bdat_take(build, rest, length)
						  : body_drain(build, rest, length);
	case PHASE_OPAQUE:
		if (length) {
			state->flags &= ~(uint32_t)STATE_TLS_FRESH;
			build->touched = true;
			output_keep(build, length);
		}
		return false;
	default:
		return false;
	}
}

/* Whether what is left can never become anything: then the end may be taken. */
static bool
end_is_reached(const struct builder *build)
{
	const struct inspect *state = build->state;
	size_t length;

	const uint8_t *rest = output_rest(build, &length);
	if (length == 0)
		return true;
	switch (state->phase) {
	case PHASE_GREETING:
	case PHASE_FINAL_REPLY:
	case PHASE_ENDED:
		return false;
	case PHASE_CONTENT:
	case PHASE_CHUNK:
	case PHASE_DRAIN:
		return true;
	default:
		return (state->flags & STATE_CLOSING) != 0 ||
		       (state->sync == LEDGER_NOTHING && has_ledger_room(state, rest, length));
	}
}

void
client_step(struct builder *build)
{
	size_t length;

	do {
		if (!output_has_room(build))
			return;
	} while (take_some(build));
	if (!build->input->end || build->state->phase == PHASE_ENDED || !end_is_reached(build) ||
	    !output_has_room(build))
		return;
	output_rest(build, &length);
	output_drop(build, length);
	build->out->end_taken = true;
	ending_client_end(build);
}
