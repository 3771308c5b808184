/*
 * sim -- a pair of hosts in a simulated world
 *
 * Two hosts with their shared memory, one network to clients and servers, one link between the hosts,
 * one clock.  What decides is the production's own: journal, records and windows in real shared memory,
 * the follower, the channel, the replica, the role machine, epochs, and the gate's decision.  What is
 * modelled is what surrounds them:
 *
 *   flow.c     clients and servers: what they have sent, and what they have been told
 *   kernel.c   the TCP of a host: what it has received and may say, through the gate
 *   worker.c   a worker that forwards: commits, and acts when it may
 *   host.c     a host: its processes, its disk, its life and death
 *   link.c     the connection between the hosts: late, cut, flipped
 *   nemesis.c  what goes wrong
 *   check.c    what must never happen
 *
 * A schedule follows from its seed alone.  Bytes are a function of flow, generation, leg and position,
 * so that a byte out of place is seen wherever it comes out.
 */
#ifndef TESTS_SIM_SIM_H
#define TESTS_SIM_SIM_H

#include "tests/sim/agenda.h"

#include "shm/layout.h"

#define SIM_HOSTS   2u
#define SIM_FLOWS   3u /* a flow has the slot of its number, on either host */
#define SIM_CHUNKS  64u
#define SIM_WORKERS 1u
#define SIM_NOBODY  UINT32_MAX

#define SIM_MS	       1000u /* us */
#define SIM_CHAOS_US   (900u * SIM_MS)
#define SIM_HEALED_US  (30000u * SIM_MS) /* by then everything is done */
#define SIM_STREAM_MAX 1500u

enum sim_event {
	EVENT_CLIENT_OPENS,
	EVENT_PEER_SENDS, /* number: how much more */
	EVENT_PEER_AGAIN, /* what was not acknowledged is sent again */
	EVENT_SEGMENT,	  /* at the gateway: a peer's bytes up to number; tag's low bit: FIN */
	EVENT_PEER_ACK,	  /* at the gateway: the peer has everything up to number */
	EVENT_ACK,	  /* at the peer */
	EVENT_OUTPUT,	  /* at the peer: up to number */
	EVENT_OUTPUT_FIN,
	EVENT_KERNEL_AGAIN, /* a host's TCP sends again what was not acknowledged */
	EVENT_WORK,	    /* a worker's turn */
	EVENT_SYNC,	    /* a turn of sync */
	EVENT_LETTER,	    /* something has arrived over the link */
	EVENT_EPOCH_SAVED,
	EVENT_REQUEST, /* the supervisor does what it was asked for */
	EVENT_ELECTION,
	EVENT_NEMESIS,
	EVENT_WORKER_STARTS,
	EVENT_SYNC_STARTS,
	EVENT_HOST_STARTS,
	EVENT_CONNECT, /* the link between the hosts is tried */
	EVENT_CLOSED,  /* an end learns that the other has closed */
	EVENT_HEALED,
};

struct sim_plan {
	bool is_strict;
	uint32_t chaos;		    /* of a thousand, how often something goes wrong */
	uint32_t loss;		    /* of a thousand packets of a peer */
	uint32_t delay_us;	    /* one way to a peer, at most */
	uint32_t link_us;	    /* one way to the other host, at most */
	uint32_t chunks[SIM_HOSTS]; /* while there is chaos */
};

struct sim_stats {
	uint64_t schedules, opened, finished, lost, takeovers, crashes, released, held, dropped;
};

extern struct sim_stats sim_stats;
/* There is a fault: what breaks a promise is what was looked for. */
extern bool sim_expects_break;

struct world;

uint32_t sim_roll(struct world *world, uint32_t sides);
void sim_put(struct world *world, uint64_t in_us, const struct due *event);
uint8_t sim_byte(uint32_t flow, uint32_t generation, uint32_t leg, uint64_t position);

#endif
