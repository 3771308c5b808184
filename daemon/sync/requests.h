/*
 * requests -- what sync asks the supervisor for
 *
 * Fixed-size messages (shm/handover.h) on one socket; the supervisor carries them out in their order and
 * answers each.  Nobody waits here: an answer is told when it comes.  Called by sync only.
 */
#ifndef DAEMON_SYNC_REQUESTS_H
#define DAEMON_SYNC_REQUESTS_H

#include "daemon/loop.h"
#include "shm/handover.h"

#define REQUESTS_OPEN_MAX 16u /* without an answer */

struct requests;
typedef void requests_answered(
    struct requests *requests, const struct supervisor_request *request, int error);

struct requests {
	struct loop_source source;
	struct loop *loop;
	requests_answered *answered;
	uint32_t number;
	bool lost; /* the supervisor is gone, or does not read: this process is to end */
	unsigned open;
	struct supervisor_request waiting[REQUESTS_OPEN_MAX]; /* the oldest first */
};

/* 0 or -errno. The socket stays the caller's. */
int requests_open(
    struct requests *requests, struct loop *loop, int socket, requests_answered *answered);
/* It was asked for, and not answered yet. */
static inline bool
requests_wait_for(const struct requests *requests, enum request_kind kind)
{
	for (unsigned i = 0; i < requests->open; i++)
		if (requests->waiting[i].kind == (uint32_t)kind)
			return true;
	return false;
}

void requests_ask(
    struct requests *requests, enum request_kind kind, uint64_t argument0, uint64_t argument1);

#endif
