#include "worker/session.h"

#include "shm/failpoint.h"
#include "shm/spoken.h"
#include "worker/adopt.h"
#include "worker/commit.h"
#include "worker/connection.h"
#include "worker/deadline.h"
#include "worker/extra.h"
#include "worker/handover_client.h"
#include "worker/receipt.h"
#include "worker/step.h"
#include "worker/worker.h"

#include <string.h>

struct session *
session_find(struct worker *worker, uint32_t slot, uint32_t generation)
{
	struct session *session = session_table_find(&worker->sessions, slot);

	return session != NULL && session->generation == generation ? session : NULL;
}

const struct slot_custody *
session_custody(const struct worker *worker, const struct session *session)
{
	return shm_custody(&worker->shm, session->slot);
}

bool
session_leg_gone(const struct session *session, enum shm_leg leg)
{
	const struct record *record = session_record(session);

	return (session->leg[leg].flags & (LEG_RESET | LEG_RESET_ASKED | LEG_ABSENT | LEG_DEAD)) ||
	       (record != NULL && record->ending[leg] == ENDING_RESET);
}

uint64_t
session_pending(const struct session *session, enum shm_leg leg)
{
	const struct outlet *outlet;

	if (session_leg_gone(session, leg))
		return 0;
	outlet = &session_record(session)->outlet[leg];
	return outlet_pending(outlet) - (session->leg[leg].sent - outlet->written);
}

uint64_t
session_unsettled(const struct session *session, enum shm_leg leg)
{
	const struct outlet *outlet;

	if (session_leg_gone(session, leg))
		return 0;
	outlet = &session_record(session)->outlet[leg];
	return outlet_pending(outlet) - (session->leg[leg].acknowledged - outlet->written);
}

uint64_t
session_sendable(const struct session *session, enum shm_leg leg)
{
	const struct outlet *outlet;

	if (session_leg_gone(session, leg))
		return 0;
	outlet = &session_record(session)->outlet[leg];
	return outlet_sendable(outlet) - (session->leg[leg].sent - outlet->written);
}

bool
session_is_unstored(const struct worker *worker, const struct session *session, enum shm_leg leg)
{
	const struct record *record = session_record(session);
	const struct leg *side = &session->leg[leg];

	if (worker->release.mode == RELEASE_ALONE)
		return false;
	return side->received > record->stored[leg] ||
	       ((side->flags & LEG_END) && !record->end_stored[leg] &&
		   record->end_seen[leg] == ENDING_NONE);
}

uint64_t
session_needed(const struct session *session, enum shm_leg leg)
{
	const struct record *record = session_record(session);
	const struct outlet *outlet = &record->outlet[!leg];
	uint64_t input, text;

	if (session_unsettled(session, !leg) == 0)
		return record->flags & RECORD_DRAINING ? session->leg[leg].received
						       : record->position[leg];
	outlet_sources(outlet, session->leg[!leg].acknowledged - outlet->written, &input, &text);
	return input;
}

struct session *
session_take(struct worker *worker, uint32_t slot, uint32_t generation)
{
	struct session *session = session_table_take(&worker->sessions, slot);

	session->shared = shm_session(&worker->shm, slot);
	session->generation = generation;
	session->state = SESSION_LIVE;
	session->active_ms = worker->now_ms;
	for (int leg = 0; leg < SHM_LEGS; leg++)
		session->leg[leg].descriptor = -1;
	return session;
}

void
session_attach(struct session *session, enum shm_leg leg, int descriptor)
{
	session->leg[leg].descriptor = descriptor;
	session->leg[leg].flags |= LEG_PARKED; /* no chunk before the first byte */
	atomic_store(&session->shared->descriptor[leg], descriptor);
}

/* A slot whose last session left nothing behind is only renamed. */
static void
shared_renew(struct worker *worker, struct session *session)
{
	struct slot_session *shared = session->shared;
	struct window *windows[] = {&shared->input[0], &shared->input[1], &shared->text[0],
	    &shared->text[1], &shared->extension};

	atomic_store(&shared->published, 0);
	for (size_t i = 0; i < sizeof(windows) / sizeof(windows[0]); i++) {
		if (!window_is_empty(windows[i])) {
			chunk_sweep_slot(&worker->shm, session->slot, NULL);
			atomic_store(&windows[i]->last, 0);
			atomic_store(&windows[i]->first, 0);
		}
		window_rebase(windows[i], 0);
	}
	trail_clear(&shared->trail);
	spoken_clear(&worker->shm, session->slot);
	atomic_store(&shared->generation, session->generation);
}

void
session_open(struct worker *worker, struct session *session)
{
	FAILPOINT(opened);
	shared_renew(worker, session);
	if (step_first(worker, session) != STEP_COMMITTED) {
		commit_discard(worker, session, CLOSE_INVALID_RECORD);
		report_invalid(worker, session);
	}
	report_opened(worker, session);
	session_run(worker, session);
}

void
session_signal(struct worker *worker, struct session *session, enum session_signal signal)
{
	if (session->state != SESSION_LIVE)
		return;
	session->signals |= (uint8_t)signal;
	session_run(worker, session);
}

void
session_server_failed(struct worker *worker, struct session *session, int error)
{
	if (session->state != SESSION_LIVE || session->leg[SHM_SERVER].descriptor >= 0 ||
	    (session->leg[SHM_SERVER].flags & LEG_ABSENT))
		return;
	session->leg[SHM_SERVER].flags |= LEG_ABSENT;
	report_connect_failed(worker, session, error);
	session_signal(worker, session, SIGNAL_SERVER_FAILED);
}

/* The first position that is still needed. */
static uint64_t
release_input(struct worker *worker, struct session *session, enum shm_leg leg)
{
	struct window *input = &session->shared->input[leg];
	bool wipe = session_record(session)->flags & RECORD_SECRET;
	uint64_t needed = session_needed(session, leg);

	window_release_below(input, &worker->shm, &worker->chunks, needed, wipe);
	/* Also what could not be given back when it came to wait by poll. */
	if (needed == session->leg[leg].received &&
	    (session->leg[leg].read == READ_POLL ||
		(session->state == SESSION_ENDING && session->leg[leg].read != READ_RECEIVE)))
		window_release_all(input, &worker->shm, &worker->chunks, wipe);
	return needed;
}

static void
release_text(struct worker *worker, struct session *session, enum shm_leg leg)
{
	struct window *window = &session->shared->text[leg];
	const struct record *record = session_record(session);
	const struct outlet *outlet = &record->outlet[leg];
	bool wipe = record->flags & RECORD_SECRET;
	uint64_t input, text;

	if (window_is_empty(window))
		return;
	if (session_unsettled(session, leg) != 0) {
		outlet_sources(
		    outlet, session->leg[leg].acknowledged - outlet->written, &input, &text);
		window_release_below(window, &worker->shm, &worker->chunks, text, wipe);
	} else if (!(session->leg[leg].flags & LEG_SENDING)) {
		window_release_all(window, &worker->shm, &worker->chunks, wipe);
	}
}

/* Chunks that neither input nor output needs go back. */
static void
session_release(struct worker *worker, struct session *session)
{
	const struct slot_session *shared = session->shared;
	uint64_t passed = 0;
	bool holds;

	if (!window_is_empty(&shared->extension))
		extra_settle(worker, session);
	holds = !window_is_empty(&shared->extension);
	for (int leg = 0; leg < SHM_LEGS; leg++) {
		uint64_t needed = release_input(worker, session, leg);

		release_text(worker, session, leg);
		holds |=
		    needed != session->leg[leg].received || !window_is_empty(&shared->text[leg]);
		passed += needed;
	}
	shedding_note(worker, session, holds, passed);
}

bool
session_leg_is_done(const struct leg *leg)
{
	if (leg->descriptor < 0 || (leg->flags & (LEG_RESET | LEG_RESET_ASKED)))
		return true;
	if (leg->flags & LEG_LINGERED)
		return leg->flags & LEG_FIN_DONE;
	return (leg->flags & LEG_SETTLED) && (leg->flags & LEG_END);
}

/* How the peer ended the leg, also after the core was asked for the last time: the supervisor need
 * not look for unread input then. */
static enum ending
leg_end_seen(const struct leg *leg)
{
	if (leg->flags & LEG_RESET)
		return ENDING_RESET;
	return leg->flags & LEG_END ? ENDING_FIN : ENDING_NONE;
}

/* Ends are noted as they were seen. */
static void
commit_ends(struct worker *worker, struct session *session, uint8_t flags)
{
	struct record *draft = commit_begin(worker, session);

	draft->flags |= flags;
	for (int leg = 0; leg < SHM_LEGS; leg++)
		if (draft->end_seen[leg] == ENDING_NONE)
			draft->end_seen[leg] = (uint8_t)leg_end_seen(&session->leg[leg]);
	commit_publish(worker, session, draft);
}

/* Nothing is left to do: says so in the record, then gives everything back. */
static void
session_finish(struct worker *worker, struct session *session)
{
	if (!(session_record(session)->flags & RECORD_FINISHED))
		commit_ends(worker, session, RECORD_FINISHED);
	if (release_queue_waits(session))
		return;
	report_closed(worker, session, session_record(session));
	session->state = SESSION_FINISHING;
	timer_cancel(&session->timer);
	list_remove(&session->waiting);
	list_remove(&session->holding);
	for (int leg = 0; leg < SHM_LEGS; leg++)
		connection_cancel(worker, session, leg);
	session_settle(worker, session);
}

static void
want_read(struct worker *worker, struct session *session)
{
	for (int leg = 0; leg < SHM_LEGS; leg++)
		connection_want_read(worker, session, leg);
}

static void
begin_ending(struct worker *worker, struct session *session)
{
	session->state = SESSION_ENDING;
	session->active_ms = worker->now_ms;
	for (int leg = 0; leg < SHM_LEGS; leg++)
		connection_stop_receiving(worker, session, leg);
}

/* What has come and leads to nothing must be committed all the same: also a connection, which the gate
 * keeps from what it acknowledges until the standby has been told of it. */
static void
session_store(struct worker *worker, struct session *session)
{
	if (worker->release.mode == RELEASE_ALONE ||
	    (!session_is_unstored(worker, session, SHM_CLIENT) &&
		!session_is_unstored(worker, session, SHM_SERVER) &&
		!(session->leg[SHM_SERVER].flags & LEG_UNTOLD)))
		return;
	if (session->state == SESSION_ENDING)
		commit_ends(worker, session, 0);
	else
		commit_publish(worker, session, commit_begin(worker, session));
}

void
session_act(struct worker *worker, struct session *session)
{
	bool holds = release_queue_holds(&worker->release);

	if (session->state == SESSION_FINISHING)
		return;
	if (release_queue_waits(session)) {
		want_read(worker, session);
		return;
	}
	if (session->state == SESSION_LIVE && session_is_over(session))
		begin_ending(worker, session);
	for (int leg = 0; leg < SHM_LEGS && !holds; leg++) {
		connection_want_send(worker, session, leg);
		connection_want_end(worker, session, leg);
	}
	if (session->state == SESSION_ENDING)
		receipt_look_both(worker, session);
	session_release(worker, session);
	if (session->state == SESSION_ENDING && !holds &&
	    session_leg_is_done(&session->leg[SHM_CLIENT]) &&
	    session_leg_is_done(&session->leg[SHM_SERVER])) {
		session_finish(worker, session);
		return;
	}
	want_read(worker, session);
	session_store(worker, session);
	if (!release_queue_waits(session))
		deadline_schedule(worker, session);
}

void
session_run(struct worker *worker, struct session *session)
{
	if (session->state == SESSION_LIVE && !release_queue_waits(session) &&
	    !session_is_over(session)) {
		switch (step_session(worker, session)) {
		case STEP_STARVED:
			session->leg[SHM_CLIENT].flags |= LEG_STARVED;
			waiting_for_step(worker, session);
			break;
		case STEP_BROKEN:
			commit_reset(worker, session, CLOSE_INVALID_RECORD);
			report_invalid(worker, session);
			break;
		default:
			break;
		}
		if (session->signals == 0 || release_queue_holds(&worker->release))
			session->blocked_ms = 0;
		else if (session->blocked_ms == 0)
			session->blocked_ms = worker->now_ms;
	}
	session_act(worker, session);
}

/* Its peers could not do their part meanwhile: their time begins anew. */
void
session_let_go(struct worker *worker, struct session *session)
{
	session->blocked_ms = 0;
	if (session->state == SESSION_ENDING)
		session->active_ms = worker->now_ms;
	if (session->found)
		adopt_go_on(worker, session);
	else
		session_run(worker, session);
	session_settle(worker, session);
}

static void
session_free(struct worker *worker, struct session *session)
{
	struct slot_session *shared = session->shared;
	struct window *windows[] = {&shared->input[0], &shared->input[1], &shared->text[0],
	    &shared->text[1], &shared->extension};
	bool wipe = session_record(session)->flags & RECORD_SECRET;
	struct parting_entry parting = {.slot = session->slot,
	    .generation = session->generation,
	    .descriptor = {
		session->leg[SHM_CLIENT].descriptor, session->leg[SHM_SERVER].descriptor}};

	for (size_t i = 0; i < sizeof(windows) / sizeof(windows[0]); i++)
		window_release_all(windows[i], &worker->shm, &worker->chunks, wipe);
	if (session->adopted)
		chunk_sweep_slot(&worker->shm, session->slot, NULL);
	FAILPOINT(finished);
	parting_add(&worker->parting, &parting);
	handover_client_ask_finished(worker, session->slot, session->generation);
	session_table_give(&worker->sessions, session);
}

void
session_settle(struct worker *worker, struct session *session)
{
	if (session->state == SESSION_FINISHING && session->under_way == 0)
		session_free(worker, session);
}
