#include "daemon/supervisor/accept.h"

#include "daemon/supervisor/leg.h"
#include "daemon/supervisor/opening.h"
#include "daemon/supervisor/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

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
refuse_peer(struct supervisor *supervisor, int fd, enum shortage what,
    const struct listener *listener, const struct sockaddr_storage *peer)
{
	struct shm_endpoint client;

	leg_endpoint(peer, &client);
	shortage_refused(supervisor, what, &client, &listener->entry.server);
	refuse(fd);
}

static int
accept_peer(int listener, struct sockaddr_storage *ret_peer)
{
	socklen_t length = sizeof(*ret_peer);

	*ret_peer = (struct sockaddr_storage){0};
	return accept4(listener, (struct sockaddr *)ret_peer, &length, SOCK_CLOEXEC);
}

static void
open_spare(struct supervisor *supervisor)
{
	supervisor->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* No descriptor is left: the spare one makes room to say so.  0, or why that did not help; EAGAIN:
 * nobody is there, accept4(2) asks for a descriptor first. */
static int
refuse_by_spare(struct supervisor *supervisor, const struct listener *listener)
{
	struct sockaddr_storage peer;
	int fd, error;

	if (supervisor->spare < 0)
		return EMFILE;
	close(supervisor->spare);
	fd = accept_peer(listener->fd, &peer);
	error = fd < 0 ? errno : 0;
	if (fd >= 0)
		refuse_peer(supervisor, fd, SHORTAGE_DESCRIPTORS, listener, &peer);
	open_spare(supervisor);
	return error;
}

static void
watch_listeners(const struct supervisor *supervisor, uint32_t events)
{
	for (uint32_t i = 0; i < supervisor->listeners.count; i++) {
		int fd = supervisor->listeners.listener[i].fd;

		watch_change(supervisor->epoll, fd, events,
		    (struct watch_note){.kind = WATCH_LISTENER, .index = (uint32_t)fd});
	}
}

/* Epoll would say at once, and for ever, that there is somebody to accept. */
static void
put_off(struct supervisor *supervisor, enum shortage what, int error)
{
	shortage_put_off(supervisor, what, error);
	watch_listeners(supervisor, 0);
	supervisor->accepts_put_off = true;
}

/* False: there is nothing more to accept now. */
static bool
accept_failed(struct supervisor *supervisor, const struct listener *listener, int error)
{
	if (shortage_of(error) == SHORTAGE_DESCRIPTORS)
		error = refuse_by_spare(supervisor, listener);
	if (shortage_of(error) == SHORTAGE_NONE)
		return error != EAGAIN;
	put_off(supervisor, shortage_of(error), error);
	return false;
}

static bool
accept_one(struct supervisor *supervisor, const struct listener *listener, uint32_t index)
{
	struct sockaddr_storage peer;
	int fd = accept_peer(listener->fd, &peer);
	enum shortage what;

	if (fd < 0)
		return accept_failed(supervisor, listener, errno);
	supervisor_count(supervisor, COUNTER_sessions_accepted, 1);
	what = pool_is_full(&supervisor->pool, &supervisor->shm)
		   ? SHORTAGE_CHUNKS
		   : opening_begin(supervisor, fd, listener, index, &peer);
	if (what != SHORTAGE_NONE)
		refuse_peer(supervisor, fd, what, listener, &peer);
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

void
accept_tick(struct supervisor *supervisor)
{
	if (!supervisor->accepts_put_off)
		return;
	if (supervisor->spare < 0)
		open_spare(supervisor);
	supervisor->accepts_put_off = false;
	watch_listeners(supervisor, EPOLLIN);
}
