/*
 * leg_restore -- one leg of a session made anew on another host, by TCP_REPAIR
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

#include "daemon/supervisor/leg_plan.h"

#include <stdbool.h>
#include <sys/uio.h>

/* output: what may have been sent behind plan->written.  The descriptor, or -errno; -EADDRNOTAVAIL:
 * between the two there is a connection that a process holds. */
int leg_restore(const struct leg_plan *plan, const struct iovec *output, unsigned count);

/* The two halves of that, for a leg without output, which may be long apart.  Between them it is in repair mode: it
 * sends nothing, whatever its timers, and ends without a packet with its last descriptor.  -EADDRNOTAVAIL:
 * between the two there is another connection. */
int leg_restore_ahead(const struct leg_plan *plan);
int leg_restore_finish(int fd, const struct leg_plan *plan);

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
