#include "tests/sim/link.h"

#include "tests/sim/check.h"
#include "tests/sim/world.h"

#include <stdlib.h>
#include <string.h>

#define TRY_US	(30u * SIM_MS)
#define WAIT_US (20u * SIM_MS)
#define TURN_US 50u

static void
put_connect(struct world *world)
{
	struct due event = {.kind = EVENT_CONNECT};

	sim_put(world, TRY_US, &event);
}

void
link_start(struct world *world)
{
	memset(&world->link, 0, sizeof(world->link));
	put_connect(world);
}

void
link_end(struct world *world)
{
	for (uint32_t i = 0; i < LINK_LETTERS; i++)
		free(world->link.letter[i].bytes);
}

void
link_connect(struct world *world)
{
	struct link *link = &world->link;

	put_connect(world);
	for (uint32_t at = 0; at < SIM_HOSTS; at++)
		if (link->connected[at] != 0 || link->is_cut[at] ||
		    !host_sync_is_up(&world->host[at]))
			return;
	link->connection++;
	for (uint32_t at = 0; at < SIM_HOSTS; at++) {
		link->connected[at] = link->connection;
		link->sent[at] = link->heard[at] = 0;
		host_connected(world, &world->host[at]);
	}
}

static struct letter *
free_letter(struct world *world, uint32_t *ret_index)
{
	for (uint32_t i = 0; i < LINK_LETTERS; i++)
		if (world->link.letter[i].bytes == NULL) {
			*ret_index = i;
			return &world->link.letter[i];
		}
	check(world, false, "more letters are on their way than the simulation has room for");
	return NULL;
}

void
link_send(struct world *world, uint32_t from, const uint8_t *bytes, size_t length)
{
	struct link *link = &world->link;
	struct due event = {.kind = EVENT_LETTER, .host = 1 - from, .tag = link->connected[from]};
	uint32_t index;
	struct letter *letter = free_letter(world, &index);

	letter->bytes = malloc(length + 1);
	check(world, letter->bytes != NULL, "no memory");
	memcpy(letter->bytes, bytes, length);
	letter->length = length;
	letter->order = link->sent[from]++;
	event.number = index;
	sim_put(world, 1 + sim_roll(world, world->plan.link_us), &event);
}

void
link_arrive(struct world *world, const struct due *event)
{
	struct link *link = &world->link;
	struct letter *letter = &link->letter[event->number];
	struct letter taken = *letter;

	if (link->connected[event->host] != event->tag) {
		free(letter->bytes);
		letter->bytes = NULL;
		return;
	}
	if (link->is_cut[1 - event->host] || host_sync_is_paused(world, event->host)) {
		sim_put(world, WAIT_US, event);
		return;
	}
	if (letter->order != link->heard[event->host]) {
		sim_put(world, TURN_US, event);
		return;
	}
	letter->bytes = NULL;
	link->heard[event->host]++;
	host_hears(world, &world->host[event->host], taken.bytes, taken.length);
	free(taken.bytes);
}

void
link_close(struct world *world, uint32_t at)
{
	struct due event = {.kind = EVENT_CLOSED, .host = 1 - at, .tag = world->link.connected[at]};

	if (event.tag == 0)
		return;
	world->link.connected[at] = 0;
	sim_put(world, 1 + sim_roll(world, world->plan.link_us), &event);
}

void
link_closed(struct world *world, const struct due *event)
{
	struct link *link = &world->link;

	if (link->connected[event->host] != event->tag)
		return;
	if (link->is_cut[1 - event->host]) {
		sim_put(world, WAIT_US, event);
		return;
	}
	link->connected[event->host] = 0;
	host_disconnected(world, &world->host[event->host]);
}
