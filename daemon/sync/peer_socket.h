/*
 * peer_socket -- the sockets between the two hosts of a pair
 *
 * Descriptors are non-blocking and close on exec.  The address of this host may come later than sync
 * (IP_FREEBIND).  A new connection comes from the address that this host listens on, so that the other
 * one knows it.  Descriptor or -errno.  Called by sync only.
 */
#ifndef DAEMON_SYNC_PEER_SOCKET_H
#define DAEMON_SYNC_PEER_SOCKET_H

#include "shm/layout.h"

#define PEER_SOCKET_BACKLOG 16

int peer_socket_listen(const struct shm_endpoint *endpoint);
/* -EAGAIN: nobody is there any more. */
int peer_socket_accept(int listener, struct shm_endpoint *ret_other);
/* Under way; EPOLLOUT says when it has an end, peer_socket_error() which. */
int peer_socket_connect(const struct shm_endpoint *from, const struct shm_endpoint *to);
int peer_socket_error(int fd);

/* No delay, dead peers are noticed: unacknowledged bytes after silence_ms. */
void peer_socket_tune(int fd, unsigned silence_ms);

#endif
