#include "worker/worker.h"

#include "shm/failpoint.h"
#include "shm/journal.h"
#include "worker/adopt.h"
#include "worker/completion_tag.h"
#include "worker/connection.h"
#include "worker/deadline.h"
#include "worker/handover_client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static void
raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static int
worker_attach(struct worker *worker, const char **ret_step)
{
	int fd[SHM_REGIONS], error;

	*ret_step = "shared memory";
	for (int region = 0; region < SHM_REGIONS; region++)
		fd[region] = INHERITED_REGIONS + region;
	error = shm_attach(&worker->shm, fd, SHM_ROLE_WORKER);
	if (error < 0)
		return error;
	worker->journal = shm_journal(&worker->shm, worker->index);
	worker->counters = shm_counters(&worker->shm, worker->index);
	if (worker->journal == NULL || worker->counters == NULL ||
	    worker->shm.slots > COMPLETION_SLOT_MAX)
		return -EPROTO;
	failpoint_attach(shm_failpoint(&worker->shm), worker->owner);
	return 0;
}

static int
worker_allocate(struct worker *worker, const char **ret_step)
{
	int error;

	*ret_step = "memory";
	error = session_table_open(&worker->sessions, worker->shm.slots);
	if (error < 0)
		return error;
	worker->state = aligned_alloc(SHM_CACHE_LINE, (inspect_size() + 63) / 64 * 64);
	if (worker->state == NULL)
		return -ENOMEM;
	error = request_queue_open(&worker->requests, worker->shm.slots);
	if (error == 0)
		error = parting_open(&worker->parting, worker->shm.slots);
	if (error == 0)
		error = policy_cache_open(&worker->policies, shm_policy(&worker->shm));
	return error;
}

int
worker_open(struct worker *worker, uint32_t index, uint32_t owner, const char **ret_step)
{
	int error;

	memset(worker, 0, sizeof(*worker));
	worker->index = index;
	worker->owner = owner;
	worker->handover = INHERITED_HANDOVER;
	worker->supervisor = INHERITED_SUPERVISOR;
	worker->scan = inspect_scan_best();
	raise_descriptor_limit();
	error = worker_attach(worker, ret_step);
	if (error == 0)
		error = worker_allocate(worker, ret_step);
	if (error < 0)
		return error;
	*ret_step = "ring";
	error = event_loop_open(&worker->loop);
	if (error < 0)
		return error;
	chunk_cache_init(&worker->chunks, owner);
	chunk_cache_bound(&worker->shm, &worker->chunks, false);
	release_queue_init(worker);
	waiting_init(&worker->waiting);
	shedding_init(&worker->shedding);
	worker->now_ms =
	    gateway_clock_look(&worker->clock, atomic_load(shm_clock_floor(&worker->shm)));
	timer_wheel_init(&worker->wheel, worker->now_ms);
	atomic_store(&worker->journal->pulse.step_slot, SHM_NO_SLOT);
	return 0;
}

void
worker_close(struct worker *worker)
{
	event_loop_close(&worker->loop);
	policy_cache_close(&worker->policies);
	request_queue_close(&worker->requests);
	parting_close(&worker->parting);
	free(worker->state);
	session_table_close(&worker->sessions);
	shm_detach(&worker->shm);
}

static void
session_complete(struct worker *worker, const struct completion_tag *tag, int result)
{
	struct session *session = session_find(worker, tag->slot, tag->generation);

	if (session == NULL)
		return;
	switch (connection_complete(worker, session, tag, result)) {
	case NEWS_INPUT:
		session_run(worker, session);
		break;
	case NEWS_OUTPUT:
		if (session->blocked)
			session_run(worker, session);
		else
			session_act(worker, session);
		break;
	case NEWS_NONE:
		break;
	}
	session_settle(worker, session);
}

static void
worker_complete(struct worker *worker, const struct event_loop_completion *completion)
{
	struct completion_tag tag = completion_tag_unpack(completion->tag);

	switch (tag.operation) {
	case COMPLETION_NONE:
		break;
	case COMPLETION_HANDOVER_POLL:
		handover_client_receive(worker);
		break;
	case COMPLETION_HANDOVER_SEND:
		handover_client_sent(worker, completion->result);
		break;
	case COMPLETION_SUPERVISOR:
		handover_client_orphaned(worker, tag.generation);
		break;
	case COMPLETION_RELEASE:
		release_queue_polled(worker, completion->flags & IORING_CQE_F_MORE);
		break;
	default:
		session_complete(worker, &tag, completion->result);
		break;
	}
}

static void
worker_look_at_clock(struct worker *worker)
{
	worker->now_ms =
	    gateway_clock_look(&worker->clock, atomic_load(shm_clock_floor(&worker->shm)));
	atomic_store_explicit(
	    &worker->journal->pulse.heartbeat_ms, worker->now_ms, memory_order_relaxed);
}

static void
session_timer_fired(void *context, struct timer *timer)
{
	deadline_fire(context, (struct session *)(void *)timer);
}

/* A worker that nobody hands anything to ends when it has had no session for a while. */
static bool
worker_is_done(struct worker *worker)
{
	if (!worker->orphaned)
		return false;
	if (worker->sessions.count != 0)
		worker->idle_ms = worker->now_ms;
	return worker->now_ms - worker->idle_ms >= WORKER_ORPHAN_MS;
}

int
worker_run(struct worker *worker)
{
	handover_client_ready(worker);
	while (worker->failed == 0 && !worker_is_done(worker)) {
		unsigned count;
		int error;

		worker_look_at_clock(worker);
		timer_wheel_advance(&worker->wheel, worker->now_ms, session_timer_fired, worker);
		shedding_turn(worker);
		waiting_turn(worker);
		if (!release_queue_is_idle(&worker->release))
			release_queue_turn(worker);
		handover_client_turn(worker);
		adopt_turn(worker);
		error = event_loop_wait(&worker->loop,
		    waiting_wait(
			worker, timer_wheel_wait(&worker->wheel, worker->now_ms, WORKER_TURN_MS)));
		if (error < 0)
			return error;
		worker_look_at_clock(worker);
		while ((count = event_loop_reap(&worker->loop)) != 0)
			for (unsigned i = 0; i < count; i++)
				worker_complete(worker, &worker->loop.completion[i]);
	}
	return worker->failed;
}
