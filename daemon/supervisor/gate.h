/*
 * gate -- what the gate of a synced pair is made of, and how smtpguard-gate is started
 *
 * gate_make() makes the table of positions, the board and the two eventfds, loads the filter and puts the
 * rule in place: from then on the host is closed to all connections with a mark, until sync says
 * otherwise (positions.h).  The descriptors are handed on: `filter.positions` (to write), `board`, `wake`
 * and `embryos` to sync, all of them to smtpguard-gate.
 *
 * smtpguard-gate may die: what waited is dropped, nothing leaves that has to wait, and another is started
 * with the same descriptors.  The supervisor may die: its successor takes them from smtpguard-gate
 * (gate_take()), under the numbers of enum keeper_fd.  All may die: the rule stays, closed; gate_make()
 * replaces it.
 *
 * Without a pair none of this is called, and it costs nothing.
 *
 * Supervisor only.  Errors: 0 or -errno with *ret_step naming what failed; -ENOTSUP: this build has no
 * gate.
 */
#ifndef SUPERVISOR_GATE_H
#define SUPERVISOR_GATE_H

#include "daemon/gate/filter.h"
#include "daemon/supervisor/spawn.h"

/* The first queue of smtpguard-gate (queue.h). */
#define GATE_QUEUE 7925u

struct gate {
	struct gate_filter filter;
	int board;
	int wake;    /* eventfd: positions have moved */
	int embryos; /* eventfd: there are embryos to tell the standby of */
	uint32_t slots;
};

/* By what smtpguard-gate is started; it points into itself. */
struct gate_start {
	char slots[16], queue[16];
	char *arguments[4];
	struct spawn spawn;
};

void gate_init(struct gate *gate);
int gate_make(struct gate *gate, uint32_t slots, const char **ret_step);
/* From a smtpguard-gate that an earlier supervisor has started.  Nothing that it holds is believed. */
int gate_take(struct gate *gate, uint32_t slots, int pidfd, const char **ret_step);
void gate_start_init(struct gate_start *start, const struct gate *gate, const char *program,
    const struct spawn_account *account);
/* The rule stands without the descriptors. */
void gate_close(struct gate *gate);

#endif
