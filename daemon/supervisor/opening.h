/*
 * opening -- a connection becomes a session
 *
 * The accepted leg is dumped, published in a slot and handed over at once; the server leg is
 * connected meanwhile (not blocking, OPENING_CONNECT_MS) and handed over when it stands.  Its
 * failure is told to the worker, which answers the client.
 */
#ifndef SUPERVISOR_OPENING_H
#define SUPERVISOR_OPENING_H

#include "daemon/supervisor/supervisor.h"

#define OPENING_CONNECT_MS 30000u

/* A connection that was accepted, and what the listener table says of its client. */
struct arrival {
	int fd; /* a blocking socket */
	uint32_t listener;
	struct shm_endpoint client;
	struct classify_decision decision;
};

/* Takes over arrival->fd. Anything but SHORTAGE_NONE: it is still the caller's. */
enum shortage opening_begin(struct supervisor *supervisor, const struct arrival *arrival);
/* The server leg anew: the one that there was went with an earlier supervisor, and no byte had passed. */
void opening_again(struct supervisor *supervisor, uint32_t slot);
/* epoll says `events` about a connecting server leg. */
void opening_connected(
    struct supervisor *supervisor, uint32_t slot, uint32_t generation, uint32_t events);
/* Connects that took too long. */
void opening_tick(struct supervisor *supervisor);

#endif
