#include "daemon/sync/talk.h"

#include "daemon/endpoint.h"
#include "daemon/sync/news.h"
#include "daemon/sync/standing.h"
#include "shm/counters.h"
#include "shm/gateway_clock.h"
#include "shm/record.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <time.h>

/* Rises too when a session may hold more than the other host has room for (SHM_WINDOW_CHUNKS). */
#define PROTOCOL_VERSION 2u
#define BATCH_ENTRIES	 64u
#define BATCH_BYTES	 131072u
#define BATCH_US	 1000u
/* Who sends much fills a window meanwhile: fewer batches, and each larger, for the same mail. */
#define BULK_US	     400u
#define BULK_BYTES   32768u
#define HEARTBEAT_US 50000u
#define SILENCE_US   1000000u
#define CPU_US	     1000000u /* how often it is looked at */
#define CPU_BUSY     50u      /* percent of one */
#define CPU_SHORT    80u

static struct event_ring *
events(const struct sync *sync)
{
	return shm_events(&sync->shm, SHM_WRITER_SYNC);
}

/* ---- the end of a conversation ---- */

/* The replica is whole, and this host may have to go on with it. */
static bool
may_serve(enum role_state state)
{
	return state == ROLE_SYNCED || state == ROLE_ASKING || state == ROLE_RAISING ||
	       state == ROLE_RESTORING;
}

static void
conversation_over(struct sync *sync, const char *why)
{
	channel_disconnected(sync->channel);
	feed_over(&sync->feed);
	sync->whole_due = false;
	if (sync->is_heard)
		standing_input(
		    sync, &(struct role_input){.kind = ROLE_IN_LOST, .path = ROLE_PATH_SYNC});
	sync->is_heard = false;
	if (!incoming_is_synced(channel_incoming(sync->channel)))
		news_replica_is_lost(sync);
	if (!may_serve(sync->role.state))
		standing_forget_replica(sync);
	if (sync->is_told_up && !sync->is_soon) {
		report_tell(events(sync), 105005, REPORT_LINK, NULL, 0);
		report_tell(events(sync), 109081, news_peer_name(sync), why, 0);
		sync->is_told_up = false;
	}
}

/* ---- what the connection tells ---- */

static void
link_up(void *owner)
{
	struct sync *sync = owner;

	sync->status.connects++;
	sync->why = NULL;
	sync->is_soon = false;
	channel_connected(sync->channel, sync->now_us);
}

static void
link_message(void *owner, const struct sync_message *message)
{
	struct sync *sync = owner;

	channel_receive(sync->channel, sync->now_us, message);
	news_act_on(sync);
}

static void
link_down(void *owner, const char *why, enum sync_reason reason)
{
	struct sync *sync = owner;

	if (reason != SYNC_GOOD)
		news_refused(sync, false, reason);
	conversation_over(sync, why);
}

static void
link_failed(void *owner, const struct shm_endpoint *other, const char *why)
{
	struct sync *sync = owner;

	if (report_is_new(&sync->unproved, sync->now_us, why))
		report_tell_of(events(sync), 109083, other, why);
}

static const struct peer_link_calls calls = {link_up, link_message, link_down, link_failed};

/* ---- once in each turn ---- */

static struct channel_time
time_of(const struct sync *sync)
{
	return (struct channel_time){
	    .now_us = sync->now_us,
	    .gateway_ms = atomic_load_explicit(shm_clock_floor(&sync->shm), memory_order_relaxed),
	    /* Linux counts milliseconds of this clock into its time stamps. */
	    .tcp_clock = (uint32_t)monotonic_now_ms(),
	};
}

static void
end_conversation(struct sync *sync)
{
	peer_link_end(sync->link, sync->now_us, sync->is_soon);
	conversation_over(sync, sync->why);
}

/* The other host hears of each change at once, so what was said is sent before anything is waited for. */
static void
send_due(struct sync *sync)
{
	struct channel_time time = time_of(sync);
	struct sync_message message;
	bool is_secret;

	while (peer_link_has_room(sync->link) &&
	       channel_next(sync->channel, &time, &message, &is_secret))
		peer_link_put(sync->link, &message, is_secret);
	news_act_on(sync);
	peer_link_push(sync->link);
}

static void
count_written(struct sync *sync)
{
	struct counter_block *block = shm_counters(&sync->shm, SHM_WRITER_SYNC);
	struct sync_written written = peer_link_take_written(sync->link);

	if (written.sent == 0)
		return;
	counter_add(block, COUNTER_sync_bytes_plain, written.plain);
	counter_add(block, COUNTER_sync_bytes_fast, written.fast);
	counter_add(block, COUNTER_sync_bytes_normal, written.normal);
	counter_add(block, COUNTER_sync_bytes_sent, written.sent);
}

static void
look_at_cpu(struct sync *sync)
{
	struct timespec used;

	if (sync->now_us - sync->cpu_looked_us < CPU_US)
		return;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	uint64_t used_us = (uint64_t)used.tv_sec * 1000000 + (uint64_t)used.tv_nsec / 1000;
	uint64_t percent = (used_us - sync->cpu_us) * 100 / (sync->now_us - sync->cpu_looked_us);
	sync->cpu_us = used_us;
	sync->cpu_looked_us = sync->now_us;
	peer_link_set_cpu(sync->link, percent >= CPU_SHORT  ? SYNC_CPU_SHORT
				      : percent >= CPU_BUSY ? SYNC_CPU_BUSY
							    : SYNC_CPU_FREE);
}

/* The standby may have everything before it has said that it follows.  Without a gate it never has all that
 * the peers were told. */
static void
tell_whole(struct sync *sync)
{
	if (sync->whole_due && sync->is_measured && sync->positions != NULL &&
	    feed_is_whole(&sync->feed) && texts_are_decided(&sync->texts) &&
	    standing_simple(sync, ROLE_IN_SNAPSHOT, sync->role.start.epoch.number) == ROLE_NO_NONE)
		sync->whole_due = false;
}

void
talk_tick(struct sync *sync)
{
	peer_link_tick(sync->link, sync->now_us);
	look_at_cpu(sync);
	feed_tick(&sync->feed, sync->now_us);
	texts_tick(&sync->texts, &sync->feed, sync->now_us);
	tell_whole(sync);
	send_due(sync);
	count_written(sync);
	if (channel_state(sync->channel) == CHANNEL_CLOSED)
		end_conversation(sync);
}

uint64_t
talk_deadline(const struct sync *sync)
{
	uint64_t link = peer_link_deadline(sync->link);
	uint64_t channel = channel_deadline(sync->channel);
	uint64_t feed = feed_deadline(&sync->feed, sync->now_us);

	/* When there is no room nothing can be sent; that there is some is said by the loop. */
	if (!peer_link_has_room(sync->link))
		return link;
	channel = feed < channel ? feed : channel;
	return link < channel ? link : channel;
}

uint64_t
talk_gathers_until(const struct sync *sync)
{
	return feed_is_telling(&sync->feed) ? channel_gathers_until(sync->channel) : 0;
}

/* ---- the start ---- */

static uint64_t
random_number(void)
{
	uint64_t number = 0;

	/* History 0 means none. */
	while (number == 0)
		if (getrandom(&number, sizeof(number), 0) != sizeof(number))
			number = realtime_now_us();
	return number;
}

static struct channel *
make_channel(struct sync *sync)
{
	const struct settings_failover *failover = &sync->settings.failover;
	uint64_t heartbeat_us = failover->degrade_after_ms * 1000ull / 5;
	uint16_t newest = record_version(), before = (uint16_t)(newest - 1);
	struct channel_settings settings = {
	    .node = failover->node,
	    .peer = failover->peer_node,
	    .version_oldest = PROTOCOL_VERSION,
	    .version_newest = PROTOCOL_VERSION,
	    .record_oldest = record_reads(before) ? before : newest,
	    .record_newest = newest,
	    .abi_major = SHM_ABI_MAJOR,
	    .abi_minor = SHM_ABI_MINOR,
	    .slots = sync->shm.slots,
	    .chunks = sync->shm.chunks,
	    .side = endpoint_compare(&failover->listen, &failover->peer) > 0,
	    .commit = failover->commit == SETTINGS_COMMIT_STRICT ? SYNC_COMMIT_STRICT
								 : SYNC_COMMIT_DEGRADE,
	    .log = {random_number(), 0, sync->hold_bytes, sync->hold_entries, BATCH_ENTRIES,
		BATCH_BYTES},
	    .batch_us = BATCH_US,
	    .bulk_us = BULK_US,
	    .bulk_bytes = BULK_BYTES,
	    .heartbeat_us = heartbeat_us < HEARTBEAT_US ? heartbeat_us : HEARTBEAT_US,
	    .silence_us = SILENCE_US,
	    .store = news_store,
	    .tell = news_note,
	    .owner = sync,
	};

	return channel_create(&settings);
}

static struct peer_link *
make_link(struct sync *sync)
{
	const struct settings_failover *failover = &sync->settings.failover;
	struct peer_link_settings settings = {
	    .loop = &sync->loop,
	    .node = failover->node,
	    .peer = failover->peer_node,
	    .key = sync->key,
	    .listen = failover->listen,
	    .peer_address = failover->peer,
	    .side = endpoint_compare(&failover->listen, &failover->peer) > 0,
	    .silence_ms = SILENCE_US / 1000,
	    .calls = &calls,
	    .owner = sync,
	};

	return peer_link_create(&settings);
}

static void
wake(void *owner, uint64_t workers)
{
	const struct sync *sync = owner;

	for (uint32_t i = 0; i < sync->shm.workers; i++)
		if ((workers >> i & 1) != 0)
			eventfd_write(SYNC_FD_RELEASE + (int)i, 1);
}

static void
text_came(void *owner, const struct sync_text *text)
{
	struct sync *sync = owner;

	texts_came(&sync->texts, text);
}

int
talk_open(struct sync *sync)
{
	sync->channel = make_channel(sync);
	sync->link = make_link(sync);
	if (sync->channel == NULL || sync->link == NULL)
		return -ENOMEM;
	texts_open(&sync->texts, &sync->shm, sync->channel, SYNC_FD_STATE);
	feed_set_text(&sync->feed, text_came);
	return feed_open(&sync->feed, &sync->shm, sync->channel, sync->hold_entries,
	    sync->positions, sync->board != NULL ? &sync->board->embryos : NULL, wake, sync);
}

void
talk_close(struct sync *sync)
{
	peer_link_destroy(sync->link);
	feed_close(&sync->feed);
	channel_destroy(sync->channel);
}
