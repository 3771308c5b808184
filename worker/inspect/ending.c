#include "worker/inspect/ending.h"

#include "worker/inspect/bdat.h"
#include "worker/inspect/hold.h"
#include "worker/inspect/ledger.h"
#include "worker/inspect/message.h"
#include "worker/inspect/pace.h"
#include "worker/inspect/phase.h"

#define EVENT_CLIENT_VIOLATION 109002u
#define EVENT_SERVER_VIOLATION 109003u
#define VIOLATION_TEXT	       80u

/* A FIN could pass for the end of a message. */
static bool
is_within_content(const struct inspect *state)
{
	return state->phase == PHASE_CONTENT || state->chunk == CHUNK_FORWARD ||
	       state->chunk == CHUNK_WASTE;
}

void
ending_leg(struct builder *build, enum inspect_leg leg, enum inspect_ending how)
{
	struct inspect *state = build->state;

	if (state->ending[leg])
		return;
	if (leg == INSPECT_SERVER) {
		hold_revoke(build); /* nobody will judge it any more */
		if (how == INSPECT_FIN && is_within_content(state))
			how = INSPECT_ABORT;
	}
	state->ending[leg] = (uint8_t)how;
	if (state->ending[INSPECT_CLIENT] && state->ending[INSPECT_SERVER])
		phase_move(state, PHASE_ENDED);
}

void
ending_both(struct builder *build, enum inspect_ending how, enum inspect_reason reason)
{
	struct inspect_tally *tally = &build->out->tally;

	if (build->state->reason == INSPECT_REASON_NONE) {
		build->state->reason = (uint8_t)reason;
		if (reason == INSPECT_REASON_INSPECTION && how == INSPECT_ABORT)
			tally->resets++;
		else if (reason == INSPECT_REASON_INSPECTION)
			tally->drops++;
	}
	ending_leg(build, INSPECT_SERVER, how);
	ending_leg(build, INSPECT_CLIENT, how);
}

/* What was said of a message whose end of data was forwarded and not answered: never 250. */
static void
lose_message(struct builder *build)
{
	const struct own_reply_row *row = own_reply_row(OWN_FINAL_LOST);
	const struct ledger_entry *entry = ledger_content(build->state);

	if (!entry || (entry->flags & LEDGER_MUTE) != 0)
		return;
	own_reply_give(build, OWN_FINAL_LOST, 0);
	own_reply_note(build, OWN_FINAL_LOST, 0);
	message_report(build, row->code, row->text, row->text_length);
}

void
ending_with(struct builder *build, enum own_reply reply, enum inspect_reason reason)
{
	struct inspect *state = build->state;

	if (state->phase == PHASE_OPAQUE) {
		ending_both(build, INSPECT_ABORT, reason);
		return;
	}
	if (state->phase == PHASE_FINAL_REPLY)
		lose_message(build);
	ending_leg(build, INSPECT_SERVER, INSPECT_FIN);
	own_reply_give(build, reply, 0);
	own_reply_note(build, reply, 0);
	ending_both(build, INSPECT_FIN, reason);
}

void
ending_client_violation(struct builder *build, const char *what, size_t length)
{
	struct inspect_event *event = output_event(build, EVENT_CLIENT_VIOLATION);

	output_event_text(build, event, 0, what, length, VIOLATION_TEXT);
	ending_with(build, OWN_EARLY, INSPECT_REASON_INSPECTION);
}

void
ending_server_violation(struct builder *build, const char *what, size_t length)
{
	struct inspect_event *event = output_event(build, EVENT_SERVER_VIOLATION);

	output_event_text(build, event, 0, what, length, VIOLATION_TEXT);
	if (build->state->phase == PHASE_CONTENT)
		ending_drain(build, OWN_FINAL_LOST, INSPECT_ABORT);
	else if (build->state->phase != PHASE_CHUNK || !bdat_drain(build, INSPECT_ABORT))
		ending_with(build, OWN_SERVER_BROKEN, INSPECT_REASON_INSPECTION);
}

void
ending_drain(struct builder *build, enum own_reply reply, enum inspect_ending how)
{
	struct inspect *state = build->state;

	state->drain_reply = (uint8_t)reply;
	phase_move(state, PHASE_DRAIN);
	ending_leg(build, INSPECT_SERVER, how);
}

void
ending_client_end(struct builder *build)
{
	struct inspect *state = build->state;

	state->flags |= STATE_CLIENT_END;
	if (state->phase == PHASE_OPAQUE) {
		ending_leg(build, INSPECT_SERVER, INSPECT_FIN);
		if (state->ending[INSPECT_CLIENT] && !state->reason)
			state->reason = INSPECT_REASON_FINS;
		return;
	}
	if (state->phase == PHASE_CONTENT || state->phase == PHASE_CHUNK ||
	    ledger_is_empty(state)) /* what is outstanding within a chunk is of no use to it */
		ending_both(build, INSPECT_FIN, INSPECT_REASON_FINS);
	else
		ending_leg(build, INSPECT_SERVER, INSPECT_FIN);
}

static void
server_gone(struct builder *build, enum inspect_reason reason, enum inspect_ending how)
{
	struct inspect *state = build->state;

	switch (state->phase) {
	case PHASE_OPAQUE:
		ending_leg(build, INSPECT_CLIENT, INSPECT_FIN);
		if (state->ending[INSPECT_SERVER] && !state->reason)
			state->reason = (uint8_t)reason;
		break;
	case PHASE_CONTENT:
		ending_drain(build, OWN_FINAL_LOST, how);
		break;
	case PHASE_DRAIN:
	case PHASE_REFUSED:
	case PHASE_ENDED:
		break;
	case PHASE_CHUNK:
		if (bdat_drain(build, how))
			break;
		/* fall through */
	default:
		if (how == INSPECT_ABORT)
			ending_leg(build, INSPECT_SERVER, how);
		ending_with(build, OWN_SERVER_LOST, reason);
		break;
	}
}

void
ending_server_end(struct builder *build)
{
	server_gone(build, INSPECT_REASON_FINS, INSPECT_FIN);
}

static void
leg_was_reset(struct builder *build)
{
	if (build->input->from == INSPECT_CLIENT)
		ending_both(build, INSPECT_ABORT, INSPECT_REASON_RESET_CLIENT);
	else if (build->state->phase == PHASE_OPAQUE)
		ending_both(build, INSPECT_ABORT, INSPECT_REASON_RESET_SERVER);
	else
		server_gone(build, INSPECT_REASON_RESET_SERVER, INSPECT_ABORT);
}

void
ending_signal(struct builder *build)
{
	switch (build->input->signal) {
	case INSPECT_TIMER:
		pace_timer(build);
		break;
	case INSPECT_RESET:
		leg_was_reset(build);
		break;
	case INSPECT_SERVER_FAILED:
		ending_with(build, OWN_SERVER_FAILED, INSPECT_REASON_CONNECT_FAILED);
		break;
	case INSPECT_SHUTDOWN:
		ending_with(build, OWN_SHUTDOWN, INSPECT_REASON_SHUTDOWN);
		break;
	case INSPECT_CLEAR:
		ending_with(build, OWN_CLEARED, INSPECT_REASON_ADMINISTRATOR);
		break;
	case INSPECT_SHORTAGE:
		ending_with(build, OWN_SHORTAGE, INSPECT_REASON_SHORTAGE);
		break;
	default:
		break;
	}
}
