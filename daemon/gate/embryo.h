/*
 * embryo -- connections whose SYN-ACK waits until the standby knows them
 *
 * A ring in memory that smtpguard-gate writes and sync reads: one entry for each SYN-ACK that is held,
 * numbered from 1 without a gap, also for one that is sent again.  Sync tells the standby of them in
 * order and answers by one number (gate_positions_know_embryos()); up to that the SYN-ACKs are let go.
 * EMBRYO_MOST wait at most; a SYN-ACK beyond is dropped, and counted.  An entry is not written again
 * before its number is known.
 *
 * All of it is read off the SYN-ACK.  What the client's SYN said of its window scale and of its segment
 * size is not there: such a connection is restored with scale 0, then a guessed one, and the smallest size.
 */
#ifndef GATE_EMBRYO_H
#define GATE_EMBRYO_H

#include "shm/embryos.h"

#include <stdbool.h>
#include <stddef.h>

struct embryo_ring {
	_Atomic uint64_t written; /* the last number */
	uint8_t reserved[56];
	struct embryo entry[EMBRYO_MOST];
};

/* Gate.  The number that it got; 0: as many wait already as may, the last known one being `known`. */
uint64_t embryo_add(struct embryo_ring *ring, const struct embryo *embryo, uint64_t known);
/* Sync.  False: not written yet, or written over, which `known` behind `number` forbids. */
bool embryo_get(const struct embryo_ring *ring, uint64_t number, struct embryo *ret_embryo);

/* Pure: an embryo of a SYN-ACK that begins with its IP header.  False: it is none, or cut. */
bool embryo_parse(const uint8_t *packet, size_t length, struct embryo *ret_embryo);

#endif
