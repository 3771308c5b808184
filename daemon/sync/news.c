#include "daemon/sync/news.h"

#include "daemon/sync/standing.h"
#include "shm/gateway_clock.h"

#include <stdio.h>

static struct event_ring *
events(const struct sync *sync)
{
	return shm_events(&sync->shm, SHM_WRITER_SYNC);
}

const char *
news_peer_name(const struct sync *sync)
{
	const char *configured = sync->settings.failover.peer_node;

	if (configured[0] != '\0')
		return configured;
	return sync->role.peer[0] != '\0' ? sync->role.peer : "the other host";
}

void
news_note(void *owner, const struct channel_event *event)
{
	struct sync *sync = owner;

	/* Each message tells less, and none is taken before this is empty. */
	if (sync->news == SYNC_NEWS_MAX)
		return;
	sync->word[sync->news] = *channel_word(sync->channel);
	sync->news_list[sync->news++] = *event;
}

enum sync_reason
news_store(void *owner, uint64_t lsn, const struct sync_entry *entry)
{
	struct sync *sync = owner;

	/* The slots may be just becoming this host's. */
	if (requests_wait_for(&sync->requests, REQUEST_RESTORE))
		return SYNC_BAD_BUSY_SLOT;
	return feed_store(&sync->feed, lsn, entry);
}

static void
hear(struct sync *sync, uint64_t epoch, uint32_t state)
{
	const struct sync_hello *peer = channel_peer(sync->channel);
	struct role_input input = {
	    .kind = ROLE_IN_HELLO,
	    .path = ROLE_PATH_SYNC,
	    .hello = {epoch, ROLE_VERSION, (uint8_t)state, (uint8_t)peer->side, ""},
	};

	snprintf(input.hello.node, sizeof(input.hello.node), "%s", peer->node);
	sync->is_heard = true;
	sync->status.peer_heard_us = realtime_now_us();
	enum role_refusal refusal = standing_input(sync, &input);
	/* What is refused as no hello says nothing that holds. */
	if (refusal == ROLE_NO_BAD_INPUT || refusal == ROLE_NO_FOREIGN_EPOCH)
		channel_refuse(sync->channel, SYNC_BAD_STATE);
}

static void
greeted(struct sync *sync)
{
	const struct sync_hello *peer = channel_peer(sync->channel);

	if (peer->state >= ROLE_STATES ||
	    standing_part((enum role_state)peer->state) != peer->role) {
		channel_refuse(sync->channel, SYNC_BAD_STATE);
		return;
	}
	hear(sync, peer->epoch, peer->state);
}

static void
word_came(struct sync *sync, const struct sync_word *word)
{
	switch (word->saying) {
	case SYNC_SAYING_STATE:
		hear(sync, word->epoch, word->state);
		break;
	case SYNC_SAYING_FREEZE:
		standing_simple(sync, ROLE_IN_PEER_ASKS, word->epoch);
		break;
	case SYNC_SAYING_FROZEN:
		standing_simple(sync, ROLE_IN_PEER_FROZEN, word->epoch);
		break;
	case SYNC_SAYING_SYNCED:
		standing_simple(sync, ROLE_IN_SNAPSHOT, word->epoch);
		break;
	default:
		break;
	}
}

static const char *const parts[] = {
    [AGREED_IDLE] = "and neither serves",
    [AGREED_SEND] = "which is told what this host commits",
    [AGREED_RECEIVE] = "which tells what it commits",
};

static void
agreed(struct sync *sync, uint64_t part)
{
	peer_link_agreed(sync->link);
	/* What did not come before there was a conversation says nothing of it. */
	sync->stall = (struct stall){0};
	report_forget(&sync->unproved);
	report_forget(&sync->refused);
	feed_agreed(&sync->feed, (enum agreed_part)part);
	texts_agreed(&sync->texts);
	if (!sync->is_told_up) {
		report_tell(events(sync), 105004, REPORT_LINK, NULL, 0);
		report_tell(events(sync), 109080, news_peer_name(sync), parts[part], 0);
	}
	sync->is_told_up = true;
}

void
news_refused(struct sync *sync, bool is_there, uint64_t reason)
{
	const char *text = sync_reason_text((uint32_t)reason);
	uint64_t epoch = channel_peer_epoch(sync->channel);

	sync->why = text;
	sync->is_soon = reason == SYNC_BAD_STANDING;
	if (reason == SYNC_BAD_STANDING || reason == SYNC_BAD_SILENCE)
		return;
	sync->status.refusals++;
	sync->status.refused_us = realtime_now_us();
	snprintf(sync->status.refusal, sizeof(sync->status.refusal), "%s", text);
	if (report_is_new(&sync->refused, sync->now_us, text))
		report_tell(
		    events(sync), 109082, is_there ? news_peer_name(sync) : "this host", text, 0);
	/* The other one has the key: that epoch has been begun. */
	if (epoch > sync->role.start.epoch.number)
		standing_simple(sync, ROLE_IN_FENCED, epoch);
}

void
news_replica_is_lost(struct sync *sync)
{
	if (sync->role.state == ROLE_SYNCED || sync->role.state == ROLE_ASKING)
		standing_simple(sync, ROLE_IN_REPLICA_LOST, 0);
}

/* What the other host's sessions wait for is written in its time; this host's own must not age by that. */
static void
follow_clock(const struct sync *sync)
{
	_Atomic uint64_t *floor = shm_clock_floor(&sync->shm);
	uint64_t theirs = channel_heartbeat(sync->channel)->gateway_ms;

	if (!sync->role.custody && theirs < GATEWAY_CLOCK_END_MS &&
	    theirs > atomic_load_explicit(floor, memory_order_relaxed))
		atomic_store_explicit(floor, theirs, memory_order_relaxed);
}

static void
act_on(struct sync *sync, const struct channel_event *event, const struct sync_word *word)
{
	switch (event->news) {
	case CHANNEL_GREETED:
		greeted(sync);
		break;
	case CHANNEL_AGREED:
		agreed(sync, event->value);
		break;
	case CHANNEL_WORD:
		word_came(sync, word);
		break;
	case CHANNEL_SYNCED:
		sync->whole_due = true;
		sync->is_measured = false;
		requests_ask(&sync->requests, REQUEST_MEASURE, ++sync->measure, 0);
		break;
	case CHANNEL_SNAPSHOT_BEGUN:
		news_replica_is_lost(sync);
		feed_take(&sync->feed, event);
		break;
	case CHANNEL_REFUSED:
	case CHANNEL_REFUSED_THERE:
		news_refused(sync, event->news == CHANNEL_REFUSED_THERE, event->value);
		break;
	case CHANNEL_HEARD:
		sync->status.peer_heard_us = realtime_now_us();
		follow_clock(sync);
		break;
	case CHANNEL_SNAPSHOT_WANTED:
	case CHANNEL_ACKNOWLEDGED:
		feed_take(&sync->feed, event);
		break;
	case CHANNEL_COMPILED:
		texts_decided(&sync->texts, &event->generation, NULL);
		break;
	case CHANNEL_NOT_COMPILED:
		texts_decided(&sync->texts, &event->generation, event->reason);
		break;
	case CHANNEL_RESUMED:
		break;
	}
}

/* What is done about one thing may bring the next. */
void
news_act_on(struct sync *sync)
{
	for (unsigned i = 0; i < sync->news; i++)
		act_on(sync, &sync->news_list[i], &sync->word[i]);
	sync->news = 0;
}
