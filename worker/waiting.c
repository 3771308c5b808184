#include "worker/waiting.h"

#include "worker/worker.h"

#include <stddef.h>

static struct session *
first(const struct waiting *waiting)
{
	return (struct session *)(void *)((char *)waiting->sessions.next -
					  offsetof(struct session, waiting));
}

void
waiting_init(struct waiting *waiting)
{
	list_init(&waiting->sessions);
}

void
waiting_for_memory(struct worker *worker, struct session *session)
{
	if (!list_is_linked(&session->waiting))
		list_append(&worker->waiting.sessions, &session->waiting);
}

void
waiting_for_step(struct worker *worker, struct session *session)
{
	counter_add(worker->counters, COUNTER_chunks_waited, 1);
	session->step_waits = true;
	list_remove(&session->waiting);
	list_insert_behind(&worker->waiting.sessions, &session->waiting);
}

bool
waiting_may_take(struct worker *worker)
{
	struct waiting *waiting = &worker->waiting;

	if (!waiting->serving && !list_is_empty(&waiting->sessions))
		return false;
	return chunk_is_there(&worker->shm, &worker->chunks, worker->chunks.reserve);
}

/* False: nothing, or not enough, is there for it. */
static bool
serve(struct worker *worker, struct session *session)
{
	uint32_t kept = session->step_waits ? 0 : worker->chunks.reserve;

	if (!chunk_is_there(&worker->shm, &worker->chunks, kept))
		return false;
	list_remove(&session->waiting);
	session->step_waits = false;
	for (int leg = 0; leg < SHM_LEGS; leg++)
		session->leg[leg].flags &= (uint16_t) ~(LEG_STARVED | LEG_SEND_STARVED);
	session_run(worker, session);
	return !session->step_waits;
}

bool
waiting_serve_step(struct worker *worker, struct session *session)
{
	return session->step_waits && serve(worker, session);
}

void
waiting_turn(struct worker *worker)
{
	struct waiting *waiting = &worker->waiting;

	if (list_is_empty(&waiting->sessions) ||
	    worker->now_ms - waiting->tried_ms < WAITING_RETRY_MS)
		return;
	waiting->tried_ms = worker->now_ms;
	chunk_cache_look_again(&worker->chunks);
	waiting->serving = true;
	for (unsigned i = 0; i < WAITING_BATCH && !list_is_empty(&waiting->sessions); i++)
		if (!serve(worker, first(waiting)))
			break;
	waiting->serving = false;
}

uint64_t
waiting_wait(const struct worker *worker, uint64_t most)
{
	const struct waiting *waiting = &worker->waiting;
	uint64_t due = waiting->tried_ms + WAITING_RETRY_MS;

	if (list_is_empty(&waiting->sessions))
		return most;
	if (due <= worker->now_ms)
		return 0;
	return due - worker->now_ms < most ? due - worker->now_ms : most;
}
