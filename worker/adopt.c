#include "worker/adopt.h"

#include "shm/failpoint.h"
#include "worker/commit.h"
#include "worker/extra.h"
#include "worker/receipt.h"
#include "worker/unread.h"
#include "worker/worker.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>

/* [from, to) lies in the window. */
static bool
window_holds(const struct window *window, uint64_t from, uint64_t to)
{
	return from == to ||
	       (from < to && window_start(window) <= from && to <= window_end(window));
}

/* What is still to be sent to a leg lies in the windows, and the kernel has taken no more of it
 * than there is. */
static bool
check_outlet(const struct slot_session *shared, const struct record *record, enum shm_leg leg,
    uint64_t written)
{
	struct outlet outlet = record->outlet[leg];

	if (outlet.count > OUTLET_WORDS || outlet_input_end(&outlet) != record->position[!leg])
		return false;
	if (record->ending[leg] == ENDING_RESET)
		return true; /* nothing of it will be sent */
	if (written < outlet.written || written - outlet.written > outlet_sendable(&outlet))
		return false;
	outlet_advance(&outlet, written - outlet.written);
	for (uint32_t i = 0; i < outlet.count; i++) {
		uint32_t length = outlet.word[i] & OUTLET_LENGTH_MAX;

		switch (outlet.word[i] >> 30) {
		case OUTLET_KEEP:
			if (!window_holds(
				&shared->input[!leg], outlet.input, outlet.input + length))
				return false;
			outlet.input += length;
			break;
		case OUTLET_DROP:
			outlet.input += length;
			break;
		case OUTLET_INSERT:
			if (!window_holds(&shared->text[leg], outlet.text, outlet.text + length))
				return false;
			outlet.text += length;
			break;
		default: /* text that was taken back: nobody needs it */
			outlet.text += length;
			break;
		}
	}
	return true;
}

/* What the kernel has not given away may be stored already (worker/unread.h). */
static uint64_t
arrived(const struct record *record, enum shm_leg leg, uint64_t consumed)
{
	return consumed > record->stored[leg] ? consumed : record->stored[leg];
}

/* What was received and not stepped lies in the window, whether it was committed as stored or not. */
static bool
check_input(const struct slot_session *shared, const struct record *record, enum shm_leg leg,
    uint64_t consumed)
{
	uint64_t end = arrived(record, leg, consumed);

	if (end - consumed > SHM_UNREAD_MAX)
		return false;
	if (record->flags & RECORD_DRAINING)
		return true; /* thrown away: nobody needs it */
	return window_holds(&shared->input[leg], record->position[leg], end);
}

static void
restore_input(struct leg *side, const struct record *record, enum shm_leg leg, uint64_t consumed)
{
	side->received = arrived(record, leg, consumed);
	side->unread = (uint32_t)(side->received - consumed);
}

/* The kernel's count of what was written holds for this leg: in state CLOSE it no longer has what
 * was not acknowledged. */
static bool
counts_hold(const struct handover_item *item, enum shm_leg leg)
{
	return (item->legs & HANDOVER_LEG(leg)) && item->tcp_state[leg] != TCP_CLOSE;
}

bool
adopt_check(const struct shm *shm, uint32_t slot, const struct slot_session *shared,
    const struct record *record, const struct handover_item *item)
{
	if (!window_check_slot(shared, shm, slot))
		return false;
	for (int leg = 0; leg < SHM_LEGS; leg++) {
		bool holds = counts_hold(item, leg);
		uint64_t written = holds ? item->written[leg] : record->outlet[leg].written;
		uint64_t consumed = holds ? item->consumed[leg] : record->stored[leg];

		if (!check_outlet(shared, record, leg, written) ||
		    !check_input(shared, record, leg, consumed))
			return false;
	}
	return true;
}

static bool
fin_was_sent(uint8_t tcp_state)
{
	switch (tcp_state) {
	case TCP_FIN_WAIT1:
	case TCP_FIN_WAIT2:
	case TCP_CLOSING:
	case TCP_LAST_ACK:
	case TCP_TIME_WAIT:
		return true;
	default:
		return false;
	}
}

/* Reset while nobody held it: what had arrived before is still told to the core, then the reset.
 * SO_ERROR has died with the worker that read it: the end that will be read is no FIN. */
static bool
leg_was_reset(struct leg *side, const struct slot_session *shared, const struct record *record,
    enum shm_leg leg, const struct handover_item *item)
{
	if (record->ending[leg] != ENDING_NONE || record->end_seen[leg] != ENDING_NONE ||
	    !check_input(shared, record, leg, item->consumed[leg]))
		return false;
	restore_input(side, record, leg, item->consumed[leg]);
	side->flags |= LEG_DEAD;
	return true;
}

/* Broken, or already ended by us: nothing more will come or go. */
static void
leg_lost(struct session *session, const struct record *record, enum shm_leg leg)
{
	session->leg[leg].flags |= LEG_RESET;
	if (record->ending[leg] == ENDING_FIN)
		session->leg[leg].flags |= LEG_END;
	else if (record->end_seen[leg] != ENDING_RESET)
		session->signals |= leg == SHM_CLIENT ? SIGNAL_RESET_CLIENT : SIGNAL_RESET_SERVER;
}

static void
restore_leg(struct session *session, const struct slot_session *shared, const struct record *record,
    enum shm_leg leg, const struct handover_item *item)
{
	struct leg *side = &session->leg[leg];

	side->received = record->stored[leg];
	side->sent = side->acknowledged = record->outlet[leg].written;
	if (counts_hold(item, leg)) {
		restore_input(side, record, leg, item->consumed[leg]);
		side->sent = item->written[leg];
		/* Most adopted sessions are idle: the poll finds those that are not. */
		side->flags |= LEG_PARKED;
		if (fin_was_sent(item->tcp_state[leg]))
			side->flags |= LEG_FIN_DONE;
		/* The kernel of another host has had it: this one does not say so again. */
		if (record->end_stored[leg] || record->end_seen[leg] == ENDING_FIN) {
			unread_drop(side);
			side->flags |= LEG_END;
		}
	} else if (item->legs & HANDOVER_LEG(leg)) {
		if (!leg_was_reset(side, shared, record, leg, item))
			leg_lost(session, record, leg);
	} else if (leg == SHM_SERVER && (item->flags & HANDOVER_SERVER_DEAD)) {
		side->flags |= LEG_ABSENT;
		session->signals |= SIGNAL_SERVER_FAILED;
	} else if (leg == SHM_CLIENT || !(item->flags & HANDOVER_SERVER_PENDING)) {
		side->flags |= LEG_ABSENT;
		leg_lost(session, record, leg);
	}
}

/* A session that has killed its workers: the committed output, then a 421 or RST. */
static void
end_poisoned(struct worker *worker, struct session *session)
{
	struct record *draft = commit_begin(worker, session);
	const char *words = inspect_last_words(draft->inspect, draft->inspect_length);
	enum ending how = ENDING_RESET;

	if (words != NULL && draft->ending[SHM_CLIENT] == ENDING_NONE &&
	    commit_insert(worker, session, draft, SHM_CLIENT, words, (uint32_t)strlen(words)) == 0)
		how = ENDING_FIN;
	commit_end(draft, how, CLOSE_POISONED);
	draft->flags |= RECORD_TO_END;
	commit_publish(worker, session, draft);
	session->signals = 0;
	counter_add(worker->counters, COUNTER_sessions_poisoned, 1);
}

static void
adopt_broken(struct worker *worker, struct session *session, const struct handover_item *item)
{
	worker->adopted++;
	for (int leg = 0; leg < SHM_LEGS; leg++)
		if (item->legs & HANDOVER_LEG(leg)) {
			session->leg[leg].received = item->consumed[leg];
			session->leg[leg].sent = item->written[leg];
		}
	commit_discard(worker, session, CLOSE_INVALID_RECORD);
	report_invalid(worker, session);
	session_act(worker, session);
}

/* The worker died between taking the session and its first commit: it had done nothing. */
static void
adopt_unopened(struct worker *worker, struct session *session, const struct handover_item *item)
{
	for (int leg = 0; leg < SHM_LEGS; leg++)
		if ((item->legs & HANDOVER_LEG(leg)) &&
		    (item->consumed[leg] != 0 || item->written[leg] != 0)) {
			adopt_broken(worker, session, item);
			return;
		}
	worker->adopted++;
	session_open(worker, session);
	if (session->state != SESSION_LIVE)
		return;
	if (item->flags & HANDOVER_SERVER_DEAD)
		session_server_failed(worker, session, item->error);
}

void
adopt_go_on(struct worker *worker, struct session *session)
{
	session->found = false;
	worker->adopted++;
	if (session_record(session)->flags & RECORD_FINISHED) {
		session->state = SESSION_FINISHING;
		session_settle(worker, session);
	} else if (session_is_over(session)) {
		session_act(worker, session);
	} else if (session->to_end) {
		end_poisoned(worker, session);
		session_act(worker, session);
	} else {
		session_run(worker, session);
	}
}

/* In a pair the dead worker may have had to wait, and then so has this one. */
static void
go_on_when_let(struct worker *worker, struct session *session)
{
	session->found = true;
	if (!release_queue_waits(session) && !commit_renew(worker, session))
		adopt_go_on(worker, session);
	else if (!(session_record(session)->flags & RECORD_FINISHED))
		session_act(worker, session);
}

static void
adopt_record(struct worker *worker, struct session *session, const struct record *record,
    const struct handover_item *item)
{
	const struct slot_custody *custody = shm_custody(&worker->shm, session->slot);

	for (int leg = 0; leg < SHM_LEGS; leg++) {
		if (custody->leg[leg].tcp.narrow)
			session->leg[leg].flags |= LEG_NARROW;
		restore_leg(session, session->shared, record, leg, item);
		receipt_look(worker, session, leg);
		session->secret_end[leg] = session->leg[leg].received;
	}
	session->to_end = item->flags & HANDOVER_TO_END;
	if (session_is_over(session))
		session->signals = 0;
	go_on_when_let(worker, session);
}

/* The dead worker had only its chunks and the report left to do. */
static void
adopt_finished(struct worker *worker, struct session *session)
{
	if (!window_check_slot(session->shared, &worker->shm, session->slot)) {
		struct record *draft;

		commit_discard(worker, session, CLOSE_INVALID_RECORD);
		draft = commit_begin(worker, session);
		draft->flags |= RECORD_FINISHED;
		commit_publish(worker, session, draft);
	}
	go_on_when_let(worker, session);
}

/* Its connections went with supervisor and worker: it is closed, and its chunks are given back. */
static void
adopt_lost(struct worker *worker, struct session *session)
{
	struct slot_session *shared = session->shared;
	struct record record;
	bool known = record_read(shared, session->generation, &record) &&
		     window_check_slot(shared, &worker->shm, session->slot);

	if (known && (record.flags & RECORD_FINISHED)) {
		adopt_finished(worker, session);
		return;
	}
	for (int leg = 0; leg < SHM_LEGS; leg++) {
		session->leg[leg].flags |= LEG_ABSENT;
		session->leg[leg].received = known ? record.stored[leg] : 0;
		session->leg[leg].sent = known ? record.outlet[leg].written : 0;
		session->leg[leg].acknowledged = session->leg[leg].sent;
	}
	if (known)
		commit_reset(worker, session, CLOSE_LOST);
	else
		commit_discard(worker, session, CLOSE_LOST);
	counter_add(worker->counters, COUNTER_sessions_lost, 1);
	session_act(worker, session);
}

static bool
state_loads(struct worker *worker, const struct slot_session *shared, const struct record *record)
{
	const uint8_t *extra;
	size_t length;

	return extra_find(&worker->shm, shared, record, &extra, &length) &&
	       inspect_load(worker->state, record->inspect, record->inspect_length, extra, length);
}

void
adopt_turn(struct worker *worker)
{
	if (worker->adopted == 0)
		return;
	event_loop_submit(&worker->loop);
	counter_add(worker->counters, COUNTER_sessions_adopted, worker->adopted);
	worker->adopted = 0;
}

void
adopt_session(struct worker *worker, struct session *session, const struct handover_item *item)
{
	struct slot_session *shared = session->shared;
	struct record record;

	session->adopted = true;
	record_renew(shared, session->generation);
	if (item->flags & HANDOVER_LOST) {
		adopt_lost(worker, session);
		return;
	}
	FAILPOINT(adopt_received);
	if (atomic_load(&shared->published) == 0 ||
	    atomic_load(&shared->generation) != session->generation) {
		adopt_unopened(worker, session, item);
		return;
	}
	if (!record_read(shared, session->generation, &record)) {
		adopt_broken(worker, session, item);
		return;
	}
	if (record.flags & RECORD_FINISHED) {
		adopt_finished(worker, session);
		return;
	}
	if (!adopt_check(&worker->shm, session->slot, shared, &record, item) ||
	    !state_loads(worker, shared, &record)) {
		adopt_broken(worker, session, item);
		return;
	}
	FAILPOINT(adopt_checked);
	adopt_record(worker, session, &record, item);
	FAILPOINT(adopt_done);
}
