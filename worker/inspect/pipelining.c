#include "worker/inspect/pipelining.h"

#include "worker/inspect/answer.h"
#include "worker/inspect/extension_table.h"
#include "worker/inspect/ledger.h"

#include <string.h>

#define EVENT_VIOLATION	   109008u
#define EVENT_EARLY_TALKER 109009u
#define TEXT_MAX	   40u

_Static_assert(PIPELINING_KINDS <= 64, "state->untimely has 64 bits");

/* True the first time. */
static bool
is_news(struct inspect *state, unsigned kind)
{
	uint64_t bit = UINT64_C(1) << kind;
	bool news = (state->untimely & bit) == 0;

	state->untimely |= bit;
	return news && state->mode == INSPECT_MODE_INSPECT;
}

static void
tell(struct builder *build, unsigned kind, const char *lead, size_t lead_length)
{
	const struct verb *row = command_table_row(kind);
	const char *name = kind == VERB_UNKNOWN ? "an unknown command" : row->name;
	size_t length = strlen(name);
	char text[TEXT_MAX];

	if (!is_news(build->state, kind))
		return;
	build->out->tally.pipelining++;
	memcpy(text, lead, lead_length);
	memcpy(text + lead_length, name, length);
	output_event_text(
	    build, output_event(build, EVENT_VIOLATION), 0, text, lead_length + length, TEXT_MAX);
}

static unsigned
kind_of(unsigned verb)
{
	if (verb == LEDGER_SASL)
		return VERB_AUTH;
	return verb < VERB_UNKNOWN ? verb : (unsigned)VERB_UNKNOWN;
}

void
pipelining_before_greeting(struct builder *build)
{
	static const uint8_t word[] = "greeting";
	const struct inspect_policy *policy = build->policy;

	if (!is_news(build->state, PIPELINING_GREETING))
		return;
	build->out->tally.early_talkers++;
	output_event(build, EVENT_EARLY_TALKER);
	if (policy->greeting_delay_ms == 0 || (policy->flags & INSPECT_LOG_EARLY) != 0)
		return;
	if (policy->flags & INSPECT_MONITOR_ONLY)
		answer_monitor(build, OWN_PREGREET, word, sizeof(word) - 1);
	else
		answer_refuse(build, VERB_UNKNOWN, OWN_PREGREET, word, sizeof(word) - 1);
}

void
pipelining_behind(struct builder *build, unsigned sync)
{
	/* RFC 2920 3.1 shows commands behind an end of data; RFC 3207 4.2 has a word of its own. */
	if (sync != LEDGER_CONTENT && sync != VERB_STARTTLS)
		tell(build, kind_of(sync), OUTPUT_TEXT("bytes behind "));
}

void
pipelining_judge(struct builder *build)
{
	const struct inspect *state = build->state;
	const struct ledger_entry *last = ledger_last_awaited(state);

	if (!last)
		return;
	if ((state->shown >> EXTENSION_PIPELINING & 1) == 0)
		tell(build, PIPELINING_NOT_OFFERED, OUTPUT_TEXT("PIPELINING was not offered"));
	else if (command_table_row(kind_of(last->verb))->turn != VERB_TURN_GROUP)
		tell(build, kind_of(last->verb), OUTPUT_TEXT("a command behind "));
}
