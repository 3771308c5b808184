#include "worker/inspect/body.h"

#include "worker/inspect/answer.h"
#include "worker/inspect/content.h"
#include "worker/inspect/ending.h"
#include "worker/inspect/hold.h"
#include "worker/inspect/ledger.h"
#include "worker/inspect/message.h"
#include "worker/inspect/phase.h"
#include "worker/inspect/refuse.h"
#include "worker/inspect/rule.h"
#include "worker/inspect/scan.h"

#include <string.h>

#define EVENT_NORMALISED 109004u

/* What ends a run of octets that need no thought. */
enum body_stop {
	STOP_MORE,  /* nothing, or what stands there needs more bytes to be known */
	STOP_END,   /* a dot and CRLF on a line of its own: the end of data */
	STOP_DOTS,  /* two dots at the start of a line: stuffed by the client */
	STOP_DOT,   /* one dot before anything else there: not stuffed as RFC 5321 4.5.2 asks */
	STOP_EXTRA, /* a dot behind a line end that the gateway has made */
	STOP_CR,    /* a CR without LF */
	STOP_LF,    /* an LF without CR */
	STOP_NUL,
};

/* A dot at the start of a line; `at` is BODY_LINE or BODY_SOFT_LINE. */
static enum body_stop
judge_dot(unsigned at, const uint8_t *text, size_t length)
{
	if (at == BODY_SOFT_LINE)
		return STOP_EXTRA;
	if (length < 2 || (text[1] == '\r' && length < 3))
		return STOP_MORE;
	if (text[1] == '.')
		return STOP_DOTS;
	return text[1] == '\r' && text[2] == '\n' ? STOP_END : STOP_DOT;
}

/* What stands at `text`, where a run of octets that need no thought has ended. */
static enum body_stop
judge_stop(unsigned at, const uint8_t *text, size_t length)
{
	if (length == 0)
		return STOP_MORE;
	switch (text[0]) {
	case '\n':
		return STOP_LF;
	case '\0':
		return STOP_NUL;
	case '\r':
		return length == 1 ? STOP_MORE : STOP_CR;
	default:
		return judge_dot(at, text, length);
	}
}

/* The length of the run that can go as it is, what ends it, and in `at` where that stands. */
static size_t
scan(enum inspect_scan how, const uint8_t *text, size_t length, uint8_t *at, enum body_stop *stop)
{
	size_t run;

	*stop = STOP_MORE;
	if (length == 0) /* then `text` points nowhere */
		return 0;
	run = scan_clean(how, text, length, *at != BODY_INSIDE);
	if (run)
		*at = text[run - 1] == '\n' ? BODY_LINE : BODY_INSIDE;
	*stop = judge_stop(*at, text + run, length - run);
	return run;
}

static bool
refuse(struct builder *build, enum own_reply reply)
{
	refuse_content(build, reply, RULE_NONE);
	return true;
}

/* The content is refused where admit() has stopped. */
static bool
refuse_here(struct builder *build)
{
	if (build->refusal == RULE_NONE)
		return refuse(build, OWN_CONTENT_SIZE);
	refuse_by_rule(build);
	return true;
}

/* The rules' part of it. */
static size_t
look(struct builder *build, const void *octets, size_t length)
{
	return build->policy->needs ? content_take(build, octets, length) : length;
}

/* How many of these octets, as the receiver will have them, may pass: fewer than all where a rule, or
 * the limit on the size, refuses the content at the next. */
static size_t
admit(struct builder *build, const void *octets, size_t length)
{
	static const uint8_t word[] = "content";
	struct inspect *state = build->state;
	const struct inspect_policy *policy = build->policy;
	uint64_t most = policy->message_size_max;

	build->refusal = RULE_NONE;
	if (state->mode != INSPECT_MODE_INSPECT)
		return length;
	if (most == 0 || state->content_size > most || length <= most - state->content_size)
		return look(build, octets, length);
	size_t within = (size_t)(most - state->content_size);
	size_t pass = look(build, octets, within);
	if (pass < within || (policy->flags & INSPECT_MONITOR_ONLY) == 0)
		return pass;
	answer_monitor(build, OWN_CONTENT_SIZE, word, sizeof(word) - 1);
	return within + look(build, (const uint8_t *)octets + within, length - within);
}

/* Octets of content that the gateway writes itself, in place of `taken` of the client's. */
static bool
put(struct builder *build, size_t taken, const char *text, size_t length)
{
	if (admit(build, text, length) < length)
		return refuse_here(build);
	output_drop(build, taken);
	output_insert(build, INSPECT_SERVER, text, length);
	build->state->content_size += length;
	return true;
}

/* True if the policy refuses it; monitor-only says so once for each message. */
static bool
is_refused(struct builder *build, bool strict, enum own_reply reply, uint32_t seen)
{
	static const uint8_t word[] = "content";

	if (!strict)
		return false;
	if ((build->policy->flags & INSPECT_MONITOR_ONLY) == 0)
		return true;
	if (seen == 0)
		answer_monitor(build, reply, word, sizeof(word) - 1);
	return false;
}

static void
report_normalised(struct builder *build)
{
	const struct inspect *state = build->state;

	if (state->bare_lf == 0 && state->bare_cr == 0 && state->nuls == 0)
		return;
	struct inspect_event *event = output_event(build, EVENT_NORMALISED);
	event->number[0] = state->bare_lf;
	event->number[1] = state->bare_cr;
	event->number[2] = state->nuls;
}

static bool
finish(struct builder *build)
{
	struct inspect *state = build->state;

	build->refusal = RULE_NONE;
	if (build->policy->needs && state->mode == INSPECT_MODE_INSPECT && !content_end(build))
		return refuse_here(build);
	hold_release(build);
	output_keep(build, 3);
	message_judge_size(build);
	report_normalised(build);
	output_note(build, NOTE_CLIENT, 0, OUTPUT_TEXT("(end of data)"));
	ledger_add(state, LEDGER_CONTENT, LEDGER_CURRENT, OWN_NONE);
	state->sync = LEDGER_CONTENT;
	phase_move(state, PHASE_FINAL_REPLY);
	return false;
}

static bool
take_stray(struct builder *build, enum body_stop stop)
{
	struct inspect *state = build->state;
	bool reject = build->policy->line_endings == INSPECT_LINES_REJECT;
	uint32_t *count = stop == STOP_LF   ? &state->bare_lf
			  : stop == STOP_CR ? &state->bare_cr
					    : &state->nuls;

	if (stop == STOP_NUL) {
		if (is_refused(
			build, build->policy->nul == INSPECT_NUL_REJECT, OWN_CONTENT_NUL, *count))
			return refuse(build, OWN_CONTENT_NUL);
	} else if (is_refused(build, reject, OWN_CONTENT_BARE, *count)) {
		return refuse(build, OWN_CONTENT_BARE);
	}
	if (*count < UINT32_MAX)
		(*count)++;
	state->body = stop == STOP_LF ? BODY_SOFT_LINE : BODY_INSIDE;
	return stop == STOP_LF ? put(build, 1, "\r\n", 2) : put(build, 1, " ", 1);
}

/* A dot of the content at the start of a line: the client has stuffed it, or the gateway does, or it
 * was not stuffed and the receiver would take it away, so it is no content. */
static bool
take_dot(struct builder *build, enum body_stop stop)
{
	struct inspect *state = build->state;

	if (stop != STOP_DOT && admit(build, ".", 1) < 1)
		return refuse_here(build);
	state->body = BODY_INSIDE;
	if (stop == STOP_DOT) {
		output_drop(build, 1);
		return true;
	}
	if (stop == STOP_EXTRA)
		output_insert(build, INSPECT_SERVER, ".", 1);
	output_keep(build, stop == STOP_DOTS ? 2 : 1);
	state->content_size++;
	return true;
}

/* The octets that have stopped a run, where nothing is written anew: how many they are, and which of
 * them are content (RFC 1870 3: not the dots that RFC 5321 4.5.2 asks for). */
static size_t
pass_stop(struct inspect *state, enum body_stop stop)
{
	state->body = stop == STOP_LF ? BODY_SOFT_LINE : BODY_INSIDE;
	state->content_size += stop != STOP_DOT;
	return stop == STOP_DOTS ? 2 : 1;
}

/* no inspect esmtp: only the end of data is looked for. */
static bool
take_relayed(struct builder *build, enum body_stop stop)
{
	output_keep(build, pass_stop(build->state, stop));
	return true;
}

/* The same behind the first `good` octets of a run that began at `before`: where the rest of the content
 * stands decides what ends it.  Between CR and LF nothing stands. */
static bool
refuse_within(struct builder *build, const uint8_t *run, size_t good, uint8_t before)
{
	struct inspect *state = build->state;
	bool line = good && run[good - 1] == '\r';

	if (line) {
		output_drop(build, 1);
		state->content_size++;
	}
	if (good)
		before = line || run[good - 1] == '\n' ? BODY_LINE : BODY_INSIDE;
	state->body = before;
	return refuse_here(build);
}

bool
body_take(struct builder *build, const uint8_t *rest, size_t length)
{
	struct inspect *state = build->state;
	enum body_stop stop;
	uint8_t before = state->body;
	size_t run = scan(build->input->scan, rest, length, &state->body, &stop);
	size_t good = run ? admit(build, rest, run) : 0;

	output_keep(build, good);
	state->content_size += good;
	if (run || stop != STOP_MORE)
		build->touched = true;
	if (good < run)
		return refuse_within(build, rest, good, before);
	switch (stop) {
	case STOP_MORE:
		return false;
	case STOP_END:
		return finish(build);
	case STOP_DOTS:
	case STOP_DOT:
	case STOP_EXTRA:
		return state->mode == INSPECT_MODE_RELAY ? take_relayed(build, stop)
							 : take_dot(build, stop);
	default:
		return state->mode == INSPECT_MODE_RELAY ? take_relayed(build, stop)
							 : take_stray(build, stop);
	}
}

static bool
drain_finish(struct builder *build)
{
	output_drop(build, 3);
	refuse_drained(build);
	return true;
}

bool
body_drain(struct builder *build, const uint8_t *rest, size_t length)
{
	struct inspect *state = build->state;
	enum body_stop stop;
	size_t run = scan(build->input->scan, rest, length, &state->body, &stop);

	if (run || stop != STOP_MORE)
		build->touched = true;
	state->content_size += run;
	if (stop == STOP_END) {
		output_drop(build, run);
		return drain_finish(build);
	}
	if (stop != STOP_MORE)
		run += pass_stop(state, stop);
	output_drop(build, run);
	state->drained += run;
	if (state->drained > REFUSE_DRAIN_MAX) {
		ending_with(build, OWN_AFTER_REFUSAL, INSPECT_REASON_INSPECTION);
		return false;
	}
	return stop != STOP_MORE;
}
