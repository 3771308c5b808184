#include "worker/inspect/refuse.h"

#include "worker/inspect/answer.h"
#include "worker/inspect/compat.h"
#include "worker/inspect/content.h"
#include "worker/inspect/ending.h"
#include "worker/inspect/hold.h"
#include "worker/inspect/ledger.h"
#include "worker/inspect/message.h"
#include "worker/inspect/phase.h"
#include "worker/inspect/rule.h"

static void
report(struct builder *build, enum own_reply reply, uint8_t ordinal)
{
	struct own_reply_line own;

	own_reply_line(build, reply, ordinal, &own);
	message_report(build, own.code, own.text, own.length);
}

void
refuse_reset_server(struct builder *build)
{
	output_insert(build, INSPECT_SERVER, OUTPUT_TEXT("RSET\r\n"));
	ledger_add(build->state, VERB_RSET, LEDGER_MUTE, OWN_NONE);
}

void
refuse_transaction(struct builder *build)
{
	refuse_reset_server(build);
	message_clear(build->state);
	build->state->flags |= STATE_BDAT_FAILED;
}

/* The server knows nothing of the chunk. */
static void
refuse_held_chunk(struct builder *build, enum own_reply reply, uint8_t ordinal)
{
	struct inspect *state = build->state;

	hold_revoke(build);
	state->chunk = CHUNK_SWALLOW;
	state->drained = 0;
	ledger_add_ruled(state, VERB_BDAT, LEDGER_OWN, reply, ordinal);
	report(build, reply, ordinal);
	if (own_reply_row(reply)->close)
		state->flags |= STATE_CLOSING;
	else
		refuse_transaction(build);
	answer_pending(build);
}

/* The chunk must be completed, and the reply to it becomes ours; RSET follows it (bdat.c). */
static void
refuse_announced_chunk(struct builder *build, enum own_reply reply, uint8_t ordinal)
{
	struct inspect *state = build->state;
	struct ledger_entry *entry = ledger_last(state);
	bool close = own_reply_row(reply)->close;

	report(build, reply, ordinal);
	message_clear(state);
	if (state->chunk_last == LAST_VERBATIM) { /* completing it could deliver */
		ending_both(build, INSPECT_ABORT, INSPECT_REASON_INSPECTION);
		return;
	}
	state->flags |= STATE_BDAT_FAILED;
	state->chunk = CHUNK_WASTE;
	state->drained = 0;
	if (entry) {
		entry->flags = LEDGER_REPLACE;
		entry->reply = (uint8_t)reply;
		entry->rule = ordinal;
		if (close)
			state->flags |= STATE_CLOSING;
	} else if (close) { /* the server has told the client of a failure already */
		ending_both(build, INSPECT_FIN, INSPECT_REASON_INSPECTION);
	}
}

void
refuse_content(struct builder *build, enum own_reply reply, uint8_t rule)
{
	struct inspect *state = build->state;
	bool by_rule = rule != RULE_NONE;
	uint8_t ordinal = by_rule ? (uint8_t)(rule + 1) : 0;

	content_begin(state); /* nobody asks about what is left of it */
	if (by_rule && build->policy->rule[rule].action == INSPECT_ACTION_RESET) {
		ending_both(build, INSPECT_ABORT, INSPECT_REASON_INSPECTION);
		return;
	}
	if (by_rule)
		own_reply_note(build, reply, ordinal);
	else
		answer_refuse_content(build, reply);
	if (compat_is_silent(build->policy)) {
		ending_leg(build, INSPECT_SERVER, INSPECT_ABORT);
		ending_both(build, INSPECT_FIN, INSPECT_REASON_INSPECTION);
	} else if (state->phase == PHASE_CONTENT) {
		state->drain_rule = ordinal;
		ending_drain(build, reply, INSPECT_ABORT);
	} else if (state->chunk == CHUNK_HELD) {
		refuse_held_chunk(build, reply, ordinal);
	} else {
		refuse_announced_chunk(build, reply, ordinal);
	}
}

void
refuse_by_rule(struct builder *build)
{
	uint8_t rule = build->refusal;

	refuse_content(build, rule_own_reply(build->policy, rule), rule);
}

void
refuse_drained(struct builder *build)
{
	struct inspect *state = build->state;
	enum own_reply reply = (enum own_reply)state->drain_reply;

	if (reply != OWN_NONE) {
		own_reply_give(build, reply, state->drain_rule);
		report(build, reply, state->drain_rule);
	}
	message_clear(state);
	phase_move(state, PHASE_REFUSED);
	if (own_reply_row(reply)->close)
		ending_both(build, INSPECT_FIN, INSPECT_REASON_INSPECTION);
}
