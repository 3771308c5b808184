#include "worker/step.h"

#include "worker/batch.h"
#include "worker/worker.h"

#include <string.h>

/* The gateway's own text that waits for a client; a text window holds more. */
#define TEXT_HELD_MAX (2u * SHM_CHUNK_SIZE)

/* Input of `from` must wait: there is no room for edits, or its output is not being taken.  A
 * client that takes none of the gateway's own replies waits too; a server's replies must not wait
 * for what the server itself does not take, or both would wait for each other. */
static bool
is_blocked(const struct batch *batch, enum shm_leg from)
{
	const struct outlet *outlet = batch->draft->outlet;

	return !batch_has_room(batch) || outlet_pending(&outlet[!from]) >= SESSION_HELD_MAX ||
	       (from == SHM_CLIENT &&
		   outlet_text_end(&outlet[SHM_CLIENT]) - outlet[SHM_CLIENT].text >= TEXT_HELD_MAX);
}

/* What has arrived from a leg and is not consumed: contiguous, INSPECT_LOOKAHEAD of it if there
 * is as much, which may need a copy where chunks meet. */
static const uint8_t *
input_span(const struct batch *batch, enum shm_leg from, size_t *ret_length)
{
	struct worker *worker = batch->worker;
	const struct window *window = &batch->session->shared->input[from];
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
	return batch_commit(batch) && !release_queue_waits(batch->session) && batch_begin(batch);
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
    {SIGNAL_SHORTAGE, INSPECT_SHORTAGE, INSPECT_CLIENT},
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
	if (!batch_has_room(batch)) {
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
		batch_drop(batch);
	} else if (batch->result == STEP_BROKEN) {
		batch_drop(batch);
	} else if (batch->draft != NULL) {
		bool secret = batch->draft->flags & RECORD_SECRET;

		batch_commit(batch);
		if (secret) {
			explicit_bzero(worker->scratch, sizeof(worker->scratch));
			explicit_bzero(worker->output.text, sizeof(worker->output.text));
		}
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
