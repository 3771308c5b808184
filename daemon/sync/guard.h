/*
 * guard -- the gate's positions, from what the standby has
 *
 * Turns what the follower says of a session (struct follower_release: stream positions and endings that
 * the standby holds) into the numbers by which the gate decides about packets (daemon/gate/positions.h):
 *
 *	acknowledgement  receive_sequence + (stored - base_received), and one for the peer's FIN
 *	end by FIN	 send_sequence + (output_end - base_written), and one for the FIN itself
 *
 * A leg that was never dumped cannot move to another host: its session is protected by nothing, and its
 * packets need no standby.  One that is not connected yet stays closed: only its SYN leaves.
 *
 * Order: a host begins closed (guard_hold()).  From alone to paired what is open goes on unguarded until
 * the standby has it; from held to paired it waits for that.
 *
 * A slot is cleared some time after its session was over (GUARD_REST_US, less while many rest), and may be
 * given away again from then on.  Until then its place says what was committed at last: connections in
 * TIME_WAIT still bear the session's mark, and answer a FIN that is sent again.
 *
 * Without a gate (`table` NULL) nothing is done.  Called by sync only.
 */
#ifndef DAEMON_SYNC_GUARD_H
#define DAEMON_SYNC_GUARD_H

#include "daemon/gate/positions.h"
#include "daemon/sync/follower.h"
#include "shm/region.h"

#define GUARD_REST_US	    5000000u
#define GUARD_SHORT_REST_US 200000u /* while more than half of the slots rest */

struct guard {
	const struct shm *shm;	      /* both stay the owner's */
	struct gate_positions *table; /* NULL: there is no gate */
	uint64_t *free_us;	      /* [slots] when it was first seen free; 0: it does not rest */
	uint32_t resting;
};

/* 0 or -ENOMEM. */
int guard_open(struct guard *guard, const struct shm *shm, struct gate_positions *table);
void guard_close(struct guard *guard);

/* What is held by the gate waits until it is let go. */
void guard_hold(const struct guard *guard);
void guard_alone(const struct guard *guard);
void guard_paired(const struct guard *guard);

/* What the host serves now has come from the other one, and its door is still shut: it is protected by
 * nothing yet, and waits. */
void guard_taken_over(const struct guard *guard);

/* The standby has this. A slot of another generation by now is passed over. */
void guard_released(const struct guard *guard, const struct follower_release *release);
/* Slots that are free, and places of which were left. Bounded: `count` slots from `first` on. */
void guard_sweep(struct guard *guard, uint64_t now_us, uint32_t first, uint32_t count);

#endif
