/*
 * takeover_ahead -- the legs of sessions at rest, made before the host that has them is lost
 *
 * Making a leg takes two dozen system calls, and a takeover of thousands of sessions as many times that.  So a
 * standby makes the legs of sessions of which nothing was told for TAKEOVER_AHEAD_REST_MS, behind its shut door,
 * and keeps them in repair mode (leg_restore.h): there they send nothing, and whoever holds them may die without
 * a word to their peers.  With each lies the plan that it was made by.
 *
 * They are used on one condition: the takeover wants exactly what was made (leg_plan_is_met()).  Any other leg is
 * ended without a packet and made anew.  So what a session may have done meanwhile does not matter; that its legs
 * are ended soon after a change is only so that they take nothing up.
 *
 * At most TAKEOVER_AHEAD_WORK_US of each tick go into it.  A session has two descriptors here or as a session,
 * never both, so that the limit for sessions (limits.h) holds for these too.
 *
 * Supervisor only; what a thread may do for a slot of its own is named.
 */
#ifndef SUPERVISOR_TAKEOVER_AHEAD_H
#define SUPERVISOR_TAKEOVER_AHEAD_H

#include "daemon/supervisor/takeover_plan.h"

#define TAKEOVER_AHEAD_REST_MS 3000u
#define TAKEOVER_AHEAD_WORK_US 8000u

struct ahead_session;
struct supervisor;

struct takeover_ahead {
	struct ahead_session **session; /* by slot; NULL: nothing was made of it */
	uint32_t slots;
	uint32_t next;	   /* to be looked at */
	uint32_t legs;	   /* that are held */
	bool is_used;	   /* there may be some */
	uint64_t again_ms; /* the kernel has no room for more before */
};

/* 0 or -errno. */
int takeover_ahead_init(struct takeover_ahead *ahead, uint32_t slots);
/* None is left; more can be made. */
void takeover_ahead_drop(struct takeover_ahead *ahead);
void takeover_ahead_fini(struct takeover_ahead *ahead);

/* Makes some, and ends those that are of no use any more.  The door is shut. */
void takeover_ahead_work(struct takeover_ahead *ahead, const struct takeover_source *source);
/* Likewise, if this host is a standby that could; else none is left. */
void takeover_ahead_tick(struct supervisor *supervisor);

/* Whatever was made for slots that are not replicas is ended: its ends may be those of another session. */
void takeover_ahead_prune(struct takeover_ahead *ahead, const struct shm *shm);

/* These three: any thread, for a slot that is its own. */
bool takeover_ahead_has(const struct takeover_ahead *ahead, uint32_t slot);
/* The descriptor of the leg, which goes on now, the plan being that of the leg; -1: there is none as it is planned. */
int takeover_ahead_take(struct takeover_ahead *ahead, const struct takeover_source *source,
    uint32_t slot, enum shm_leg leg, struct leg_plan *plan, uint64_t *ret_cookie);
/* What was not taken. */
void takeover_ahead_end(struct takeover_ahead *ahead, uint32_t slot);

#endif
