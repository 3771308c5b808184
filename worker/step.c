#include "worker/step.h"

#include "shm/failpoint.h"
#include "shm/journal.h"
#include "worker/commit.h"
#include "worker/worker.h"

#include <errno.h>
#include <string.h>

/* Outlet words that a step may not use: a merge that fails and the gateway's last words. */
#define WORDS_KEPT 2u
/* The gateway's own text that waits for a client; a text window holds more. */
#define TEXT_HELD_MAX (2u * SHM_CHUNK_SIZE)
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
_Static_assert((int)INSPECT_REASON_FINS == (int)CLOSE_FINS, "reasons are the same");
_Static_assert((int)INSPECT_REASON_SHUTDOWN == (int)CLOSE_SHUTDOWN, "reasons are the same");

/* The steps that become one commit. */
struct batch {
	struct worker *worker;
	struct session *session;
	const struct inspect_policy *policy;
	struct record *draft; /* NULL before the first step */
	bool changed;
	unsigned steps;
	uint8_t signals; /* what the session had waiting when the batch began */
	enum step_result result;
};

static void
pulse_enter(const struct batch *batch, enum shm_leg from, uint64_t position)
{
	struct worker_pulse *pulse = &batch->worker->journal->pulse;

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

static bool
batch_is_over(const struct batch *batch)
{
	return batch->draft != NULL && batch->draft->ending[SHM_CLIENT] != ENDING_NONE &&
	       batch->draft->ending[SHM_SERVER] != ENDING_NONE;
}

static bool
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
		inspect_init(
		    worker->state, batch->policy, (enum inspect_mode)custody->mode, worker->now_ms);
	else if (!inspect_load(worker->state, batch->draft->inspect, batch->draft->inspect_length))
		return false;
	batch->result = STEP_NOTHING;
	return true;
}

/* The wipe flag stays until the chunk that held the secret has left the window. */
static void
batch_mark_secret(struct batch *batch)
{
	struct session *session = batch->session;
	const struct window *input = &session_shared(batch->worker, session)->input[SHM_CLIENT];

	if (batch->worker->output.secret) {
		batch->draft->flags |= RECORD_SECRET;
		session->secret_end = session->leg[SHM_CLIENT].received;
	} else if (window_is_empty(input) || window_start(input) >= session->secret_end) {
		batch->draft->flags &= (uint8_t)~RECORD_SECRET;
	}
}

static bool
batch_commit(struct batch *batch)
{
	struct worker *worker = batch->worker;
	struct record *draft = batch->draft;
	size_t length;

	batch->draft = NULL;
	if (!batch->changed) {
		pulse_leave(batch);
		return true;
	}
	length = inspect_save(worker->state, draft->inspect, sizeof(draft->inspect));
	if (length == 0) {
		batch->result = STEP_BROKEN;
		return false;
	}
	draft->inspect_length = (uint16_t)length;
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
		if (session_leg_gone(batch->worker, batch->session, edit->to))
			return true;
		error = commit_insert(batch->worker, batch->session, batch->draft, edit->to,
		    output->text + edit->text, edit->length);
		if (error == -ENOBUFS)
			batch->result = STEP_STARVED;
		return error == 0;
	default:
		return false;
	}
}

static bool
apply_edits(struct batch *batch, const struct inspect_input *input)
{
	const struct inspect_output *output = &batch->worker->output;
	uint64_t passed = 0;

	if (output->edit_count > INSPECT_EDITS_MAX || output->consumed > input->length)
		return false;
	for (unsigned i = 0; i < output->edit_count; i++)
		if (!apply_edit(batch, input, &output->edits[i], &passed))
			return false;
	batch->draft->position[input->from] += output->consumed;
	return passed == output->consumed;
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

/* One call of the core. True: it made progress. batch->result says if it went wrong. */
static bool
batch_step(struct batch *batch, struct inspect_input *input)
{
	struct worker *worker = batch->worker;
	const struct inspect_output *output = &worker->output;

	if (++batch->steps > STEPS_MAX) {
		batch->result = STEP_BROKEN;
		return false;
	}
	input->now_ms = worker->now_ms + CORE_CLOCK_AHEAD_MS;
	for (int leg = 0; leg < SHM_LEGS; leg++)
		input->room[leg] = OUTLET_WORDS - WORDS_KEPT - batch->draft->outlet[leg].count;
	pulse_enter(batch, (enum shm_leg)input->from, batch->draft->position[input->from]);
	FAILPOINT(before_step);
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

static bool
has_room(const struct record *draft)
{
	for (int leg = 0; leg < SHM_LEGS; leg++)
		if (draft->outlet[leg].count + WORDS_KEPT + INSPECT_EDITS_MIN > OUTLET_WORDS)
			return false;
	return true;
}

/* Input of `from` must wait: there is no room for edits, or its output is not being taken.  A
 * client that takes none of the gateway's own replies waits too; a server's replies must not wait
 * for what the server itself does not take, or both would wait for each other. */
static bool
is_blocked(const struct batch *batch, enum shm_leg from)
{
	const struct outlet *outlet = batch->draft->outlet;

	return !has_room(batch->draft) || outlet_pending(&outlet[!from]) >= SESSION_HELD_MAX ||
	       (from == SHM_CLIENT &&
		   outlet_text_end(&outlet[SHM_CLIENT]) - outlet[SHM_CLIENT].text >= TEXT_HELD_MAX);
}

/* What has arrived from a leg and is not consumed: contiguous, INSPECT_LOOKAHEAD of it if there
 * is as much, which may need a copy where chunks meet. */
static const uint8_t *
input_span(const struct batch *batch, enum shm_leg from, size_t *ret_length)
{
	struct worker *worker = batch->worker;
	const struct window *window = &session_shared(worker, batch->session)->input[from];
	uint64_t position = batch->draft->position[from];
	uint64_t arrived = batch->session->leg[from].received - position;
	const uint8_t *span;

	*ret_length = 0;
	if (arrived == 0)
		return worker->scratch;
	span = window_span(window, &worker->shm, position, arrived, ret_length);
	if (span == NULL || *ret_length == arrived || *ret_length >= INSPECT_LOOKAHEAD)
		return span;
	*ret_length = arrived < sizeof(worker->scratch) ? arrived : sizeof(worker->scratch);
	if (!window_read(window, &worker->shm, position, worker->scratch, *ret_length))
		return NULL;
	return worker->scratch;
}

#ifdef SMTPGUARD_TEST_CRASH
/* For the tests of poisoned sessions: a worker that this word from a client kills by a fault. */
static void
crash_on_word(const struct inspect_input *input)
{
	static const char word[] = "XCRASHX";
	volatile uintptr_t nowhere = 8;

	if (input->from == INSPECT_CLIENT &&
	    memmem(input->bytes, input->length, word, sizeof(word) - 1) != NULL)
		*(volatile int *)nowhere = 0;
}
#endif

/* Offers what there is of one direction once. True: progress. */
static bool
batch_offer(struct batch *batch, enum shm_leg from)
{
	const struct leg *leg = &batch->session->leg[from];
	struct inspect_input input = {.signal = INSPECT_BYTES, .from = (enum inspect_leg)from};
	uint64_t arrived;
	bool end, end_taken = false;

	arrived = leg->received - batch->draft->position[from];
	end = (leg->flags & LEG_END) && batch->draft->end_seen[from] == ENDING_NONE;
	if (arrived == 0 && !end)
		return false;
	if (is_blocked(batch, from)) {
		batch->session->blocked = true;
		return false;
	}
	input.bytes = input_span(batch, from, &input.length);
	if (input.bytes == NULL) {
		batch->result = STEP_BROKEN;
		return false;
	}
	input.end = end && input.length == arrived;
#ifdef SMTPGUARD_TEST_CRASH
	pulse_enter(batch, from, batch->draft->position[from]);
	crash_on_word(&input);
#endif
	if (batch_step(batch, &input))
		return true;
	end_taken = end && batch->draft->end_seen[from] != ENDING_NONE;
	return batch->result == STEP_NOTHING && end_taken;
}

/* Commits what there is when another step might not fit; goes on with a new draft. */
static bool
batch_continue(struct batch *batch)
{
	if (batch->result == STEP_BROKEN || batch->result == STEP_STARVED)
		return false;
	if (batch_is_over(batch))
		return false;
	if (!report_is_full(&batch->worker->report))
		return true;
	return batch_commit(batch) && batch_begin(batch);
}

/* Both directions until neither makes progress: the progress of one may free the other. */
static bool
batch_bytes(struct batch *batch)
{
	bool again[SHM_LEGS] = {true, true};

	batch->session->blocked = false;
	while (again[SHM_CLIENT] || again[SHM_SERVER]) {
		enum shm_leg from = again[SHM_SERVER] ? SHM_SERVER : SHM_CLIENT;

		again[from] = false;
		while (batch_offer(batch, from)) {
			again[!from] = true;
			if (!batch_continue(batch))
				return false;
		}
		if (!batch_continue(batch))
			return false;
	}
	return true;
}

struct signal_meaning {
	uint8_t bit;
	enum inspect_signal signal;
	enum inspect_leg from;
};

/* In the order in which they are told. */
static const struct signal_meaning signal_meanings[] = {
    {SIGNAL_RESET_CLIENT, INSPECT_RESET, INSPECT_CLIENT},
    {SIGNAL_RESET_SERVER, INSPECT_RESET, INSPECT_SERVER},
    {SIGNAL_SERVER_FAILED, INSPECT_SERVER_FAILED, INSPECT_SERVER},
    {SIGNAL_CLEAR, INSPECT_CLEAR, INSPECT_CLIENT},
    {SIGNAL_SHUTDOWN, INSPECT_SHUTDOWN, INSPECT_CLIENT},
    {SIGNAL_TIMER, INSPECT_TIMER, INSPECT_CLIENT},
};

static bool
batch_tell(struct batch *batch, const struct signal_meaning *meaning)
{
	struct inspect_input input = {
	    .signal = meaning->signal, .from = meaning->from, .bytes = batch->worker->scratch};

	batch->session->signals &= (uint8_t)~meaning->bit;
	if (meaning->signal == INSPECT_TIMER &&
	    (batch->draft->deadline_ms == 0 || batch->draft->deadline_ms > batch->worker->now_ms))
		return true; /* what has arrived meanwhile has moved the deadline */
	if (meaning->signal == INSPECT_RESET)
		batch->draft->end_seen[meaning->from] = ENDING_RESET;
	batch->changed = true;
	batch_step(batch, &input);
	return batch_continue(batch);
}

/* One signal that waits, if there is room. True: told; the other direction may move now. */
static bool
batch_signal(struct batch *batch)
{
	if (batch->session->signals == 0)
		return false;
	if (!has_room(batch->draft)) {
		batch->session->blocked = true;
		return false;
	}
	for (size_t i = 0; i < sizeof(signal_meanings) / sizeof(signal_meanings[0]); i++)
		if (batch->session->signals & signal_meanings[i].bit)
			return batch_tell(batch, &signal_meanings[i]);
	return false;
}

static enum step_result
batch_close(struct batch *batch)
{
	struct worker *worker = batch->worker;

	if (batch->result == STEP_STARVED) {
		batch->session->signals = batch->signals;
		report_begin(&worker->report);
		pulse_leave(batch);
	} else if (batch->result == STEP_BROKEN) {
		report_begin(&worker->report);
		pulse_leave(batch);
	} else if (batch->draft != NULL) {
		bool secret = batch->draft->flags & RECORD_SECRET;

		batch_commit(batch);
		if (secret)
			explicit_bzero(worker->scratch, sizeof(worker->scratch));
	}
	return batch->result;
}

enum step_result
step_session(struct worker *worker, struct session *session)
{
	struct batch batch = {.worker = worker, .session = session};

	if (!batch_begin(&batch))
		return batch_close(&batch);
	while (batch_bytes(&batch) && batch_signal(&batch))
		continue;
	return batch_close(&batch);
}

enum step_result
step_first(struct worker *worker, struct session *session)
{
	struct batch batch = {.worker = worker, .session = session};
	struct inspect_input input = {
	    .signal = INSPECT_BYTES, .from = INSPECT_SERVER, .bytes = worker->scratch};

	if (batch_begin(&batch)) {
		batch.changed = true;
		batch_step(&batch, &input);
	}
	return batch_close(&batch);
}
