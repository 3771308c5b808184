/*
 * world -- everything that a schedule has
 *
 * One struct, so that a run begins from nothing but its seed.  Only the module that a part belongs to
 * changes it.
 */
#ifndef TESTS_SIM_WORLD_H
#define TESTS_SIM_WORLD_H

#include "tests/sim/host.h"
#include "tests/sim/link.h"

/* One end of a connection: a client, or the mail server. */
struct peer {
	uint64_t length; /* of what it has to say */
	uint64_t sent;
	uint64_t acked; /* it has been told so: it does not keep those any more */
	uint64_t received;
	bool fin_sent, fin_acked, fin_received;
};

/* A client's connection, and the server's that belongs to it. */
struct flow {
	bool is_open;
	bool is_lost;	 /* with all hosts that could have gone on; the peers do not know */
	uint32_t number; /* rises: events of an earlier connection are passed over */
	uint32_t opened; /* connections so far */
	struct peer peer[SHM_LEGS];
};

struct world {
	uint64_t seed, dice, now_us;
	struct sim_plan plan;
	struct agenda agenda;
	struct host host[SIM_HOSTS];
	struct link link;
	struct flow flow[SIM_FLOWS];
	uint32_t master; /* whom keepalived has given the address; SIM_NOBODY */
	bool lan_is_cut; /* keepalived does not hear the other: both are master */
	bool is_healed;
	uint64_t released_epoch; /* the highest in which something has left */
};

#endif
