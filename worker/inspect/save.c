#include "worker/inspect/save.h"

#include "worker/inspect/extension_table.h"
#include "worker/inspect/hold.h"
#include "worker/inspect/ledger.h"
#include "worker/inspect/phase.h"

#include <string.h>

#define FIRST_SIZE offsetof(struct inspect, extra)

_Static_assert(sizeof(struct inspect) <= INSPECT_STATE_SIZE, "what the caller provides");
_Static_assert(FIRST_SIZE <= INSPECT_SAVED_SIZE, "the record has no more room");
_Static_assert(
    sizeof(struct content_extra) <= INSPECT_EXTRA_SIZE, "the extension has no more room");

static bool
sync_check(const struct inspect *state)
{
	return state->sync == LEDGER_NOTHING || state->sync < VERB_UNKNOWN ||
	       (state->sync >= LEDGER_SASL && state->sync <= LEDGER_CONTENT);
}

/* What waits for a reply is the last that was put into the ledger for the server. */
static bool
sync_is_owed(const struct inspect *state)
{
	if (state->sync == LEDGER_NOTHING || state->phase == PHASE_ENDED)
		return true;
	for (unsigned i = 0; i < state->ledger_count; i++) {
		unsigned at = (state->ledger_first + i) % LEDGER_ENTRIES;
		if (state->ledger[at].verb == state->sync)
			return true;
	}
	return false;
}

static bool
endings_check(const struct inspect *state)
{
	bool both = true;

	for (unsigned leg = 0; leg < INSPECT_LEGS; leg++) {
		if (state->ending[leg] > INSPECT_ABORT)
			return false;
		both &= state->ending[leg] != INSPECT_OPEN;
	}
	return both == (state->phase == PHASE_ENDED);
}

/* Only while a hold goes on is anything held. */
static bool
hold_check(const struct inspect *state)
{
	if (!state->hold)
		return state->held == 0 && state->hold_kind == 0 && state->hold_words == 0;
	return state->hold < HOLD_STATES && state->mode == INSPECT_MODE_INSPECT &&
	       state->ending[INSPECT_SERVER] == INSPECT_OPEN && state->phase != PHASE_OPAQUE &&
	       state->hold_kind <= INSPECT_INSERT && state->hold_words <= HOLD_PIECES &&
	       (state->held == 0 || state->hold_words > 0);
}

/* A chunk under way has octets that have not come, and the hold is for content only. */
static bool
chunk_check(const struct inspect *state)
{
	bool swallowed = state->chunk == CHUNK_SWALLOW;

	if (state->chunk >= CHUNK_STATES || state->chunk_last >= LAST_STATES ||
	    state->drain_rule > INSPECT_RULES_MAX)
		return false;
	switch (state->phase) {
	case PHASE_CHUNK:
		return state->chunk != CHUNK_NONE && state->chunk_left > 0 &&
		       (state->chunk == CHUNK_HELD) == (state->hold != HOLD_NONE);
	case PHASE_DRAIN:
		return state->hold == HOLD_NONE && swallowed == (state->chunk_left > 0) &&
		       (swallowed || state->chunk == CHUNK_NONE);
	case PHASE_ENDED:
		return true;
	default:
		return state->chunk == CHUNK_NONE && state->chunk_left == 0 &&
		       (state->hold == HOLD_NONE ||
			   (state->hold == HOLD_HEADER && state->phase == PHASE_CONTENT));
	}
}

bool
save_check(const struct inspect *state)
{
	bool opaque = (state->flags & STATE_OPAQUE) != 0;

	return state->magic == STATE_MAGIC && state->version == STATE_VERSION &&
	       state->size == sizeof(*state) && (state->flags & ~(uint32_t)STATE_FLAGS_ALL) == 0 &&
	       state->mode <= INSPECT_MODE_RAW && state->phase < PHASE_COUNT &&
	       state->reason <= INSPECT_REASON_SHUTDOWN && state->mail < MAIL_STATES &&
	       state->body < BODY_AT_COUNT && state->drain_reply < OWN_COUNT &&
	       state->sender_length <= SENDER_MAX && sync_check(state) && ledger_check(state) &&
	       sync_is_owed(state) && endings_check(state) &&
	       (state->shown >> EXTENSION_UNKNOWN) == 0 && hold_check(state) &&
	       chunk_check(state) && (opaque || state->phase != PHASE_OPAQUE) &&
	       (!opaque || state->phase == PHASE_OPAQUE || state->phase == PHASE_ENDED);
}

size_t
inspect_save(const struct inspect *state, uint8_t *buffer, size_t size)
{
	if (size < FIRST_SIZE)
		return 0;
	memcpy(buffer, state, FIRST_SIZE);
	return FIRST_SIZE;
}

size_t
inspect_save_extra(const struct inspect *state, uint8_t *buffer, size_t size)
{
	const struct content_extra *extra = &state->extra;

	if ((extra->field_length == 0 && extra->boundaries == 0) || size < sizeof(*extra))
		return 0;
	memcpy(buffer, extra, sizeof(*extra));
	return sizeof(*extra);
}

bool
inspect_load(struct inspect *state, const uint8_t *buffer, size_t length, const uint8_t *extra,
    size_t extra_length)
{
	if (length != FIRST_SIZE)
		return false;
	memcpy(state, buffer, FIRST_SIZE);
	state->extra.field_length = 0;
	state->extra.boundaries = 0;
	if (extra_length != 0 && extra_length != sizeof(state->extra))
		return false;
	if (extra_length != 0)
		memcpy(&state->extra, extra, sizeof(state->extra));
	return save_check(state);
}

/* A reply is only written whole, so whenever the session is not opaque one may follow. */
const char *
inspect_last_words(const uint8_t *saved, size_t length)
{
	struct inspect state;

	if (!inspect_load(&state, saved, length, NULL, 0) || state.phase == PHASE_OPAQUE ||
	    state.ending[INSPECT_CLIENT] != INSPECT_OPEN)
		return NULL;
	if (state.flags & STATE_ENHANCED)
		return "421 4.3.0 Internal error, closing connection\r\n";
	return "421 Internal error, closing connection\r\n";
}
