/*
 * embryo_telling -- the gate's embryos, told to the standby
 *
 * Reads the ring of smtpguard-gate in order and appends each embryo to the channel's log; what the standby
 * acknowledges lets the SYN-ACKs go (gate_positions_know_embryos()).  Without a log nobody is told: the
 * host is alone, and the gate does not ask.  What was not acknowledged when a log ended is told again in
 * the next one.
 *
 * The ring is another process's: what does not hold is passed over, so that nobody waits for it.
 *
 * No I/O, no clock.  Called by sync only, on the active.
 */
#ifndef DAEMON_SYNC_EMBRYO_TELLING_H
#define DAEMON_SYNC_EMBRYO_TELLING_H

#include "daemon/gate/embryo.h"
#include "daemon/gate/positions.h"
#include "daemon/sync/channel.h"

struct embryo_telling {
	const struct embryo_ring *ring; /* NULL: there is no gate */
	struct gate_positions *table;
	uint64_t known; /* the standby has them up to this */
	uint64_t told;
	uint64_t lsn[EMBRYO_MOST]; /* of the entry, by number */
};

void embryo_telling_init(
    struct embryo_telling *telling, const struct embryo_ring *ring, struct gate_positions *table);
/* Another log, which has nothing yet. */
void embryo_telling_begin(struct embryo_telling *telling);
/* seen_ms: gateway time. OUTGOING_TAKEN: all were told. */
enum outgoing_result embryo_telling_step(
    struct embryo_telling *telling, struct channel *channel, uint64_t now_us, uint64_t seen_ms);
void embryo_telling_acknowledge(struct embryo_telling *telling, uint64_t lsn);

#endif
