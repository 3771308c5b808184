/*
 * positions -- how far each connection of a synced pair is committed, as the gate has to know it
 *
 * A table of places (decision.h), one for each leg of each slot, in memory that the filter in the kernel
 * reads by itself: an array of eBPF that can be mapped.  It holds numbers only, no session data.
 *
 *   supervisor      makes it (filter.h), hands its descriptor on, may read it, and says in one word of its own
 *                   whether early packets pass; privileged
 *   sync            the only writer of all others; unprivileged: the descriptor is enough to map it
 *   smtpguard-gate  reads it
 *
 * A word is written by one aligned store of 64 bits, and so is never seen torn; a place has two words
 * that mean something each for itself.  Words are published in the order of the calls.
 *
 * It outlives any of its processes: smtpguard-gate and sync have it mapped and keep its descriptor for a
 * later supervisor (pidfd_getfd), and the rule holds the filter, which holds the table.  If both are
 * gone too, nobody needs it any more: the next supervisor makes a new one, all zero, which is closed,
 * and puts it into the rule's place in one step.
 *
 * Order, for sync.  A new table is closed to all connections.  While the host is alone:
 * gate_positions_pass_all(true).  When a standby has come: gate_positions_pass() for each leg of each
 * session that there is, then gate_positions_pass_all(false); from now on a new session's ACKs wait
 * until it is protected.  Then gate_positions_protect() for each leg as soon as its snapshot is
 * acknowledged, and from there gate_positions_commit() with each acknowledgement.  After every batch:
 * gate_wake() (board.h).
 *
 * A slot may be given to a new session in a pair only when gate_positions_is_clear(): a place left by
 * the session before would let the ACKs of the new one pass, or its FIN.
 *
 * Errors: 0 or -errno.
 */
#ifndef GATE_POSITIONS_H
#define GATE_POSITIONS_H

#include "daemon/gate/decision.h"

#include <stddef.h>

enum gate_end { GATE_END_BY_FIN, GATE_END_BY_RST };

struct gate_positions {
	struct gate_place *place;
	uint32_t slots;
	bool has_moved; /* the writer's: gate_positions_take_moved() */
};

/* Entries of a table for so many slots. */
uint32_t gate_positions_count(uint32_t slots);

/* The descriptor may be closed afterwards.  Unaligned sizes are rounded up to pages by the kernel, so a
 * table made for fewer slots is not noticed here: the caller knows how many there are. */
int gate_positions_map(struct gate_positions *table, int fd, uint32_t slots, bool is_writer);
void gate_positions_unmap(struct gate_positions *table);

/* Sync.  A slot or leg out of range is refused: false. */
bool gate_positions_protect(
    struct gate_positions *table, uint32_t slot, unsigned leg, uint32_t ack);
/* Likewise, of a protected leg; never goes back: an older number changes nothing. */
bool gate_positions_commit(struct gate_positions *table, uint32_t slot, unsigned leg, uint32_t ack);
/* `seq_end`: the sequence number behind the FIN; not read for a RST. */
bool gate_positions_permit_end(
    struct gate_positions *table, uint32_t slot, unsigned leg, enum gate_end end, uint32_t seq_end);
/* This leg needs no standby: its session has none, or was opened while the host was alone.  What an
 * earlier session of that slot was permitted is forgotten. */
bool gate_positions_pass(struct gate_positions *table, uint32_t slot, unsigned leg);
/* Both legs know nothing any more, and are closed. */
bool gate_positions_clear(struct gate_positions *table, uint32_t slot);
void gate_positions_pass_all(struct gate_positions *table, bool is_alone);
/* The standby knows all embryos up to this number (embryo.h); it never goes back. */
void gate_positions_know_embryos(struct gate_positions *table, uint64_t number);
/* Whether something was written that was not there already, since it was asked last; of a table that was
 * just mapped nobody knows.  Then the gate is to be woken (board.h). */
bool gate_positions_take_moved(struct gate_positions *table);

/* Supervisor: what comes to a floating address is let go to the door (early.h), 0: waits.  smtpguard-gate says the
 * same number when nothing is left that has waited (board.h). */
void gate_positions_let_early_pass(struct gate_positions *table, uint32_t number);

/* Readers. */
uint32_t gate_positions_early_pass(const struct gate_positions *table);
bool gate_positions_is_alone(const struct gate_positions *table);
uint64_t gate_positions_known_embryos(const struct gate_positions *table);
bool gate_positions_is_clear(const struct gate_positions *table, uint32_t slot);
/* What the table holds for a mark; a mark out of range has a place that is closed. */
struct gate_place gate_positions_get(const struct gate_positions *table, uint32_t mark);

#endif
