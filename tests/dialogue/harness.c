#include "tests/dialogue/harness.h"

#include "worker/inspect/inspect.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GARBAGE	   0xa5	 /* what the core must not read: fresh memory holds it */
#define IDLE_CALLS 10000 /* calls in one act that may pass without a byte consumed */
#define TIMERS_MAX 64	 /* deadlines that one `time` act may pass */

static void __attribute__((format(printf, 2, 3)))
fail(struct harness *harness, const char *format, ...)
{
	va_list list;

	if (harness->failure[0])
		return;
	va_start(list, format);
	vsnprintf(harness->failure, sizeof(harness->failure), format, list);
	va_end(list);
}

static void *
fresh(size_t size)
{
	void *memory = malloc(size);

	if (!memory)
		abort();
	memset(memory, GARBAGE, size);
	return memory;
}

/* xorshift64*: the same on every machine. */
static uint64_t
random_below(struct harness *harness, uint64_t limit)
{
	harness->random ^= harness->random >> 12;
	harness->random ^= harness->random << 25;
	harness->random ^= harness->random >> 27;
	return (harness->random * UINT64_C(0x2545F4914F6CDD1D) >> 11) % limit;
}

void
harness_done(struct harness *harness)
{
	visible_done(&harness->waiting);
	for (int leg = 0; leg < INSPECT_LEGS; leg++) {
		visible_done(&harness->leg[leg].input);
		visible_done(&harness->leg[leg].output);
		visible_done(&harness->events[leg]);
		visible_done(&harness->notes[leg]);
	}
	observer_done(&harness->observer);
	free(harness->state);
	free(harness->output);
}

void
harness_next(struct harness *harness)
{
	for (int leg = 0; leg < INSPECT_LEGS; leg++) {
		visible_clear(&harness->leg[leg].output);
		visible_clear(&harness->events[leg]);
		visible_clear(&harness->notes[leg]);
	}
	harness->secret = false;
}

bool
harness_over(const struct harness *harness)
{
	return harness->failure[0] ||
	       (harness->leg[INSPECT_CLIENT].ending && harness->leg[INSPECT_SERVER].ending);
}

bool
harness_load(struct harness *harness, const uint8_t *saved, size_t length)
{
	harness->observer.off = true;
	/* Whatever the state before it had promised, this one has not. */
	harness->opaque = false;
	harness->unvouched = true;
	visible_clear(&harness->waiting);
	for (int leg = 0; leg < INSPECT_LEGS; leg++)
		harness->leg[leg].ending = INSPECT_OPEN;
	memset(harness->state, GARBAGE, inspect_size());
	return inspect_load(harness->state, saved, length, NULL, 0);
}

/* ---- the promises about one step ---- */

static bool
text_holds(const struct inspect_output *output, uint32_t offset, uint32_t length)
{
	return output->text_length <= INSPECT_TEXT_MAX && offset <= output->text_length &&
	       length <= output->text_length - offset;
}

static void
check_edits(struct harness *harness, const struct inspect_input *input)
{
	const struct inspect_output *output = harness->output;
	unsigned used[INSPECT_LEGS] = {0, 0};
	uint64_t sum = 0;

	if (output->edit_count > INSPECT_EDITS_MAX)
		return fail(harness, "%u edits", output->edit_count);
	for (unsigned i = 0; i < output->edit_count; i++) {
		const struct inspect_edit *edit = &output->edits[i];
		if (edit->to >= INSPECT_LEGS)
			return fail(harness, "edit %u goes to leg %u", i, edit->to);
		used[edit->to]++;
		if (edit->kind == INSPECT_INSERT) {
			if (!text_holds(output, edit->text, edit->length))
				fail(harness, "edit %u points outside the text", i);
		} else if (edit->kind == INSPECT_KEEP || edit->kind == INSPECT_DROP) {
			sum += edit->length;
			if (edit->to == input->from)
				fail(harness, "edit %u sends input back", i);
		} else if (edit->kind != INSPECT_REVOKE || edit->to != INSPECT_SERVER) {
			fail(harness, "edit %u is of kind %u", i, edit->kind);
		}
		if (harness->leg[edit->to].ending && edit->kind != INSPECT_DROP && edit->length)
			fail(harness, "edit %u goes to a leg that has ended", i);
	}
	if (sum != output->consumed || output->consumed > input->length)
		fail(harness, "kept and dropped %llu, consumed %zu of %zu", (unsigned long long)sum,
		    output->consumed, input->length);
	for (int leg = 0; leg < INSPECT_LEGS; leg++)
		if (used[leg] > input->room[leg])
			fail(harness, "%u edits to leg %d, room for %u", used[leg], leg,
			    input->room[leg]);
}

static void
check_endings(struct harness *harness, const struct inspect_input *input)
{
	const struct inspect_output *output = harness->output;

	for (int leg = 0; leg < INSPECT_LEGS; leg++) {
		uint8_t before = harness->leg[leg].ending, now = output->ending[leg];
		if (now > INSPECT_ABORT)
			fail(harness, "ending %u of leg %d", now, leg);
		if (before && before != now)
			fail(harness, "ending of leg %d went from %u to %u", leg, before, now);
	}
	if (output->held && output->ending[INSPECT_SERVER])
		fail(harness, "%u octets are held for a leg that has ended", output->held);
	if (output->end_taken && (!input->end || output->consumed != input->length))
		fail(harness, "an end was taken that was not offered or not reached");
	if (harness->opaque && !output->opaque)
		fail(harness, "opaque was taken back");
	if (!inspect_phase_name(output->phase))
		fail(harness, "phase %u has no name", output->phase);
}

static const char *
event_name(uint32_t id)
{
	static const struct {
		uint32_t id;
		const char *name;
	} names[] = {
#define EVENT(number, severity, name, text, help) {number, #name},
#include "shm/events.def"
#undef EVENT
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].id == id)
			return names[i].name;
	return NULL;
}

static void
take_event(struct harness *harness, const struct inspect_event *event, struct visible *text)
{
	const struct inspect_output *output = harness->output;
	const char *name = event_name(event->id);

	if (!name)
		return fail(harness, "event %u is not in the catalogue", event->id);
	visible_format(text, "  event %u %s", event->id, name);
	if (event->rule)
		visible_format(text, " rule=%u", event->rule);
	if (event->code)
		visible_format(text, " code=%u", event->code);
	for (unsigned i = 0; i < INSPECT_EVENT_TEXTS; i++) {
		if (!text_holds(output, event->text_offset[i], event->text_length[i]))
			return fail(harness, "text %u of event %u is outside", i, event->id);
		visible_raw(text, " \"", 2);
		visible_bytes(text, output->text + event->text_offset[i], event->text_length[i]);
		visible_raw(text, "\"", 1);
	}
	for (int i = 0; i < 4; i++)
		if (event->number[i])
			visible_format(text, " n%d=%llu", i, (unsigned long long)event->number[i]);
	visible_raw(text, "\n", 1);
}

static void
take_note(struct harness *harness, const struct inspect_note *note, struct visible *text)
{
	static const char *const who[] = {"gateway", "client", "server"};
	const struct inspect_output *output = harness->output;

	if (note->who > 2 || !text_holds(output, note->text, note->length))
		return fail(harness, "a note by %u points outside the text", note->who);
	for (uint16_t i = 0; i < note->length; i++) {
		char c = output->text[note->text + i];
		if (c < 0x20 || c > 0x7e)
			return fail(harness, "a note holds byte 0x%02x", (unsigned char)c);
	}
	visible_format(text, "  note %s", who[note->who]);
	if (note->code)
		visible_format(text, " %u", note->code);
	visible_raw(text, " ", 1);
	visible_bytes(text, output->text + note->text, note->length);
	visible_raw(text, "\n", 1);
}

static void
take_reports(struct harness *harness, enum inspect_leg from)
{
	const struct inspect_output *output = harness->output;
	struct inspect_tally *sum = &harness->tally;
	const struct inspect_tally *more = &output->tally;

	if (output->event_count > INSPECT_EVENTS_MAX || output->note_count > INSPECT_NOTES_MAX)
		return fail(
		    harness, "%u events, %u notes", output->event_count, output->note_count);
	for (unsigned i = 0; i < output->event_count; i++)
		take_event(harness, &output->events[i], &harness->events[from]);
	for (unsigned i = 0; i < output->note_count; i++)
		take_note(harness, &output->notes[i], &harness->notes[from]);
	sum->commands += more->commands;
	sum->replies += more->replies;
	sum->messages += more->messages;
	sum->messages_accepted += more->messages_accepted;
	sum->refusals += more->refusals;
	sum->banners_masked += more->banners_masked;
	sum->ehlo_removed += more->ehlo_removed;
	sum->drops += more->drops;
	sum->resets += more->resets;
	sum->tls_started += more->tls_started;
	sum->timeouts += more->timeouts;
	sum->early_talkers += more->early_talkers;
	sum->pipelining += more->pipelining;
	if (output->hit_count > INSPECT_HITS_MAX)
		return fail(harness, "%u hits", output->hit_count);
	for (unsigned i = 0; i < output->hit_count; i++) {
		if (output->hits[i].rule >= harness->policy->rules || !output->hits[i].times)
			return fail(harness, "a hit of rule %u", output->hits[i].rule);
		harness->hits[output->hits[i].rule] += output->hits[i].times;
	}
}

/* ---- one step ---- */

static void
emit(struct harness *harness, unsigned to, const void *bytes, size_t length)
{
	struct harness_leg *leg = &harness->leg[to];
	const struct harness_leg *client = &harness->leg[INSPECT_CLIENT];

	if (!length)
		return;
	visible_raw(&leg->output, bytes, length);
	leg->output_total += length;
	if (to == INSPECT_SERVER)
		observer_server_gets(&harness->observer, bytes, length,
		    (const uint8_t *)client->input.data, client->consumed);
	else
		observer_client_gets(&harness->observer, bytes, length);
}

/* Output toward the server waits until the step has said how much of it is held. */
static void
give(struct harness *harness, unsigned to, const void *bytes, size_t length)
{
	if (to != INSPECT_SERVER)
		emit(harness, to, bytes, length);
	else if (length)
		visible_raw(&harness->waiting, bytes, length);
}

/* What is taken back is all that is held at that place: what the step gave before it may have
 * ended the hold and begun another, what was held before the step may not be there in part. */
static void
revoke(struct harness *harness, size_t length, size_t before)
{
	struct visible *waiting = &harness->waiting;

	if (length > waiting->length || (waiting->length == before && length != before)) {
		if (!harness->unvouched)
			fail(harness, "%zu octets are taken back, %zu were held, %zu given", length,
			    before, waiting->length - before);
		length = waiting->length;
	}
	waiting->length -= length;
}

/* Lets go what is not held. */
static void
release(struct harness *harness)
{
	struct visible *waiting = &harness->waiting;
	size_t held = harness->output->held;

	if (held > waiting->length) {
		if (!harness->unvouched)
			fail(harness, "%zu octets are held, %zu were given", held, waiting->length);
		held = waiting->length;
	}
	emit(harness, INSPECT_SERVER, waiting->data, waiting->length - held);
	if (held)
		memmove(waiting->data, waiting->data + waiting->length - held, held);
	waiting->length = held;
}

static void
apply_edits(struct harness *harness, const struct inspect_input *input)
{
	const struct inspect_output *output = harness->output;
	const uint8_t *bytes = input->bytes;
	size_t before = harness->waiting.length;

	harness->leg[input->from].consumed += output->consumed;
	if (input->from == INSPECT_CLIENT)
		observer_client_said(&harness->observer, bytes, output->consumed);
	if (input->from == INSPECT_SERVER && output->consumed)
		observer_server_said(&harness->observer, bytes, output->consumed,
		    harness->leg[INSPECT_CLIENT].consumed);
	for (unsigned i = 0; i < output->edit_count; i++) {
		const struct inspect_edit *edit = &output->edits[i];
		if (edit->kind == INSPECT_INSERT)
			give(harness, edit->to, output->text + edit->text, edit->length);
		else if (edit->kind == INSPECT_KEEP)
			give(harness, edit->to, bytes, edit->length);
		else if (edit->kind == INSPECT_REVOKE)
			revoke(harness, edit->length, before);
		if (edit->kind == INSPECT_KEEP || edit->kind == INSPECT_DROP)
			bytes += edit->length;
	}
	release(harness);
}

static void
take_endings(struct harness *harness)
{
	const struct inspect_output *output = harness->output;

	for (int leg = 0; leg < INSPECT_LEGS; leg++) {
		if (!harness->leg[leg].ending && output->ending[leg] == INSPECT_FIN &&
		    leg == INSPECT_CLIENT)
			observer_client_ends(&harness->observer);
		if (!harness->leg[leg].ending && output->ending[leg] == INSPECT_FIN &&
		    leg == INSPECT_SERVER)
			observer_server_ends(&harness->observer);
		harness->leg[leg].ending = output->ending[leg];
	}
	harness->opaque |= output->opaque;
	harness->secret |= output->secret;
	harness->phase = output->phase;
	harness->reason = output->reason;
	harness->rule = output->rule;
	harness->deadline_ms = output->deadline_ms;
	if (!output->ending[INSPECT_SERVER])
		observer_step(&harness->observer);
}

struct saved {
	uint8_t first[INSPECT_SAVED_SIZE], extra[INSPECT_EXTRA_SIZE];
	size_t length, extra_length;
};

static void
save(struct harness *harness, struct saved *saved)
{
	memset(saved, GARBAGE, sizeof(*saved));
	saved->length = inspect_save(harness->state, saved->first, sizeof(saved->first));
	saved->extra_length =
	    inspect_save_extra(harness->state, saved->extra, sizeof(saved->extra));
	if (saved->length == 0 || saved->length > sizeof(saved->first) ||
	    saved->extra_length > sizeof(saved->extra))
		fail(
		    harness, "inspect_save() gave %zu and %zu", saved->length, saved->extra_length);
}

/* Saves, loads into fresh memory, and saves again: the two must be the same.  What is loaded lies in
 * memory of just its size, so that a sanitizer sees what is read beyond. */
static void
reload(struct harness *harness)
{
	static struct saved saved, again;

	save(harness, &saved);
	if (harness->failure[0])
		return;
	free(harness->state);
	harness->state = fresh(inspect_size());
	uint8_t *extra = saved.extra_length ? fresh(saved.extra_length) : NULL;
	if (extra)
		memcpy(extra, saved.extra, saved.extra_length);
	bool good =
	    inspect_load(harness->state, saved.first, saved.length, extra, saved.extra_length);
	free(extra);
	if (!good)
		return fail(harness, "inspect_load() refused what inspect_save() gave");
	save(harness, &again);
	if (memcmp(&saved, &again, sizeof(saved)) != 0)
		fail(harness, "the state saved after a load differs");
}

static void
call(struct harness *harness, struct inspect_input *input)
{
	if (harness->options.reload)
		reload(harness);
	for (int leg = 0; leg < INSPECT_LEGS; leg++)
		input->room[leg] = harness->options.seed
				       ? INSPECT_EDITS_MIN + (unsigned)random_below(harness, 20)
				       : INSPECT_EDITS_MAX;
	input->scan = harness->options.seed
			  ? (enum inspect_scan)random_below(harness, inspect_scan_best() + 1)
			  : inspect_scan_best();
	input->now_ms = harness->now_ms;
	if (harness->failure[0])
		return;
	memset(harness->output, GARBAGE, sizeof(*harness->output));
	inspect_step(harness->state, harness->policy, input, harness->output);
	harness->steps++;
	check_edits(harness, input);
	if (harness->failure[0])
		return;
	check_endings(harness, input);
	apply_edits(harness, input);
	take_endings(harness);
	take_reports(harness, input->from);
	if (harness->observer.failure[0])
		fail(harness, "%s", harness->observer.failure);
}

/* Offers what is left of one direction, in memory of exactly that size; true: progress. */
static bool
offer(struct harness *harness, enum inspect_leg from, bool idle)
{
	struct harness_leg *leg = &harness->leg[from];
	size_t length = leg->input.length - leg->consumed;
	bool end = leg->end && !leg->end_taken;

	if (harness_over(harness) || (length == 0 && !end && !idle))
		return false;
	uint8_t *bytes = fresh(length ? length : 1);
	if (length)
		memcpy(bytes, leg->input.data + leg->consumed, length);
	struct inspect_input input = {
	    .signal = INSPECT_BYTES, .from = from, .bytes = bytes, .length = length, .end = end};
	call(harness, &input);
	free(bytes);
	if (harness->failure[0])
		return false;
	leg->end_taken |= harness->output->end_taken;
	return harness->output->consumed > 0 || harness->output->edit_count > 0 ||
	       harness->output->end_taken;
}

void
harness_init(struct harness *harness, const struct inspect_policy *policy, enum inspect_mode mode,
    const struct harness_options *options)
{
	*harness = (struct harness){.policy = policy, .options = *options};
	harness->random = options->seed;
	harness->now_ms = 1000000;
	harness->state = fresh(inspect_size());
	harness->output = fresh(sizeof(*harness->output));
	observer_init(&harness->observer, policy, mode);
	if (inspect_size() > INSPECT_STATE_SIZE)
		fail(harness, "inspect_size() is %zu, at most %u is promised", inspect_size(),
		    INSPECT_STATE_SIZE);
	inspect_init(harness->state, policy, mode, harness->now_ms);
	offer(harness, INSPECT_SERVER, true); /* the first deadline is known only by a step */
}

/* Calls for both directions until neither makes progress, `first` first. */
static void
pump(struct harness *harness, enum inspect_leg first)
{
	enum inspect_leg from = first;
	unsigned idle = 0, calls = 0;

	while (idle < INSPECT_LEGS) {
		bool progress = false;
		size_t before = harness->leg[0].consumed + harness->leg[1].consumed;
		while (offer(harness, from, false)) {
			progress = true;
			size_t now = harness->leg[0].consumed + harness->leg[1].consumed;
			calls = now > before ? 0 : calls + 1;
			before = now;
			if (calls > IDLE_CALLS)
				return fail(harness, "the core makes no progress");
		}
		idle = progress ? 1 : idle + 1;
		from = from == INSPECT_CLIENT ? INSPECT_SERVER : INSPECT_CLIENT;
	}
	if (harness->options.seed && random_below(harness, 4) == 0)
		offer(harness, (enum inspect_leg)random_below(harness, 2), true);
}

static void
signal_core(struct harness *harness, enum inspect_signal signal, enum inspect_leg from)
{
	struct inspect_input input = {.signal = signal, .from = from};

	if (harness_over(harness))
		return;
	call(harness, &input);
	pump(harness, INSPECT_CLIENT);
}

/* Whether there is more in these bytes than so many replies. */
static bool
is_more_than(const uint8_t *bytes, size_t length, size_t replies)
{
	while (length && replies) {
		const uint8_t *feed = memchr(bytes, '\n', length);
		size_t line = feed ? (size_t)(feed - bytes) + 1 : length;
		replies -= line <= 3 || bytes[3] != '-';
		bytes += line;
		length -= line;
	}
	return length > 0;
}

static bool
is_client_waiting(const struct harness *harness)
{
	const struct harness_leg *client = &harness->leg[INSPECT_CLIENT];

	return client->input.length > client->consumed || client->end != client->end_taken;
}

static void
check_race(struct harness *harness, const struct dialogue_act *act)
{
	const struct observer *observer = &harness->observer;
	const struct harness_leg *server = &harness->leg[INSPECT_SERVER];
	size_t asked = observer->tail - observer->head + !observer->greeted;
	struct visible bytes = {0};

	visible_raw(&bytes, server->input.length ? server->input.data + server->consumed : "",
	    server->input.length - server->consumed);
	visible_raw(&bytes, act->bytes, act->length);
	if (observer->off || is_more_than((const uint8_t *)bytes.data, bytes.length, asked))
		harness->raced = true;
	visible_done(&bytes);
}

static void
deliver(struct harness *harness, const struct dialogue_act *act)
{
	struct harness_leg *leg = &harness->leg[act->leg];
	const struct harness_leg *client = &harness->leg[INSPECT_CLIENT];
	const struct harness_leg *server = &harness->leg[INSPECT_SERVER];
	const struct observer *observer = &harness->observer;
	size_t cut = harness->options.cut ? harness->options.cut : act->length;
	bool waiting = act->leg == INSPECT_SERVER && is_client_waiting(harness);

	if (waiting)
		check_race(harness, act);
	for (size_t at = 0; at < act->length && !harness_over(harness);) {
		if (harness->options.seed)
			cut = 1 + random_below(harness, random_below(harness, 3) ? 40 : 3000);
		size_t part = act->length - at < cut ? act->length - at : cut;
		visible_raw(&leg->input, act->bytes + at, part);
		at += part;
		pump(harness, act->leg);
	}
	if (waiting && (server->ending || client->ending) && observer->head != observer->tail)
		harness->raced = true;
}

static void
pass_time(struct harness *harness, uint64_t ms)
{
	uint64_t until = harness->now_ms + ms;
	unsigned timers = 0;

	while (!harness_over(harness) && harness->deadline_ms && harness->deadline_ms <= until) {
		if (harness->deadline_ms > harness->now_ms)
			harness->now_ms = harness->deadline_ms;
		if (++timers > TIMERS_MAX)
			return fail(harness, "a deadline comes back without end");
		signal_core(harness, INSPECT_TIMER, INSPECT_CLIENT);
	}
	harness->now_ms = until;
}

void
harness_act(struct harness *harness, const struct dialogue_act *act)
{
	if (harness_over(harness))
		return;
	switch (act->kind) {
	case DIALOGUE_BYTES:
		if (!harness->leg[act->leg].end)
			deliver(harness, act);
		break;
	case DIALOGUE_END:
		harness->leg[act->leg].end = true;
		pump(harness, act->leg);
		break;
	case DIALOGUE_RESET:
		signal_core(harness, INSPECT_RESET, act->leg);
		break;
	case DIALOGUE_FAILED:
		signal_core(harness, INSPECT_SERVER_FAILED, INSPECT_SERVER);
		break;
	case DIALOGUE_TIME:
		pass_time(harness, act->ms);
		break;
	case DIALOGUE_SHUTDOWN:
		signal_core(harness, INSPECT_SHUTDOWN, INSPECT_CLIENT);
		break;
	case DIALOGUE_CLEAR:
		signal_core(harness, INSPECT_CLEAR, INSPECT_CLIENT);
		break;
	case DIALOGUE_SHORTAGE:
		signal_core(harness, INSPECT_SHORTAGE, INSPECT_CLIENT);
		break;
	}
}
