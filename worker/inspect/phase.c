#include "worker/inspect/phase.h"

#include "worker/inspect/ledger.h"

#define TO(phase) (1u << PHASE_##phase)
#define ANYWHERE  (TO(OPAQUE) | TO(ENDED))

static const struct {
	const char *name;
	uint32_t next;
} phases[PHASE_COUNT] = {
    [PHASE_GREETING] = {"greeting", TO(COMMAND) | ANYWHERE},
    [PHASE_COMMAND] = {"command", TO(TRANSACTION) | TO(AUTH) | TO(CONTENT) | TO(CHUNK) | ANYWHERE},
    [PHASE_TRANSACTION] = {"transaction",
	TO(COMMAND) | TO(AUTH) | TO(CONTENT) | TO(CHUNK) | ANYWHERE},
    [PHASE_AUTH] = {"auth", TO(COMMAND) | TO(TRANSACTION) | ANYWHERE},
    [PHASE_CONTENT] = {"content", TO(FINAL_REPLY) | TO(DRAIN) | ANYWHERE},
    [PHASE_CHUNK] = {"chunk",
	TO(COMMAND) | TO(TRANSACTION) | TO(FINAL_REPLY) | TO(DRAIN) | ANYWHERE},
    [PHASE_FINAL_REPLY] = {"final-reply", TO(COMMAND) | ANYWHERE},
    [PHASE_DRAIN] = {"drain", TO(REFUSED) | TO(ENDED)},
    [PHASE_REFUSED] = {"refused", TO(ENDED)},
    [PHASE_OPAQUE] = {"opaque", TO(ENDED)},
    [PHASE_ENDED] = {"ended", 0},
};

bool
phase_move(struct inspect *state, enum inspect_phase next)
{
	if (state->phase == next)
		return true;
	if ((phases[state->phase].next & (1u << next)) == 0) {
		for (unsigned leg = 0; leg < INSPECT_LEGS; leg++)
			if (!state->ending[leg])
				state->ending[leg] = INSPECT_ABORT;
		state->hold = HOLD_NONE;
		state->held = 0;
		state->reason = INSPECT_REASON_INSPECTION;
		state->deadline_ms = 0;
		state->phase = PHASE_ENDED;
		return false;
	}
	state->phase = (uint8_t)next;
	return true;
}

bool
phase_takes_commands(const struct inspect *state)
{
	return state->phase == PHASE_COMMAND || state->phase == PHASE_TRANSACTION ||
	       state->phase == PHASE_REFUSED;
}

void
phase_return(struct inspect *state)
{
	phase_move(state, state->mail == MAIL_ACCEPTED ? PHASE_TRANSACTION : PHASE_COMMAND);
}

void
phase_open(struct inspect *state)
{
	state->flags |= STATE_OPAQUE;
	state->sync = LEDGER_NOTHING;
	state->chunk = CHUNK_NONE;
	state->chunk_left = 0;
	ledger_clear(state);
	phase_move(state, PHASE_OPAQUE);
}

const char *
inspect_phase_name(unsigned phase)
{
	return phase < PHASE_COUNT ? phases[phase].name : NULL;
}
