#include "worker/batch.h"

#include "shm/failpoint.h"
#include "shm/journal.h"
#include "worker/commit.h"
#include "worker/extra.h"
#include "worker/worker.h"

#include <errno.h>
#include <string.h>

/* Outlet words that a step may not use: a merge that fails and the gateway's last words. */
#define WORDS_KEPT 2u
/* More steps than any input of a full window can need: a core that does not stop is broken. */
#define STEPS_MAX 65536u

#ifdef SMTPGUARD_TEST_OTHER_CORE
#define CORE_CLOCK_AHEAD_MS 3600000u
#else
#define CORE_CLOCK_AHEAD_MS 0u
#endif

_Static_assert((int)INSPECT_CLIENT == (int)SHM_CLIENT, "legs are the same");
_Static_assert((int)INSPECT_FIN == (int)ENDING_FIN, "endings are the same");
_Static_assert((int)INSPECT_ABORT == (int)ENDING_RESET, "endings are the same");
_Static_assert((int)INSPECT_KEEP == (int)OUTLET_KEEP, "edits are outlet words");
_Static_assert((int)INSPECT_DROP == (int)OUTLET_DROP, "edits are outlet words");
_Static_assert((int)INSPECT_REASON_FINS == (int)CLOSE_FINS, "reasons are the same");
_Static_assert((int)INSPECT_REASON_SHORTAGE == (int)CLOSE_SHORTAGE, "reasons are the same");

/* The position is the committed one: an adopter begins there again, however the input was cut when
 * its forerunner died. */
static void
pulse_enter(const struct batch *batch, enum shm_leg from)
{
	struct worker_pulse *pulse = &batch->worker->journal->pulse;
	const struct record *record = record_current(batch->session->shared);
	uint64_t position = record == NULL ? 0 : record->position[from];

	atomic_store_explicit(&pulse->step_direction, (uint32_t)from, memory_order_relaxed);
	atomic_store_explicit(&pulse->step_position, position, memory_order_relaxed);
	atomic_store_explicit(&pulse->step_slot, batch->session->slot, memory_order_release);
}

static void
pulse_leave(const struct batch *batch)
{
	atomic_store_explicit(
	    &batch->worker->journal->pulse.step_slot, SHM_NO_SLOT, memory_order_release);
}

bool
batch_is_over(const struct batch *batch)
{
	return batch->draft != NULL && batch->draft->ending[SHM_CLIENT] != ENDING_NONE &&
	       batch->draft->ending[SHM_SERVER] != ENDING_NONE;
}

/* The committed state, both parts. */
static bool
batch_load(struct batch *batch)
{
	struct worker *worker = batch->worker;
	const struct record *draft = batch->draft;
	const uint8_t *extra;
	size_t length;

	return extra_find(&worker->shm, batch->session->shared, draft, &extra, &length) &&
	       inspect_load(worker->state, draft->inspect, draft->inspect_length, extra, length);
}

bool
batch_begin(struct batch *batch)
{
	struct worker *worker = batch->worker;
	const struct slot_custody *custody = session_custody(worker, batch->session);

	if (batch->draft != NULL)
		return true;
	batch->result = STEP_BROKEN;
	batch->policy =
	    policy_cache_get(&worker->policies, custody->policy_slot, custody->policy_hash);
	if (batch->policy == NULL)
		return false;
	batch->draft = commit_begin(worker, batch->session);
	batch->changed = false;
	batch->signals = batch->session->signals;
	report_begin(&worker->report);
	if (batch->draft->inspect_length == 0)
		inspect_init(worker->state, batch->policy, (enum inspect_mode)custody->mode,
		    worker->now_ms + CORE_CLOCK_AHEAD_MS);
	else if (!batch_load(batch))
		return false;
	batch->result = STEP_NOTHING;
	return true;
}

/* Responses lie in the client's input, challenges in the server's, or in text where they had to be
 * written anew. */
static bool
may_hold_secret(const struct batch *batch, enum shm_leg leg)
{
	const struct slot_session *shared = batch->session->shared;
	const struct window *input = &shared->input[leg];

	return !window_is_empty(&shared->text[leg]) ||
	       (!window_is_empty(input) && window_start(input) < batch->session->secret_end[leg]);
}

/* The wipe flag stays until the chunks that held the secret have left their windows. */
static void
batch_mark_secret(struct batch *batch)
{
	struct session *session = batch->session;

	if (batch->worker->output.secret) {
		batch->draft->flags |= RECORD_SECRET;
		for (int leg = 0; leg < SHM_LEGS; leg++)
			session->secret_end[leg] = session->leg[leg].received;
	} else if (!may_hold_secret(batch, SHM_CLIENT) && !may_hold_secret(batch, SHM_SERVER)) {
		batch->draft->flags &= (uint8_t)~RECORD_SECRET;
	}
}

/* A step that consumes nothing may still have learnt something: that bytes wait behind DATA, or
 * that they may hold credentials. */
static bool
state_differs(const struct batch *batch, struct record *draft)
{
	const struct record *record = session_record(batch->session);

	if (batch->steps == 0 || record == NULL)
		return false;
	inspect_save(batch->worker->state, draft->inspect, sizeof(draft->inspect));
	return draft->flags != record->flags ||
	       memcmp(draft->inspect, record->inspect, sizeof(draft->inspect)) != 0 ||
	       extra_differs(batch->worker, record);
}

bool
batch_commit(struct batch *batch)
{
	struct worker *worker = batch->worker;
	struct record *draft = batch->draft;
	size_t length;
	int error;

	batch->draft = NULL;
	if (!batch->changed && !state_differs(batch, draft)) {
		pulse_leave(batch);
		return true;
	}
	length = inspect_save(worker->state, draft->inspect, sizeof(draft->inspect));
	if (length == 0) {
		batch->result = STEP_BROKEN;
		return false;
	}
	draft->inspect_length = (uint16_t)length;
	error = extra_store(worker, batch->session, draft);
	if (error < 0) {
		batch->result = error == -ENOBUFS ? STEP_STARVED : STEP_BROKEN;
		batch->session->signals = batch->signals;
		batch_drop(batch);
		return false;
	}
	if (draft->ending[SHM_CLIENT] != ENDING_NONE && draft->ending[SHM_SERVER] != ENDING_NONE) {
		draft->flags |= RECORD_DRAINING;
		draft->deadline_ms = 0;
		if (draft->close_reason == CLOSE_NONE)
			draft->close_reason = CLOSE_FINS;
	}
	commit_publish(worker, batch->session, draft);
	pulse_leave(batch);
	report_release(worker, batch->session);
	batch->result = STEP_COMMITTED;
	return true;
}

static bool
apply_edit(struct batch *batch, const struct inspect_input *input, const struct inspect_edit *edit,
    uint64_t *passed)
{
	const struct inspect_output *output = &batch->worker->output;
	int error;

	switch (edit->kind) {
	case INSPECT_KEEP:
	case INSPECT_DROP:
		if (input->signal != INSPECT_BYTES || edit->to != !input->from)
			return false;
		*passed += edit->length;
		return edit->length == 0 || outlet_push(&batch->draft->outlet[edit->to],
						(enum outlet_kind)edit->kind, edit->length);
	case INSPECT_INSERT:
		if (edit->to >= SHM_LEGS || edit->text > sizeof(output->text) ||
		    edit->length > sizeof(output->text) - edit->text)
			return false;
		if (session_leg_gone(batch->session, edit->to))
			return true;
		error = commit_insert(batch->worker, batch->session, batch->draft, edit->to,
		    output->text + edit->text, edit->length);
		if (error == -ENOBUFS)
			batch->result = STEP_STARVED;
		return error == 0;
	case INSPECT_REVOKE:
		return edit->to == INSPECT_SERVER &&
		       (session_leg_gone(batch->session, SHM_SERVER) ||
			   outlet_revoke(&batch->draft->outlet[SHM_SERVER], edit->length));
	default:
		return false;
	}
}

/* How much of the server's output must not leave yet.  What might leave before the step may be on
 * its way already: it is not held any more, nor taken back. */
static bool
apply_held(struct batch *batch, uint64_t sendable)
{
	struct outlet *outlet = &batch->draft->outlet[SHM_SERVER];
	const struct inspect_output *output = &batch->worker->output;

	if (session_leg_gone(batch->session, SHM_SERVER)) {
		outlet->held = 0;
		return true;
	}
	if (output->held > outlet_pending(outlet) ||
	    (output->held != 0 && output->ending[SHM_SERVER] != INSPECT_OPEN))
		return false;
	outlet->held = output->held;
	return outlet_sendable(outlet) >= sendable;
}

static bool
apply_edits(struct batch *batch, const struct inspect_input *input)
{
	const struct inspect_output *output = &batch->worker->output;
	uint64_t sendable = outlet_sendable(&batch->draft->outlet[SHM_SERVER]);
	uint64_t passed = 0;

	if (output->edit_count > INSPECT_EDITS_MAX || output->consumed > input->length)
		return false;
	for (unsigned i = 0; i < output->edit_count; i++)
		if (!apply_edit(batch, input, &output->edits[i], &passed))
			return false;
	batch->draft->position[input->from] += output->consumed;
	return passed == output->consumed && apply_held(batch, sendable);
}

static void
note_change(struct batch *batch, bool differs)
{
	batch->changed = batch->changed || differs;
}

static void
apply_endings(struct batch *batch)
{
	const struct inspect_output *output = &batch->worker->output;
	struct record *draft = batch->draft;

	for (int leg = 0; leg < SHM_LEGS; leg++) {
		if (output->ending[leg] == INSPECT_OPEN || draft->ending[leg] == ENDING_RESET)
			continue;
		note_change(batch, draft->ending[leg] != output->ending[leg]);
		draft->ending[leg] = output->ending[leg];
	}
	if (output->reason != INSPECT_REASON_NONE && output->reason != draft->close_reason) {
		draft->close_reason = output->reason;
		draft->close_rule = output->rule;
		note_change(batch, true);
	}
}

/* A step of the client's bytes gives something to the server. */
static bool
is_spoken(const struct batch *batch, const struct inspect_input *input)
{
	const struct inspect_output *output = &batch->worker->output;

	if (batch->draft->flags & RECORD_SPOKEN)
		return true;
	if (input->signal != INSPECT_BYTES || input->from != INSPECT_CLIENT)
		return false;
	for (unsigned i = 0; i < output->edit_count; i++)
		if (output->edits[i].to == INSPECT_SERVER && output->edits[i].length > 0 &&
		    (output->edits[i].kind == INSPECT_KEEP ||
			output->edits[i].kind == INSPECT_INSERT))
			return true;
	return false;
}

static void
apply_state(struct batch *batch, const struct inspect_input *input)
{
	const struct inspect_output *output = &batch->worker->output;
	struct record *draft = batch->draft;

	if (output->end_taken && input->end && draft->end_seen[input->from] == ENDING_NONE) {
		draft->end_seen[input->from] = ENDING_FIN;
		note_change(batch, true);
	}
	note_change(batch, output->consumed > 0 || output->edit_count > 0 ||
			       output->event_count > 0 || output->note_count > 0 ||
			       output->deadline_ms != draft->deadline_ms ||
			       output->phase != draft->phase);
	if (output->opaque)
		draft->flags |= RECORD_OPAQUE;
	if (is_spoken(batch, input))
		draft->flags |= RECORD_SPOKEN;
	batch_mark_secret(batch);
	draft->phase = output->phase;
	draft->deadline_ms = output->deadline_ms;
	draft->commands += output->tally.commands;
	draft->replies += output->tally.replies;
	draft->messages += output->tally.messages;
}

#ifdef SMTPGUARD_TEST_OTHER_CORE
/* For the tests of adoption: a core of another version, with another clock, which would say the
 * same in other words.  What one version has committed must leave as it was committed. */
static void
speak_otherwise(struct inspect_output *output)
{
	for (uint32_t i = 0; i < output->text_length && i < sizeof(output->text); i++)
		if (output->text[i] >= 'a' && output->text[i] <= 'z')
			output->text[i] = (char)(output->text[i] - 'a' + 'A');
}
#endif

#ifdef SMTPGUARD_TEST_CRASH
/* For the tests of poisoned sessions: a worker that this word from a client kills by a fault. */
static void
crash_on_word(const struct inspect_input *input)
{
	static const char word[] = "XCRASHX";
	volatile uintptr_t nowhere = 8;

	if (input->signal == INSPECT_BYTES && input->from == INSPECT_CLIENT &&
	    memmem(input->bytes, input->length, word, sizeof(word) - 1) != NULL)
		*(volatile int *)nowhere = 0;
}
#endif

bool
batch_step(struct batch *batch, struct inspect_input *input)
{
	struct worker *worker = batch->worker;
	const struct inspect_output *output = &worker->output;

	if (++batch->steps > STEPS_MAX) {
		batch->result = STEP_BROKEN;
		return false;
	}
	input->now_ms = worker->now_ms + CORE_CLOCK_AHEAD_MS;
	input->scan = worker->scan;
	for (int leg = 0; leg < SHM_LEGS; leg++)
		input->room[leg] = OUTLET_WORDS - WORDS_KEPT - batch->draft->outlet[leg].count;
	pulse_enter(batch, (enum shm_leg)input->from);
	FAILPOINT(before_step);
#ifdef SMTPGUARD_TEST_CRASH
	crash_on_word(input);
#endif
	inspect_step(worker->state, batch->policy, input, &worker->output);
#ifdef SMTPGUARD_TEST_OTHER_CORE
	speak_otherwise(&worker->output);
#endif
	FAILPOINT(after_step);
	if (!apply_edits(batch, input)) {
		if (batch->result != STEP_STARVED)
			batch->result = STEP_BROKEN;
		return false;
	}
	apply_endings(batch);
	apply_state(batch, input);
	report_gather(worker, batch->session, output);
	return output->consumed > 0 || output->edit_count > 0;
}

bool
batch_has_room(const struct batch *batch)
{
	for (int leg = 0; leg < SHM_LEGS; leg++)
		if (batch->draft->outlet[leg].count + WORDS_KEPT + INSPECT_EDITS_MIN > OUTLET_WORDS)
			return false;
	return true;
}

void
batch_drop(struct batch *batch)
{
	report_begin(&batch->worker->report);
	pulse_leave(batch);
	batch->draft = NULL;
}
