#include "daemon/sync/channel_due.h"

#include "daemon/sync/channel_body.h"

#include <string.h>

struct sync_hello
channel_due_hello(const struct channel *channel)
{
	const struct channel_settings *settings = &channel->settings;

	return (struct sync_hello){
	    .version_oldest = settings->version_oldest,
	    .version_newest = settings->version_newest,
	    .record_oldest = settings->record_oldest,
	    .record_newest = settings->record_newest,
	    .features = settings->features,
	    .node = settings->node,
	    .peer = settings->peer,
	    .epoch = channel->epoch,
	    .role = channel->role,
	    .history = incoming_history(channel->incoming),
	    .lsn = incoming_lsn(channel->incoming),
	    .abi_major = settings->abi_major,
	    .abi_minor = settings->abi_minor,
	    .slots = settings->slots,
	    .chunks = settings->chunks,
	    .state = channel->own_state,
	    .side = settings->side,
	    .commit = settings->commit,
	};
}

static struct sync_message
make_ack(struct channel *channel)
{
	struct sync_message message = {.kind = SYNC_ACK};

	for (unsigned i = 0; i < channel->compiled; i++)
		channel->generation_list[i] =
		    (struct sync_bytes){channel->generation[i], SYNC_GENERATION_SIZE};
	message.ack = (struct sync_ack){channel->peer_epoch, incoming_history(channel->incoming),
	    incoming_lsn(channel->incoming), channel->compiled, channel->generation_list,
	    {channel->refused, channel->refuses ? SYNC_GENERATION_SIZE : 0},
	    channel->refuses ? channel->refused_why : NULL};
	channel->compiled = 0;
	channel->refuses = false;
	channel->ack_due = false;
	return message;
}

static struct sync_message
make_heartbeat(struct channel *channel, const struct channel_time *time)
{
	bool is_active = agreement_role_is_active(channel->role);

	channel->beat_due = false;
	channel->beat_us = time->now_us;
	return (struct sync_message){
	    .kind = SYNC_HEARTBEAT,
	    .heartbeat =
		{
		    .epoch = channel->epoch,
		    .role = channel->role,
		    .synced = is_active ? outgoing_is_synced(channel->outgoing)
					: incoming_is_synced(channel->incoming),
		    .gateway_ms = time->gateway_ms,
		    .tcp_clock = time->tcp_clock,
		    .lsn = is_active ? outgoing_newest(channel->outgoing)
				     : incoming_lsn(channel->incoming),
		    .sent = time->now_us,
		    .echo = channel->heartbeat.sent,
		},
	};
}

/* To a host that cannot follow nothing is sent: its entries wait for another conversation. */
static bool
has_to_send(const struct channel *channel)
{
	return channel->agreement.part == AGREED_SEND && channel->unsent_us != CHANNEL_NEVER;
}

/* FROZEN waits until there is no entry any more that was not sent. */
static bool
make_word(struct channel *channel, struct sync_message *message)
{
	if (channel->words == 0 ||
	    (channel->word[0].saying == SYNC_SAYING_FROZEN && has_to_send(channel)))
		return false;
	*message = (struct sync_message){.kind = SYNC_WORD, .word = channel->word[0]};
	channel->words--;
	memmove(channel->word, channel->word + 1, channel->words * sizeof(channel->word[0]));
	return true;
}

uint64_t
channel_gathers_until(const struct channel *channel)
{
	const struct channel_settings *settings = &channel->settings;

	if (channel->state != CHANNEL_TALKING || channel->words > 0)
		return 0;
	if (channel->was_bulk)
		return channel->sent_us + settings->bulk_us;
	return outgoing_is_under_way(channel->outgoing) ? channel->sent_us + settings->batch_us : 0;
}

static uint64_t
batch_at(const struct channel *channel)
{
	uint64_t until = channel_gathers_until(channel);

	return until > channel->unsent_us ? until : channel->unsent_us;
}

static bool
make_batch(struct channel *channel, uint64_t now_us, struct sync_message *message)
{
	struct outgoing_batch *batch = &channel->batch;

	if (!has_to_send(channel) || channel->start_due)
		return false;
	outgoing_peek(channel->outgoing, batch);
	if (batch->entries == 0 || (!batch->is_full && now_us < batch_at(channel)))
		return false;
	*message = (struct sync_message){
	    .kind = SYNC_BATCH,
	    .batch = {channel->epoch, batch->first, batch->entries, batch->entry},
	};
	outgoing_mark_sent(channel->outgoing, batch->entries);
	channel->sent_us = now_us;
	channel->was_bulk = batch->bytes >= channel->settings.bulk_bytes;
	if (!outgoing_has_unsent(channel->outgoing))
		channel->unsent_us = CHANNEL_NEVER;
	return true;
}

static bool
next_when_talking(
    struct channel *channel, const struct channel_time *time, struct sync_message *message)
{
	if (channel->agreement.part == AGREED_SEND && channel->start_due) {
		channel->start_due = false;
		*message = (struct sync_message){.kind = SYNC_START, .start = channel->start};
		return true;
	}
	if (make_word(channel, message))
		return true;
	if (channel->ack_due ||
	    ((channel->compiled > 0 || channel->refuses) && channel->is_started)) {
		*message = make_ack(channel);
		return true;
	}
	if (channel->beat_due ||
	    time->now_us - channel->beat_us >= channel->settings.heartbeat_us) {
		*message = make_heartbeat(channel, time);
		return true;
	}
	return make_batch(channel, time->now_us, message);
}

static bool
next_refusal(struct channel *channel, struct sync_message *message)
{
	if (channel->refusal == SYNC_GOOD)
		return false;
	*message = (struct sync_message){
	    .kind = SYNC_REFUSAL,
	    .refusal = {channel->refusal, channel->epoch},
	};
	channel->refusal = SYNC_GOOD;
	return true;
}

bool
channel_next(struct channel *channel, const struct channel_time *time,
    struct sync_message *ret_message, bool *ret_is_secret)
{
	*ret_is_secret = false;
	if (time->now_us - channel->heard_us >= channel->settings.silence_us)
		channel_refuse(channel, SYNC_BAD_SILENCE);
	if (channel->state == CHANNEL_DOWN)
		return false;
	/* Also before a refusal: the other host is to know who it is that refuses. */
	if (channel->hello_due) {
		channel->hello_due = false;
		*ret_message =
		    (struct sync_message){.kind = SYNC_HELLO, .hello = channel_due_hello(channel)};
		return true;
	}
	if (channel->state == CHANNEL_CLOSED)
		return next_refusal(channel, ret_message);
	if (channel->state != CHANNEL_TALKING || !next_when_talking(channel, time, ret_message))
		return false;
	*ret_is_secret = ret_message->kind == SYNC_BATCH && channel->batch.is_secret;
	return true;
}

uint64_t
channel_deadline(const struct channel *channel)
{
	const struct channel_settings *settings = &channel->settings;
	uint64_t deadline = channel->heard_us + settings->silence_us;

	if (channel->state != CHANNEL_GREETING && channel->state != CHANNEL_TALKING)
		return CHANNEL_NEVER;
	if (channel->state == CHANNEL_GREETING)
		return deadline;
	if (channel->beat_us + settings->heartbeat_us < deadline)
		deadline = channel->beat_us + settings->heartbeat_us;
	if (has_to_send(channel) && batch_at(channel) < deadline)
		deadline = batch_at(channel);
	return deadline;
}
