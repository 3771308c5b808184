#include "worker/deadline.h"

#include "worker/commit.h"
#include "worker/connection.h"
#include "worker/receipt.h"
#include "worker/worker.h"

/* Something would be given back if the session stayed idle. */
static bool
session_can_park(const struct session *session)
{
	for (int leg = 0; leg < SHM_LEGS; leg++)
		if (session->leg[leg].read == READ_RECEIVE &&
		    !(session->leg[leg].flags & LEG_CANCELLED))
			return true;
	return false;
}

/* How long the last output may wait to be taken. Who stops the gateway or clears a session does
 * not wait long for a peer that takes nothing. */
static uint64_t
unsent_ms(const struct session *session)
{
	uint16_t reason = session_record(session)->close_reason;

	return reason == CLOSE_ADMINISTRATOR || reason == CLOSE_SHUTDOWN ? SESSION_BLOCKED_MS
									 : SESSION_UNSENT_MS;
}

static uint64_t
due_ending(const struct session *session)
{
	uint64_t due = UINT64_MAX;

	for (int leg = 0; leg < SHM_LEGS; leg++) {
		const struct leg *side = &session->leg[leg];
		uint64_t at = session->active_ms +
			      (side->flags & LEG_FIN_DONE ? SESSION_LINGER_MS : unsent_ms(session));

		if (!session_leg_is_done(side) && at < due)
			due = at;
	}
	return due;
}

static uint64_t
due_live(const struct worker *worker, const struct session *session)
{
	uint64_t due = session_record(session)->deadline_ms;
	uint64_t idle = session->active_ms + SESSION_IDLE_MS;

	if (due == 0)
		due = UINT64_MAX;
	if (session->blocked_ms != 0 && session->blocked_ms + SESSION_BLOCKED_MS < due)
		due = session->blocked_ms + SESSION_BLOCKED_MS;
	if (idle <= worker->now_ms)
		idle = worker->now_ms + SESSION_IDLE_MS;
	if (idle < due && session_can_park(session))
		due = idle;
	return due;
}

/* Its record has output that its peers have acknowledged since: a host that takes over would have to ask them, or
 * to send it again. */
static bool
is_behind(const struct worker *worker, const struct session *session)
{
	const struct record *record = session_record(session);
	bool has_more = false;

	if (worker->release.mode != RELEASE_PAIRED || session->state != SESSION_LIVE)
		return false;
	for (int leg = 0; leg < SHM_LEGS; leg++) {
		const struct leg *side = &session->leg[leg];

		if (side->acknowledged != side->sent)
			return false;
		has_more |= side->acknowledged > record->outlet[leg].written;
	}
	return has_more;
}

void
deadline_schedule(struct worker *worker, struct session *session)
{
	uint64_t due;

	if (session->state != SESSION_ENDING)
		due = due_live(worker, session);
	else if (release_queue_holds(&worker->release))
		return;
	else
		due = due_ending(session);

	if (worker->release.keeps) {
		uint64_t receipt = receipt_due(worker, session);

		due = receipt < due ? receipt : due;
		if (session->active_ms + SESSION_REST_MS < due && is_behind(worker, session))
			due = session->active_ms + SESSION_REST_MS;
	}
	if (due != UINT64_MAX)
		timer_set_no_later(&worker->wheel, &session->timer, due);
}

static void
session_park(struct worker *worker, struct session *session)
{
	for (int leg = 0; leg < SHM_LEGS; leg++)
		connection_park(worker, session, leg);
}

/* The reason why a session is reset that could not be told its signal. */
static enum close_reason
blocked_reason(const struct session *session)
{
	if (session->signals & SIGNAL_CLEAR)
		return CLOSE_ADMINISTRATOR;
	if (session->signals & SIGNAL_SHUTDOWN)
		return CLOSE_SHUTDOWN;
	if (session->signals & SIGNAL_RESET_CLIENT)
		return CLOSE_RESET_CLIENT;
	if (session->signals & SIGNAL_RESET_SERVER)
		return CLOSE_RESET_SERVER;
	return CLOSE_TIMEOUT;
}

static void
timer_live(struct worker *worker, struct session *session)
{
	uint64_t deadline = session_record(session)->deadline_ms;

	if (deadline != 0 && deadline <= worker->now_ms)
		session->signals |= SIGNAL_TIMER;
	if (session->blocked_ms != 0 &&
	    session->blocked_ms + SESSION_BLOCKED_MS <= worker->now_ms) {
		commit_reset(worker, session, blocked_reason(session));
		session->signals = 0;
	} else if (session->active_ms + SESSION_IDLE_MS <= worker->now_ms) {
		session_park(worker, session);
		if (session->active_ms + SESSION_REST_MS <= worker->now_ms &&
		    is_behind(worker, session))
			commit_publish(worker, session, commit_begin(worker, session));
	}
}

static void
timer_ending(struct worker *worker, struct session *session)
{
	for (int leg = 0; leg < SHM_LEGS; leg++) {
		struct leg *side = &session->leg[leg];

		if (side->flags & LEG_FIN_DONE) {
			if (session->active_ms + SESSION_LINGER_MS <= worker->now_ms)
				side->flags |= LEG_LINGERED;
		} else if (!session_leg_is_done(side) &&
			   session->active_ms + unsent_ms(session) <= worker->now_ms) {
			struct record *draft = commit_begin(worker, session);

			draft->ending[leg] = ENDING_RESET;
			commit_publish(worker, session, draft);
		}
	}
}

void
deadline_fire(struct worker *worker, struct session *session)
{
	/* When it is let go it is looked at, and whatever is due then. */
	if (release_queue_waits(session))
		return;
	receipt_look_both(worker, session);
	if (session->state == SESSION_LIVE)
		timer_live(worker, session);
	else if (session->state == SESSION_ENDING && !release_queue_holds(&worker->release))
		timer_ending(worker, session);
	session_run(worker, session);
}
