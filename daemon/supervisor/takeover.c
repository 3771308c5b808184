#include "daemon/supervisor/takeover.h"

#include "daemon/supervisor/supervisor.h"
#include "daemon/supervisor/takeover_embryo.h"
#include "daemon/supervisor/takeover_session.h"
#include "daemon/supervisor/takeover_shelf.h"
#include "daemon/supervisor/watch.h"
#include "shm/failpoint.h"
#include "shm/gateway_clock.h"
#include "shm/handover.h"
#include "shm/pair.h"
#include "shm/succession.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define THREADS_MOST 4u
/* Below, a thread costs more than it saves. */
#define THREAD_SESSIONS 64u

void
takeover_init(struct supervisor *supervisor)
{
	supervisor->takeover = (struct takeover){.timer = -1, .syn_ack = {-1, -1}};
}

/* ---- the connections, by several threads ---- */

/* Each is done with all sessions before the next: legs of two sessions may have the same ends. */
enum stage {
	STAGE_AHEAD, /* what was made ahead is taken, or ended */
	STAGE_MAKE,
	STAGE_OVER, /* those legs that are over */
};

struct share {
	const struct takeover_source *source;
	struct takeover_ahead *ahead;
	struct takeover_session *session;
	uint32_t first, sessions, step;
	enum stage stage;
	uint32_t left; /* sessions that have work for the last one */
};

static void *
restore_share(void *argument)
{
	struct share *share = argument;

	for (uint32_t i = share->first; i < share->sessions; i += share->step) {
		struct takeover_session *session = &share->session[i];

		if (share->stage == STAGE_AHEAD)
			takeover_session_take_ahead(share->source, share->ahead, session);
		else if (share->stage == STAGE_MAKE)
			share->left += takeover_session_restore(share->source, session);
		else
			takeover_session_restore_over(share->source, session);
	}
	return NULL;
}

static uint32_t
threads_for(uint32_t sessions)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	uint32_t most = sessions / THREAD_SESSIONS + 1;

	if (processors > 0 && most > (uint32_t)processors)
		most = (uint32_t)processors;
	return most < THREADS_MOST ? most : THREADS_MOST;
}

/* A share for which no thread can be had is this one's.  `work`: so many sessions take time. */
static uint32_t
restore_shares(const struct takeover_source *source, struct takeover *takeover,
    struct takeover_ahead *ahead, enum stage stage, uint32_t work)
{
	struct share share[THREADS_MOST];
	pthread_t thread[THREADS_MOST];
	bool runs[THREADS_MOST] = {0};
	uint32_t threads = threads_for(work), left = 0;

	for (uint32_t i = 0; i < threads; i++)
		share[i] = (struct share){
		    source, ahead, takeover->session, i, takeover->sessions, threads, stage, 0};
	for (uint32_t i = 1; i < threads; i++)
		runs[i] = pthread_create(&thread[i], NULL, restore_share, &share[i]) == 0;
	for (uint32_t i = 0; i < threads; i++)
		if (!runs[i])
			restore_share(&share[i]);
	for (uint32_t i = 1; i < threads; i++)
		if (runs[i])
			pthread_join(thread[i], NULL);
	for (uint32_t i = 0; i < threads; i++)
		left += share[i].left;
	return left;
}

/* A client that connects has done with what was over between the same two: that is not to be in its way. */
static void
restore_all(struct supervisor *supervisor, const struct takeover_source *source)
{
	struct takeover *takeover = &supervisor->takeover;
	struct takeover_ahead *ahead = &supervisor->ahead;
	uint32_t left;

	takeover_ahead_prune(ahead, source->shm);
	if (ahead->legs > 0)
		restore_shares(source, takeover, ahead, STAGE_AHEAD, takeover->sessions);
	takeover_ahead_drop(ahead);
	left = restore_shares(source, takeover, ahead, STAGE_MAKE, takeover->sessions);
	takeover_embryo_restore(supervisor);
	if (left > 0)
		restore_shares(source, takeover, ahead, STAGE_OVER, left);
}

/* ---- the slots ---- */

static int
gather(const struct supervisor *supervisor, struct takeover *takeover)
{
	const struct shm *shm = &supervisor->shm;
	uint32_t most = atomic_load(&shm_succession(shm)->replicas);

	if (most > supervisor->custody.slots)
		most = supervisor->custody.slots;
	takeover->session = calloc((size_t)most + 1, sizeof(takeover->session[0]));
	if (takeover->session == NULL)
		return -ENOMEM;
	for (uint32_t slot = 0; slot < most; slot++)
		if (custody_state(&supervisor->custody, slot) == SLOT_REPLICA)
			takeover->session[takeover->sessions++].slot = slot;
	return 0;
}

void
takeover_note_end(struct supervisor *supervisor, uint32_t slot, enum shm_leg which,
    const struct takeover_leg *leg)
{
	uint8_t *ends = &shm_custody(&supervisor->shm, slot)->ends;

	if (leg->fd >= 0 && leg->asks && leg->ends)
		*ends |= (uint8_t)HANDOVER_LEG(which);
	else
		*ends &= (uint8_t)~HANDOVER_LEG(which);
}

/* What the slot says of a leg is that of the connection that there is now. */
void
takeover_note_leg(struct supervisor *supervisor, uint32_t slot, enum shm_leg which,
    const struct takeover_leg *leg)
{
	struct slot_leg *public = &shm_custody(&supervisor->shm, slot)->leg[which];

	takeover_note_end(supervisor, slot, which, leg);
	public->cookie = leg->fd < 0 ? 0 : leg->cookie;
	if (leg->fd < 0)
		return;
	public->base_received = leg->plan.received;
	public->base_written = leg->plan.written;
	public->tcp = leg->plan.tcp;
	atomic_store_explicit(&public->accepted, 0, memory_order_relaxed);
}

/* Its end was not needed any more: whoever adopts the session finds it done. */
static void
note_over(struct supervisor *supervisor, uint32_t slot, enum shm_leg which,
    const struct takeover_leg *leg)
{
	struct slot_leg *public = &shm_custody(&supervisor->shm, slot)->leg[which];

	if (leg->is_over && leg->fd < 0 && leg->error == 0)
		atomic_store_explicit(&public->state, LEG_ENDED, memory_order_release);
}

bool
takeover_is_connected(const struct custody *custody, uint32_t slot)
{
	enum leg_state state = custody_leg_state(custody, slot, SHM_SERVER);

	return state != LEG_NONE && state != LEG_CONNECTING;
}

static void
find_policy(const struct supervisor *supervisor, uint32_t slot)
{
	struct slot_custody *public = shm_custody(&supervisor->shm, slot);

	/* It may have been loaded after the session was told. */
	public->policy_slot = policy_area_find(shm_policy(&supervisor->shm), public->policy_hash);
}

static bool
take(struct supervisor *supervisor, struct takeover_session *session)
{
	struct takeover *takeover = &supervisor->takeover;
	struct custody *custody = &supervisor->custody;
	uint32_t slot = session->slot;

	if (!custody_take_replica(custody, slot)) {
		takeover_leg_end(&session->leg[SHM_CLIENT]);
		takeover_leg_end(&session->leg[SHM_SERVER]);
		return false;
	}
	/* Nobody is to go on with half of it; but a client can be told that its server is gone. */
	if (session->leg[SHM_CLIENT].error != 0)
		takeover_leg_end(&session->leg[SHM_SERVER]);
	for (int leg = 0; leg < SHM_LEGS; leg++) {
		if (session->leg[leg].fd >= 0)
			custody_set_leg(custody, slot, (enum shm_leg)leg, session->leg[leg].fd);
		/* Of one that is asked, something was put back. */
		if (session->leg[leg].fd >= 0 && !session->leg[leg].asks)
			custody->slot[slot].untouched |= HANDOVER_LEG(leg);
		takeover->status.ahead += session->leg[leg].fd >= 0 && session->leg[leg].was_ahead;
		takeover_note_leg(supervisor, slot, (enum shm_leg)leg, &session->leg[leg]);
		note_over(supervisor, slot, (enum shm_leg)leg, &session->leg[leg]);
	}
	find_policy(supervisor, slot);
	custody_set_state(
	    custody, slot, takeover_is_connected(custody, slot) ? SLOT_OPEN : SLOT_OPENING);
	return session->leg[SHM_CLIENT].error == 0 && session->leg[SHM_SERVER].error == 0;
}

static int
first_error(const struct takeover_session *session)
{
	int error = session->leg[SHM_CLIENT].error;

	return error != 0 ? error : session->leg[SHM_SERVER].error;
}

void
takeover_publish(const struct supervisor *supervisor)
{
	takeover_view_publish(shm_takeover_view(&supervisor->shm), &supervisor->takeover.status);
}

static void
report(const struct supervisor *supervisor, int error)
{
	const struct takeover *takeover = &supervisor->takeover;
	const struct takeover_status *status = &takeover->status;
	const char *why = error == 0 ? "" : strerror(-error);
	struct event event;

	event_init(&event, 109066, 0);
	event.number[0] = status->sessions;
	event.number[1] = status->lost;
	event.number[2] = status->embryos;
	event.number[3] = status->restored_us - status->begun_us;
	event_add_text(&event, why, strlen(why));
	supervisor_event(supervisor, &event);
}

static void
take_all(struct supervisor *supervisor)
{
	struct takeover *takeover = &supervisor->takeover;
	int error = 0;

	for (uint32_t i = 0; i < takeover->sessions; i++) {
		if (take(supervisor, &takeover->session[i]))
			continue;
		takeover->status.lost++;
		if (error == 0)
			error = first_error(&takeover->session[i]);
	}
	/* Finds the listeners too. */
	tally_rebuild(&supervisor->tally, supervisor->custody.most_used);
	takeover->status.sessions = takeover->sessions;
	takeover->status.embryos = takeover->embryos;
	takeover->status.restored_us = monotonic_now_us();
	takeover_publish(supervisor);
	report(supervisor, error);
}

/* Another sync asks, which does not know how far it has come. */
static bool
is_done_already(const struct takeover *takeover, uint64_t epoch)
{
	const struct takeover_status *status = &takeover->status;

	return status->epoch == epoch &&
	       (status->opened_us != 0 || (takeover->session != NULL && status->restored_us != 0));
}

static bool
is_to_be_taken_again(const struct takeover_status *status, uint64_t restoring)
{
	return status->opened_us == 0 && restoring != 0 && status->epoch == restoring;
}

void
takeover_collect(struct supervisor *supervisor)
{
	const struct shm *shm = &supervisor->shm;
	uint64_t restoring = atomic_load(&shm_pair_view(shm)->restoring);
	uint32_t most = atomic_load(&shm_succession(shm)->replicas);
	struct takeover_status *status = &supervisor->takeover.status;
	uint64_t shelved = takeover_view_shelved(shm_takeover_view(shm));
	struct takeover_cause cause;

	/* A death may have left half of it. */
	if (!takeover_view_read(shm_takeover_view(shm), status, &cause) && shelved != 0)
		status->epoch = shelved;
	if (shelved != 0 && shelved == status->epoch) {
		supervisor->takeover.is_shelved = true;
		return;
	}
	if (!is_to_be_taken_again(status, restoring)) {
		takeover_shelf_drop(supervisor);
		return;
	}
	takeover_shelf_clear(supervisor);
	for (uint32_t slot = 0; slot < most && slot < shm->slots; slot++) {
		struct slot_custody *public = shm_custody(shm, slot);
		uint32_t state = atomic_load(&public->state);

		if (state == SLOT_TAKEN || state == SLOT_OPENING || state == SLOT_OPEN)
			atomic_store(&public->state, SLOT_REPLICA);
	}
}

int
takeover_restore(struct supervisor *supervisor, uint64_t epoch)
{
	struct takeover *takeover = &supervisor->takeover;
	const struct takeover_source source = takeover_plan_source(supervisor);
	int r;

	if (!supervisor->can_repair)
		return -EPERM;
	if (is_done_already(takeover, epoch) || takeover_shelf_has(supervisor, epoch))
		return 0;
	if (takeover->session != NULL)
		return -EALREADY;
	takeover_shelf_drop(supervisor);
	takeover_init(supervisor);
	takeover->status = (struct takeover_status){
	    .epoch = epoch, .at_us = realtime_now_us(), .begun_us = monotonic_now_us()};
	takeover_publish(supervisor);
	r = gather(supervisor, takeover);
	if (r < 0)
		return r;
	FAILPOINT(takeover_begun);
	restore_all(supervisor, &source);
	FAILPOINT(takeover_made);
	take_all(supervisor);
	FAILPOINT(takeover_taken);
	takeover_shelf_put(supervisor);
	return 0;
}

bool
takeover_is_under_way(const struct supervisor *supervisor)
{
	return supervisor->takeover.session != NULL;
}

void
takeover_drop(struct supervisor *supervisor)
{
	struct takeover *takeover = &supervisor->takeover;

	if (takeover->timer >= 0) {
		watch_remove(supervisor->epoll, takeover->timer);
		close(takeover->timer);
	}
	takeover_embryo_drop(supervisor);
	free(takeover->session);
	takeover->session = NULL;
	takeover->sessions = takeover->waiting = 0;
	takeover->timer = -1;
}
