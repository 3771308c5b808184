#include "worker/inspect/answer.h"

#include "worker/inspect/command_parse.h"
#include "worker/inspect/ending.h"
#include "worker/inspect/ledger.h"

#include <string.h>

#define EVENT_REFUSED 109001u
#define EVENT_MONITOR 109007u
#define WORD_MAX      24u

static void
report_refusal(
    struct builder *build, uint32_t id, enum own_reply reply, const uint8_t *line, size_t length)
{
	const struct own_reply_row *row = own_reply_row(reply);
	struct inspect_event *event = output_event(build, id);
	size_t word = 0;

	while (word < length && word < WORD_MAX && line[word] > ' ')
		word++;
	if (length && command_table_find(line, word) == VERB_UNKNOWN)
		word = command_parse_safe_word(line, length);
	event->code = row->code;
	if (word)
		output_event_text(build, event, 0, line, word, WORD_MAX);
	else
		output_event_text(build, event, 0, OUTPUT_TEXT("a line"), WORD_MAX);
	output_event_text(build, event, 1, row->text, row->text_length, 100);
	output_event_text(build, event, 2, row->rule, row->rule_length, 32);
}

/* The budget is for the whole session and never given back. */
static enum own_reply
count_error(struct builder *build, enum own_reply reply)
{
	struct inspect *state = build->state;
	uint32_t most = build->policy->errors_max;

	if (!own_reply_row(reply)->error)
		return reply;
	if (state->errors < UINT32_MAX)
		state->errors++;
	if (most && state->errors > most && !own_reply_row(reply)->close)
		return OWN_ERRORS;
	return reply;
}

void
answer_refuse(
    struct builder *build, unsigned verb, enum own_reply reply, const uint8_t *line, size_t length)
{
	reply = count_error(build, reply);
	if (own_reply_row(reply)->code != 221)
		report_refusal(build, EVENT_REFUSED, reply, line, length);
	own_reply_note(build, reply, 0);
	ledger_add(build->state, verb, LEDGER_OWN, reply);
	if (own_reply_row(reply)->close)
		build->state->flags |= STATE_CLOSING;
	answer_pending(build);
}

void
answer_rule(struct builder *build, unsigned verb, enum own_reply reply, uint8_t rule)
{
	uint8_t ordinal = (uint8_t)(rule + 1);
	enum own_reply counted = count_error(build, reply);

	if (counted != reply) { /* too many errors: said instead */
		reply = counted;
		ordinal = 0;
		report_refusal(build, EVENT_REFUSED, reply, NULL, 0);
	}
	own_reply_note(build, reply, ordinal);
	ledger_add_ruled(build->state, verb, LEDGER_OWN, reply, ordinal);
	if (own_reply_row(reply)->close)
		build->state->flags |= STATE_CLOSING;
	answer_pending(build);
}

void
answer_monitor(struct builder *build, enum own_reply reply, const uint8_t *line, size_t length)
{
	report_refusal(build, EVENT_MONITOR, reply, line, length);
}

void
answer_refuse_content(struct builder *build, enum own_reply reply)
{
	static const uint8_t word[] = "content";

	report_refusal(build, EVENT_REFUSED, reply, word, sizeof(word) - 1);
	own_reply_note(build, reply, 0);
}

void
answer_pending(struct builder *build)
{
	struct inspect *state = build->state;
	const struct ledger_entry *head;

	while ((head = ledger_head(state)) != NULL && (head->flags & LEDGER_OWN) != 0) {
		struct ledger_entry entry = ledger_take(state);
		enum own_reply reply = (enum own_reply)entry.reply;
		own_reply_give(build, reply, entry.rule);
		if (!own_reply_row(reply)->close)
			continue;
		ending_both(build, INSPECT_FIN,
		    reply == OWN_BYE ? INSPECT_REASON_FINS : INSPECT_REASON_INSPECTION);
		return;
	}
	if ((state->flags & STATE_CLIENT_END) != 0 && ledger_is_empty(state))
		ending_both(build, INSPECT_FIN, INSPECT_REASON_FINS);
}
