/*
 * peer_link -- the one connection between the two hosts of a pair
 *
 * Both hosts listen, and each connects while there is no connection: the host of side 0 at once, the
 * other one somewhat later, both with a pause that doubles and is never the same twice.  Should there be
 * two all the same, both hosts keep the one that side 0 has made; of two from the same side the newer.
 *
 * A connection that has not proved within PEER_LINK_GREETING_US that it holds the key is over.  At most
 * PEER_LINK_GUESTS wait for that; when there is one more, one from another address than the peer's is
 * turned away, and one from the peer's takes the place of the oldest.  What ends is first read to its
 * end, so that the other host gets what it was told last.
 *
 * News are told from within the calls.  From there the owner may call peer_link_end().  Called by sync
 * only.
 */
#ifndef DAEMON_SYNC_PEER_LINK_H
#define DAEMON_SYNC_PEER_LINK_H

#include "daemon/loop.h"
#include "daemon/sync/key.h"
#include "proto/sync_reason.h"
#include "proto/sync_stream.h"
#include "proto/sync_types.h"
#include "shm/layout.h"

#include <stdbool.h>

#define PEER_LINK_GUESTS      8u
#define PEER_LINK_GREETING_US 3000000u
#define PEER_LINK_PART_US     1000000u /* to read what ends to its end */
#define PEER_LINK_PAUSE_US    100000u  /* before the second try; doubles */
#define PEER_LINK_PAUSE_MAX   2000000u
#define PEER_LINK_YIELD_US    400000u /* that side 1 leaves to side 0 */

struct peer_link_calls {
	void (*up)(void *owner);
	void (*message)(void *owner, const struct sync_message *message);
	/* reason: what was wrong with the messages; SYNC_GOOD: it was below them. */
	void (*down)(void *owner, const char *why, enum sync_reason reason);
	/* A connection that has never been up, or the listening socket. other: family 0, if nobody. */
	void (*failed)(void *owner, const struct shm_endpoint *other, const char *why);
};

struct peer_link_settings {
	struct loop *loop;
	const char *node, *peer; /* as tls_create(); these and the key stay the owner's */
	const uint8_t *key;
	struct shm_endpoint listen;
	struct shm_endpoint peer_address;
	unsigned side;
	uint32_t silence_ms; /* unacknowledged bytes for so long end a connection */
	const struct peer_link_calls *calls;
	void *owner;
};

struct peer_link;

/* NULL: no memory. It listens from the first peer_link_tick() on. */
struct peer_link *peer_link_create(const struct peer_link_settings *settings);
void peer_link_destroy(struct peer_link *link);

/* Connects and ends what takes too long. */
void peer_link_tick(struct peer_link *link, uint64_t now_us);
uint64_t peer_link_deadline(struct peer_link *link); /* UINT64_MAX: none */

bool peer_link_is_trying(const struct peer_link *link); /* TCP or TLS is under way */

/* As wire_has_room() and so on; nothing, when there is no connection. */
bool peer_link_has_room(const struct peer_link *link);
void peer_link_put(struct peer_link *link, const struct sync_message *message, bool is_secret);
void peer_link_push(struct peer_link *link);
void peer_link_set_cpu(struct peer_link *link, unsigned cpu);
struct sync_written peer_link_take_written(struct peer_link *link);

/* The owner has no use for the connection any more; down() is not told. is_soon: try again at once. */
void peer_link_end(struct peer_link *link, uint64_t now_us, bool is_soon);
/* The two hosts have agreed: the next pause is a short one again. */
void peer_link_agreed(struct peer_link *link);

#endif
