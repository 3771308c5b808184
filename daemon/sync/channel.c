#include "daemon/sync/channel.h"

#include "daemon/sync/channel_body.h"
#include "daemon/sync/channel_due.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct channel *
channel_create(const struct channel_settings *settings)
{
	struct channel *channel = calloc(1, sizeof(*channel));

	if (channel == NULL)
		return NULL;
	channel->settings = *settings;
	channel->settings.log.slots = settings->slots;
	channel->role = SYNC_ROLE_STANDBY;
	channel->unsent_us = CHANNEL_NEVER;
	channel->outgoing = outgoing_create(&channel->settings.log);
	channel->incoming = incoming_create(settings->slots);
	if (channel->outgoing == NULL || channel->incoming == NULL) {
		channel_destroy(channel);
		return NULL;
	}
	return channel;
}

void
channel_destroy(struct channel *channel)
{
	if (channel == NULL)
		return;
	outgoing_destroy(channel->outgoing);
	incoming_destroy(channel->incoming);
	free(channel);
}

static void
tell(struct channel *channel, enum channel_news news, uint64_t value)
{
	channel->settings.tell(
	    channel->settings.owner, &(struct channel_event){.news = news, .value = value});
}

static void
note_peer_epoch(struct channel *channel, uint64_t epoch)
{
	if (epoch > channel->peer_epoch_most)
		channel->peer_epoch_most = epoch;
}

void
channel_refuse(struct channel *channel, enum sync_reason reason)
{
	if (channel->state != CHANNEL_GREETING && channel->state != CHANNEL_TALKING)
		return;
	channel->state = CHANNEL_CLOSED;
	channel->refusal = reason;
	tell(channel, CHANNEL_REFUSED, reason);
}

void
channel_set_standing(struct channel *channel, enum sync_role role, uint64_t epoch)
{
	bool was_active = agreement_role_is_active(channel->role);
	bool is_active = agreement_role_is_active(role);
	bool is_same = was_active == is_active && (is_active || role == channel->role) &&
		       (!is_active || epoch == channel->epoch);

	channel->role = role;
	channel->epoch = epoch;
	if (is_same)
		return;
	outgoing_abandon(channel->outgoing);
	channel->unsent_us = CHANNEL_NEVER;
	channel->is_synced = false;
	channel->compiled = 0;
	channel->refuses = false;
	if (was_active || is_active)
		incoming_forget(channel->incoming);
	channel_refuse(channel, SYNC_BAD_STANDING);
}

void
channel_say(struct channel *channel, enum sync_saying saying)
{
	if (channel->state != CHANNEL_GREETING && channel->state != CHANNEL_TALKING)
		return;
	/* So many changes while nothing could be sent: the Hello of another conversation says it all. */
	if (channel->words == CHANNEL_WORDS) {
		channel_refuse(channel, SYNC_BAD_STANDING);
		return;
	}
	channel->word[channel->words++] =
	    (struct sync_word){saying, channel->epoch, channel->own_state};
}

void
channel_set_state(struct channel *channel, uint32_t state)
{
	channel->own_state = state;
	if (!channel->hello_due)
		channel_say(channel, SYNC_SAYING_STATE);
}

void
channel_forget(struct channel *channel)
{
	bool is_told = channel->state != CHANNEL_DOWN && channel->state != CHANNEL_CLOSED &&
		       !channel->hello_due;

	if (channel->is_started && channel->is_told_anew)
		return;
	if (incoming_history(channel->incoming) == 0 && !channel->is_started)
		return;
	incoming_forget(channel->incoming);
	if (is_told)
		channel_refuse(channel, SYNC_BAD_STANDING);
}

void
channel_connected(struct channel *channel, uint64_t now_us)
{
	channel->state = CHANNEL_GREETING;
	channel->refusal = SYNC_GOOD;
	channel->hello_due = true;
	channel->beat_due = channel->ack_due = channel->start_due = false;
	channel->is_started = channel->is_told_anew = false;
	channel->words = 0;
	channel->echo_us = 0;
	channel->heartbeat = (struct sync_heartbeat){0};
	channel->heard_us = channel->beat_us = now_us;
}

void
channel_disconnected(struct channel *channel)
{
	channel->state = CHANNEL_DOWN;
	channel->refusal = SYNC_GOOD;
	channel->hello_due = channel->beat_due = channel->ack_due = channel->start_due = false;
	channel->is_started = channel->is_told_anew = false;
}

static void
start_log(struct channel *channel, bool is_snapshot, uint64_t first)
{
	channel->start = (struct sync_start){
	    channel->epoch, outgoing_history(channel->outgoing), first, is_snapshot};
	channel->start_due = true;
}

static void
note_acknowledged(struct channel *channel)
{
	tell(channel, CHANNEL_ACKNOWLEDGED, outgoing_acknowledged(channel->outgoing));
	if (channel->is_synced || !outgoing_is_synced(channel->outgoing))
		return;
	channel->is_synced = true;
	tell(channel, CHANNEL_SYNCED, 0);
}

/* Active: where the log goes on. */
static void
begin_sending(struct channel *channel, uint64_t now_us, const struct sync_hello *peer)
{
	if (!outgoing_resume(channel->outgoing, peer->history, peer->lsn)) {
		outgoing_abandon(channel->outgoing);
		channel->is_synced = false;
		channel->unsent_us = CHANNEL_NEVER;
		tell(channel, CHANNEL_SNAPSHOT_WANTED, 0);
		return;
	}
	start_log(channel, false, peer->lsn + 1);
	channel->unsent_us = outgoing_has_unsent(channel->outgoing) ? now_us : CHANNEL_NEVER;
	tell(channel, CHANNEL_RESUMED, peer->lsn);
	note_acknowledged(channel);
}

static enum sync_reason
take_hello(struct channel *channel, uint64_t now_us, const struct sync_hello *peer)
{
	struct sync_hello own = channel_due_hello(channel);

	if (channel->state != CHANNEL_GREETING)
		return SYNC_BAD_ORDER;
	note_peer_epoch(channel, peer->epoch);
	enum sync_reason reason = agreement_make(&own, peer, &channel->agreement);
	/* Of one that is configured otherwise nothing more is known than its epoch. */
	if (!agreement_is_stranger(reason)) {
		channel->peer = *peer;
		channel->peer.node = memcpy(channel->peer_node, peer->node, strlen(peer->node) + 1);
		channel->peer.peer = NULL;
		tell(channel, CHANNEL_GREETED, 0);
	}
	if (reason != SYNC_GOOD)
		return reason;
	channel->state = CHANNEL_TALKING;
	channel->peer_role = peer->role;
	channel->peer_epoch = peer->epoch;
	channel->beat_due = true;
	tell(channel, CHANNEL_AGREED, channel->agreement.part);
	if (channel->agreement.part == AGREED_SEND)
		begin_sending(channel, now_us, peer);
	return SYNC_GOOD;
}

/* What the active says: in its epoch, which none that this host knows has followed. */
static enum sync_reason
check_active(const struct channel *channel, uint64_t epoch)
{
	if (channel->state != CHANNEL_TALKING || channel->agreement.part != AGREED_RECEIVE)
		return SYNC_BAD_ORDER;
	return epoch == channel->peer_epoch && epoch >= channel->epoch ? SYNC_GOOD
								       : SYNC_BAD_STALE_EPOCH;
}

static enum sync_reason
take_start(struct channel *channel, const struct sync_start *start)
{
	enum sync_reason reason = check_active(channel, start->epoch);

	if (reason == SYNC_GOOD)
		reason = incoming_begin(channel->incoming, start);
	if (reason != SYNC_GOOD)
		return reason;
	channel->is_started = true;
	channel->is_told_anew = start->snapshot;
	if (start->snapshot)
		tell(channel, CHANNEL_SNAPSHOT_BEGUN, 0);
	return SYNC_GOOD;
}

static enum sync_reason
take_batch(struct channel *channel, const struct sync_batch *batch)
{
	enum sync_reason reason = check_active(channel, batch->epoch);

	if (reason == SYNC_GOOD && !channel->is_started)
		reason = SYNC_BAD_ORDER;
	if (reason == SYNC_GOOD)
		reason = incoming_take(
		    channel->incoming, batch, channel->settings.store, channel->settings.owner);
	if (reason == SYNC_GOOD)
		channel->ack_due = true;
	return reason;
}

static enum sync_reason
take_ack(struct channel *channel, const struct sync_ack *ack)
{
	if (channel->state != CHANNEL_TALKING || channel->agreement.part != AGREED_SEND)
		return SYNC_BAD_ORDER;
	if (ack->epoch != channel->epoch)
		return SYNC_BAD_STALE_EPOCH;
	enum sync_reason reason = outgoing_acknowledge(channel->outgoing, ack->history, ack->lsn);
	if (reason != SYNC_GOOD)
		return reason;
	if (outgoing_is_open(channel->outgoing) &&
	    ack->history == outgoing_history(channel->outgoing))
		note_acknowledged(channel);
	for (uint32_t i = 0; i < ack->compiled; i++)
		channel->settings.tell(channel->settings.owner,
		    &(struct channel_event){CHANNEL_COMPILED, 0, ack->generation[i], NULL});
	if (ack->refused.length != 0)
		channel->settings.tell(channel->settings.owner,
		    &(struct channel_event){CHANNEL_NOT_COMPILED, 0, ack->refused, ack->reason});
	return SYNC_GOOD;
}

/* A host that has changed its role, or an active its epoch, must begin again by a Hello. */
static enum sync_reason
check_heartbeat(const struct channel *channel, const struct sync_heartbeat *heartbeat)
{
	bool is_active = agreement_role_is_active(heartbeat->role);

	if (is_active != agreement_role_is_active(channel->peer_role))
		return SYNC_BAD_STANDING;
	if (is_active && heartbeat->epoch != channel->peer_epoch)
		return SYNC_BAD_STANDING;
	if (is_active
		? heartbeat->epoch < channel->epoch
		: agreement_role_is_active(channel->role) && heartbeat->epoch > channel->epoch)
		return SYNC_BAD_STALE_EPOCH;
	return SYNC_GOOD;
}

/* Only what can be an echo of this conversation counts. */
static void
note_echo(struct channel *channel, uint64_t now_us, uint64_t echo)
{
	if (echo > channel->echo_us && echo <= now_us)
		channel->echo_us = echo;
}

static enum sync_reason
take_word(struct channel *channel, const struct sync_word *word)
{
	if (channel->state != CHANNEL_TALKING)
		return SYNC_BAD_ORDER;
	note_peer_epoch(channel, word->epoch);
	channel->heard_word = *word;
	tell(channel, CHANNEL_WORD, word->saying);
	return SYNC_GOOD;
}

static enum sync_reason
take_heartbeat(struct channel *channel, uint64_t now_us, const struct sync_heartbeat *heartbeat)
{
	if (channel->state != CHANNEL_TALKING)
		return SYNC_BAD_ORDER;
	note_peer_epoch(channel, heartbeat->epoch);
	enum sync_reason reason = check_heartbeat(channel, heartbeat);
	if (reason != SYNC_GOOD)
		return reason;
	channel->heartbeat = *heartbeat;
	note_echo(channel, now_us, heartbeat->echo);
	tell(channel, CHANNEL_HEARD, 0);
	return SYNC_GOOD;
}

static enum sync_reason
take(struct channel *channel, uint64_t now_us, const struct sync_message *message)
{
	switch (message->kind) {
	case SYNC_HELLO:
		return take_hello(channel, now_us, &message->hello);
	case SYNC_START:
		return take_start(channel, &message->start);
	case SYNC_BATCH:
		return take_batch(channel, &message->batch);
	case SYNC_ACK:
		return take_ack(channel, &message->ack);
	case SYNC_HEARTBEAT:
		return take_heartbeat(channel, now_us, &message->heartbeat);
	case SYNC_REFUSAL:
		note_peer_epoch(channel, message->refusal.epoch);
		channel->state = CHANNEL_CLOSED;
		tell(channel, CHANNEL_REFUSED_THERE, message->refusal.reason);
		return SYNC_GOOD;
	case SYNC_WORD:
		return take_word(channel, &message->word);
	}
	return SYNC_BAD_FRAME_KIND;
}

void
channel_receive(struct channel *channel, uint64_t now_us, const struct sync_message *message)
{
	if (channel->state != CHANNEL_GREETING && channel->state != CHANNEL_TALKING)
		return;
	channel->heard_us = now_us;
	enum sync_reason reason = take(channel, now_us, message);
	if (reason != SYNC_GOOD)
		channel_refuse(channel, reason);
}

void
channel_begin_snapshot(struct channel *channel)
{
	outgoing_begin(channel->outgoing);
	channel->is_synced = false;
	channel->unsent_us = CHANNEL_NEVER;
	start_log(channel, true, outgoing_newest(channel->outgoing) + 1);
}

void
channel_abandon(struct channel *channel)
{
	outgoing_abandon(channel->outgoing);
	channel->is_synced = false;
	channel->start_due = false;
	channel->unsent_us = CHANNEL_NEVER;
}

static enum outgoing_result
note_appended(struct channel *channel, uint64_t now_us, enum outgoing_result result)
{
	if (result == OUTGOING_TAKEN && channel->unsent_us == CHANNEL_NEVER)
		channel->unsent_us = now_us;
	if (result == OUTGOING_FULL) {
		channel->unsent_us = CHANNEL_NEVER;
		channel->is_synced = false;
	}
	return result;
}

enum outgoing_result
channel_end_snapshot(struct channel *channel, uint64_t now_us)
{
	return note_appended(channel, now_us, outgoing_end_snapshot(channel->outgoing));
}

enum outgoing_result
channel_append(struct channel *channel, uint64_t now_us, const struct sync_entry *entry)
{
	return note_appended(channel, now_us, outgoing_append(channel->outgoing, entry));
}

bool
channel_compiled(struct channel *channel, const uint8_t generation[SYNC_GENERATION_SIZE])
{
	if (channel->compiled == SYNC_COMPILED_MAX)
		return false;
	memcpy(channel->generation[channel->compiled++], generation, SYNC_GENERATION_SIZE);
	return true;
}

void
channel_not_compiled(
    struct channel *channel, const uint8_t generation[SYNC_GENERATION_SIZE], const char *reason)
{
	channel->refuses = true;
	memcpy(channel->refused, generation, SYNC_GENERATION_SIZE);
	snprintf(channel->refused_why, sizeof(channel->refused_why), "%s", reason);
}

const struct outgoing *
channel_outgoing(const struct channel *channel)
{
	return channel->outgoing;
}

const struct incoming *
channel_incoming(const struct channel *channel)
{
	return channel->incoming;
}

enum channel_state
channel_state(const struct channel *channel)
{
	return channel->state;
}

const struct agreement *
channel_agreement(const struct channel *channel)
{
	return &channel->agreement;
}

const struct sync_heartbeat *
channel_heartbeat(const struct channel *channel)
{
	return &channel->heartbeat;
}

const struct sync_hello *
channel_peer(const struct channel *channel)
{
	return &channel->peer;
}

const struct sync_word *
channel_word(const struct channel *channel)
{
	return &channel->heard_word;
}

uint64_t
channel_echoed(const struct channel *channel)
{
	return channel->echo_us;
}

uint64_t
channel_peer_epoch(const struct channel *channel)
{
	return channel->peer_epoch_most;
}
