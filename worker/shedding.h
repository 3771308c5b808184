/*
 * shedding -- what a worker does while chunks are short (shm/chunk.h)
 *
 * It knows which of its sessions hold chunks, in the order in which they last came on by
 * SHEDDING_STEP octets: the first has stood still for longest, also if it has sent or read octet by
 * octet.  When the supervisor has counted that less than one part in CHUNK_SHED of the pool is free,
 * the first ones are ended with 421 4.3.2, until as much as is missing is free again.  Who has not
 * stood still for the time of grace is spared: SHEDDING_GRACE_MS at first, the less the less is free,
 * SHEDDING_LEAST_MS at least.  So those that wait for a chunk get one whatever the others do, and
 * sessions that hold chunks and wait for more do not wait for each other for longer than that.
 */
#ifndef WORKER_SHEDDING_H
#define WORKER_SHEDDING_H

#include "shm/chunk.h"
#include "worker/list.h"

#include <stdbool.h>
#include <stdint.h>

#define SHEDDING_GRACE_MS 10000u
#define SHEDDING_LEAST_MS 500u
#define SHEDDING_EVENT_MS 1000u
#define SHEDDING_STEP	  4096u

struct session;
struct worker;

struct shedding {
	struct list holders; /* struct session, by `holding` */
	uint32_t serial;     /* of the count that was looked at */
	uint32_t wanted;     /* chunks that are still to be got */
	uint64_t grace_ms;
	bool is_short;	  /* hold less */
	uint32_t ended;	  /* sessions, since the last event */
	uint64_t told_ms; /* when that was; 0 never */
};

void shedding_init(struct shedding *shedding);
/* Whether the session holds chunks now that it has acted; `passed`: octets of its input, of both legs,
 * that nobody needs any more. */
void shedding_note(struct worker *worker, struct session *session, bool holds, uint64_t passed);
/* How long a holder must have stood still to be ended. */
uint64_t shedding_grace(const struct shm *shm, struct chunk_level level);
/* Once per turn of the loop. */
void shedding_turn(struct worker *worker);

#endif
