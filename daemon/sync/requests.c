#include "daemon/sync/requests.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

static void
take_answer(struct requests *requests, const struct supervisor_answer *answer)
{
	struct supervisor_request request = requests->waiting[0];

	/* They come in the order of the requests. */
	if (requests->open == 0 || answer->number != request.number) {
		requests->lost = true;
		return;
	}
	requests->open--;
	memmove(requests->waiting, requests->waiting + 1,
	    requests->open * sizeof(requests->waiting[0]));
	requests->answered(requests, &request, answer->error);
}

static void
ready(struct loop_source *source, uint32_t events)
{
	struct requests *requests =
	    (struct requests *)((char *)source - offsetof(struct requests, source));
	struct supervisor_answer answer;

	(void)events;
	while (!requests->lost) {
		ssize_t length =
		    recv(source->fd, &answer, sizeof(answer), MSG_DONTWAIT | MSG_TRUNC);

		if (length < 0 && errno == EINTR)
			continue;
		if (length < 0 && errno == EAGAIN)
			return;
		if (length == (ssize_t)sizeof(answer))
			take_answer(requests, &answer);
		else
			requests->lost = true;
	}
}

int
requests_open(struct requests *requests, struct loop *loop, int socket, requests_answered *answered)
{
	*requests =
	    (struct requests){.source = {socket, ready}, .loop = loop, .answered = answered};
	return loop_add(loop, &requests->source, EPOLLIN | EPOLLRDHUP);
}

void
requests_ask(
    struct requests *requests, enum request_kind kind, uint64_t argument0, uint64_t argument1)
{
	struct supervisor_request request = {
	    .kind = kind, .number = ++requests->number, .argument = {argument0, argument1}};

	if (requests->lost || requests->open == REQUESTS_OPEN_MAX ||
	    send(requests->source.fd, &request, sizeof(request), MSG_DONTWAIT | MSG_NOSIGNAL) !=
		(ssize_t)sizeof(request)) {
		requests->lost = true;
		return;
	}
	requests->waiting[requests->open++] = request;
}
