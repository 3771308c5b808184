#include "worker/inspect/bdat.h"

#include "worker/inspect/answer.h"
#include "worker/inspect/content.h"
#include "worker/inspect/ending.h"
#include "worker/inspect/extension_table.h"
#include "worker/inspect/hold.h"
#include "worker/inspect/ledger.h"
#include "worker/inspect/message.h"
#include "worker/inspect/pace.h"
#include "worker/inspect/phase.h"
#include "worker/inspect/refuse.h"

#define DIGITS_MAX 20u	       /* of the largest number of 64 bits */
#define CHUNK_MAX  0x7fffffffu /* some servers keep the size in 32 bits, whatever it was */

struct announcement {
	uint64_t size;
	bool readable; /* the size is known */
	bool formed;   /* as RFC 3030 2 has it */
	bool last;
};

/* "BDAT" SP size [SP "LAST"] */
static struct announcement
read_announcement(const struct command *command, const uint8_t *line)
{
	const uint8_t *text = command->argument;
	size_t length = command->argument_length, digits = 0;
	struct announcement chunk = {0};

	if (command->unframed)
		return chunk;
	for (; digits < length && (unsigned)text[digits] - '0' < 10; digits++) {
		unsigned digit = (unsigned)text[digits] - '0';
		if (digits == DIGITS_MAX || chunk.size > (UINT64_MAX - digit) / 10)
			return chunk;
		chunk.size = chunk.size * 10 + digit;
	}
	chunk.readable =
	    digits > 0 && (digits == length || text[digits] == ' ') && chunk.size <= CHUNK_MAX;
	chunk.last = length == digits + 5 && ascii_equal(text + digits, " LAST", 5);
	chunk.formed = text == line + 5 && text[length] == '\r' && (chunk.last || length == digits);
	return chunk;
}

/* ---- the command ---- */

static bool
is_permitted(const struct builder *build)
{
	return (build->policy->verbs >> VERB_BDAT & 1) != 0;
}

/* Whether the server was asked for chunks at all: otherwise it may read them as commands. */
static bool
is_offered(const struct inspect *state)
{
	return (state->shown >> EXTENSION_CHUNKING & 1) != 0;
}

static bool
is_too_big(const struct builder *build, uint64_t size)
{
	uint64_t most = build->policy->message_size_max, have = build->state->content_size;

	return most && (have > most || size > most - have);
}

static enum own_reply
judge(const struct builder *build, const struct announcement *chunk)
{
	const struct inspect *state = build->state;
	bool monitor = (build->policy->flags & INSPECT_MONITOR_ONLY) != 0;

	if (!is_offered(state) || (!is_permitted(build) && !monitor))
		return OWN_NOT_ALLOWED;
	if (!chunk->formed)
		return OWN_ARGUMENT;
	if (state->flags & STATE_BDAT_FAILED)
		return OWN_CHUNK_FAILED;
	if (state->mail == MAIL_NONE)
		return OWN_NEED_MAIL;
	return is_too_big(build, chunk->size) && !monitor ? OWN_TOO_BIG : OWN_NONE;
}

/* What the policy would have refused; what breaks the protocol is refused all the same. */
static void
monitor(struct builder *build, const struct announcement *chunk, const uint8_t *line, size_t length)
{
	if ((build->policy->flags & INSPECT_MONITOR_ONLY) == 0)
		return;
	if (!is_permitted(build))
		answer_monitor(build, OWN_NOT_ALLOWED, line, length);
	else if (is_too_big(build, chunk->size))
		answer_monitor(build, OWN_TOO_BIG, line, length);
}

static void
enter_ledger(struct builder *build)
{
	struct inspect *state = build->state;
	bool last = state->chunk_last == LAST_VERBATIM;
	unsigned half = state->chunk_last == LAST_FOLLOWS ? LEDGER_HALF : 0;

	state->chunk = CHUNK_FORWARD;
	ledger_add(state, last ? (unsigned)LEDGER_CONTENT : (unsigned)VERB_BDAT,
	    LEDGER_CURRENT | half, OWN_NONE);
}

/* The client's command without its LAST. */
static void
insert_command(struct builder *build)
{
	char text[DIGITS_MAX + 7], *at = text + sizeof(text);
	uint64_t size = build->state->chunk_left;

	*--at = '\n';
	*--at = '\r';
	do {
		*--at = (char)('0' + size % 10);
		size /= 10;
	} while (size);
	output_insert(build, INSPECT_SERVER, OUTPUT_TEXT("BDAT "));
	output_insert(build, INSPECT_SERVER, at, (size_t)(text + sizeof(text) - at));
}

/* A rule may refuse what comes: so the server is told as little as can be. */
static void
announce_held(struct builder *build, size_t length)
{
	struct inspect *state = build->state;

	uint32_t most = build->policy->header_hold;
	bool whole = length <= most && state->chunk_left <= most - length;

	if (state->chunk_last != LAST_NO && !whole) {
		state->chunk_last = LAST_FOLLOWS;
		output_drop(build, length);
		hold_begin(build);
		insert_command(build);
		return;
	}
	hold_begin(build);
	if (whole)
		hold_whole(build);
	output_keep(build, length);
}

static void
announce(struct builder *build, size_t length)
{
	struct inspect *state = build->state;

	if ((state->flags & STATE_CHUNKED) == 0) {
		message_content(state);
		state->flags |= STATE_CHUNKED;
	}
	if (state->mode == INSPECT_MODE_INSPECT && (build->policy->needs & INSPECT_NEED_HOLD) != 0)
		announce_held(build, length);
	else
		output_keep(build, length);
	if (state->hold)
		state->chunk = CHUNK_HELD;
	else
		enter_ledger(build);
}

static void complete(struct builder *build);

static void
begin(struct builder *build)
{
	struct inspect *state = build->state;

	phase_move(state, PHASE_CHUNK);
	pace_go_on(build);
	if (state->began_ms == 0)
		state->began_ms = build->now_ms;
	if (state->chunk_left == 0)
		complete(build);
}

/* The refusal was answered; what it was about must not be read as commands. */
static void
swallow(struct builder *build, const struct announcement *chunk, bool missing)
{
	struct inspect *state = build->state;

	if (state->phase == PHASE_ENDED || (state->flags & STATE_CLOSING) != 0)
		return;
	if (missing)
		refuse_transaction(build);
	state->chunk = CHUNK_SWALLOW;
	state->chunk_left = chunk->size;
	state->chunk_last = LAST_NO;
	state->drained = 0;
	begin(build);
}

static void
refuse(struct builder *build, const struct announcement *chunk, enum own_reply reply,
    const uint8_t *line, size_t length)
{
	const struct own_reply_row *row = own_reply_row(reply);
	bool missing = build->state->mail != MAIL_NONE && reply != OWN_NOT_ALLOWED;

	answer_refuse(build, VERB_BDAT, reply, line, length);
	if (reply == OWN_TOO_BIG)
		message_report(build, row->code, row->text, row->text_length);
	swallow(build, chunk, missing);
}

static void
relay_command(struct builder *build, const struct announcement *chunk, size_t length)
{
	if (!chunk->readable) {
		output_keep(build, length);
		phase_open(build->state);
		return;
	}
	announce(build, length);
	begin(build);
}

void
bdat_command(
    struct builder *build, const struct command *command, const uint8_t *line, size_t length)
{
	struct inspect *state = build->state;
	struct announcement chunk = read_announcement(command, line);

	state->chunk_left = chunk.size;
	state->chunk_last = chunk.last ? LAST_VERBATIM : LAST_NO;
	if (state->mode == INSPECT_MODE_RELAY) {
		relay_command(build, &chunk, length);
		return;
	}
	if (!chunk.readable) {
		state->chunk_left = 0;
		bdat_unreadable(build, line, length);
		return;
	}
	enum own_reply reply = judge(build, &chunk);
	if (reply != OWN_NONE) {
		state->chunk_left = 0;
		output_drop(build, length);
		refuse(build, &chunk, reply, line, length);
		return;
	}
	monitor(build, &chunk, line, length);
	announce(build, length);
	begin(build);
}

void
bdat_unreadable(struct builder *build, const uint8_t *line, size_t length)
{
	output_drop(build, length);
	answer_refuse(build, VERB_BDAT, OWN_CHUNK_SIZE, line, length);
}

void
bdat_refused(
    struct builder *build, const struct command *command, const uint8_t *line, size_t length)
{
	struct announcement chunk = read_announcement(command, line);

	if (!chunk.readable && build->state->phase != PHASE_ENDED &&
	    (build->state->flags & STATE_CLOSING) == 0)
		answer_refuse(build, VERB_BDAT, OWN_CHUNK_SIZE, line, length);
	swallow(build, &chunk, build->state->mail != MAIL_NONE);
}

/* ---- the octets ---- */

static bool
needs_content(const struct builder *build)
{
	return build->state->mode == INSPECT_MODE_INSPECT && build->policy->needs != 0;
}

/* A chunk that the server has refused already is no message: the client, for whom it was the last,
 * begins anew, and so must the server. */
static void
announce_last(struct builder *build)
{
	if (ledger_is_empty(build->state)) {
		refuse_transaction(build);
		return;
	}
	output_insert(build, INSPECT_SERVER, OUTPUT_TEXT("BDAT 0 LAST\r\n"));
	ledger_add(build->state, LEDGER_CONTENT, LEDGER_CURRENT, OWN_NONE);
}

/* All of a good chunk has gone out or may. */
static void
release(struct builder *build)
{
	struct inspect *state = build->state;

	hold_end(build);
	if (state->chunk == CHUNK_HELD)
		enter_ledger(build);
	if (state->chunk_last == LAST_FOLLOWS)
		announce_last(build);
	if (state->chunk_last == LAST_NO)
		return;
	message_judge_size(build);
	output_note(build, NOTE_CLIENT, 0, OUTPUT_TEXT("(end of data)"));
}

static void
complete(struct builder *build)
{
	struct inspect *state = build->state;
	bool good = state->chunk == CHUNK_HELD || state->chunk == CHUNK_FORWARD;

	if (good && state->chunk_last != LAST_NO && needs_content(build) && !content_end(build)) {
		refuse_by_rule(build);
		good = false;
	}
	if (state->phase == PHASE_ENDED)
		return;
	if (good)
		release(build);
	else if (state->chunk == CHUNK_WASTE)
		refuse_reset_server(build);
	state->chunk = CHUNK_NONE;
	state->chunk_last = LAST_NO;
	if (!ledger_is_empty(state))
		pace_rest(build);
	if (state->phase == PHASE_DRAIN) {
		refuse_drained(build);
	} else if (good && ledger_content(state)) {
		state->sync = LEDGER_CONTENT;
		phase_move(state, PHASE_FINAL_REPLY);
	} else {
		phase_return(state);
	}
}

/* Octets that are of no use to anybody, within bounds. */
static void
take_waste(struct builder *build, size_t length)
{
	struct inspect *state = build->state;

	if (length > REFUSE_DRAIN_MAX - state->drained)
		length = (size_t)(REFUSE_DRAIN_MAX - state->drained);
	if (state->chunk == CHUNK_WASTE)
		output_keep(build, length);
	else
		output_drop(build, length);
	state->drained += length;
	if (state->phase == PHASE_DRAIN)
		state->content_size += length;
	state->chunk_left -= length;
	if (state->chunk_left && state->drained == REFUSE_DRAIN_MAX)
		ending_with(build, OWN_AFTER_REFUSAL, INSPECT_REASON_INSPECTION);
}

static void
take_content(struct builder *build, const uint8_t *rest, size_t length)
{
	struct inspect *state = build->state;
	size_t pass = needs_content(build) ? content_take(build, rest, length) : length;

	output_keep(build, pass);
	state->content_size += pass;
	state->chunk_left -= pass;
	if (state->chunk == CHUNK_HELD && !state->hold)
		enter_ledger(build);
	if (pass < length)
		refuse_by_rule(build);
}

bool
bdat_take(struct builder *build, const uint8_t *rest, size_t length)
{
	struct inspect *state = build->state;

	if (length > state->chunk_left)
		length = (size_t)state->chunk_left;
	if (length == 0)
		return false;
	build->touched = true;
	if (state->chunk == CHUNK_SWALLOW || state->chunk == CHUNK_WASTE)
		take_waste(build, length);
	else
		take_content(build, rest, length);
	if (state->phase != PHASE_ENDED && state->chunk_left == 0)
		complete(build);
	return true;
}

/* ---- the server ---- */

bool
bdat_is_early(const struct inspect *state)
{
	return state->phase == PHASE_CHUNK && state->ledger_count == 1 &&
	       (state->chunk == CHUNK_FORWARD || state->chunk == CHUNK_WASTE);
}

bool
bdat_drain(struct builder *build, enum inspect_ending how)
{
	struct inspect *state = build->state;
	bool owed = state->chunk == CHUNK_HELD
			? ledger_is_empty(state)
			: state->chunk == CHUNK_FORWARD && state->ledger_count == 1;

	if (!owed)
		return false;
	if (state->chunk == CHUNK_FORWARD) /* a FIN could pass for the end of a message */
		how = INSPECT_ABORT;
	ledger_clear(state);
	state->chunk = CHUNK_SWALLOW;
	state->chunk_last = LAST_NO;
	state->drained = 0;
	state->drain_rule = 0;
	ending_drain(build, OWN_FINAL_LOST, how);
	return true;
}
