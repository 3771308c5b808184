/*
 * peer_connection -- one connection between the two hosts: its socket, and what goes over it
 *
 *	FREE -> CONNECTING -> GREETING -> UP -> PARTING -> FREE
 *
 * CONNECTING is left out by one that was accepted.  In GREETING nobody knows who the other side is;
 * that it has proved to hold the key is told by proved(), and then it is UP.  In PARTING what comes is
 * read and thrown away until the other side has closed, lest a reset take from it what it was told last.
 *
 * The owner embeds it, looks after times, and decides: over() is told in any phase, and it is the
 * owner's to part then.  From within the calls it may part or release this connection and others.
 * Called by peer_link only.
 */
#ifndef DAEMON_SYNC_PEER_CONNECTION_H
#define DAEMON_SYNC_PEER_CONNECTION_H

#include "daemon/loop.h"
#include "daemon/sync/wire.h"
#include "shm/layout.h"

#define PEER_CONNECTION_OUT 16384u

enum peer_phase { PEER_FREE, PEER_CONNECTING, PEER_GREETING, PEER_UP, PEER_PARTING };

struct peer_connection;

struct peer_connection_calls {
	/* In phase UP now. */
	void (*proved)(struct peer_connection *connection);
	void (*message)(struct peer_connection *connection, const struct sync_message *message);
	/* is_closed: the other side has closed and said nothing. */
	void (*over)(struct peer_connection *connection, const char *why, enum sync_reason reason,
	    bool is_closed);
};

struct peer_connection {
	struct loop_source source;
	struct loop *loop;
	const struct peer_connection_calls *calls;
	void *owner;
	enum peer_phase phase;
	bool is_outgoing;
	bool is_blocked;   /* EPOLLOUT is waited for */
	uint64_t since_us; /* when it was begun, or parted */
	struct wire *wire;
	struct shm_endpoint other;
	size_t out_begin, out_end;
	uint8_t out[PEER_CONNECTION_OUT];
};

void peer_connection_init(struct peer_connection *connection, struct loop *loop,
    const struct peer_connection_calls *calls, void *owner);

/* FREE before. Takes the socket, and the wire, which may be NULL (no memory). False: it is FREE, and both
 * are gone. */
bool peer_connection_begin(struct peer_connection *connection, int fd, struct wire *wire,
    const struct shm_endpoint *other, bool is_outgoing, uint64_t now_us);
void peer_connection_part(struct peer_connection *connection, uint64_t now_us);
void peer_connection_release(struct peer_connection *connection);

/* Sends what the wire has, as far as the socket takes it. */
void peer_connection_push(struct peer_connection *connection);
/* The socket has taken everything. */
bool peer_connection_is_clear(const struct peer_connection *connection);

#endif
