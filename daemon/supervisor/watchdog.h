/*
 * watchdog -- a process that does not come round any more
 *
 * A worker notes gateway time in its pulse at each turn of its loop, and turns several times a
 * second.  One whose note has stood still for WATCHDOG_MS of gateway time hangs: in a step, or
 * because it was stopped.  It is ended by SIGABRT, which is a fault, so that the session it steps
 * is marked; by SIGKILL if that was not enough after WATCHDOG_KILL_MS.  Gateway time hardly moves
 * while the host is paused, so a pause is no hang.
 *
 * The manager's note is policy_area.heartbeat; it has more time, because it waits for disks.  That of
 * sync is pair_view.alive_ms; it has less, because in a synced pair everybody waits for it.  Both are
 * ended by SIGKILL at once.
 *
 * The note is the other's writing: only whether it changes is looked at.  Supervisor only.
 */
#ifndef SUPERVISOR_WATCHDOG_H
#define SUPERVISOR_WATCHDOG_H

#include <stdbool.h>
#include <stdint.h>

#define WATCHDOG_MS	    10000u
#define WATCHDOG_MANAGER_MS 20000u
#define WATCHDOG_SYNC_MS    2000u
#define WATCHDOG_KILL_MS    1000u

enum watchdog_verdict { WATCHDOG_WELL, WATCHDOG_HANGS, WATCHDOG_STILL_THERE };

struct watchdog {
	uint64_t seen;	   /* the note when it last changed */
	uint64_t since_ms; /* supervisor.watch_ms of that */
	uint64_t limit_ms; /* how long it may stand */
	bool fired;	   /* it stood longer, and is being ended */
};

void watchdog_start(struct watchdog *watchdog, uint64_t note, uint64_t now_ms, uint64_t limit_ms);
/* WATCHDOG_HANGS once, then WATCHDOG_STILL_THERE each WATCHDOG_KILL_MS. */
enum watchdog_verdict watchdog_look(struct watchdog *watchdog, uint64_t note, uint64_t now_ms);

#endif
