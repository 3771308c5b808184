/*
 * gate -- the supervisor's part of the gate of a synced pair: what it makes, and smtpguard-gate
 *
 * gate_open() makes the table of positions, the board and the two eventfds, loads the filter, puts the
 * rule in place and starts smtpguard-gate: from then on the host is closed to all connections with a
 * mark, until sync says otherwise (positions.h).  The descriptors are handed on: `filter.positions`
 * (to write), `board`, `wake` and `embryos` to sync, all of them to smtpguard-gate.
 *
 * smtpguard-gate may die: what waited is dropped, nothing leaves that has to wait, and gate_start()
 * starts another.  The supervisor may die: its successor finds the four descriptors in smtpguard-gate,
 * under the numbers of enum keeper_fd.  All may die: the rule stays, closed; gate_open() replaces it.
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

/* The queue of smtpguard-gate, and the next. */
#define GATE_QUEUE 7925u

struct gate {
	struct gate_filter filter;
	int board;
	int wake;    /* eventfd: positions have moved */
	int embryos; /* eventfd: there are embryos to tell the standby of */
	uint32_t slots;
	pid_t pid; /* of smtpguard-gate */
	int pidfd;
};

int gate_open(struct gate *gate, uint32_t slots, const char *program,
    const struct spawn_account *account, const char **ret_step);
/* Once more, after its end was seen by pidfd and it was reaped. */
int gate_start(struct gate *gate, const char *program, const struct spawn_account *account,
    const char **ret_step);
/* The rule goes, and with it the gate; smtpguard-gate is told to end and has still to be reaped. */
int gate_close(struct gate *gate, const char **ret_step);

#endif
