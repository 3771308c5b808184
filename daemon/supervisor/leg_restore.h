/*
 * leg_restore -- one leg of a session made anew on another host, by TCP_REPAIR
 *
 * A plan says where the connection goes on.  It comes of what the standby holds of the leg: TCP's
 * parameters as they were dumped, and the committed record.
 *
 *	received   all input that the record has as stored; nothing beyond was acknowledged, so the peer
 *		   sends it again.  A FIN that the record has seen is behind it.
 *	written    what the peer is known to have acknowledged of the output; what follows may have been
 *		   sent, and is put back as sent.
 *
 * leg_restore() makes the connection without a packet.  It may be called before the address is here, and
 * must be while no packet can reach it (the door is shut): the kernel takes options only from a
 * connection that has not sent, and a packet to one in repair was never tried.  What this host's kernel
 * has left of an earlier connection between the same two, and no process holds, it ends (orphans.h).
 *
 * The kernel does not learn that the peer's FIN was seen: such a leg ends in FIN_WAIT2 when its own is
 * acknowledged, and there it is over (ending.h).
 *
 * Then the peer is asked: leg_probe() sends a segment that it answers by what it has.  All output being
 * acknowledged, the leg is as it was.  What the peer never had the kernel would send again only after
 * seconds: leg_restore_again() makes the connection once more, from where the peer stands, and whoever
 * adopts it sends the rest.  It is not made of output that was never sent straight away, because a peer
 * that has more than a first flight acknowledges what such a connection has not sent yet, for ever.
 *
 * Nobody else holds the leg until then.  Supervisor only, any of its threads.  0 or -errno.
 */
#ifndef SUPERVISOR_LEG_RESTORE_H
#define SUPERVISOR_LEG_RESTORE_H

#include "shm/slot.h"

#include <stdbool.h>
#include <sys/uio.h>

/* So far ahead go the time stamps, beyond gateway time, which may have stood still while the other host's
 * kernel went on.  A jump ahead harms nothing; one back ends the connection (RFC 7323 5.3). */
#define LEG_AHEAD_MS 60000u

struct leg_plan {
	struct shm_endpoint local, peer;
	uint64_t received; /* stream positions */
	uint64_t written;
	uint32_t receive_next; /* of the next octet, behind the peer's FIN if that was seen */
	struct leg_tcp tcp;    /* as it is to stand in the slot: of those positions */
	uint32_t mark;	       /* 0: none */
	bool keeps_alive;
	bool hides_window; /* from the kernel: that an answer was taken shows by its window */
};

/* Pure.  `record` was checked; the leg was dumped.  acknowledged: of the output that the record has. */
void leg_plan(const struct slot_leg *leg, const struct record *record, enum shm_leg which,
    uint64_t acknowledged, uint64_t gateway_ms, struct leg_plan *ret_plan);

/* output: what may have been sent behind plan->written.  The descriptor, or -errno; -EADDRNOTAVAIL:
 * between the two there is a connection that a process holds. */
int leg_restore(const struct leg_plan *plan, const struct iovec *output, unsigned count);

/* The peer is to answer. */
void leg_probe(int fd);

/* An answer that acknowledges more than was put back is not taken: who hides the window sees by
 * its being 0 still that there was none, or such a one. */
struct leg_answer {
	bool has_come; /* the peer has sent something since the connection was made */
	bool is_over;  /* reset */
	uint32_t send_window;
};

int leg_answer(int fd, struct leg_answer *ret_answer);

/* All output was put back, and our FIN counts as sent behind it, as the peer has it or may have it.  The
 * kernel goes on from there by itself. */
void leg_restore_end(int fd);

/* Once the peer has answered: *fd is closed without a packet and another one, and
 * the plan is that of the other connection.  plan->tcp.send_scale may be greater than it was: so the peer's
 * windows are read from now on, that of its answer too.  -EBUSY: it cannot be made again as it stands, and goes on
 * as it is.  Any other error: *fd is -1, the leg is gone. */
int leg_restore_again(int *fd, struct leg_plan *plan);

#endif
