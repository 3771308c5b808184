#include "worker/inspect/message.h"

#include "worker/inspect/content.h"
#include "worker/inspect/ledger.h"

#include <string.h>

#define EVENT_MESSAGE	     109100u
#define EVENT_SIZE_VIOLATION 108006u
#define REPLY_TEXT	     160u

void
message_begin(struct inspect *state, const struct command *command)
{
	size_t length = command->path_length < SENDER_MAX ? command->path_length : SENDER_MAX;

	message_clear(state);
	state->mail = MAIL_SENT;
	state->rule = 0;
	if (esmtp_param_given(&command->params, ESMTP_SMTPUTF8))
		state->flags |= STATE_SMTPUTF8;
	if (esmtp_param_given(&command->params, ESMTP_SIZE))
		state->flags |= STATE_SIZE_SAID;
	state->declared_size = command->params.size;
	if (esmtp_param_given(&command->params, ESMTP_BINARY))
		state->flags |= STATE_BINARY;
	if (length)
		memcpy(state->sender, command->path, length);
	state->sender_length = (uint8_t)length;
}

void
message_content(struct inspect *state)
{
	state->content_size = 0;
	state->bare_lf = 0;
	state->bare_cr = 0;
	state->nuls = 0;
	state->drained = 0;
	state->body = BODY_LINE;
	state->began_ms = 0;
	state->rested_ms = 0;
	content_begin(state);
}

void
message_clear(struct inspect *state)
{
	ledger_forget_transaction(state);
	memset(state->sender, 0, sizeof(state->sender));
	state->sender_length = 0;
	state->recipients = 0;
	state->recipients_asked = 0;
	state->declared_size = 0;
	state->rules_told = 0;
	state->mail = MAIL_NONE;
	state->flags &= ~(uint32_t)(STATE_SMTPUTF8 | STATE_SIZE_SAID | STATE_BINARY |
				    STATE_CHUNKED | STATE_BDAT_FAILED);
	message_content(state);
}

void
message_judge_size(struct builder *build)
{
	const struct inspect *state = build->state;

	if ((state->flags & STATE_SIZE_SAID) == 0 || state->content_size <= state->declared_size)
		return;
	struct inspect_event *event = output_event(build, EVENT_SIZE_VIOLATION);
	event->number[0] = state->declared_size;
	event->number[1] = state->content_size;
}

void
message_report(struct builder *build, unsigned code, const void *text, size_t length)
{
	static const struct {
		const char *text;
		size_t length;
	} verdicts[6] = {[2] = {OUTPUT_TEXT("accepted")},
	    [4] = {OUTPUT_TEXT("deferred")},
	    [5] = {OUTPUT_TEXT("rejected")}};
	const struct inspect *state = build->state;
	unsigned class = code / 100 < 6 ? code / 100 : 0;
	struct inspect_event *event = output_event(build, EVENT_MESSAGE);

	event->code = code;
	event->rule = state->rule;
	output_event_text(build, event, 0, state->sender, state->sender_length, SENDER_MAX);
	output_event_text(build, event, 1, text, length, REPLY_TEXT);
	output_event_text(build, event, 2, verdicts[class].text, verdicts[class].length, 16);
	event->number[0] = state->recipients;
	event->number[1] = state->content_size;
	build->out->tally.messages++;
	if (code / 100 == 2)
		build->out->tally.messages_accepted++;
}
