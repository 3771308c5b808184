/*
 * host -- one of the two, its processes and its disk
 *
 * Shared memory and sockets outlive processes, the epoch outlives the host.  `life` rises with each start
 * of the host, `sync.life` with each start of sync; what was under way for an earlier one is passed over.
 */
#ifndef TESTS_SIM_HOST_H
#define TESTS_SIM_HOST_H

#include "tests/sim/host_sync.h"
#include "tests/sim/kernel.h"
#include "tests/sim/worker.h"

#include "daemon/gate/positions.h"
#include "shm/region.h"

#define SIM_PLACES    (2u + 2u * SIM_FLOWS)
#define HOST_REQUESTS 32u

struct host {
	uint32_t at;
	uint32_t life;
	uint32_t serial;
	bool is_powered;
	bool is_killed; /* all processes at once; its kernel goes on */
	bool door;
	uint64_t paused_until_us; /* sync stands still */
	unsigned asked;		  /* of the supervisor, in this order */
	struct supervisor_request request[HOST_REQUESTS];
	enum role_input_kind word; /* what keepalived has said last; ROLE_INPUTS: nothing */
	bool work_is_put;
	struct shm shm;
	struct gate_place place[SIM_PLACES];
	struct gate_place place_seen[SIM_PLACES]; /* when the kernel was asked last */
	struct gate_positions gate;		  /* over these */
	struct kernel_session kernel[SIM_FLOWS];
	struct sim_worker worker;
	struct host_sync sync;
	struct epoch disk;
};

/* Shared memory is made once and cleared for each schedule. */
void host_make(struct world *world, struct host *host, uint32_t at);
void host_start(struct world *world, struct host *host);
void host_end(struct world *world, struct host *host);
void host_tell(const struct host *host);

void host_wants_work(struct world *world, struct host *host);
void host_wants_sync(struct world *world, struct host *host);

/* Who would take a new connection into that slot; NULL: nobody. */
struct host *host_that_accepts(struct world *world, uint32_t flow);
void host_accept(struct world *world, struct host *host, uint32_t flow);
void host_slot_is_free(struct world *world, struct host *host, uint32_t slot);
/* Of the supervisor, by sync; done soon, one after the other. */
void host_asked(struct world *world, struct host *host, const struct supervisor_request *request);
void host_answered(
    struct world *world, struct host *host, const struct supervisor_request *request);

void host_loses_power(struct world *world, struct host *host, uint64_t for_us);
void host_is_killed(struct world *world, struct host *host, uint64_t for_us);
/* All there are, from now on. */
void host_give_chunks(struct world *world, struct host *host);
void host_sync_dies(struct world *world, struct host *host);
void host_pauses(struct world *world, struct host *host, uint64_t for_us);
bool host_sync_is_up(const struct host *host);
bool host_sync_is_paused(const struct world *world, uint32_t at);

uint64_t host_epoch(const struct host *host);
int32_t host_track(const struct host *host);
/* It has a replica from which it could go on now, or has done so. */
bool host_can_serve(const struct host *host);
/* Its role machine says that the sessions are its own. */
bool host_claims(const struct host *host);
/* It serves, and the other one could. */
bool host_is_well(const struct host *host);

void host_take(struct world *world, const struct due *event);

#endif
