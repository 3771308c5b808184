#include "daemon/gate/decision.h"

static inline bool
is_beyond(uint32_t number, uint64_t word)
{
	return (int32_t)(number - (uint32_t)word) > 0;
}

static inline enum gate_verdict
decide_unmarked(const struct gate_packet *packet)
{
	return packet->is_guarded && (packet->flags & GATE_RST) != 0 ? GATE_DROP : GATE_PASS;
}

static inline enum gate_verdict
decide_embryo(const struct gate_packet *packet)
{
	return (packet->flags & (GATE_SYN | GATE_ACK | GATE_RST | GATE_FIN)) ==
		       (GATE_SYN | GATE_ACK)
		   ? GATE_HOLD
		   : GATE_DROP;
}

/* A leg of which nothing was acknowledged yet is being connected, and an answer without an ACK is to a server
 * that takes its SYN for a packet of another connection. */
static inline bool
is_half_open_answer(const struct gate_packet *packet, const struct gate_place *place)
{
	return (packet->mark & MARK_TAG_MASK) == MARK_SERVER && place->ack == 0 &&
	       (packet->flags & (GATE_RST | GATE_ACK | GATE_FIN | GATE_SYN)) == GATE_RST;
}

static inline enum gate_verdict
decide_leg(const struct gate_packet *packet, const struct gate_place *place)
{
	if ((place->ack & GATE_ACK_ALONE) != 0)
		return GATE_PASS;
	if ((packet->flags & GATE_RST) != 0)
		return (place->end & GATE_END_RST) != 0 || is_half_open_answer(packet, place)
			   ? GATE_PASS
			   : GATE_DROP;
	if ((packet->flags & GATE_FIN) != 0 &&
	    ((place->end & GATE_END_FIN) == 0 || packet->seq_end != (uint32_t)place->end))
		return GATE_DROP;
	if ((packet->flags & GATE_ACK) == 0)
		return (packet->flags & GATE_SYN) != 0 ? GATE_PASS : GATE_DROP;
	if ((place->ack & GATE_ACK_PROTECTED) == 0 || is_beyond(packet->ack, place->ack))
		return GATE_HOLD;
	return GATE_PASS;
}

enum gate_verdict
gate_decide(const struct gate_packet *packet, bool is_alone, const struct gate_place *place)
{
	uint32_t slot = packet->mark & MARK_SLOT_MASK;

	if (is_alone)
		return GATE_PASS;
	switch (packet->mark & MARK_TAG_MASK) {
	case MARK_LISTENER:
		return decide_embryo(packet);
	case MARK_CLIENT:
	case MARK_SERVER:
		return slot == 0 ? GATE_DROP : decide_leg(packet, place);
	case MARK_FREE:
		return GATE_PASS;
	default:
		return decide_unmarked(packet);
	}
}
