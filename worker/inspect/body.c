#include "worker/inspect/body.h"

#include "worker/inspect/answer.h"
#include "worker/inspect/ending.h"
#include "worker/inspect/ledger.h"
#include "worker/inspect/message.h"
#include "worker/inspect/phase.h"
#include "worker/inspect/refuse.h"
#include "worker/inspect/rule.h"

#include <string.h>

#define EVENT_NORMALISED 109004u
#define DRAIN_MAX	 (UINT64_C(64) << 20)

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

/* Looks at [text, text + length), a line or the part of one that is there, from its inside. */
static enum body_stop
judge_line(const uint8_t *text, size_t length, size_t *run)
{
	const uint8_t *nul = memchr(text, '\0', length);
	size_t before = nul ? (size_t)(nul - text) : length;
	const uint8_t *cr = before ? memchr(text, '\r', before) : NULL;

	if (cr && cr + 1 == text + length) {
		*run = (size_t)(cr - text);
		return STOP_MORE;
	}
	if (cr && cr[1] != '\n') {
		*run = (size_t)(cr - text);
		return STOP_CR;
	}
	if (nul) {
		*run = before;
		return STOP_NUL;
	}
	*run = length;
	if (text[length - 1] != '\n' || cr)
		return STOP_MORE;
	*run = length - 1;
	return STOP_LF;
}

/* The length of the run that can go as it is, what ends it, and in `at` where that stands. */
static size_t
scan(const uint8_t *text, size_t length, uint8_t *at, enum body_stop *stop)
{
	size_t i = 0, run;

	*stop = STOP_MORE;
	while (i < length) {
		if (*at != BODY_INSIDE && text[i] == '.') {
			*stop = judge_dot(*at, text + i, length - i);
			return i;
		}
		const uint8_t *lf = memchr(text + i, '\n', length - i);
		size_t line = lf ? (size_t)(lf - text) + 1 - i : length - i;
		*stop = judge_line(text + i, line, &run);
		i += run;
		if (*stop == STOP_MORE && run == line && lf)
			*at = BODY_LINE;
		else if (run)
			*at = BODY_INSIDE;
		if (*stop != STOP_MORE || run < line)
			return i;
	}
	return length;
}

static void
replace(struct builder *build, const char *text, size_t length)
{
	output_drop(build, 1);
	output_insert(build, INSPECT_SERVER, text, length);
}

static bool
refuse(struct builder *build, enum own_reply reply)
{
	refuse_content(build, reply, RULE_NONE);
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

	output_keep(build, 3);
	message_judge_size(build);
	report_normalised(build);
	output_note(build, NOTE_CLIENT, 0, OUTPUT_TEXT("(end of data)"));
	ledger_add(state, LEDGER_CONTENT, 0, OWN_NONE);
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
	state->content_size++;
	state->body = stop == STOP_LF ? BODY_SOFT_LINE : BODY_INSIDE;
	if (stop == STOP_LF)
		replace(build, "\r\n", 2);
	else
		replace(build, " ", 1);
	return true;
}

/* no inspect esmtp: only the end of data is looked for. */
static bool
take_relayed(struct builder *build, enum body_stop stop)
{
	struct inspect *state = build->state;
	size_t length = stop == STOP_DOTS ? 2 : 1;

	output_keep(build, length);
	state->content_size += length;
	state->body = stop == STOP_LF ? BODY_SOFT_LINE : BODY_INSIDE;
	return true;
}

bool
body_take(struct builder *build, const uint8_t *rest, size_t length)
{
	struct inspect *state = build->state;
	enum body_stop stop;
	size_t run = scan(rest, length, &state->body, &stop);

	output_keep(build, run);
	state->content_size += run;
	if (run || stop != STOP_MORE)
		build->touched = true;
	if (stop == STOP_MORE)
		return false;
	if (stop == STOP_END)
		return finish(build);
	if (state->mode == INSPECT_MODE_RELAY)
		return take_relayed(build, stop);
	switch (stop) {
	case STOP_DOTS:
		output_keep(build, 2);
		state->content_size += 2;
		break;
	case STOP_DOT: /* the receiver would take it away: so it is not content */
		output_drop(build, 1);
		state->content_size++;
		break;
	case STOP_EXTRA:
		output_insert(build, INSPECT_SERVER, ".", 1);
		output_keep(build, 1);
		state->content_size++;
		break;
	default:
		return take_stray(build, stop);
	}
	state->body = BODY_INSIDE;
	return true;
}

static bool
drain_finish(struct builder *build)
{
	struct inspect *state = build->state;
	enum own_reply reply = (enum own_reply)state->drain_reply;
	struct own_reply_line own;

	own_reply_line(build, reply, state->drain_rule, &own);
	output_drop(build, 3);
	own_reply_give(build, reply, state->drain_rule);
	message_report(build, own.code, own.text, own.length);
	message_clear(state);
	phase_move(state, PHASE_REFUSED);
	return true;
}

bool
body_drain(struct builder *build, const uint8_t *rest, size_t length)
{
	struct inspect *state = build->state;
	enum body_stop stop;
	size_t run = scan(rest, length, &state->body, &stop);

	if (run || stop != STOP_MORE)
		build->touched = true;
	if (stop == STOP_END) {
		output_drop(build, run);
		state->content_size += run;
		return drain_finish(build);
	}
	if (stop != STOP_MORE) {
		run += stop == STOP_DOTS ? 2 : 1;
		state->body = stop == STOP_LF ? BODY_SOFT_LINE : BODY_INSIDE;
	}
	output_drop(build, run);
	state->content_size += run;
	state->drained += run;
	if (state->drained > DRAIN_MAX) {
		ending_with(build, OWN_AFTER_REFUSAL, INSPECT_REASON_INSPECTION);
		return false;
	}
	return stop != STOP_MORE;
}
