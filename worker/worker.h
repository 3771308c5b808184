/*
 * worker -- all that one worker process holds
 *
 * Made by main.c before lock-down; nothing is allocated later.  Single-threaded: no part needs a
 * lock.
 */
#ifndef WORKER_WORKER_H
#define WORKER_WORKER_H

#include "shm/chunk.h"
#include "shm/counters.h"
#include "shm/gateway_clock.h"
#include "shm/region.h"
#include "worker/event_loop.h"
#include "worker/inspect/inspect.h"
#include "worker/parting.h"
#include "worker/policy_cache.h"
#include "worker/release_queue.h"
#include "worker/report.h"
#include "worker/request_queue.h"
#include "worker/session_table.h"
#include "worker/shedding.h"
#include "worker/timer_wheel.h"
#include "worker/waiting.h"

/* A worker without a supervisor that has had no session for so long ends. */
#define WORKER_ORPHAN_MS 600000u
/* The heartbeat moves at least this often. */
#define WORKER_TURN_MS 500u

struct worker {
	struct shm shm;
	struct event_loop loop;
	struct timer_wheel wheel;
	struct request_queue requests;
	struct policy_cache policies;
	struct chunk_cache chunks;
	struct gateway_clock clock;
	struct report report;
	uint64_t now_ms; /* gateway time of this turn */
	uint32_t index;
	uint32_t owner;
	int handover;
	int supervisor;	       /* pidfd of the supervisor */
	uint32_t greeting;     /* its number, 0: the one that has started this worker */
	bool orphaned;	       /* it has ended */
	uint64_t idle_ms;      /* orphaned: since when there has been no session */
	bool handover_armed;   /* its poll is under way */
	bool supervisor_armed; /* likewise */
	bool draining;	       /* every session is being ended */
	int failed;	       /* -errno: it cannot go on */
	uint64_t ask_after_ms; /* the kernel had no memory for a request */
	struct session_table sessions;
	struct parting parting;
	struct release_queue release;
	struct waiting waiting;
	struct shedding shedding;
	uint32_t adopted;   /* sessions that go on, since the last turn */
	uint32_t receiving; /* legs that wait with a chunk in hand */
	struct journal_ring *journal;
	struct counter_block *counters;
	struct inspect *state; /* the core's native state of the step under way */
	struct inspect_output output;
	enum inspect_scan scan;			/* what this CPU can */
	uint8_t scratch[2 * INSPECT_LOOKAHEAD]; /* input that straddles chunks */
	uint8_t extra[INSPECT_EXTRA_SIZE]; /* second part of a state, on its way to shared memory */
};

/* Maps the regions from the inherited descriptors and allocates. 0 or -errno; *ret_step names
 * what failed. */
int worker_open(struct worker *worker, uint32_t index, uint32_t owner, const char **ret_step);
void worker_close(struct worker *worker);

/* Turns the loop until there is nothing left to do. 0 or -errno: the ring broke, or a hand-over cannot
 * be taken (no descriptor is left): whoever adopts its sessions gets that one too. */
int worker_run(struct worker *worker);

#endif
