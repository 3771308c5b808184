/*
 * mark -- what SO_MARK says of a connection, to every rule of the packet filter that asks
 *
 * Bits 0-19 are the slot + 1, bits 20-23 the tag; the other bits are left to the administrator, so every
 * rule uses MARK_MASK.  The kernel puts a socket's mark on all that it sends for that socket: on the
 * RST of a close with unread data, on what an orphan retransmits, on the answers of TIME_WAIT.  A
 * SYN-ACK and the accepted connection have the listener's mark until they get one of their own.
 *
 * Without the gate nobody asks for a mark.  C headers without I/O only: the filter in the kernel
 * includes this too.
 */
#ifndef GATE_MARK_H
#define GATE_MARK_H

#include <stdint.h>

#define MARK_SLOT_BITS 20u
#define MARK_SLOT_MASK 0x000fffffu
#define MARK_TAG_MASK  0x00f00000u
#define MARK_MASK      (MARK_SLOT_MASK | MARK_TAG_MASK)
#define MARK_SLOTS_MAX (MARK_SLOT_MASK - 1) /* slots 0 to this, without it */

#define MARK_TAG(number) ((uint32_t)(number) << MARK_SLOT_BITS)

/* The slot's part is 0 where nothing else is said. */
enum mark_tag {
	MARK_NONE = 0,		     /* no socket of the gateway, or none any more */
	MARK_LISTENER = MARK_TAG(1), /* an embryo, or accepted and without slot yet */
	MARK_CLIENT = MARK_TAG(2),   /* the client leg of the slot */
	MARK_SERVER = MARK_TAG(3),   /* the server leg of the slot */
	MARK_FREE = MARK_TAG(4), /* no session: a refusal, or the remains of one that has ended */
};

/* `leg` is enum shm_leg. */
static inline uint32_t
mark_of_leg(uint32_t slot, unsigned leg)
{
	return (leg == 0 ? MARK_CLIENT : MARK_SERVER) | ((slot + 1) & MARK_SLOT_MASK);
}

#endif
