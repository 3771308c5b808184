/*
 * shelf -- where descriptors outlive the supervisor
 *
 * A pair of connected local sockets that a worker holds open and does not use.  The supervisor sends
 * duplicates of its listeners into it and nobody receives them, so their accept queues live on as
 * long as the worker does; the next supervisor takes the pair from the worker and them from the pair.
 * On a second one lie the connections of a takeover (takeover_shelf.h).
 * What lies there is replaced by the first process that puts something on it: no word of the worker's
 * is needed, whether it runs, hangs or is stopped.
 *
 * The other way through the pair lies what must not be closed just now: a connection in repair mode
 * ends unheard by its peer.  The next supervisor finds it there and can end it in order.
 *
 * Supervisor only.  0 or -errno.
 */
#ifndef SUPERVISOR_SHELF_H
#define SUPERVISOR_SHELF_H

#include <stdbool.h>

#define SHELF_PACKET_FDS 128u

struct shelf {
	int end[2];	  /* sent into [0], received from [1]; -1 none */
	unsigned packets; /* that lie on it */
};

void shelf_init(struct shelf *shelf);
int shelf_open(struct shelf *shelf);
/* What lies on it stays where a worker holds the pair. */
void shelf_close(struct shelf *shelf);
/* A pair that was found in a worker: shelf_look() comes first. */
void shelf_found(struct shelf *shelf, const int end[2]);
/* Duplicates of everything that lies there, one after the other; each is the callee's.  Everything stays where
 * it is. */
typedef void shelf_take(void *owner, int fd);
void shelf_each(struct shelf *shelf, shelf_take *take, void *owner);
/* Likewise, all at once; what does not find room in `most` is left out. */
unsigned shelf_look(struct shelf *shelf, int *fds, unsigned most);

/* Duplicates of these descriptors in place of what lay there.  On an error some are left out. */
int shelf_put(struct shelf *shelf, const int *fds, unsigned count);

/* Also what another process has put there. */
void shelf_empty(struct shelf *shelf);

/* A duplicate the other way, until it is released; one at a time. */
int shelf_hold(struct shelf *shelf, int fd);
void shelf_release(struct shelf *shelf);
/* A duplicate, the caller's, of what a dead process holds there, which stays; -1: nothing. */
int shelf_held(struct shelf *shelf);

#endif
