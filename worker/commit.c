#include "worker/commit.h"

#include "shm/failpoint.h"
#include "shm/journal.h"
#include "shm/spoken.h"
#include "worker/receipt.h"
#include "worker/worker.h"

#include <errno.h>
#include <string.h>

/* One that is greater is damage: so often nobody commits. */
#define SEQUENCE_MOST (UINT64_C(1) << 48)

/* Output that can never leave: its words go, the positions stay true. */
static void
outlet_give_up(struct outlet *outlet, uint64_t sent)
{
	outlet->input = outlet_input_end(outlet);
	outlet->text = outlet_text_end(outlet);
	outlet->written = sent;
	outlet->count = 0;
	outlet->held = 0;
}

struct record *
commit_begin(struct worker *worker, struct session *session)
{
	struct slot_session *shared = session->shared;
	struct record *draft = record_begin(shared, session->generation);

	receipt_look_both(worker, session);
	for (int leg = 0; leg < SHM_LEGS; leg++) {
		struct outlet *outlet = &draft->outlet[leg];
		const struct leg *side = &session->leg[leg];

		if (session_leg_gone(session, leg))
			outlet_give_up(outlet, side->sent);
		else
			outlet_advance(outlet, side->acknowledged - outlet->written);
	}
	return draft;
}

/* The supervisor may see the bit too early, but never too late. */
static void
note_spoken(const struct worker *worker, const struct session *session, const struct record *draft)
{
	const struct record *record = session_record(session);

	if ((draft->flags & RECORD_SPOKEN) && (record == NULL || !(record->flags & RECORD_SPOKEN)))
		spoken_set(&worker->shm, session->slot);
}

/* In a pair all that has arrived: its acknowledgement waits for that. */
static void
store(const struct worker *worker, const struct session *session, struct record *draft,
    enum shm_leg leg)
{
	const struct leg *side = &session->leg[leg];
	bool keeps = worker->release.keeps;

	draft->stored[leg] =
	    keeps && side->received > draft->position[leg] ? side->received : draft->position[leg];
	draft->end_stored[leg] = keeps && (side->flags & LEG_END);
}

static void
note(struct worker *worker, struct session *session, const struct record *record)
{
	uint64_t lsn = journal_append(
	    worker->journal, session->slot, session->generation, record->sequence, record->stored);

	release_queue_add(worker, session, lsn);
}

void
commit_publish(struct worker *worker, struct session *session, struct record *draft)
{
	release_queue_look(worker);
	for (int leg = 0; leg < SHM_LEGS; leg++)
		store(worker, session, draft, leg);
	note_spoken(worker, session, draft);
	FAILPOINT(before_publish);
	record_publish(session->shared, draft);
	FAILPOINT(after_publish);
	session->leg[SHM_SERVER].flags &= (uint16_t)~LEG_UNTOLD;
	note(worker, session, draft);
	counter_add(worker->counters, COUNTER_commits, 1);
}

bool
commit_renew(struct worker *worker, struct session *session)
{
	const struct slot_sync *sync = &session_custody(worker, session)->sync;
	const struct record *record = session_record(session);

	if (release_queue_look(worker) == RELEASE_ALONE ||
	    release_slot_acknowledged(sync, session->generation) >= record->sequence)
		return false;
	note(worker, session, record);
	return true;
}

int
commit_insert(struct worker *worker, struct session *session, struct record *draft,
    enum shm_leg leg, const char *text, uint32_t length)
{
	struct window *window = &session->shared->text[leg];
	struct outlet *outlet = &draft->outlet[leg];
	uint64_t position = outlet_text_end(outlet);

	if (length == 0)
		return 0;
	if (window_is_empty(window))
		window_rebase(window, position);
	while (window_end(window) < position + length) {
		int error = window_append(window, &worker->shm, &worker->chunks, session->slot);

		if (error < 0)
			return error;
	}
	if (!window_write(window, &worker->shm, position, text, length) ||
	    !outlet_push(outlet, OUTLET_INSERT, length))
		return -ENOSPC;
	return 0;
}

/* What is held never leaves.  Where the words have no room to say so, nothing leaves. */
static void
leg_end(struct record *draft, enum shm_leg leg, enum ending how)
{
	struct outlet *outlet = &draft->outlet[leg];

	if (!outlet_revoke(outlet, outlet->held)) {
		outlet->held = 0;
		how = ENDING_RESET;
	}
	if (draft->ending[leg] == ENDING_NONE || how == ENDING_RESET)
		draft->ending[leg] = (uint8_t)how;
}

void
commit_end(struct record *draft, enum ending how, enum close_reason reason)
{
	for (int leg = 0; leg < SHM_LEGS; leg++)
		leg_end(draft, leg, how);
	draft->close_reason = (uint16_t)reason;
	draft->flags |= RECORD_DRAINING;
	draft->deadline_ms = 0;
}

void
commit_reset(struct worker *worker, struct session *session, enum close_reason reason)
{
	struct record *draft = commit_begin(worker, session);

	commit_end(draft, ENDING_RESET, reason);
	for (int leg = 0; leg < SHM_LEGS; leg++)
		outlet_give_up(&draft->outlet[leg], session->leg[leg].sent);
	commit_publish(worker, session, draft);
}

static void
window_forget(struct window *window)
{
	atomic_store(&window->last, 0);
	atomic_store(&window->first, 0);
	atomic_store(&window->origin, 0);
}

/* Sequences rise within a generation, whatever became of its records: the standby has one of them, and an
 * older number would count as acknowledged. */
static uint64_t
sequence_used(const struct worker *worker, const struct session *session)
{
	const struct slot_session *shared = session->shared;
	uint64_t used =
	    release_slot_acknowledged(&session_custody(worker, session)->sync, session->generation);

	for (unsigned i = 0; i < 2; i++) {
		const struct record *record = &shared->record[i];

		if (record->generation == session->generation && record->sequence > used &&
		    record->sequence < SEQUENCE_MOST)
			used = record->sequence;
	}
	return used;
}

void
commit_discard(struct worker *worker, struct session *session, enum close_reason reason)
{
	struct slot_session *shared = session->shared;
	uint64_t used = sequence_used(worker, session);
	struct record *draft;

	for (int leg = 0; leg < SHM_LEGS; leg++) {
		window_forget(&shared->input[leg]);
		window_forget(&shared->text[leg]);
	}
	window_forget(&shared->extension);
	chunk_sweep_slot(&worker->shm, session->slot, NULL);
	atomic_store(&shared->published, 0);
	draft = record_begin(shared, session->generation);
	draft->sequence = used + 1;
	for (int leg = 0; leg < SHM_LEGS; leg++) {
		draft->position[leg] = session->leg[leg].received;
		draft->outlet[!leg].input = session->leg[leg].received;
		draft->outlet[leg].written = session->leg[leg].sent;
		session->leg[leg].acknowledged = session->leg[leg].sent;
	}
	commit_end(draft, ENDING_RESET, reason);
	commit_publish(worker, session, draft);
}
