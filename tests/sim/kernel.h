/*
 * kernel -- the TCP of a host, as far as the gate and a takeover see it
 *
 * Keeps what has been received and what has been written; says ACKs and output, each through the
 * gate's decision; says again what was not acknowledged.  What is held is asked for again when
 * positions have moved.  Sequence numbers begin near their end, so that they wrap.
 */
#ifndef TESTS_SIM_KERNEL_H
#define TESTS_SIM_KERNEL_H

#include "tests/sim/sim.h"

struct host;

struct sock {
	uint64_t received; /* from the peer, in order */
	uint64_t consumed; /* by the worker */
	uint64_t written;  /* by the worker */
	uint64_t left;	   /* of what was written: has left at least once */
	uint64_t acked;	   /* by the peer */
	uint64_t told;	   /* ACK that has left */
	uint32_t irs, iss; /* sequence number of position 0, either way */
	bool fin_received, fin_consumed, fin_written, fin_left, fin_acked, fin_told;
};

struct kernel_session {
	bool exists;
	bool is_rest;	 /* the session has ended, and its slot is free */
	uint32_t number; /* of the flow's connection */
	struct sock sock[SHM_LEGS];
};

void kernel_open(struct world *world, struct host *host, uint32_t flow);
/* Ends without a packet. */
void kernel_silence(struct host *host, uint32_t flow);

/* Of a peer, at this host; upto with its FIN. */
void kernel_segment(
    struct world *world, struct host *host, uint32_t flow, uint32_t leg, uint64_t upto, bool fin);
void kernel_peer_ack(
    struct world *world, struct host *host, uint32_t flow, uint32_t leg, uint64_t upto, bool fin);

/* The worker has written, or read: what there is to say is said if the gate lets it. */
void kernel_say(struct world *world, struct host *host, uint32_t flow, uint32_t leg);
/* All connections, if positions have moved. */
void kernel_positions_moved(struct world *world, struct host *host);
/* All that is not acknowledged. */
void kernel_again(struct world *world, struct host *host);

#endif
