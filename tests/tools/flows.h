/*
 * flows -- what a gateway has sent, judged by what its standby had by then
 *
 * Knows each connection from its SYN on.  The caller tells packets and what the standby has stored
 * (store_trace.h) in the order of their time: a packet is judged by what was stored before it was seen.
 * A connection is known by its two endpoints; another SYN begins another one.
 *
 *	acknowledgement	 not beyond the octets that are stored, and one for the peer's FIN if that is
 *	SYN-ACK		 the standby knows the embryo
 *	FIN		 the end by FIN is stored, or was before that by RST, and this is its place
 *	RST		 the end by RST is stored; what it acknowledges binds nobody, for its peer forgets the
 *			 connection before it looks at that (RFC 9293 3.10.7.4)
 *
 * A session of which it is stored that it is over needs its peers no more: their FINs may be acknowledged,
 * and what they say yet be answered with RST; that also when both FINs were acknowledged.
 *
 * Pure; heap, for as long as the table lives.
 */
#ifndef TESTS_TOOLS_FLOWS_H
#define TESTS_TOOLS_FLOWS_H

#include "tests/tools/store_trace.h"

#include <stdbool.h>

struct flow_packet {
	uint64_t when_ns; /* as store_trace.when_ns */
	struct shm_endpoint gateway, peer;
	uint32_t seq, ack;
	uint32_t payload; /* octets */
	uint8_t flags;	  /* enum gate_flag */
	bool from_gateway;
};

/* FLOW_VERDICT(name, word) */
#define FLOW_VERDICTS(X)                                                                           \
	X(GOOD, "good")                                                                            \
	X(UNKNOWN, "unknown") /* its beginning was not seen */                                     \
	X(EMBRYO, "embryo")   /* a SYN-ACK of which the standby does not know */                   \
	X(AHEAD, "ahead")     /* an acknowledgement of what it has not */                          \
	X(FIN, "fin")	      /* an end that is not committed, or not here */                      \
	X(RST, "rst")

enum flow_verdict {
#define X(name, word) FLOW_##name,
	FLOW_VERDICTS(X)
#undef X
	    FLOW_VERDICT_COUNT
};

struct flow_judgement {
	enum flow_verdict verdict;
	bool
	    is_first; /* acknowledges more than any before it of its connection, and as much as may be */
	uint64_t lead_ns; /* then: since when it may be */
	uint32_t had;	  /* octets stored, as `acknowledged` counts them */
	uint32_t acknowledged;
	uint8_t ending; /* enum ending, as stored */
};

struct flows;

/* Ends the process when there is no memory, as flows_store() and flows_judge() do. */
struct flows *flows_create(void);
void flows_destroy(struct flows *flows);

void flows_store(struct flows *flows, const struct store_trace *trace);
struct flow_judgement flows_judge(struct flows *flows, const struct flow_packet *packet);

const char *flow_verdict_word(unsigned verdict);

#endif
