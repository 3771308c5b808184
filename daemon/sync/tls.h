/*
 * tls -- the secured connection between the two hosts of a pair
 *
 * TLS 1.3 with a key that both hosts hold (external PSK, with Diffie-Hellman: what was recorded stays
 * secret when the key is lost), no certificates, no tickets, no early data.  The identity of the key
 * names both hosts, "CLIENT>SERVER", so that neither can be somebody else, and two hosts with one name
 * find out.  A host that does not know the other's name says "*" for it and takes any.  It works on bytes: the owner carries them between here and a socket.
 *
 *   network -> tls_feed() -> tls_read() -> the channel
 *   channel -> tls_write() -> tls_drain() -> network
 *
 * What is buffered is bounded both ways.  After TLS_FAILED, tls_drain() still gives the alert that
 * tells the other host; then the connection is to be closed.  Called by sync only.
 */
#ifndef DAEMON_SYNC_TLS_H
#define DAEMON_SYNC_TLS_H

#include "daemon/sync/key.h"

#include <stdbool.h>
#include <stddef.h>

#define TLS_BUFFER_MAX 262144u /* bytes buffered, each way, before no more are taken */

enum tls_state {
	TLS_GREETING, /* the handshake is going on */
	TLS_OPEN,
	TLS_ENDED, /* closed by the other host, in good order */
	TLS_FAILED,
};

enum tls_error {
	TLS_GOOD,
	TLS_NOT_TLS,
	TLS_OLD_VERSION,
	TLS_NO_KEY,
	TLS_WRONG_KEY,
	TLS_OTHER_NAME,
	TLS_SAME_NAME,
	TLS_REFUSED_KEY,  /* by the other host */
	TLS_REFUSED_HOST, /* likewise */
	TLS_DAMAGED,
	TLS_BROKEN, /* anything else that is no proper TLS */
	TLS_NO_MEMORY,
	TLS_ERRORS,
};

struct tls;

/* The one that has connected is the client.  Names as sync_name_is_valid() has them, not the same;
 * peer may be "".  NULL: no memory. */
struct tls *tls_create(
    bool is_client, const char *node, const char *peer, const uint8_t key[KEY_SIZE]);
void tls_destroy(struct tls *tls);

enum tls_state tls_state(const struct tls *tls);
enum tls_error tls_error(const struct tls *tls);
const char *tls_error_text(enum tls_error error);

/* Bytes from the network; returns how many were taken, the rest is to be offered after tls_read().
 * After a failure none are. */
size_t tls_feed(struct tls *tls, const uint8_t *bytes, size_t length);
/* Bytes for the network. */
size_t tls_drain(struct tls *tls, uint8_t *to, size_t size);

/* Carries the handshake on too: to be called after each tls_feed(), until it gives 0. */
size_t tls_read(struct tls *tls, uint8_t *to, size_t size);
/* 0 until the handshake is done, and while too much waits for tls_drain(); else `length`. */
size_t tls_write(struct tls *tls, const uint8_t *bytes, size_t length);
/* Tells the other host that nothing follows. */
void tls_finish(struct tls *tls);

#endif
