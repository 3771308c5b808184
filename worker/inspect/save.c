#include "worker/inspect/save.h"

#include "worker/inspect/command_line.h"
#include "worker/inspect/extension_table.h"
#include "worker/inspect/hold.h"
#include "worker/inspect/ledger.h"
#include "worker/inspect/mime_boundary.h"
#include "worker/inspect/phase.h"
#include "worker/inspect/pipelining.h"

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

/* Only the greeting can be held back, and only what has a name can have been told. */
static bool
turn_check(const struct inspect *state)
{
	return (state->greeting_ms == 0 || state->phase == PHASE_GREETING ||
		   state->phase == PHASE_ENDED) &&
	       (state->untimely >> PIPELINING_KINDS) == 0;
}

bool
save_check(const struct inspect *state)
{
	bool opaque = (state->flags & STATE_OPAQUE) != 0;

	return state->magic == STATE_MAGIC && state->version == STATE_VERSION &&
	       state->size == sizeof(*state) && (state->flags & ~(uint32_t)STATE_FLAGS_ALL) == 0 &&
	       state->mode <= INSPECT_MODE_RAW && state->phase < PHASE_COUNT &&
	       state->reason <= INSPECT_REASON_SHORTAGE && state->mail < MAIL_STATES &&
	       state->body < BODY_AT_COUNT && state->drain_reply < OWN_COUNT &&
	       state->sender_length <= SENDER_MAX && state->rule <= INSPECT_RULES_MAX &&
	       state->rules_told >> INSPECT_RULES_MAX == 0 &&
	       state->skipped <= COMMAND_LINE_SKIP_MAX && sync_check(state) &&
	       ledger_check(state) && sync_is_owed(state) && endings_check(state) &&
	       (state->shown >> EXTENSION_UNKNOWN) == 0 && hold_check(state) &&
	       chunk_check(state) && turn_check(state) &&
	       (opaque || state->phase != PHASE_OPAQUE) &&
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

/* The second part: its head, the boundaries that are open, the field under way. */
#define HEAD_SIZE offsetof(struct content_extra, boundary)

static size_t
boundaries_size(const struct content_extra *extra)
{
	return extra->boundaries * sizeof(extra->boundary[0]);
}

size_t
inspect_save_extra(const struct inspect *state, uint8_t *buffer, size_t size)
{
	const struct content_extra *extra = &state->extra;
	size_t boundaries = boundaries_size(extra);
	size_t length = HEAD_SIZE + boundaries + extra->field_length;

	if ((extra->field_length == 0 && extra->boundaries == 0) || size < length)
		return 0;
	memcpy(buffer, extra, HEAD_SIZE + boundaries);
	memcpy(buffer + HEAD_SIZE + boundaries, extra->field, extra->field_length);
	return length;
}

/* False: not what inspect_save_extra() has written. */
static bool
load_extra(struct content_extra *extra, const uint8_t *buffer, size_t length)
{
	memset(extra, 0, HEAD_SIZE);
	if (length == 0)
		return true;
	if (length < HEAD_SIZE || length > sizeof(*extra))
		return false;
	memcpy(extra, buffer, HEAD_SIZE);
	if (extra->boundaries > CONTENT_BOUNDARIES || extra->field_length > CONTENT_FIELD_MAX ||
	    length != HEAD_SIZE + boundaries_size(extra) + extra->field_length)
		return false;
	memcpy(extra->boundary, buffer + HEAD_SIZE, boundaries_size(extra));
	memcpy(extra->field, buffer + HEAD_SIZE + boundaries_size(extra), extra->field_length);
	return extra->boundaries != 0 || extra->field_length != 0;
}

/* What is collected is there, and nothing else is. */
static bool
content_check(const struct inspect *state)
{
	const struct content_extra *extra = &state->extra;
	uint32_t collects = state->content_flags & (CONTENT_FIELD | CONTENT_DASHES);
	bool dashes = collects == CONTENT_DASHES;

	return (state->content_flags & ~(uint32_t)CONTENT_FLAGS_ALL) == 0 &&
	       state->content_part < CONTENT_PARTS &&
	       collects != (CONTENT_FIELD | CONTENT_DASHES) &&
	       (collects != 0) == (extra->field_length != 0) &&
	       (!dashes || extra->field_length <= MIME_BOUNDARY_LINE) &&
	       extra->field_shrunk <= (collects == CONTENT_FIELD) &&
	       (extra->field_shrunk || extra->field_lost == 0) && mime_boundary_check(extra);
}

static bool
load_first(struct inspect *state, const uint8_t *buffer, size_t length)
{
	if (length != FIRST_SIZE)
		return false;
	memcpy(state, buffer, FIRST_SIZE);
	return save_check(state);
}

bool
inspect_load(struct inspect *state, const uint8_t *buffer, size_t length, const uint8_t *extra,
    size_t extra_length)
{
	return load_first(state, buffer, length) &&
	       load_extra(&state->extra, extra, extra_length) && content_check(state);
}

/* A reply is only written whole, so whenever the session is not opaque one may follow. */
const char *
inspect_last_words(const uint8_t *saved, size_t length)
{
	struct inspect state;

	if (!load_first(&state, saved, length) || state.phase == PHASE_OPAQUE ||
	    state.ending[INSPECT_CLIENT] != INSPECT_OPEN)
		return NULL;
	if (state.flags & STATE_ENHANCED)
		return "421 4.3.0 Internal error, closing connection\r\n";
	return "421 Internal error, closing connection\r\n";
}
