#include "worker/inspect/ledger.h"

#include <string.h>

bool
ledger_is_empty(const struct inspect *state)
{
	return state->ledger_count == 0;
}

bool
ledger_is_full(const struct inspect *state)
{
	return state->ledger_count >= LEDGER_ENTRIES;
}

static struct ledger_entry *
entry_at(struct inspect *state, unsigned index)
{
	return &state->ledger[(state->ledger_first + index) % LEDGER_ENTRIES];
}

struct ledger_entry *
ledger_last(struct inspect *state)
{
	return state->ledger_count ? entry_at(state, state->ledger_count - 1u) : NULL;
}

const struct ledger_entry *
ledger_last_awaited(const struct inspect *state)
{
	for (unsigned i = state->ledger_count; i > 0; i--) {
		const struct ledger_entry *entry =
		    &state->ledger[(state->ledger_first + i - 1) % LEDGER_ENTRIES];
		if ((entry->flags & LEDGER_MUTE) == 0)
			return entry;
	}
	return NULL;
}

struct ledger_entry *
ledger_content(struct inspect *state)
{
	for (unsigned i = 0; i < state->ledger_count; i++)
		if (entry_at(state, i)->verb == LEDGER_CONTENT)
			return entry_at(state, i);
	return NULL;
}

const struct ledger_entry *
ledger_head(const struct inspect *state)
{
	return state->ledger_count ? &state->ledger[state->ledger_first] : NULL;
}

void
ledger_add(struct inspect *state, unsigned verb, unsigned flags, enum own_reply reply)
{
	ledger_add_ruled(state, verb, flags, reply, 0);
}

void
ledger_add_ruled(
    struct inspect *state, unsigned verb, unsigned flags, enum own_reply reply, uint8_t rule)
{
	if (ledger_is_full(state))
		return;
	unsigned at = (state->ledger_first + state->ledger_count++) % LEDGER_ENTRIES;
	state->ledger[at] = (struct ledger_entry){
	    .verb = (uint8_t)verb, .flags = (uint8_t)flags, .reply = (uint8_t)reply, .rule = rule};
}

struct ledger_entry
ledger_take(struct inspect *state)
{
	struct ledger_entry *at = &state->ledger[state->ledger_first], entry = *at;

	memset(at, 0, sizeof(*at));
	state->ledger_first = (uint8_t)((state->ledger_first + 1u) % LEDGER_ENTRIES);
	state->ledger_count--;
	return entry;
}

void
ledger_clear(struct inspect *state)
{
	memset(state->ledger, 0, sizeof(state->ledger));
	state->ledger_first = 0;
	state->ledger_count = 0;
}

void
ledger_forget_transaction(struct inspect *state)
{
	for (unsigned i = 0; i < LEDGER_ENTRIES; i++)
		state->ledger[i].flags &= (uint8_t)~LEDGER_CURRENT;
}

static bool
entry_check(const struct ledger_entry *entry)
{
	bool own = (entry->flags & (LEDGER_OWN | LEDGER_SUBSTITUTE | LEDGER_REPLACE)) != 0;
	bool verb = entry->verb <= VERB_UNKNOWN ||
		    (entry->verb >= LEDGER_SASL && entry->verb <= LEDGER_OTHER);

	return verb && (entry->flags & ~LEDGER_FLAGS_ALL) == 0 &&
	       entry->rule <= INSPECT_RULES_MAX && entry->reply < OWN_COUNT &&
	       own == (entry->reply != OWN_NONE);
}

bool
ledger_check(const struct inspect *state)
{
	if (state->ledger_first >= LEDGER_ENTRIES || state->ledger_count > LEDGER_ENTRIES)
		return false;
	for (unsigned i = 0; i < state->ledger_count; i++)
		if (!entry_check(&state->ledger[(state->ledger_first + i) % LEDGER_ENTRIES]))
			return false;
	return true;
}
