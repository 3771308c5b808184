/*
 * wire -- messages on the secured connection between the two hosts
 *
 *   network -> wire_feed() -> wire_next() -> the channel
 *   channel -> wire_put(), wire_push() -> wire_drain() -> network
 *
 * Joins tls.h, proto/sync_stream.h and proto/sync_codec.h: what is put goes out as one block when it is
 * pushed.  A connection that has not proved that it holds the key costs the memory of its handshake
 * only; the rest is taken when it has.  What is buffered is bounded both ways.
 *
 * Works on bytes; the owner carries them between here and a socket.  Called by sync only.
 */
#ifndef DAEMON_SYNC_WIRE_H
#define DAEMON_SYNC_WIRE_H

#include "daemon/sync/key.h"
#include "proto/sync_reason.h"
#include "proto/sync_stream.h"
#include "proto/sync_types.h"

enum wire_state {
	WIRE_GREETING, /* nobody knows yet who the other side is */
	WIRE_OPEN,
	WIRE_OVER, /* wire_drain() may still have something; then close */
};

struct wire;

/* As tls_create(). */
struct wire *wire_create(
    bool is_client, const char *node, const char *peer, const uint8_t key[KEY_SIZE]);
void wire_destroy(struct wire *wire);

enum wire_state wire_state(const struct wire *wire);
/* OVER: why. */
const char *wire_text(const struct wire *wire);
/* OVER: what was wrong above TLS; SYNC_GOOD: nothing was. */
enum sync_reason wire_reason(const struct wire *wire);

/* Bytes from the network; returns how many were taken, the rest is to be offered after wire_next() has
 * given all it has. */
size_t wire_feed(struct wire *wire, const uint8_t *bytes, size_t length);
/* The next message, good until the next call; also carries the handshake on. */
bool wire_next(struct wire *wire, struct sync_message *ret_message);

/* Whether another message may be put. */
bool wire_has_room(const struct wire *wire);
void wire_put(struct wire *wire, const struct sync_message *message, bool is_secret);
void wire_push(struct wire *wire);
/* Bytes for the network. */
size_t wire_drain(struct wire *wire, uint8_t *to, size_t size);

void wire_set_cpu(struct wire *wire, unsigned cpu); /* enum sync_cpu */
/* As sync_writer_take_written(). */
struct sync_written wire_take_written(struct wire *wire);

#endif
