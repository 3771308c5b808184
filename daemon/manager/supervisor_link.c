#include "daemon/manager/supervisor_link.h"

#include "shm/gateway_clock.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

static int
give_up(struct supervisor_link *link, int error)
{
	link->lost = true;
	return error;
}

/* True: an answer of the right size was read. Sets *ret_error when the link is of no more use. */
static bool
read_answer(struct supervisor_link *link, struct supervisor_answer *answer, int *ret_error)
{
	ssize_t length = recv(link->socket, answer, sizeof(*answer), MSG_DONTWAIT | MSG_TRUNC);

	*ret_error = 0;
	if (length == 0 || (length < 0 && errno != EAGAIN && errno != EINTR))
		*ret_error = -EPIPE;
	return length == (ssize_t)sizeof(*answer);
}

/* Answers to requests that were given up earlier are passed over. */
static int
await(struct supervisor_link *link, struct supervisor_answer *answer)
{
	uint64_t end = monotonic_now_ms() + SUPERVISOR_LINK_WAIT_MS;

	for (;;) {
		struct pollfd ready = {link->socket, POLLIN, 0};
		uint64_t now = monotonic_now_ms();
		int error;

		if (now >= end)
			return -ETIMEDOUT;
		int count = poll(&ready, 1, (int)(end - now));
		if (count < 0 && errno != EINTR)
			return -errno;
		if (count <= 0)
			continue;
		if (read_answer(link, answer, &error) && answer->number == link->number)
			return 0;
		if (error != 0)
			return error;
	}
}

int
supervisor_link_ask(struct supervisor_link *link, enum request_kind kind,
    const uint64_t argument[4], uint32_t *ret_detail)
{
	struct supervisor_request request = {.kind = kind, .number = ++link->number};
	struct supervisor_answer answer;

	memcpy(request.argument, argument, sizeof(request.argument));
	if (send(link->socket, &request, sizeof(request), MSG_NOSIGNAL) != sizeof(request))
		return give_up(link, -EPIPE);
	int result = await(link, &answer);
	if (result < 0)
		return give_up(link, result);
	*ret_detail = answer.detail;
	return answer.error > 0 ? -EPROTO : answer.error;
}
