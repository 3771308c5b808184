#include "tests/dialogue/transcript.h"

/* What was last said about the session as a whole. */
struct said {
	uint8_t ending[INSPECT_LEGS];
	uint8_t phase;
	bool opaque;
	uint64_t wait_ms;
};

static const char leg_letter[INSPECT_LEGS] = {'C', 'S'};

static void
put_act(struct visible *text, const struct dialogue_act *act)
{
	static const char *const words[] = {"", "eof", "reset", "failed", "", "", ""};
	char letter = leg_letter[act->leg];
	char lead[] = {letter, ' ', ' ', '\0'};

	switch (act->kind) {
	case DIALOGUE_BYTES:
		visible_lines(text, lead, act->bytes, act->length);
		break;
	case DIALOGUE_TIME:
		visible_format(text, "time +%llu\n", (unsigned long long)act->ms);
		break;
	case DIALOGUE_SHUTDOWN:
		visible_format(text, "signal shutdown\n");
		break;
	case DIALOGUE_CLEAR:
		visible_format(text, "signal clear\n");
		break;
	case DIALOGUE_SHORTAGE:
		visible_format(text, "signal shortage\n");
		break;
	default:
		visible_format(text, "%c  %s\n", letter, words[act->kind]);
	}
}

static void
put_streams(struct visible *text, const struct harness *harness, struct said *said)
{
	static const char *const endings[] = {"", "fin", "abort"};
	static const int order[] = {INSPECT_SERVER, INSPECT_CLIENT};

	for (int i = 0; i < INSPECT_LEGS; i++) {
		int number = order[i];
		const struct harness_leg *leg = &harness->leg[number];
		char lead[] = {' ', ' ', '>', leg_letter[number], ' ', '\0'};
		visible_lines(text, lead, leg->output.data, leg->output.length);
		if (leg->ending != said->ending[number])
			visible_format(
			    text, "  end %c %s\n", leg_letter[number], endings[leg->ending]);
		said->ending[number] = leg->ending;
	}
}

static void
put_state(struct visible *text, const struct harness *harness, struct said *said)
{
	uint64_t wait = harness->deadline_ms ? harness->deadline_ms - harness->now_ms : 0;

	if (harness->opaque && !said->opaque)
		visible_format(text, "  opaque\n");
	if (harness->secret)
		visible_format(text, "  secret\n");
	if (harness->phase != said->phase)
		visible_format(text, "  phase %s\n", inspect_phase_name(harness->phase));
	if (wait != said->wait_ms && wait)
		visible_format(text, "  timer +%llu\n", (unsigned long long)wait);
	else if (wait != said->wait_ms)
		visible_format(text, "  timer off\n");
	said->opaque = harness->opaque;
	said->phase = harness->phase;
	said->wait_ms = wait;
}

static void
put_reports(struct visible *text, const struct harness *harness, enum inspect_leg first)
{
	const int order[] = {first, 1 - (int)first};

	for (int i = 0; i < INSPECT_LEGS; i++) {
		const struct visible *events = &harness->events[order[i]];
		const struct visible *notes = &harness->notes[order[i]];
		visible_raw(text, events->data, events->length);
		visible_raw(text, notes->data, notes->length);
	}
}

static void
put_tally(struct visible *text, const struct inspect_tally *tally, const uint32_t *hits)
{
	const struct {
		const char *name;
		uint16_t value;
	} counts[] = {{"commands", tally->commands}, {"replies", tally->replies},
	    {"messages", tally->messages}, {"accepted", tally->messages_accepted},
	    {"refusals", tally->refusals}, {"banners-masked", tally->banners_masked},
	    {"ehlo-removed", tally->ehlo_removed}, {"drops", tally->drops},
	    {"resets", tally->resets}, {"tls", tally->tls_started}, {"timeouts", tally->timeouts},
	    {"early-talkers", tally->early_talkers}, {"pipelining", tally->pipelining}};

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		if (counts[i].value)
			visible_format(text, " %s=%u", counts[i].name, counts[i].value);
	for (unsigned i = 0; i < INSPECT_RULES_MAX; i++)
		if (hits[i])
			visible_format(text, " match%u=%u", i + 1, hits[i]);
	visible_raw(text, "\n", 1);
}

static void
put_end(struct visible *text, const struct harness *harness)
{
	static const char *const reasons[] = {"none", "fins", "reset-client", "reset-server",
	    "connect-failed", "timeout", "inspection", "administrator", "shutdown", "shortage"};

	if (harness_over(harness))
		visible_format(text, "over %s",
		    harness->reason <= INSPECT_REASON_SHORTAGE ? reasons[harness->reason] : "?");
	else
		visible_format(text, "open");
	if (harness->rule)
		visible_format(text, " rule=%u", harness->rule);
	put_tally(text, &harness->tally, harness->hits);
}

enum transcript_result
transcript_run(const struct dialogue *dialogue, const struct harness_options *options,
    struct visible *text, struct visible *failure)
{
	struct harness harness;
	struct said said = {.phase = UINT8_MAX};

	harness_init(&harness, &dialogue->policy, dialogue->mode, options);
	put_state(text, &harness, &said);
	for (size_t i = 0; i < dialogue->count && !harness_over(&harness); i++) {
		put_act(text, &dialogue->acts[i]);
		harness_act(&harness, &dialogue->acts[i]);
		put_streams(text, &harness, &said);
		if (harness.failure[0])
			break;
		put_state(text, &harness, &said);
		put_reports(text, &harness, dialogue->acts[i].leg);
		harness_next(&harness);
	}
	enum transcript_result result = harness.failure[0] ? TRANSCRIPT_BROKEN
					: harness.raced	   ? TRANSCRIPT_RACED
							   : TRANSCRIPT_GOOD;
	if (result == TRANSCRIPT_BROKEN)
		visible_format(failure, "%s", harness.failure);
	else
		put_end(text, &harness);
	harness_done(&harness);
	return result;
}
