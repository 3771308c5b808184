#include "daemon/sync/peer_link.h"

#include "daemon/endpoint.h"
#include "daemon/sync/peer_connection.h"
#include "daemon/sync/peer_socket.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define NEVER	  UINT64_MAX
#define LISTEN_US 1000000u /* until it is tried again */
#define ACCEPTS	  16	   /* at one wake-up */
/* Guests, of which those that part are some; this host's own attempt; the one in use. */
#define CONNECTIONS (PEER_LINK_GUESTS + 2)

struct peer_link {
	struct peer_link_settings settings;
	struct loop_source listener;
	uint64_t now_us;
	uint64_t listen_us; /* not before */
	uint64_t dial_us;   /* likewise */
	uint64_t pause_us;
	struct peer_connection *chosen;
	struct peer_connection connection[CONNECTIONS];
};

/* ---- the places ---- */

static struct peer_connection *
own_attempt(struct peer_link *link)
{
	for (unsigned i = 0; i < CONNECTIONS; i++) {
		struct peer_connection *connection = &link->connection[i];

		if (connection->is_outgoing &&
		    (connection->phase == PEER_CONNECTING || connection->phase == PEER_GREETING))
			return connection;
	}
	return NULL;
}

static bool
is_guest(const struct peer_connection *connection)
{
	return connection->phase == PEER_PARTING ||
	       (connection->phase == PEER_GREETING && !connection->is_outgoing);
}

static bool
is_of_peer(const struct peer_link *link, const struct peer_connection *connection)
{
	return endpoint_same_address(&connection->other, &link->settings.peer_address);
}

/* The one that is to go first: not of the peer, the longest here. */
static struct peer_connection *
first_to_go(struct peer_link *link, unsigned *ret_guests)
{
	struct peer_connection *first = NULL;

	*ret_guests = 0;
	for (unsigned i = 0; i < CONNECTIONS; i++) {
		struct peer_connection *connection = &link->connection[i];

		if (!is_guest(connection))
			continue;
		++*ret_guests;
		if (first == NULL || is_of_peer(link, connection) < is_of_peer(link, first) ||
		    (is_of_peer(link, connection) == is_of_peer(link, first) &&
			connection->since_us < first->since_us))
			first = connection;
	}
	return first;
}

/* All but two are guests: one of them makes room. */
static struct peer_connection *
free_place(struct peer_link *link)
{
	unsigned guests;

	for (unsigned i = 0; i < CONNECTIONS; i++)
		if (link->connection[i].phase == PEER_FREE)
			return &link->connection[i];
	struct peer_connection *first = first_to_go(link, &guests);
	peer_connection_release(first);
	return first;
}

/* ---- how one ends ---- */

static void
part(struct peer_link *link, struct peer_connection *connection)
{
	if (link->chosen == connection)
		link->chosen = NULL;
	peer_connection_part(connection, link->now_us);
}

/* Doubles, and differs by a quarter each time, so that two hosts do not go on in step. */
static void
put_off(struct peer_link *link)
{
	uint64_t random = 0, pause = link->pause_us;

	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
		random = link->now_us;
	link->dial_us = link->now_us + pause * 3 / 4 + random % (pause / 2 + 1) +
			(link->settings.side == 0 ? 0 : PEER_LINK_YIELD_US);
	link->pause_us = pause * 2 < PEER_LINK_PAUSE_MAX ? pause * 2 : PEER_LINK_PAUSE_MAX;
}

static void
connection_over(
    struct peer_connection *connection, const char *why, enum sync_reason reason, bool is_closed)
{
	struct peer_link *link = connection->owner;
	const struct peer_link_settings *settings = &link->settings;
	bool is_chosen = link->chosen == connection;
	bool is_own = connection->is_outgoing;
	/* The peer's, of two that were made at a time. */
	bool is_nothing = is_closed && !is_own && is_of_peer(link, connection);
	struct shm_endpoint other = connection->other;

	part(link, connection);
	if (is_chosen || is_own)
		put_off(link);
	if (is_chosen)
		settings->calls->down(settings->owner, why, reason);
	else if (!is_nothing)
		settings->calls->failed(settings->owner, &other, why);
}

/* ---- which one ---- */

static bool
is_preferred(const struct peer_link *link, const struct peer_connection *connection)
{
	return connection->is_outgoing == (link->settings.side == 0);
}

static void
connection_proved(struct peer_connection *connection)
{
	struct peer_link *link = connection->owner;
	const struct peer_link_settings *settings = &link->settings;
	struct peer_connection *before = link->chosen, *own = own_attempt(link);

	if (before != NULL && is_preferred(link, before) && !is_preferred(link, connection)) {
		part(link, connection);
		return;
	}
	if (before != NULL) {
		part(link, before);
		settings->calls->down(
		    settings->owner, "another connection takes its place", SYNC_GOOD);
	}
	if (own != NULL)
		part(link, own);
	link->chosen = connection;
	settings->calls->up(settings->owner);
}

static void
connection_message(struct peer_connection *connection, const struct sync_message *message)
{
	const struct peer_link *link = connection->owner;

	link->settings.calls->message(link->settings.owner, message);
}

static const struct peer_connection_calls connection_calls = {
    connection_proved, connection_message, connection_over};

/* ---- where they come from ---- */

static void
begin(struct peer_link *link, int fd, const struct shm_endpoint *other, bool is_outgoing)
{
	const struct peer_link_settings *settings = &link->settings;

	peer_socket_tune(fd, settings->silence_ms);
	peer_connection_begin(free_place(link), fd,
	    wire_create(is_outgoing, settings->node, settings->peer, settings->key), other,
	    is_outgoing, link->now_us);
}

static void
receive_guest(struct peer_link *link, int fd, const struct shm_endpoint *other)
{
	const struct peer_link_settings *settings = &link->settings;
	unsigned guests;
	struct peer_connection *first = first_to_go(link, &guests);

	if (guests >= PEER_LINK_GUESTS && !endpoint_same_address(other, &settings->peer_address)) {
		close(fd);
		settings->calls->failed(settings->owner, other, "too many connections at a time");
		return;
	}
	if (guests >= PEER_LINK_GUESTS)
		peer_connection_release(first);
	begin(link, fd, other, false);
}

static void
listener_ready(struct loop_source *source, uint32_t events)
{
	struct peer_link *link =
	    (struct peer_link *)((char *)source - offsetof(struct peer_link, listener));

	(void)events;
	for (int i = 0; i < ACCEPTS; i++) {
		struct shm_endpoint other;
		int fd = peer_socket_accept(source->fd, &other);

		if (fd == -EAGAIN)
			return;
		if (fd >= 0)
			receive_guest(link, fd, &other);
	}
}

static void
listen_again(struct peer_link *link)
{
	const struct peer_link_settings *settings = &link->settings;
	int fd = peer_socket_listen(&settings->listen);

	link->listen_us = link->now_us + LISTEN_US;
	if (fd < 0) {
		settings->calls->failed(settings->owner, &settings->listen, strerror(-fd));
		return;
	}
	link->listener = (struct loop_source){fd, listener_ready};
	if (loop_add(settings->loop, &link->listener, EPOLLIN) == 0)
		return;
	close(fd);
	link->listener.fd = -1;
}

static void
dial(struct peer_link *link)
{
	const struct peer_link_settings *settings = &link->settings;
	int fd = peer_socket_connect(&settings->listen, &settings->peer_address);

	put_off(link);
	if (fd < 0)
		settings->calls->failed(settings->owner, &settings->peer_address, strerror(-fd));
	else
		begin(link, fd, &settings->peer_address, true);
}

/* ---- what the owner calls ---- */

struct peer_link *
peer_link_create(const struct peer_link_settings *settings)
{
	struct peer_link *link = calloc(1, sizeof(*link));

	if (link == NULL)
		return NULL;
	link->settings = *settings;
	link->listener.fd = -1;
	link->pause_us = PEER_LINK_PAUSE_US;
	link->dial_us = settings->side == 0 ? 0 : NEVER;
	for (unsigned i = 0; i < CONNECTIONS; i++)
		peer_connection_init(&link->connection[i], settings->loop, &connection_calls, link);
	return link;
}

void
peer_link_destroy(struct peer_link *link)
{
	if (link == NULL)
		return;
	for (unsigned i = 0; i < CONNECTIONS; i++)
		peer_connection_release(&link->connection[i]);
	if (link->listener.fd >= 0) {
		loop_remove(link->settings.loop, &link->listener);
		close(link->listener.fd);
	}
	free(link);
}

/* UINT64_MAX: it may stay. */
static uint64_t
end_of(const struct peer_connection *connection)
{
	switch (connection->phase) {
	case PEER_CONNECTING:
	case PEER_GREETING:
		return connection->since_us + PEER_LINK_GREETING_US;
	case PEER_PARTING:
		return connection->since_us + PEER_LINK_PART_US;
	default:
		return NEVER;
	}
}

void
peer_link_tick(struct peer_link *link, uint64_t now_us)
{
	link->now_us = now_us;
	if (link->dial_us == NEVER)
		link->dial_us = now_us + PEER_LINK_YIELD_US;
	for (unsigned i = 0; i < CONNECTIONS; i++) {
		struct peer_connection *connection = &link->connection[i];

		if (end_of(connection) > now_us)
			continue;
		if (connection->phase == PEER_PARTING)
			peer_connection_release(connection);
		else
			connection_over(connection, strerror(ETIMEDOUT), SYNC_GOOD, false);
	}
	if (link->listener.fd < 0 && link->listen_us <= now_us)
		listen_again(link);
	if (link->chosen == NULL && link->dial_us <= now_us && own_attempt(link) == NULL)
		dial(link);
}

uint64_t
peer_link_deadline(struct peer_link *link)
{
	bool dials = link->chosen == NULL && own_attempt(link) == NULL;
	uint64_t deadline = dials ? link->dial_us : NEVER;

	if (link->listener.fd < 0 && link->listen_us < deadline)
		deadline = link->listen_us;
	for (unsigned i = 0; i < CONNECTIONS; i++)
		if (end_of(&link->connection[i]) < deadline)
			deadline = end_of(&link->connection[i]);
	return deadline;
}

bool
peer_link_is_trying(const struct peer_link *link)
{
	for (unsigned i = 0; i < CONNECTIONS; i++)
		if (link->connection[i].phase == PEER_CONNECTING ||
		    link->connection[i].phase == PEER_GREETING)
			return true;
	return false;
}

bool
peer_link_has_room(const struct peer_link *link)
{
	return link->chosen != NULL && peer_connection_is_clear(link->chosen) &&
	       wire_has_room(link->chosen->wire);
}

void
peer_link_put(struct peer_link *link, const struct sync_message *message, bool is_secret)
{
	if (link->chosen != NULL)
		wire_put(link->chosen->wire, message, is_secret);
}

void
peer_link_push(struct peer_link *link)
{
	if (link->chosen == NULL)
		return;
	wire_push(link->chosen->wire);
	peer_connection_push(link->chosen);
}

void
peer_link_set_cpu(struct peer_link *link, unsigned cpu)
{
	if (link->chosen != NULL)
		wire_set_cpu(link->chosen->wire, cpu);
}

struct sync_written
peer_link_take_written(struct peer_link *link)
{
	return link->chosen != NULL ? wire_take_written(link->chosen->wire)
				    : (struct sync_written){0};
}

void
peer_link_end(struct peer_link *link, uint64_t now_us, bool is_soon)
{
	if (link->chosen == NULL)
		return;
	link->now_us = now_us;
	peer_connection_push(link->chosen);
	part(link, link->chosen);
	if (is_soon)
		link->pause_us = PEER_LINK_PAUSE_US;
	put_off(link);
	if (is_soon && link->settings.side == 0)
		link->dial_us = now_us;
}

void
peer_link_agreed(struct peer_link *link)
{
	link->pause_us = PEER_LINK_PAUSE_US;
}
