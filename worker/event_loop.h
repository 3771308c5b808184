/*
 * event_loop -- the worker's ring
 *
 * One io_uring, made by and for this thread (SINGLE_ISSUER, DEFER_TASKRUN: bytes leave a socket
 * only while the worker is in the kernel, so a worker that dies or hangs elsewhere has consumed
 * nothing that it does not know of).  Before it is enabled it is restricted for good to the few
 * operations that a worker needs.
 *
 * Submissions gather and enter the kernel once per turn of the loop, in event_loop_wait();
 * completions are copied out in batches.  A completion queue that overflows loses nothing: the
 * kernel keeps the rest and gives it at the next turn.
 *
 * Errors: 0 or -errno.  Owner: the worker; nothing here is shared.
 */
#ifndef WORKER_EVENT_LOOP_H
#define WORKER_EVENT_LOOP_H

#include <liburing.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define EVENT_LOOP_ENTRIES 512u
#define EVENT_LOOP_BATCH   256u
#define EVENT_LOOP_PIECES  16u /* of one SENDMSG */

struct event_loop_message {
	struct msghdr header;
	struct iovec piece[EVENT_LOOP_PIECES];
};

struct event_loop_completion {
	uint64_t tag;
	int32_t result;
	uint32_t flags; /* IORING_CQE_F_* */
};

struct event_loop {
	struct io_uring ring;
	unsigned messages_used; /* since the last submission */
	struct event_loop_message message[EVENT_LOOP_ENTRIES];
	struct event_loop_completion completion[EVENT_LOOP_BATCH];
};

/* Makes the ring, restricts and enables it. */
int event_loop_open(struct event_loop *loop);
void event_loop_close(struct event_loop *loop);
/* Says on `to` why the kernel refused a ring (error from event_loop_open()), and the remedy. */
void event_loop_explain(FILE *to, int error);

/* The next submission, zeroed but for its tag; submits what has gathered when there is no room. */
struct io_uring_sqe *event_loop_next(struct event_loop *loop, uint64_t tag);
/* A message header that stays valid until the submission made next has reached the kernel. */
struct event_loop_message *event_loop_message(struct event_loop *loop);

/* Without waiting; what cannot be submitted now is with the next wait. */
void event_loop_submit(struct event_loop *loop);
/* Submits and waits for a completion, at most `wait_ms` (0: only looks). -errno is a ring that no
 * longer works; a time-out or a signal is none. */
int event_loop_wait(struct event_loop *loop, uint64_t wait_ms);
/* Takes up to EVENT_LOOP_BATCH completions to loop->completion[]; how many. */
unsigned event_loop_reap(struct event_loop *loop);

#endif
