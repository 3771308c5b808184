#include "daemon/supervisor/takeover_ahead.h"

#include "daemon/supervisor/leg.h"
#include "daemon/supervisor/leg_kernel.h"
#include "daemon/supervisor/supervisor.h"
#include "shm/succession.h"

#include <errno.h>
#include <stdlib.h>

/* Of each tick: a look costs next to nothing, but there may be tens of thousands. */
#define LOOKS_MOST 4096u
/* What could not be made for want of a route may have one now. */
#define AGAIN_MS 60000u
#define ROOM_MS	 10000u
/* So far gateway time and this host's may come apart; then its time stamps are set anew. */
#define SKEW_MOST_MS (LEG_AHEAD_MS / 4)

struct ahead_leg {
	int fd; /* -1: none */
	uint64_t cookie;
	struct leg_plan plan;
};

struct ahead_session {
	uint64_t told_ms; /* as the slot says */
	uint32_t generation;
	bool is_whole;	  /* all was made that there was to make */
	uint64_t made_ms; /* CLOCK_MONOTONIC */
	uint64_t skew_ms; /* how far gateway time was ahead of that, then */
	struct ahead_leg leg[SHM_LEGS];
};

int
takeover_ahead_init(struct takeover_ahead *ahead, uint32_t slots)
{
	struct ahead_session **session = calloc(slots, sizeof(struct ahead_session *));

	*ahead = (struct takeover_ahead){.session = session, .slots = session ? slots : 0};
	return session == NULL ? -ENOMEM : 0;
}

static void
end_leg(struct ahead_leg *leg)
{
	if (leg->fd < 0)
		return;
	leg_drop(leg->fd);
	leg->fd = -1;
}

void
takeover_ahead_end(struct takeover_ahead *ahead, uint32_t slot)
{
	struct ahead_session *session = ahead->session[slot];

	for (int i = 0; session != NULL && i < SHM_LEGS; i++)
		end_leg(&session->leg[i]);
	free(session);
	ahead->session[slot] = NULL;
}

static uint32_t
legs_of(const struct ahead_session *session)
{
	return (session->leg[SHM_CLIENT].fd >= 0) + (session->leg[SHM_SERVER].fd >= 0);
}

static void
end_counted(struct takeover_ahead *ahead, uint32_t slot)
{
	ahead->legs -= legs_of(ahead->session[slot]);
	takeover_ahead_end(ahead, slot);
}

void
takeover_ahead_drop(struct takeover_ahead *ahead)
{
	for (uint32_t slot = 0; slot < ahead->slots; slot++)
		takeover_ahead_end(ahead, slot);
	ahead->legs = 0;
	ahead->is_used = false;
}

void
takeover_ahead_fini(struct takeover_ahead *ahead)
{
	takeover_ahead_drop(ahead);
	free(ahead->session);
	*ahead = (struct takeover_ahead){0};
}

/* ---- making them ---- */

static bool
is_replica(const struct shm *shm, uint32_t slot)
{
	return atomic_load_explicit(&shm_custody(shm, slot)->state, memory_order_acquire) ==
	       SLOT_REPLICA;
}

/* That it is not so any more costs a leg that is not used; that it is so is found out when it is to be used. */
static bool
is_current(const struct takeover_source *source, uint32_t slot, const struct ahead_session *session)
{
	const struct slot_custody *custody = shm_custody(source->shm, slot);
	uint64_t skew_ms = source->gateway_ms - source->now_ms;

	return is_replica(source->shm, slot) && custody->told_ms == session->told_ms &&
	       atomic_load(&custody->generation) == session->generation &&
	       skew_ms - session->skew_ms + SKEW_MOST_MS <= 2 * SKEW_MOST_MS &&
	       (session->is_whole || source->now_ms - session->made_ms < AGAIN_MS);
}

static bool
is_for_want_of_room(int error)
{
	return error == -EMFILE || error == -ENFILE || error == -ENOMEM || error == -ENOBUFS;
}

static int
make_leg(const struct takeover_source *source, uint32_t slot, const struct record *record,
    enum shm_leg which, struct ahead_leg *leg)
{
	struct takeover_plan plan;
	int fd, r;

	if (!takeover_plan_was_open(source, slot, which) || takeover_plan_is_over(record, which))
		return 0;
	r = takeover_plan_leg(source, slot, record, which, &plan);
	if (r < 0 || plan.output.count > 0)
		return r;
	fd = leg_restore_ahead(&plan.leg);
	if (fd < 0)
		return fd;
	leg->fd = fd;
	leg->plan = plan.leg;
	leg->cookie = leg_kernel_cookie(fd);
	return 0;
}

static struct ahead_session *
begin_session(const struct takeover_source *source, uint32_t slot)
{
	const struct slot_custody *custody = shm_custody(source->shm, slot);
	struct ahead_session *session = malloc(sizeof(*session));

	if (session == NULL)
		return NULL;
	*session = (struct ahead_session){
	    .told_ms = custody->told_ms,
	    .generation = atomic_load(&custody->generation),
	    .is_whole = true,
	    .made_ms = source->now_ms,
	    .skew_ms = source->gateway_ms - source->now_ms,
	};
	for (int i = 0; i < SHM_LEGS; i++)
		session->leg[i].fd = -1;
	return session;
}

static void
make_session(struct takeover_ahead *ahead, const struct takeover_source *source, uint32_t slot)
{
	struct ahead_session *session = begin_session(source, slot);
	struct record record;
	int r = session == NULL ? -ENOMEM : 0;

	if (r == 0 && !takeover_plan_read(source, slot, &record))
		session->is_whole = false;
	for (int i = 0; r == 0 && session->is_whole && i < SHM_LEGS; i++) {
		r = make_leg(source, slot, &record, (enum shm_leg)i, &session->leg[i]);
		if (r < 0 && !is_for_want_of_room(r)) {
			end_leg(&session->leg[i]);
			session->is_whole = false;
			r = 0;
		}
	}
	ahead->session[slot] = session;
	ahead->is_used = true;
	if (r < 0) {
		takeover_ahead_end(ahead, slot);
		ahead->again_ms = source->now_ms + ROOM_MS;
		return;
	}
	ahead->legs += legs_of(session);
}

/* True: that took time. */
static bool
look_at(struct takeover_ahead *ahead, const struct takeover_source *source, uint32_t slot)
{
	bool has_worked = false;

	if (ahead->session[slot] != NULL) {
		if (is_current(source, slot, ahead->session[slot]))
			return false;
		end_counted(ahead, slot);
		has_worked = true;
	}
	if (source->now_ms < ahead->again_ms || !is_replica(source->shm, slot) ||
	    !takeover_plan_has_rested(source, slot, TAKEOVER_AHEAD_REST_MS))
		return has_worked;
	make_session(ahead, source, slot);
	return true;
}

void
takeover_ahead_work(struct takeover_ahead *ahead, const struct takeover_source *source)
{
	uint64_t end_us = monotonic_now_us() + TAKEOVER_AHEAD_WORK_US;
	uint32_t looks = ahead->slots < LOOKS_MOST ? ahead->slots : LOOKS_MOST;

	for (; looks > 0; looks--) {
		uint32_t slot = ahead->next;

		ahead->next = slot + 1 < ahead->slots ? slot + 1 : 0;
		if (look_at(ahead, source, slot) && monotonic_now_us() >= end_us)
			return;
	}
}

/* The sessions are the other host's, and nothing reaches a connection here. */
static bool
can_work(const struct supervisor *supervisor)
{
	const struct door *door = &supervisor->door;

	return supervisor->can_repair && supervisor->phase == PHASE_RUNNING && door->known &&
	       door->status.wanted == DOOR_CLOSED && !takeover_is_under_way(supervisor) &&
	       atomic_load(&shm_succession(&supervisor->shm)->replicas) > 0;
}

void
takeover_ahead_tick(struct supervisor *supervisor)
{
	struct takeover_ahead *ahead = &supervisor->ahead;
	const struct takeover_source source = takeover_plan_source(supervisor);

	if (can_work(supervisor))
		takeover_ahead_work(ahead, &source);
	else if (ahead->is_used)
		takeover_ahead_drop(ahead);
	takeover_view_set_ahead(shm_takeover_view(&supervisor->shm), ahead->legs);
}

/* ---- using them ---- */

void
takeover_ahead_prune(struct takeover_ahead *ahead, const struct shm *shm)
{
	for (uint32_t slot = 0; ahead->is_used && slot < ahead->slots; slot++)
		if (ahead->session[slot] != NULL && !is_replica(shm, slot))
			end_counted(ahead, slot);
}

bool
takeover_ahead_has(const struct takeover_ahead *ahead, uint32_t slot)
{
	return slot < ahead->slots && ahead->session[slot] != NULL;
}

int
takeover_ahead_take(struct takeover_ahead *ahead, const struct takeover_source *source,
    uint32_t slot, enum shm_leg leg, struct leg_plan *plan, uint64_t *ret_cookie)
{
	struct ahead_session *session = ahead->session[slot];
	struct ahead_leg *made = &session->leg[leg];
	int fd = made->fd;

	if (fd < 0 || !leg_plan_is_met(plan, &made->plan, source->now_ms - session->made_ms) ||
	    leg_restore_finish(fd, plan) < 0)
		return -1;
	*ret_cookie = made->cookie;
	made->fd = -1;
	return fd;
}
