#include "worker/inspect/inspect.h"

#include "worker/inspect/client.h"
#include "worker/inspect/ending.h"
#include "worker/inspect/ledger.h"
#include "worker/inspect/output.h"
#include "worker/inspect/pace.h"
#include "worker/inspect/phase.h"
#include "worker/inspect/server.h"

#include <string.h>

size_t
inspect_size(void)
{
	return sizeof(struct inspect);
}

void
inspect_init(struct inspect *state, const struct inspect_policy *policy, enum inspect_mode mode,
    uint64_t now_ms)
{
	memset(state, 0, sizeof(*state));
	state->magic = STATE_MAGIC;
	state->version = STATE_VERSION;
	state->size = sizeof(*state);
	state->mode = (uint8_t)mode;
	state->sync = LEDGER_NOTHING;
	state->phase = PHASE_GREETING;
	uint64_t seconds = policy->greeting_timeout_s;
	if (mode == INSPECT_MODE_RAW) {
		phase_open(state);
		seconds = policy->opaque_timeout_s;
	}
	state->deadline_ms = seconds ? now_ms + seconds * 1000 : 0;
	if (mode == INSPECT_MODE_INSPECT && policy->greeting_delay_ms)
		state->deadline_ms = state->greeting_ms = now_ms + policy->greeting_delay_ms;
}

void
inspect_step(struct inspect *state, const struct inspect_policy *policy,
    const struct inspect_input *input, struct inspect_output *output)
{
	struct builder build;

	output_begin(&build, state, policy, input, output);
	if (state->phase != PHASE_ENDED) {
		if (input->signal != INSPECT_BYTES)
			ending_signal(&build);
		else if (input->from == INSPECT_CLIENT)
			client_step(&build);
		else
			server_step(&build);
	}
	pace_set(&build);
	output_finish(&build);
}
