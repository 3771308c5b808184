#include "worker/inspect/pace.h"

#include "worker/inspect/banner.h"
#include "worker/inspect/ending.h"
#include "worker/inspect/ledger.h"

#define EVENT_TIMEOUT	109006u
#define NAME_MAX_LENGTH 80u

struct deadline {
	const char *name;
	size_t name_length;
	uint32_t seconds;
	enum own_reply reply;
};

static struct deadline
deadline_now(const struct inspect *state, const struct inspect_policy *policy)
{
	switch (state->phase) {
	case PHASE_GREETING:
		return (struct deadline){OUTPUT_TEXT("greeting of the server"),
		    policy->greeting_timeout_s, OWN_SERVER_SLOW};
	case PHASE_CONTENT:
	case PHASE_CHUNK:
	case PHASE_DRAIN:
		return (struct deadline){
		    OUTPUT_TEXT("content"), policy->data_timeout_s, OWN_CLIENT_SLOW};
	case PHASE_FINAL_REPLY:
		return (struct deadline){OUTPUT_TEXT("reply to the end of data"),
		    policy->final_reply_timeout_s, OWN_SERVER_SLOW};
	case PHASE_OPAQUE:
		return (struct deadline){
		    OUTPUT_TEXT("opaque session"), policy->opaque_timeout_s, OWN_NONE};
	case PHASE_ENDED:
		return (struct deadline){OUTPUT_TEXT(""), 0, OWN_NONE};
	default:
		if (ledger_is_empty(state))
			return (struct deadline){
			    OUTPUT_TEXT("command"), policy->command_timeout_s, OWN_CLIENT_SLOW};
		return (struct deadline){
		    OUTPUT_TEXT("reply"), policy->reply_timeout_s, OWN_SERVER_SLOW};
	}
}

void
pace_timer(struct builder *build)
{
	struct deadline deadline = deadline_now(build->state, build->policy);

	if (build->state->deadline_ms == 0 || build->now_ms < build->state->deadline_ms)
		return;
	if (banner_fall_due(build->state)) { /* from here on the server's time runs */
		build->touched = true;
		return;
	}
	struct inspect_event *event = output_event(build, EVENT_TIMEOUT);
	output_event_text(build, event, 0, deadline.name, deadline.name_length, NAME_MAX_LENGTH);
	build->out->tally.timeouts++;
	ending_with(build, deadline.reply, INSPECT_REASON_TIMEOUT);
}

/* Octets of content are what is awaited of the client, or the command that announces more of them. */
static bool
is_clients_time(const struct inspect *state)
{
	if (state->phase == PHASE_CONTENT || state->phase == PHASE_CHUNK ||
	    state->phase == PHASE_DRAIN)
		return true;
	return (state->flags & STATE_CHUNKED) != 0 && state->began_ms != 0 && state->rested_ms == 0;
}

/* A minimum rate: what has come since the content began must be worth the time, less one time-out.
 * An honest client never meets it; one that dribbles does not go on for ever. */
static void
keep_to_rate(struct builder *build)
{
	struct inspect *state = build->state;
	uint64_t rate = build->policy->data_rate_min;
	uint64_t timeout_ms = UINT64_C(1000) * build->policy->data_timeout_s;
	/* What is dropped in PHASE_DRAIN counts as content too. */
	uint64_t come = state->content_size + (state->phase == PHASE_DRAIN ? 0 : state->drained);

	if (state->began_ms == 0)
		state->began_ms = build->now_ms;
	if (rate == 0 || timeout_ms == 0 || come > UINT64_MAX / 2000)
		return;
	uint64_t least = state->began_ms + timeout_ms + come * 1000 / rate;
	if (least < state->deadline_ms)
		state->deadline_ms = least;
}

void
pace_set(struct builder *build)
{
	struct inspect *state = build->state;

	if (state->phase == PHASE_ENDED) {
		state->deadline_ms = 0;
	} else if (build->touched) {
		uint64_t seconds = deadline_now(state, build->policy).seconds;
		state->deadline_ms = seconds ? build->now_ms + seconds * 1000 : 0;
		if (seconds && is_clients_time(state))
			keep_to_rate(build);
	}
}

void
pace_rest(struct builder *build)
{
	struct inspect *state = build->state;

	if (state->began_ms && state->rested_ms == 0)
		state->rested_ms = build->now_ms;
}

void
pace_go_on(struct builder *build)
{
	struct inspect *state = build->state;

	if (state->rested_ms)
		state->began_ms += build->now_ms - state->rested_ms;
	state->rested_ms = 0;
}
