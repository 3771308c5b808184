/*
 * leg_plan -- where one leg of a session goes on, on another host
 *
 * A plan says where the connection goes on.  It comes of what the standby holds of the leg: TCP's
 * parameters as they were dumped, and the committed record.
 *
 *	received   all input that the record has as stored; nothing beyond was acknowledged, so the peer
 *		   sends it again.  A FIN that the record has seen is behind it.
 *	written    what the peer is known to have acknowledged of the output; what follows may have been
 *		   sent, and is put back as sent.
 *
 * Pure.  Supervisor only, any of its threads.
 */
#ifndef SUPERVISOR_LEG_PLAN_H
#define SUPERVISOR_LEG_PLAN_H

#include "shm/slot.h"

#include <stdbool.h>

/* So far ahead go the time stamps, beyond gateway time, which may have stood still while the other host's
 * kernel went on.  A jump ahead harms nothing; one back ends the connection (RFC 7323 5.3). */
#define LEG_AHEAD_MS 60000u

struct leg_plan {
	struct shm_endpoint local, peer;
	uint64_t received; /* stream positions */
	uint64_t written;
	uint32_t receive_next; /* of the next octet, behind the peer's FIN if that was seen */
	struct leg_tcp tcp;    /* as it is to stand in the slot: of those positions */
	uint32_t mark;	       /* 0: none */
	bool keeps_alive;
	bool hides_window; /* from the kernel: that an answer was taken shows by its window */
};

/* `record` was checked; the leg was dumped.  acknowledged: of the output that the record has.  The leg is not
 * narrow. */
void leg_plan_make(const struct slot_leg *leg, const struct record *record, enum shm_leg which,
    uint64_t acknowledged, uint64_t gateway_ms, struct leg_plan *ret_plan);

/* A leg that was made by `made` so long ago is as `plan` wants it: all is the same but the time stamp, which
 * has gone on as time has, if that is near enough.  Then that of `plan` is the leg's. */
bool leg_plan_is_met(struct leg_plan *plan, const struct leg_plan *made, uint64_t passed_ms);

#endif
