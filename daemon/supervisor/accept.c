#include "daemon/supervisor/accept.h"

#include "daemon/supervisor/leg.h"
#include "daemon/supervisor/opening.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#define LIMIT_EVENT_MS 1000

static const char refusal[] = "421 4.3.2 Too many connections, try again later\r\n";

/* One write; whoever does not take it at once gets the close alone. */
static void
refuse(int fd)
{
	send(fd, refusal, sizeof(refusal) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	shutdown(fd, SHUT_WR);
	leg_discard_input(fd);
	close(fd);
}

static void
report_limit(struct supervisor *supervisor, const struct listener *listener,
    const struct sockaddr_storage *peer)
{
	struct event event;

	if (supervisor->limit_event_ms != 0 &&
	    supervisor->monotonic_ms - supervisor->limit_event_ms < LIMIT_EVENT_MS)
		return;
	supervisor->limit_event_ms = supervisor->monotonic_ms;
	event_init(&event, 201011, 0);
	event.number[0] = supervisor->custody.in_use;
	event.number[1] = supervisor->custody.slots;
	leg_endpoint(peer, &event.client);
	event.server = listener->entry.server;
	supervisor_event(supervisor, &event);
}

/* No descriptor is left: the spare one makes room to say so. False: that did not help either. */
static bool
refuse_by_spare(struct supervisor *supervisor, int listener)
{
	int fd;

	if (supervisor->spare < 0)
		return false;
	close(supervisor->spare);
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (fd >= 0) {
		supervisor_count(supervisor, COUNTER_sessions_refused_descriptors, 1);
		refuse(fd);
	}
	supervisor->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return fd >= 0;
}

/* False: there is nothing more to accept now. */
static bool
accept_one(struct supervisor *supervisor, const struct listener *listener, uint32_t index)
{
	struct sockaddr_storage peer = {0};
	socklen_t length = sizeof(peer);
	int fd = accept4(listener->fd, (struct sockaddr *)&peer, &length, SOCK_CLOEXEC);

	if (fd < 0 && (errno == EMFILE || errno == ENFILE))
		return refuse_by_spare(supervisor, listener->fd);
	if (fd < 0)
		return errno != EAGAIN && errno != ENOMEM && errno != ENOBUFS;
	supervisor_count(supervisor, COUNTER_sessions_accepted, 1);
	if (opening_begin(supervisor, fd, listener, index, &peer))
		return true;
	supervisor_count(supervisor, COUNTER_sessions_refused_limit, 1);
	report_limit(supervisor, listener, &peer);
	refuse(fd);
	return true;
}

void
accept_ready(struct supervisor *supervisor, int fd)
{
	uint32_t index;
	/* It may have been closed since the event. */
	const struct listener *listener = listeners_find(&supervisor->listeners, fd, &index);

	for (int i = 0; listener && i < ACCEPT_BATCH; i++)
		if (!accept_one(supervisor, listener, index))
			return;
}
