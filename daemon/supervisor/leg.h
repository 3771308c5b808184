/*
 * leg -- what the kernel knows about one TCP connection of a session
 *
 * leg_measure() says how much a worker that is dead had consumed from a leg and written to it.
 * Nothing is read and nothing changes; it must not be called while somebody else reads or writes
 * the connection.  Two things are not in the arithmetic's favour and are settled here:
 *
 *   the peer's FIN   counts as a byte received.  While the state is not CLOSE it tells whether the
 *		      FIN was seen; in CLOSE (both ended, or reset) the kernel's read hint does.
 *   our own FIN      counts as a byte written.  In CLOSE it is known by the committed output: more
 *		      than that was never written, so one byte more is the FIN.
 *
 * leg_end() ends a connection whoever else holds it: by RST, or silently.
 *
 * Called by the supervisor only.  0 or -errno.
 */
#ifndef SUPERVISOR_LEG_H
#define SUPERVISOR_LEG_H

#include "shm/slot.h"

#include <stdbool.h>

struct leg_measure {
	uint64_t consumed; /* stream positions */
	uint64_t written;
	uint8_t tcp_state; /* TCP_TIME_WAIT: closed in order by both; TCP_CLOSE: reset */
	bool fin_seen;
};

/* `active`: the gateway has opened it. `output_end`: end of the committed output, 0 without a
 * record. -EAGAIN: the connection did not hold still (try again later). */
int leg_measure(int fd, const struct slot_leg *leg, bool active, uint64_t output_end,
    struct leg_measure *ret_measure);

/* What the kernel has accepted from the peer, as a stream position, and one for its FIN. 0 or -errno. */
int leg_accepted(int fd, const struct slot_leg *leg, uint64_t *ret_accepted);

/* What every session socket is given; on a listener the accepted ones inherit it. */
int leg_set_options(int fd);
/* On a host of a pair, on a listener before it listens and on a socket before it connects: no more is
 * accepted of a peer than a worker can store (worker/unread.h). */
int leg_bound_input(int fd);
/* Afterwards, on one that is connected: as little as can be is accepted (struct leg_tcp). */
int leg_narrow_input(int fd);
/* Likewise, but on a socket that listens or is connected already: what is received is acknowledged with the answer, if that
 * comes soon.  Alone the acknowledgement would come to the gate before the standby has what it is for. */
int leg_delay_acknowledgements(int fd);
/* For listeners: a client that is gone without a word is found out though it owes nothing.  The
 * server's leg needs none, it ends with the client's. */
int leg_set_keepalive(int fd);
/* When it would be; nothing is done yet. */
int leg_set_keepalive_times(int fd);

/* Fills leg->tcp; nothing was written to it yet. `active`: the gateway has opened it.  Without
 * CAP_NET_ADMIN (-EPERM) leg->tcp.dumped stays 0.  Should its last holder die within, the peer would
 * never hear of the end: another process must hold it meanwhile (daemon/supervisor/shelf.h). */
int leg_dump(int fd, struct slot_leg *leg, bool active, uint64_t gateway_ms);

/* What a process has left behind that died within leg_dump(): its end is heard again. */
void leg_leave_repair(int fd);

int leg_end(int fd, bool silently);
/* Silently, and closes it: a process that is just being started may have a duplicate still. */
void leg_drop(int fd);

/* All output is acknowledged, or nothing more will come of it. */
bool leg_is_settled(int fd);
/* Throws away what was received, so that close() sends no RST over unacknowledged output. */
void leg_discard_input(int fd);

#endif
