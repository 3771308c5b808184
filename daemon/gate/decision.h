/*
 * decision -- may this packet of a synced pair leave?
 *
 * Pure: a packet's header and the committed positions of its connection in, the verdict out.  The same
 * source is part of the filter in the kernel (filter.bpf.c), of the process that holds packets and of
 * the simulation of the pair.  Nothing here waits or remembers: a packet that is held is asked for
 * again when a position has moved.
 *
 * A connection's place is two words, each written by one store (positions.h):
 *
 *	ack	bits 0-31 the highest acknowledgement number whose bytes the standby holds (the peer's
 *		FIN counts one), and the flags GATE_ACK_*
 *	end	bits 0-31 the sequence number behind the committed FIN, and the flags GATE_END_*
 *
 * A word that is zero knows nothing, and nothing passes that would need to know: a slot whose session
 * the standby has not heard of, and a table without a writer, are closed.
 *
 * What the verdicts rest on:
 *   - An ACK beyond the committed position is held, with whatever else the packet carries.  Blocks of
 *     selective acknowledgement may name later bytes: the peer keeps those until they are acknowledged
 *     (RFC 2018 8), and so they bind nobody.
 *   - A FIN leaves only if it stands exactly where the committed end stands.  A kernel that closes the
 *     sockets of killed processes sends it earlier, wherever their output had come to.
 *   - A RST leaves only if the end by RST is committed.  But one that answers a server which is being
 *     connected to leaves (RFC 9293 3.5.1): a host that was lost left connections there, and the source port
 *     may be that of one of them.  Such an answer bears no ACK, unlike the RST of a close, and the server has
 *     nothing yet that the standby would miss: the ACK by which the connection is open waits for the place.
 *   - A SYN-ACK is held until the standby knows the embryo.  What else bears the listener's mark is
 *     dropped: no position is known for it, and the peer repeats itself by the time there is one.
 *   - A RST of a guarded address without a mark comes of a packet to no socket: after all
 *     processes were killed, that is every packet of the peers.
 * Alone (GATE_ACK_ALONE, of the leg or of the whole host) everything passes.
 *
 * C headers without I/O only.
 */
#ifndef GATE_DECISION_H
#define GATE_DECISION_H

#include "daemon/gate/mark.h"

#include <stdbool.h>
#include <stdint.h>

#define GATE_NUMBER 0xffffffffull

#define GATE_ACK_PROTECTED (1ull << 32) /* the number holds */
#define GATE_ACK_ALONE	   (1ull << 33) /* no standby has to know */

#define GATE_END_FIN (1ull << 32) /* the number holds */
#define GATE_END_RST (1ull << 33)

/* As in the thirteenth octet of a TCP header. */
enum gate_flag {
	GATE_FIN = 0x01,
	GATE_SYN = 0x02,
	GATE_RST = 0x04,
	GATE_ACK = 0x10,
};

struct gate_packet {
	uint32_t mark;
	uint32_t ack;
	uint32_t seq_end; /* behind its last octet; SYN and FIN count one each */
	uint8_t flags;	  /* enum gate_flag */
	bool is_guarded;  /* comes from an address of the pair; asked only without a mark */
};

struct gate_place {
	uint64_t ack;
	uint64_t end;
};

enum gate_verdict {
	GATE_PASS,
	GATE_HOLD, /* a later position may let it go */
	GATE_DROP,
};

/* Where the place of a marked connection is: 2 * (slot + 1) + leg.  Places 0 and 1 are nobody's. */
static inline uint32_t
gate_place_of(uint32_t mark)
{
	return 2 * (mark & MARK_SLOT_MASK) + ((mark & MARK_TAG_MASK) == MARK_SERVER);
}

#ifdef __bpf__
#define GATE_PURE static __attribute__((always_inline))
#else
#define GATE_PURE
#endif

/* `is_alone`: the whole host is.  `place` is that of gate_place_of(), and is read only for a mark with a
 * slot. */
GATE_PURE enum gate_verdict gate_decide(
    const struct gate_packet *packet, bool is_alone, const struct gate_place *place);

#endif
