/*
 * early -- which packets wait before the door for its opening
 *
 * While a host takes over, its address is there before its sessions are.  What peers send meanwhile waits in the
 * kernel's queue, and is let go to the door when the sessions go on: dropped, it would come again after 200 ms at
 * the earliest.  Numbers only, in the order in which they came.  At most EARLY_MOST packets of EARLY_OCTETS_MOST
 * octets wait; beyond that a packet is refused.  None waits for longer than EARLY_MS_MOST: then its sender has
 * sent it again.  A packet that is refused, has waited for too long, or whose keeper dies is lost as it would
 * have been at the closed door.
 *
 * Pure.  smtpguard-gate only.
 */
#ifndef GATE_EARLY_H
#define GATE_EARLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EARLY_MOST	  4096u
#define EARLY_OCTETS_MOST (32u << 20)
#define EARLY_MS_MOST	  1000u

struct early_packet {
	uint32_t id;
	uint32_t octets;
	uint64_t since_ms; /* of any clock that goes on */
};

struct early {
	uint32_t first, count;
	uint64_t octets;
	struct early_packet packet[EARLY_MOST];
};

static inline bool
early_is_empty(const struct early *early)
{
	return early->count == 0;
}

/* False: there is no room. */
bool early_add(struct early *early, const struct early_packet *packet);
/* The oldest, which waits no more.  False: there is none. */
bool early_take(struct early *early, uint32_t *ret_id);
/* Likewise, if it has waited for too long. */
bool early_take_old(struct early *early, uint64_t now_ms, uint32_t *ret_id);

#endif
