/*
 * takeover_embryo -- connections of clients that had no session on the other host yet
 *
 * A client whose SYN-ACK has left believes that it is connected, and waits for a greeting; one whose
 * SYN-ACK was lost with the host still waits for that.  Of each that sync was told of (shm/embryos.h) the
 * connection is made.  What its SYN had said is not known: it is restored without a window scale of the
 * client's and with the smallest segment size.  The client is asked, and gets the SYN-ACK again (syn_ack.h).
 * From the window of its answer its scale is guessed (takeover_embryo_scale()), and the connection made again with that: a
 * client that scales by 1024 says 63, and would get no reply of two lines but in pieces, at a timer's pace.
 * When it has answered it is an arrival of the listener of its address, and the rest is as for any other.
 * One that does not answer is gone: the connection is ended without a packet.
 *
 * Part of takeover.c's doings.  Supervisor only.
 */
#ifndef SUPERVISOR_TAKEOVER_EMBRYO_H
#define SUPERVISOR_TAKEOVER_EMBRYO_H

#include "daemon/supervisor/leg_restore.h"
#include "shm/embryos.h"

/* Older than a client that was not served would be, or a session that was never told. */
#define TAKEOVER_EMBRYO_MS 75000u

struct supervisor;

struct takeover_embryo {
	int fd;
	uint32_t listener;
	struct embryo embryo;
	struct leg_plan plan;
	uint64_t asked_us; /* the last time, after the first */
};

/* Pure. */
void takeover_embryo_plan(
    const struct embryo *embryo, uint64_t gateway_ms, struct leg_plan *ret_plan);

/* Pure.  The most by which such a window may be scaled and is still not more than whoever has just
 * connected, and has received nothing, has room for. */
uint8_t takeover_embryo_scale(uint32_t window);

void takeover_embryo_restore(struct supervisor *supervisor);
void takeover_embryo_ask(struct supervisor *supervisor);
void takeover_embryo_look(struct supervisor *supervisor, uint64_t waited_us);
void takeover_embryo_drop(struct supervisor *supervisor);

#endif
