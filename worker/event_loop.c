#include "worker/event_loop.h"

#include <errno.h>
#include <string.h>

#define COMPLETION_ENTRIES 8192u
#define BACKOFF_NS	   10000000

static const uint8_t allowed_operations[] = {IORING_OP_NOP, IORING_OP_RECV, IORING_OP_SEND,
    IORING_OP_SENDMSG, IORING_OP_POLL_ADD, IORING_OP_ASYNC_CANCEL};

#define ALLOWED_OPERATIONS (sizeof(allowed_operations) / sizeof(allowed_operations[0]))

/* liburing 2.3 does not export the wrappers of these two calls. */
static int
loop_restrict(struct event_loop *loop)
{
	struct io_uring_restriction rule[ALLOWED_OPERATIONS + 1];
	int error;

	memset(rule, 0, sizeof(rule));
	for (size_t i = 0; i < ALLOWED_OPERATIONS; i++) {
		rule[i].opcode = IORING_RESTRICTION_SQE_OP;
		rule[i].sqe_op = allowed_operations[i];
	}
	rule[ALLOWED_OPERATIONS].opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED;
	error = io_uring_register((unsigned)loop->ring.ring_fd, IORING_REGISTER_RESTRICTIONS, rule,
	    ALLOWED_OPERATIONS + 1);
	if (error < 0)
		return error;
	error =
	    io_uring_register((unsigned)loop->ring.ring_fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
	return error < 0 ? error : 0;
}

int
event_loop_open(struct event_loop *loop)
{
	struct io_uring_params params = {
	    .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
		     IORING_SETUP_R_DISABLED | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP,
	    .cq_entries = COMPLETION_ENTRIES,
	};
	const unsigned needed =
	    IORING_FEAT_NODROP | IORING_FEAT_SUBMIT_STABLE | IORING_FEAT_EXT_ARG;
	int error;

	loop->messages_used = 0;
	error = io_uring_queue_init_params(EVENT_LOOP_ENTRIES, &loop->ring, &params);
	if (error < 0)
		return error;
	error = (params.features & needed) == needed ? loop_restrict(loop) : -EINVAL;
	if (error < 0)
		io_uring_queue_exit(&loop->ring);
	return error;
}

void
event_loop_close(struct event_loop *loop)
{
	io_uring_queue_exit(&loop->ring);
}

void
event_loop_explain(FILE *to, int error)
{
	fprintf(to, "smtpguard-worker: io_uring_setup: %s\n", strerror(-error));
	if (error == -EPERM || error == -ENOSYS || error == -EACCES)
		fputs("smtpguard-worker: io_uring is needed and refused here. On a host: set "
		      "kernel.io_uring_disabled = 0, or = 1 and kernel.io_uring_group to a group "
		      "of the gateway's user. In a container: its seccomp profile must allow "
		      "io_uring_setup, io_uring_enter and io_uring_register.\n",
		    to);
	else if (error == -EINVAL)
		fputs("smtpguard-worker: Linux 6.1 or later is needed "
		      "(IORING_SETUP_DEFER_TASKRUN).\n",
		    to);
	else if (error == -ENOMEM)
		fputs("smtpguard-worker: raise the limit of locked memory (LimitMEMLOCK=).\n", to);
}

void
event_loop_submit(struct event_loop *loop)
{
	io_uring_submit(&loop->ring);
	if (io_uring_sq_ready(&loop->ring) == 0)
		loop->messages_used = 0;
}

struct io_uring_sqe *
event_loop_next(struct event_loop *loop, uint64_t tag)
{
	struct io_uring_sqe *entry;

	while ((entry = io_uring_get_sqe(&loop->ring)) == NULL)
		event_loop_submit(loop);
	memset(entry, 0, sizeof(*entry));
	entry->user_data = tag;
	return entry;
}

struct event_loop_message *
event_loop_message(struct event_loop *loop)
{
	struct event_loop_message *message;

	/* One message per submission at most, so room for a submission is room for its message. */
	while (
	    loop->messages_used == EVENT_LOOP_ENTRIES || io_uring_sq_space_left(&loop->ring) == 0)
		event_loop_submit(loop);
	message = &loop->message[loop->messages_used++];
	memset(&message->header, 0, sizeof(message->header));
	message->header.msg_iov = message->piece;
	return message;
}

int
event_loop_wait(struct event_loop *loop, uint64_t wait_ms)
{
	struct __kernel_timespec time = {.tv_sec = (long long)(wait_ms / 1000),
	    .tv_nsec = (long long)(wait_ms % 1000) * 1000000};
	struct __kernel_timespec backoff = {.tv_nsec = BACKOFF_NS};
	struct io_uring_cqe *entry;
	int error = io_uring_submit_and_wait_timeout(&loop->ring, &entry, 1, &time, NULL);

	if (io_uring_sq_ready(&loop->ring) == 0)
		loop->messages_used = 0;
	switch (error) {
	case -EAGAIN: /* the kernel has no memory for a request: not again at once */
		io_uring_wait_cqe_timeout(&loop->ring, &entry, &backoff);
		return 0;
	case -ETIME:
	case -EINTR:
	case -EBUSY:
		return 0;
	default:
		return error < 0 ? error : 0;
	}
}

unsigned
event_loop_reap(struct event_loop *loop)
{
	struct io_uring_cqe *entry[EVENT_LOOP_BATCH];
	unsigned count = io_uring_peek_batch_cqe(&loop->ring, entry, EVENT_LOOP_BATCH);

	for (unsigned i = 0; i < count; i++)
		loop->completion[i] = (struct event_loop_completion){
		    .tag = entry[i]->user_data, .result = entry[i]->res, .flags = entry[i]->flags};
	io_uring_cq_advance(&loop->ring, count);
	return count;
}
