/*
 * transport -- a connected socket, plain or with TLS on top
 *
 * Non-blocking.  Reads and writes give the number of bytes, 0 for the end of the stream (reads),
 * -EAGAIN, or another -errno; a TLS failure is -EPROTO, the end of the connection before TLS's own
 * is -ENODATA.  TLS is on from transport_tls() on; the
 * handshake goes on within reads and writes.  The server's certificate is made at start, signed
 * by itself, and not checked by anybody: what matters here is that real TLS records pass.
 */
#ifndef TESTS_TOOLS_TRANSPORT_H
#define TESTS_TOOLS_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct ssl_st;

struct transport {
	int fd;
	struct ssl_st *tls;
	bool wants_write; /* TLS must write before it can read */
};

enum transport_side { TRANSPORT_CLIENT, TRANSPORT_SERVER };

void transport_setup(enum transport_side side); /* once per program that uses TLS */
void transport_tls(struct transport *transport, enum transport_side side);
/* 0 done, -EAGAIN, -errno. */
int transport_handshake(struct transport *transport);
bool transport_pending(const struct transport *transport); /* read data waits inside TLS */

ssize_t transport_read(struct transport *transport, char *bytes, size_t size);
ssize_t transport_write(struct transport *transport, const char *bytes, size_t length);

/* No more will be written: close_notify when TLS is on, then FIN. */
void transport_shutdown(struct transport *transport);
void transport_close(struct transport *transport);
void transport_reset(struct transport *transport); /* closes with RST */

#endif
