#include "daemon/sync/peer_connection.h"

#include "daemon/sync/peer_socket.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define READS	  64 /* at one wake-up */
#define READ_SIZE 16384u
#define WHY_MAX	  160

static void ready(struct loop_source *source, uint32_t events);

void
peer_connection_init(struct peer_connection *connection, struct loop *loop,
    const struct peer_connection_calls *calls, void *owner)
{
	*connection = (struct peer_connection){
	    .source = {-1, ready}, .loop = loop, .calls = calls, .owner = owner};
}

bool
peer_connection_begin(struct peer_connection *connection, int fd, struct wire *wire,
    const struct shm_endpoint *other, bool is_outgoing, uint64_t now_us)
{
	connection->source.fd = fd;
	if (wire == NULL || loop_add(connection->loop, &connection->source,
				EPOLLIN | EPOLLRDHUP | (is_outgoing ? EPOLLOUT : 0)) < 0) {
		wire_destroy(wire);
		close(fd);
		connection->source.fd = -1;
		return false;
	}
	connection->wire = wire;
	connection->other = *other;
	connection->is_outgoing = is_outgoing;
	connection->is_blocked = is_outgoing;
	connection->since_us = now_us;
	connection->out_begin = connection->out_end = 0;
	connection->phase = is_outgoing ? PEER_CONNECTING : PEER_GREETING;
	return true;
}

void
peer_connection_release(struct peer_connection *connection)
{
	if (connection->phase == PEER_FREE)
		return;
	loop_remove(connection->loop, &connection->source);
	close(connection->source.fd);
	wire_destroy(connection->wire);
	connection->wire = NULL;
	connection->source.fd = -1;
	connection->phase = PEER_FREE;
}

void
peer_connection_part(struct peer_connection *connection, uint64_t now_us)
{
	if (connection->phase == PEER_FREE || connection->phase == PEER_PARTING)
		return;
	if (connection->phase == PEER_CONNECTING || shutdown(connection->source.fd, SHUT_WR) < 0) {
		peer_connection_release(connection);
		return;
	}
	connection->phase = PEER_PARTING;
	connection->since_us = now_us;
	connection->is_blocked = false;
	loop_change(connection->loop, &connection->source, EPOLLIN | EPOLLRDHUP);
}

static void
over(struct peer_connection *connection, const char *why, enum sync_reason reason, bool is_closed)
{
	char text[WHY_MAX];

	/* It may lie in what is given back. */
	snprintf(text, sizeof(text), "%s", why);
	if (connection->phase != PEER_CONNECTING)
		peer_connection_push(connection);
	connection->calls->over(connection, text, reason, is_closed);
}

static void
over_by_error(struct peer_connection *connection, int error)
{
	over(connection, error == 0 ? "the other side has closed the connection" : strerror(error),
	    SYNC_GOOD, error == 0);
}

/* ---- out ---- */

static void
want(struct peer_connection *connection, bool is_blocked)
{
	if (connection->is_blocked == is_blocked)
		return;
	connection->is_blocked = is_blocked;
	loop_change(connection->loop, &connection->source,
	    EPOLLIN | EPOLLRDHUP | (is_blocked ? EPOLLOUT : 0));
}

bool
peer_connection_is_clear(const struct peer_connection *connection)
{
	return connection->out_begin == connection->out_end;
}

/* What cannot be sent is seen by whoever reads: there may be a last word of the other host. */
void
peer_connection_push(struct peer_connection *connection)
{
	for (;;) {
		if (peer_connection_is_clear(connection)) {
			connection->out_begin = 0;
			connection->out_end =
			    wire_drain(connection->wire, connection->out, PEER_CONNECTION_OUT);
		}
		if (connection->out_end == 0) {
			want(connection, false);
			return;
		}
		ssize_t sent = send(connection->source.fd, connection->out + connection->out_begin,
		    connection->out_end - connection->out_begin, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0) {
			want(connection, errno == EAGAIN);
			return;
		}
		connection->out_begin += (size_t)sent;
	}
}

/* ---- in ---- */

static bool
is_alive(const struct peer_connection *connection)
{
	return connection->phase == PEER_GREETING || connection->phase == PEER_UP;
}

/* False: it is not alive any more. */
static bool
hand_out(struct peer_connection *connection)
{
	struct sync_message message;

	for (;;) {
		bool has_message = wire_next(connection->wire, &message);

		if (connection->phase == PEER_GREETING &&
		    wire_state(connection->wire) == WIRE_OPEN) {
			connection->phase = PEER_UP;
			connection->calls->proved(connection);
			if (!is_alive(connection))
				return false;
		}
		if (!has_message)
			break;
		connection->calls->message(connection, &message);
		if (!is_alive(connection))
			return false;
	}
	if (wire_state(connection->wire) == WIRE_OVER)
		over(connection, wire_text(connection->wire), wire_reason(connection->wire), false);
	return is_alive(connection);
}

static void
take(struct peer_connection *connection, const uint8_t *bytes, size_t length)
{
	for (size_t taken = 0, fed = 1; taken < length && fed > 0; taken += fed) {
		fed = wire_feed(connection->wire, bytes + taken, length - taken);
		if (!hand_out(connection))
			return;
	}
}

/* False: nothing more is to be read now. */
static bool
read_once(struct peer_connection *connection)
{
	uint8_t bytes[READ_SIZE];
	ssize_t length = recv(connection->source.fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (length < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (connection->phase == PEER_PARTING) {
		if (length <= 0)
			peer_connection_release(connection);
	} else if (length <= 0) {
		over_by_error(connection, length < 0 ? errno : 0);
	} else {
		take(connection, bytes, (size_t)length);
	}
	/* Had there been more it would have come too. */
	return length == sizeof(bytes) && connection->phase != PEER_FREE;
}

static void
ready(struct loop_source *source, uint32_t events)
{
	struct peer_connection *connection =
	    (struct peer_connection *)((char *)source - offsetof(struct peer_connection, source));

	if (connection->phase == PEER_CONNECTING) {
		int error = peer_socket_error(source->fd);

		if (error != 0) {
			over_by_error(connection, -error);
			return;
		}
		connection->phase = PEER_GREETING;
	}
	if ((events & ~(uint32_t)EPOLLOUT) != 0)
		for (int i = 0; i < READS && read_once(connection); i++)
			;
	if (is_alive(connection))
		peer_connection_push(connection);
}
