/*
 * host_sync -- the sync process of a simulated host
 *
 * The production's talk and standing over a struct sync of its own; the connection, the supervisor and
 * the disk are played here (substitutes for peer_link.h, requests.h, epoch_saver.h, track.h).
 */
#ifndef TESTS_SIM_HOST_SYNC_H
#define TESTS_SIM_HOST_SYNC_H

#include "tests/sim/sim.h"

#include "daemon/sync/sync.h"

#include <stddef.h>

struct host;
struct sync_decoder;
struct peer_link_calls;

struct host_sync {
	bool is_alive;
	uint32_t life;
	bool is_put; /* a turn is on the agenda */
	struct sync *sync;
	struct sync_decoder *decoder;
	const struct peer_link_calls *calls;
	struct epoch saving; /* number 0: nothing is being saved */
	uint32_t saves;	     /* numbers them */
	uint32_t haste;	     /* turns in a row that were due at once */
};

void host_sync_start(struct world *world, struct host *host);
void host_sync_end(struct world *world, struct host *host);
/* EVENT_SYNC, EVENT_EPOCH_SAVED, EVENT_REQUEST, EVENT_RESTORED. */
void host_sync_take(struct world *world, struct host *host, const struct due *event);

void host_connected(struct world *world, struct host *host);
void host_disconnected(struct world *world, struct host *host);
void host_hears(struct world *world, struct host *host, const uint8_t *bytes, size_t length);
/* Of keepalived or an operator. */
void host_word(struct world *world, struct host *host, enum role_input_kind word);

#endif
