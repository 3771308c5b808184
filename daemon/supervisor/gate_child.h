/*
 * gate_child -- the gate of this host: that it stands, and smtpguard-gate's life
 *
 * On a host of a pair the gate is there before the first connection, closed.  Every socket of the gateway
 * has a mark (daemon/gate/mark.h), so that the gate knows whose packets it sees: gate_child_mark().  Of
 * the floating addresses it is told too, because packets to no socket are answered there by a RST without
 * a mark.
 *
 * smtpguard-gate is started again when it dies; the rule is looked at once a second and put back when
 * somebody has taken it away, which is told by 109063, for what was to wait left meanwhile.  A clean
 * stop takes the rule away, after the door was shut.
 *
 * A host on which the gate cannot be had serves all the same, but alone: sync gets no table, and never
 * says that the other host could go on with its sessions.  Why is in `show failover` and in 109064.
 *
 * Without a failover group nothing is done here, and no socket has a mark.  Supervisor only.
 */
#ifndef SUPERVISOR_GATE_CHILD_H
#define SUPERVISOR_GATE_CHILD_H

#include "daemon/gate/board.h"
#include "daemon/gate/mark.h"
#include "daemon/gate/positions.h"
#include "daemon/supervisor/gate.h"
#include "daemon/supervisor/process.h"
#include "shm/policy_area.h"

#define GATE_CHILD_LOOK_MS    1000
#define GATE_CHILD_GUARDS_MAX (2 * LISTENERS_MAX)

struct supervisor;

struct gate_child {
	struct gate gate;
	struct gate_positions places; /* to read; .place NULL: there is no gate */
	struct gate_board *board;     /* likewise */
	struct process process;	      /* smtpguard-gate */
	uint64_t looked_ms;
	uint32_t guards;
	struct shm_endpoint guard[GATE_CHILD_GUARDS_MAX]; /* addresses; port 0: any */
};

void gate_child_init(struct supervisor *supervisor);
/* When the memory is there: the gate that an earlier supervisor has left, or a new one. */
void gate_child_open(struct supervisor *supervisor);
/* The descriptors stay open until then, the rule beyond. */
void gate_child_close(struct supervisor *supervisor);
/* A clean stop. */
void gate_child_leave(struct supervisor *supervisor);

/* Also publishes what the gate counts (shm/counters.def). */
void gate_child_tick(struct supervisor *supervisor);
void gate_child_ended(struct supervisor *supervisor);

/* `mark`: MARK_LISTENER, mark_of_leg() or MARK_FREE. */
void gate_child_mark(const struct supervisor *supervisor, int fd, uint32_t mark);
/* The listeners are others: marks theirs, and guards their addresses and those that servers see. */
void gate_child_listeners(struct supervisor *supervisor);
/* If there is a gate: the next descriptors of sync, in the order of enum sync_gate (daemon/sync/sync.h). */
void gate_child_give(const struct supervisor *supervisor, struct spawn *spawn);
bool gate_child_is_there(const struct supervisor *supervisor);

#endif
