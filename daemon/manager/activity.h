/*
 * activity -- when a session last did something, and how many there were at most
 *
 * A record says what a session is, not when; so once a second the published sequence of each slot
 * in use is compared with the last look.  Precise to a second; a manager that was started anew
 * counts idle time from its start.
 */
#ifndef DAEMON_MANAGER_ACTIVITY_H
#define DAEMON_MANAGER_ACTIVITY_H

#include "shm/region.h"

struct activity_slot {
	uint32_t generation;
	uint64_t published;
	uint64_t changed_ms; /* CLOCK_MONOTONIC */
};

struct activity {
	const struct shm *shm;
	struct activity_slot *slot; /* [shm->slots] */
};

/* 0 or -ENOMEM. */
int activity_open(struct activity *activity, const struct shm *shm);
void activity_close(struct activity *activity);
void activity_look(struct activity *activity, uint64_t now_ms);
uint32_t activity_in_use(const struct activity *activity);    /* now */
uint32_t activity_most_used(const struct activity *activity); /* since the gateway started */
uint64_t activity_idle_ms(const struct activity *activity, uint32_t slot, uint64_t now_ms);

#endif
