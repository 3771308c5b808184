#include "tests/sim/host_sync.h"

#include "tests/sim/check.h"
#include "tests/sim/world.h"

#include "daemon/sync/standing.h"
#include "daemon/sync/talk.h"
#include "daemon/sync/track.h"
#include "proto/sync_codec.h"
#include "shm/gateway_clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TURN_US (20u * SIM_MS) /* at the latest */
#define DISK_US (15u * SIM_MS)
/* Turns in a row that were due at once: there is always something to wait for. */
#define HASTE_MOST 100u
/* Little, so that a log is over now and then. */
#define HOLD_BYTES   (2u * SYNC_ENTRY_MAX)
#define HOLD_ENTRIES 64u

/* Whose turn it is: the production's calls to the outside name no host. */
static struct world *the_world;
static struct host *the_host;

static void
enter(struct world *world, struct host *host)
{
	the_world = world;
	the_host = host;
	host->sync.sync->now_us = world->now_us;
}

static void
put(enum sim_event kind, uint64_t in_us, uint64_t number, uint64_t tag)
{
	struct due event = {.kind = kind, .host = the_host->at, .number = number, .tag = tag};

	sim_put(the_world, in_us, &event);
}

/* ---- the connection ---- */

struct peer_link *
peer_link_create(const struct peer_link_settings *settings)
{
	the_host->sync.calls = settings->calls;
	/* Only its owner is asked for anything, by the_host. */
	return (struct peer_link *)(void *)the_host;
}

void
peer_link_destroy(struct peer_link *link)
{
	(void)link;
}

void
peer_link_tick(struct peer_link *link, uint64_t now_us)
{
	(void)link;
	(void)now_us;
}

uint64_t
peer_link_deadline(struct peer_link *link)
{
	(void)link;
	return UINT64_MAX;
}

static bool
is_up(void)
{
	return the_world->link.connected[the_host->at] != 0;
}

bool
peer_link_is_trying(const struct peer_link *link)
{
	(void)link;
	return !is_up();
}

bool
peer_link_has_room(const struct peer_link *link)
{
	(void)link;
	return is_up();
}

void
peer_link_put(struct peer_link *link, const struct sync_message *message, bool is_secret)
{
	static uint8_t frame[SYNC_FRAME_MAX];
	size_t length;

	(void)link;
	(void)is_secret;
	check(the_world, sync_encode(message, frame, sizeof(frame), &length) == SYNC_GOOD,
	    "a message cannot be encoded");
	if (is_up())
		link_send(the_world, the_host->at, frame, length);
}

void
peer_link_push(struct peer_link *link)
{
	(void)link;
}

void
peer_link_set_cpu(struct peer_link *link, unsigned cpu)
{
	(void)link;
	(void)cpu;
}

struct sync_written
peer_link_take_written(struct peer_link *link)
{
	(void)link;
	return (struct sync_written){0};
}

void
peer_link_end(struct peer_link *link, uint64_t now_us, bool is_soon)
{
	(void)link;
	(void)now_us;
	(void)is_soon;
	link_close(the_world, the_host->at);
}

void
peer_link_agreed(struct peer_link *link)
{
	(void)link;
}

void
host_connected(struct world *world, struct host *host)
{
	enter(world, host);
	host->sync.calls->up(host->sync.sync);
	host_wants_sync(world, host);
}

void
host_disconnected(struct world *world, struct host *host)
{
	enter(world, host);
	host->sync.calls->down(host->sync.sync, "cut", SYNC_GOOD);
	host_wants_sync(world, host);
}

void
host_hears(struct world *world, struct host *host, const uint8_t *bytes, size_t length)
{
	struct sync_message message;
	enum sync_reason reason;
	size_t used;

	enter(world, host);
	check(world,
	    sync_decode(host->sync.decoder, bytes, length, &message, &used, &reason) ==
		    SYNC_READY &&
		used == length,
	    "a message cannot be decoded");
	host->sync.calls->message(host->sync.sync, &message);
	host_wants_sync(world, host);
}

/* ---- the supervisor ---- */

void
requests_ask(
    struct requests *requests, enum request_kind kind, uint64_t argument0, uint64_t argument1)
{
	struct supervisor_request *request;

	(void)argument1;
	check(the_world, requests->open < REQUESTS_OPEN_MAX, "too much is asked for at once");
	request = &requests->waiting[requests->open++];
	*request = (struct supervisor_request){.kind = kind, .argument = {argument0}};
	/* It is carried out whether or not the one who has asked lives to hear of it. */
	host_asked(the_world, the_host, request);
}

static void
answer(struct host *host, const struct supervisor_request *done)
{
	struct sync *sync = host->sync.sync;
	struct supervisor_request request = sync->requests.waiting[0];

	check(the_world, sync->requests.open > 0 && request.kind == done->kind,
	    "an answer comes that was not waited for");
	sync->requests.open--;
	memmove(sync->requests.waiting, sync->requests.waiting + 1,
	    sync->requests.open * sizeof(request));
	standing_answered(sync, &request, 0);
}

void
host_answered(struct world *world, struct host *host, const struct supervisor_request *request)
{
	enter(world, host);
	answer(host, request);
	host_wants_sync(world, host);
}

/* ---- the disk ---- */

void
epoch_saver_ask(struct epoch_saver *saver, const struct epoch *epoch)
{
	struct host_sync *sync = &the_host->sync;

	(void)saver;
	sync->saving = *epoch;
	sync->saves++;
	put(EVENT_EPOCH_SAVED, 200 + sim_roll(the_world, DISK_US),
	    (uint64_t)sync->saves << 1 | (sim_roll(the_world, 50) != 0 || the_world->is_healed),
	    sync->life);
}

static void
saved(struct host *host, bool is_good)
{
	struct epoch_saved result = {
	    .epoch = host->sync.saving, .error = is_good ? 0 : -EIO, .why = "a bad disk"};

	host->sync.saving.number = 0;
	if (is_good && result.epoch.number >= host->disk.number)
		host->disk = result.epoch;
	standing_saved(host->sync.sync, &result);
}

int __wrap_epoch_read(int directory, struct epoch *ret_epoch, char *why);
int
__wrap_epoch_read(int directory, struct epoch *ret_epoch, char *why)
{
	(void)directory;
	(void)why;
	*ret_epoch = the_host->disk;
	return 0;
}

int
track_write(int directory, int32_t value)
{
	(void)directory;
	(void)value;
	return 0;
}

/* ---- what a schedule must not get from outside ---- */

int __wrap_eventfd_write(int fd, uint64_t value);
int
__wrap_eventfd_write(int fd, uint64_t value)
{
	(void)fd;
	(void)value;
	host_wants_work(the_world, the_host);
	return 0;
}

ssize_t __wrap_getrandom(void *to, size_t size, unsigned flags);
ssize_t
__wrap_getrandom(void *to, size_t size, unsigned flags)
{
	uint8_t *bytes = to;

	(void)flags;
	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)sim_roll(the_world, 256);
	return (ssize_t)size;
}

uint64_t __wrap_monotonic_now_ms(void);
uint64_t
__wrap_monotonic_now_ms(void)
{
	return the_world->now_us / SIM_MS;
}

uint64_t __wrap_realtime_now_us(void);
uint64_t
__wrap_realtime_now_us(void)
{
	return the_world->now_us;
}

/* ---- what the standby has ---- */

void __real_guard_released(const struct guard *guard, const struct follower_release *release);
void __wrap_guard_released(const struct guard *guard, const struct follower_release *release);
void
__wrap_guard_released(const struct guard *guard, const struct follower_release *release)
{
	__real_guard_released(guard, release);
	check_replica(the_world, the_host, release->slot, release->sequence);
}

/* ---- life ---- */

static void
configure(struct settings_failover *failover, const struct world *world, uint32_t at)
{
	struct shm_endpoint address[SIM_HOSTS] = {
	    {.family = 4, .port = 7925, .address = {192, 0, 2, 1}},
	    {.family = 4, .port = 7925, .address = {192, 0, 2, 2}},
	};

	*failover = (struct settings_failover){
	    .line = 1,
	    .commit = world->plan.is_strict ? SETTINGS_COMMIT_STRICT : SETTINGS_COMMIT_DEGRADE,
	    .degrade_after_ms = 500,
	    .fifo = "keepalived",
	    .listen = address[at],
	    .peer = address[1 - at],
	};
	snprintf(failover->node, sizeof(failover->node), "mx%u", at + 1);
}

void
host_sync_start(struct world *world, struct host *host)
{
	struct host_sync *own = &host->sync;
	struct sync *sync = calloc(1, sizeof(*sync));

	check(world, sync != NULL, "no memory");
	own->sync = sync;
	own->life++;
	own->is_alive = true;
	own->is_put = false;
	own->saving.number = 0;
	own->decoder = sync_decoder_create();
	sync->hold_bytes = HOLD_BYTES;
	sync->hold_entries = HOLD_ENTRIES;
	sync->shm = host->shm;
	sync->positions = &host->gate;
	configure(&sync->settings.failover, world, host->at);
	enter(world, host);
	standing_look_back(sync);
	check(world, own->decoder != NULL && talk_open(sync) == 0, "no memory");
	standing_start(sync);
	host_wants_sync(world, host);
}

void
host_sync_end(struct world *world, struct host *host)
{
	struct host_sync *own = &host->sync;

	if (!own->is_alive)
		return;
	enter(world, host);
	own->is_alive = false;
	/* What was being written is there, or is not. */
	if (own->saving.number > host->disk.number && sim_roll(world, 2))
		host->disk = own->saving;
	talk_close(own->sync);
	sync_decoder_destroy(own->decoder);
	free(own->sync);
	own->sync = NULL;
}

static void
turn(struct world *world, struct host *host)
{
	struct sync *sync = host->sync.sync;
	uint64_t deadline, talk;

	host->sync.is_put = false;
	standing_tick(sync);
	talk_tick(sync);
	kernel_positions_moved(world, host);
	deadline = standing_deadline(sync);
	talk = talk_deadline(sync);
	deadline = talk < deadline ? talk : deadline;
	host->sync.haste = deadline <= world->now_us ? host->sync.haste + 1 : 0;
	check(world, host->sync.haste < HASTE_MOST, "sync turns round without a pause");
	if (deadline < world->now_us + 1)
		deadline = world->now_us + 1;
	if (deadline > world->now_us + TURN_US)
		deadline = world->now_us + TURN_US;
	if (!host->sync.is_put) {
		host->sync.is_put = true;
		put(EVENT_SYNC, deadline - world->now_us, 0, host->sync.life);
	}
}

void
host_sync_take(struct world *world, struct host *host, const struct due *event)
{
	enter(world, host);
	if (event->kind == EVENT_SYNC)
		turn(world, host);
	else if (event->number >> 1 == host->sync.saves)
		saved(host, event->number & 1);
}

void
host_word(struct world *world, struct host *host, enum role_input_kind word)
{
	if (!host->sync.is_alive)
		return;
	enter(world, host);
	standing_simple(host->sync.sync, word, 0);
	host_wants_sync(world, host);
}
