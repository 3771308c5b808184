/*
 * door -- whether packets to and from the floating addresses pass, on a host of a pair
 *
 * The door is a table of nftables (door.def) that is there before the daemon starts, closed, and stays
 * as it is when the daemon dies.  Only this module opens it while the daemon runs: door_move() says how
 * it is to be, and what anybody else makes of it is put right at the next look.  A part that is missing
 * cannot be put right from here: it is named by an event, in `show failover` and in struct door_view,
 * and nobody may take over meanwhile.
 *
 * It is looked at once a second; that is one question to the kernel unless something of nftables has
 * changed.  How it is to be outlives the supervisor in struct door_view.  Without a failover group
 * nothing is done here.
 *
 * Supervisor only.
 */
#ifndef SUPERVISOR_DOOR_H
#define SUPERVISOR_DOOR_H

#include "shm/door_view.h"

#include <stdbool.h>

#define DOOR_LOOK_MS 1000

struct supervisor;

struct door {
	struct door_status status; /* as it was published last */
	uint32_t generation;	   /* of nftables, when it was looked at */
	bool known;		   /* it was, and nothing was amiss */
	uint64_t looked_ms;
};

/* found: the memory of an earlier supervisor is carried on, and its door with it; else it is closed. */
void door_start(struct supervisor *supervisor, bool found);
/* DOOR_OPEN or DOOR_CLOSED, from now on. 0, or -errno when it is not so yet: -ENOENT if a part of it is
 * missing. */
int door_move(struct supervisor *supervisor, enum door_state wanted);
/* As wanted, at the last look. */
bool door_is_open(const struct supervisor *supervisor);
void door_tick(struct supervisor *supervisor);
/* What struct door_view says of the gate. `view`: enum gate_view. */
void door_set_gate(struct supervisor *supervisor, enum gate_view view, const char *fault);
void door_set_early(struct supervisor *supervisor, enum early_view view);
/* A clean stop: it is closed, so that nothing of this host speaks for sessions that another may have. */
void door_leave(struct supervisor *supervisor);

#endif
