/*
 * stall -- for how long the other host has acknowledged nothing of what it was told
 *
 * Heartbeats are acknowledged by their echo, entries by their lsn; what stands still longer counts.  A
 * look adds at most STALL_STEP_US: a host that was paused has to be without an answer anew, so that it
 * can hear first what has happened meanwhile.
 *
 * Pure.  Called by sync only.
 */
#ifndef DAEMON_SYNC_STALL_H
#define DAEMON_SYNC_STALL_H

#include <stdint.h>

#define STALL_STEP_US 100000u

struct stall {
	uint64_t looked_us; /* 0: never */
	uint64_t echoed;
	uint64_t acknowledged;
	uint64_t echo_quiet_us;
	uint64_t ack_quiet_us;
};

/* echoed_us: of the newest echo, 0 none in this conversation; lsn of the newest entry, and of the newest
 * that was acknowledged.  Returns milliseconds. */
uint32_t stall_look(struct stall *stall, uint64_t now_us, uint64_t echoed_us, uint64_t acknowledged,
    uint64_t newest);

#endif
