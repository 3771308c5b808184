/*
 * unread -- input of a full leg that is stored though the kernel holds it still
 *
 * In a pair all that a kernel has accepted from a peer has to be stored: what it has acknowledged while
 * the host was alone nobody sends again, and what it has accepted since is acknowledged only then.  A leg
 * that is full is not read all the same: that would open the kernel's window, the peer would send more,
 * and there would be no end of it.  So what is there is copied into the session's window and left
 * where it is (leg.unread of it); the kernel's window stays shut.  When the leg has room again it is
 * dropped in the kernel, and what is read follows it.  Where the peer's FIN is behind it, nothing more can
 * come, and it is dropped at once.
 *
 * SHM_UNREAD_MAX is copied at most, which is all that the kernel has where the supervisor has bounded its
 * buffer.  While chunks are short less is copied, and the rest when there are some again: until then
 * the standby lacks it.
 *
 * A leg that was restored with a window in which no such room is left has a receive buffer that is hardly one
 * (LEG_NARROW), and gets its own when it is read again.
 */
#ifndef WORKER_UNREAD_H
#define WORKER_UNREAD_H

#include "worker/session.h"

/* Copies what came since the last time, and notes it: received, unread, and LEG_END if nothing can come
 * any more.  Returns how many bytes. */
uint32_t unread_copy(struct worker *worker, struct session *session, enum shm_leg leg);
/* The leg is read again, with a receive buffer of its own, or its input is thrown away. */
void unread_drop(struct leg *side);

#endif
