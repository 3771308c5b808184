#include "daemon/supervisor/accept.h"

#include "daemon/endpoint.h"
#include "daemon/supervisor/dispatch.h"
#include "daemon/supervisor/leg.h"
#include "daemon/supervisor/listening.h"
#include "daemon/supervisor/opening.h"
#include "daemon/supervisor/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static const char no_room[] = "421 4.3.2 Too many connections, try again later\r\n";

/* One write; whoever does not take it at once gets the close alone. */
static void
refuse(const struct supervisor *supervisor, int fd, const char *reply)
{
	gate_child_mark(supervisor, fd, MARK_FREE);
	send(fd, reply, strlen(reply), MSG_DONTWAIT | MSG_NOSIGNAL);
	shutdown(fd, SHUT_WR);
	leg_discard_input(fd);
	close(fd);
}

static void
refuse_for(struct supervisor *supervisor, const struct arrival *arrival, enum shortage what)
{
	shortage_refused(supervisor, what, &arrival->client,
	    &supervisor->listeners.listener[arrival->listener].entry.server);
	refuse(supervisor, arrival->fd, no_room);
}

/* 0 or an errno. */
static int
accept_client(const struct supervisor *supervisor, uint32_t listener, struct arrival *ret_arrival)
{
	struct sockaddr_storage peer = {0};
	socklen_t length = sizeof(peer);

	*ret_arrival = (struct arrival){.listener = listener};
	ret_arrival->fd = accept4(supervisor->listeners.listener[listener].fd,
	    (struct sockaddr *)&peer, &length, SOCK_CLOEXEC);
	if (ret_arrival->fd < 0)
		return errno;
	endpoint_take(&peer, &ret_arrival->client);
	return 0;
}

static void
open_spare(struct supervisor *supervisor)
{
	supervisor->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* No descriptor is left: the spare one makes room to say so.  0, or why that did not help; EAGAIN:
 * nobody is there, accept4(2) asks for a descriptor first. */
static int
refuse_by_spare(struct supervisor *supervisor, uint32_t listener)
{
	struct arrival arrival;
	int error;

	if (supervisor->spare < 0)
		return EMFILE;
	close(supervisor->spare);
	error = accept_client(supervisor, listener, &arrival);
	if (error == 0)
		refuse_for(supervisor, &arrival, SHORTAGE_DESCRIPTORS);
	open_spare(supervisor);
	return error;
}

/* Epoll would say at once, and for ever, that there is somebody to accept. */
static void
put_off(struct supervisor *supervisor)
{
	supervisor->accepts_put_off = true;
	listening_watch(supervisor);
}

/* False: there is nothing more to accept now. */
static bool
accept_failed(struct supervisor *supervisor, uint32_t listener, int error)
{
	if (shortage_of(error) == SHORTAGE_DESCRIPTORS)
		error = refuse_by_spare(supervisor, listener);
	if (shortage_of(error) == SHORTAGE_NONE)
		return error != EAGAIN;
	shortage_put_off(supervisor, shortage_of(error), error);
	put_off(supervisor);
	return false;
}

static void
admit(struct supervisor *supervisor, struct arrival *arrival)
{
	const struct listeners *listeners = &supervisor->listeners;
	enum admission admission;
	enum shortage what = SHORTAGE_CHUNKS;

	arrival->decision = classify(
	    &listeners->classes, &listeners->listener[arrival->listener].entry, &arrival->client);
	admission = admission_ask(
	    supervisor, arrival->listener, arrival->decision.limits_class, &arrival->client);
	if (admission != ADMISSION_GRANTED) {
		refuse(supervisor, arrival->fd, admission_reply(admission));
		return;
	}
	if (!pool_is_full(&supervisor->pool, &supervisor->shm))
		what = opening_begin(supervisor, arrival);
	if (what != SHORTAGE_NONE)
		refuse_for(supervisor, arrival, what);
}

void
accept_arrival(struct supervisor *supervisor, struct arrival *arrival)
{
	supervisor_count(supervisor, COUNTER_sessions_accepted, 1);
	admit(supervisor, arrival);
}

static bool
accept_one(struct supervisor *supervisor, uint32_t listener)
{
	struct arrival arrival;
	int error = accept_client(supervisor, listener, &arrival);

	if (error != 0)
		return accept_failed(supervisor, listener, error);
	accept_arrival(supervisor, &arrival);
	return true;
}

static bool
some_worker_is_ready(const struct supervisor *supervisor)
{
	for (uint32_t i = 0; i < supervisor->workers; i++)
		if (supervisor->worker[i].ready)
			return true;
	return false;
}

void
accept_ready(struct supervisor *supervisor, int fd)
{
	uint32_t index;
	/* It may have been closed since the event. */
	const struct listener *listener = listeners_find(&supervisor->listeners, fd, &index);

	if (!some_worker_is_ready(supervisor)) {
		put_off(supervisor);
		return;
	}
	for (int i = 0; listener && i < ACCEPT_BATCH; i++)
		if (!accept_one(supervisor, index))
			break;
	dispatch_flush(supervisor);
}

void
accept_tick(struct supervisor *supervisor)
{
	if (!supervisor->accepts_put_off)
		return;
	if (supervisor->spare < 0)
		open_spare(supervisor);
	supervisor->accepts_put_off = false;
	listening_watch(supervisor);
}
