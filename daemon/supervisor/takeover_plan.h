/*
 * takeover_plan -- what is to be made of the legs of the other host's sessions
 *
 * Reads what sync holds of a session: custody, record, windows.  Of a session of which more is being told just
 * now it may be what never was; nothing is written, and nothing beyond the memory is read.
 *
 * Supervisor only, any of its threads.
 */
#ifndef SUPERVISOR_TAKEOVER_PLAN_H
#define SUPERVISOR_TAKEOVER_PLAN_H

#include "daemon/supervisor/leg_restore.h"

/* What the peer had not been told of then, it has sent again since. */
#define TAKEOVER_REST_MS 10000u

/* Each word of the outlet, cut where a chunk ends. */
#define TAKEOVER_PIECES_MOST (OUTLET_WORDS + 2 * SHM_WINDOW_CHUNKS)

struct takeover_source {
	const struct shm *shm;
	uint64_t gateway_ms;
	uint64_t now_ms; /* CLOCK_MONOTONIC */
	bool has_marks;
};

struct supervisor;

struct takeover_output {
	struct iovec piece[TAKEOVER_PIECES_MOST];
	unsigned count;	       /* 0: nothing of it is put back */
	uint64_t acknowledged; /* of what the record has as perhaps not so */
	uint64_t length;       /* behind that */
};

struct takeover_plan {
	struct leg_plan leg;
	struct takeover_output output;
	bool asks;  /* where the peer stands is waited for */
	bool rests; /* there is nothing to ask */
	bool ends;  /* its FIN is committed, with all output before it */
};

/* As it is now. */
struct takeover_source takeover_plan_source(const struct supervisor *supervisor);
/* False: there is none that holds. */
bool takeover_plan_read(
    const struct takeover_source *source, uint32_t slot, struct record *ret_record);
/* On the other host. */
bool takeover_plan_was_open(const struct takeover_source *source, uint32_t slot, enum shm_leg leg);
/* Both directions have their end, as committed. */
bool takeover_plan_is_over(const struct record *record, enum shm_leg leg);
/* 0 or -errno. */
int takeover_plan_leg(const struct takeover_source *source, uint32_t slot,
    const struct record *record, enum shm_leg which, struct takeover_plan *ret_plan);

/* For so long nothing was told of the session. */
bool takeover_plan_has_rested(
    const struct takeover_source *source, uint32_t slot, uint64_t rest_ms);

#endif
