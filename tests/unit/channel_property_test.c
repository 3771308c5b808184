/*
 * Two channels joined by a byte stream that is cut at any place, and breaks: the standby stores exactly
 * the entries of the log, each once, in order, whatever gets lost on the way; and when it is quiet both
 * know the same sessions.  Every run is made from its seed:
 *
 *   channel_property_test [FIRST [COUNT]]
 */
#include "daemon/sync/channel.h"

#include "proto/sync_entry_encode.h"
#include "proto/sync_stream.h"

#include "tests/unit/demand.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS	   12u
#define PIPE	   (1u << 20)
#define LOG_MAX	   8192u
#define STEPS	   1500u
#define QUIET_MOST 4000u

/* What a host knows of a session. */
struct known {
	uint32_t generation; /* 0: none */
	uint64_t sequence;
	uint64_t digest; /* over all stream bytes, in order */
};

/* One direction of the connection. */
struct pipe {
	size_t length;
	uint8_t bytes[PIPE];
};

struct host {
	struct channel *channel;
	struct sync_writer *writer;
	struct sync_reader *reader;
	struct sync_decoder *decoder;
	struct known known[SLOTS];
	bool is_fresh[SLOTS]; /* standby: told since the snapshot began */
	struct pipe in;	      /* what is on its way to this host */
};

static uint64_t seed, dice;
static unsigned step;
static struct host active, standby;
static struct channel_time now;
static bool is_connected, is_snapshot_wanted;
static uint32_t outage, slowness; /* of this run: steps, on average */
static uint32_t told_whole;	  /* sessions, since the snapshot began */
static uint32_t snapshot_at;	  /* the slot that the snapshot tells next; SLOTS: it tells none */

/* The log as it was written: a digest of each entry, by lsn. */
static uint64_t written[LOG_MAX];
static uint64_t stored_lsn;
static unsigned resumes, snapshots, breaks;

static uint32_t
roll(uint32_t sides)
{
	dice = dice * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(dice >> 33) % sides;
}

static uint64_t
digest(uint64_t start, const void *bytes, size_t length)
{
	const uint8_t *at = bytes;

	for (size_t i = 0; i < length; i++)
		start = (start ^ at[i]) * 0x100000001b3;
	return start;
}

static uint64_t
digest_entry(const struct sync_entry *entry)
{
	static uint8_t bytes[SYNC_ENTRY_MAX];
	size_t length;

	DEMAND(sync_entry_encode(entry, bytes, sizeof(bytes), &length) == SYNC_GOOD);
	return digest(7, bytes, length);
}

static void
store_session(const struct sync_session *session)
{
	struct known *known = &standby.known[session->slot];
	uint64_t carried;

	DEMAND(session->sequence > 0 && session->record.length == sizeof(carried));
	if (session->whole) {
		/* The record carries what a snapshot's windows would. */
		memcpy(&carried, session->record.data, sizeof(carried));
		*known = (struct known){session->generation, session->sequence, carried};
		standby.is_fresh[session->slot] = true;
		return;
	}
	DEMAND(known->generation == session->generation);
	DEMAND(session->sequence == known->sequence + 1);
	known->sequence = session->sequence;
	for (uint32_t i = 0; i < session->pieces; i++)
		known->digest = digest(known->digest, session->piece[i].content.data,
		    session->piece[i].content.length);
}

static void
forget_old(void)
{
	for (unsigned slot = 0; slot < SLOTS; slot++)
		if (!standby.is_fresh[slot])
			standby.known[slot] = (struct known){0};
}

static enum sync_reason
store(void *owner, uint64_t lsn, const struct sync_entry *entry)
{
	(void)owner;
	DEMAND(lsn == stored_lsn + 1 && lsn < LOG_MAX);
	DEMAND(digest_entry(entry) == written[lsn]);
	stored_lsn = lsn;
	if (entry->kind == SYNC_ENTRY_SESSION)
		store_session(&entry->session);
	else if (entry->kind == SYNC_ENTRY_ENDED)
		standby.known[entry->ended.slot] = (struct known){0};
	else if (entry->kind == SYNC_ENTRY_SNAPSHOT_END)
		forget_old();
	return SYNC_GOOD;
}

static void
told(void *owner, const struct channel_event *event)
{
	DEMAND(event->news != CHANNEL_REFUSED && event->news != CHANNEL_REFUSED_THERE);
	switch (event->news) {
	case CHANNEL_SNAPSHOT_WANTED:
		DEMAND(owner == &active);
		is_snapshot_wanted = true;
		break;
	case CHANNEL_SNAPSHOT_BEGUN:
		DEMAND(owner == &standby);
		memset(standby.is_fresh, 0, sizeof(standby.is_fresh));
		stored_lsn = incoming_lsn(channel_incoming(standby.channel));
		break;
	case CHANNEL_RESUMED:
		resumes++;
		break;
	case CHANNEL_ACKNOWLEDGED:
		/* The promise: what is acknowledged is stored. */
		DEMAND(event->value <= stored_lsn);
		break;
	default:
		break;
	}
}

static void
host_open(struct host *host, const char *node, const char *peer, enum sync_role role)
{
	struct channel_settings settings = {
	    .node = node,
	    .peer = peer,
	    .version_oldest = 1,
	    .version_newest = 1,
	    .record_oldest = 2,
	    .record_newest = 2,
	    .slots = SLOTS,
	    .chunks = 1,
	    .side = role == SYNC_ROLE_STANDBY,
	    .commit = SYNC_COMMIT_DEGRADE,
	    .log = {.history = seed,
		.hold_bytes = SYNC_ENTRY_MAX,
		.hold_entries = 40,
		.batch_entries = 1 + roll(8),
		.batch_bytes = 1 + roll(3000)},
	    .batch_us = roll(300),
	    .bulk_us = roll(300),
	    .bulk_bytes = 1 + roll(4096),
	    .heartbeat_us = 20000,
	    .silence_us = UINT64_MAX / 2,
	    .store = store,
	    .tell = told,
	    .owner = host,
	};

	memset(host->known, 0, sizeof(host->known));
	host->channel = channel_create(&settings);
	host->decoder = sync_decoder_create();
	DEMAND(host->channel != NULL && host->decoder != NULL);
	channel_set_standing(host->channel, role, 3);
}

static void
host_connect(struct host *host)
{
	host->in.length = 0;
	host->writer = sync_writer_create();
	host->reader = sync_reader_create();
	DEMAND(host->writer != NULL && host->reader != NULL);
	channel_connected(host->channel, now.now_us);
}

static void
host_disconnect(struct host *host)
{
	sync_writer_destroy(host->writer);
	sync_reader_destroy(host->reader);
	host->writer = NULL;
	host->reader = NULL;
	channel_disconnected(host->channel);
}

static void
break_or_connect(void)
{
	if (is_connected) {
		host_disconnect(&active);
		host_disconnect(&standby);
		breaks++;
	} else {
		host_connect(&active);
		host_connect(&standby);
	}
	is_connected = !is_connected;
}

/* Messages that are due become one block on its way to the other host. */
static void
speak(struct host *from, struct host *to)
{
	static uint8_t frames[SYNC_STREAM_PLAIN_MAX], block[SYNC_STREAM_BLOCK_MAX];
	struct sync_message message;
	bool is_secret, is_any_secret = false;
	size_t length = 0, one;

	while (length + SYNC_FRAME_MAX <= sizeof(frames) &&
	       channel_next(from->channel, &now, &message, &is_secret)) {
		DEMAND(sync_encode(&message, frames + length, sizeof(frames) - length, &one) ==
		       SYNC_GOOD);
		length += one;
		is_any_secret = is_any_secret || is_secret;
	}
	if (length == 0)
		return;
	sync_writer_set_cpu(from->writer, (enum sync_cpu)roll(3));
	DEMAND(
	    sync_writer_put(from->writer, frames, length, is_any_secret, block, &one) == SYNC_GOOD);
	DEMAND(to->in.length + one <= PIPE);
	memcpy(to->in.bytes + to->in.length, block, one);
	to->in.length += one;
}

static void
hear_frames(struct host *host, struct sync_bytes frames)
{
	struct sync_message message;
	enum sync_reason reason;
	size_t used;

	while (frames.length > 0) {
		DEMAND(sync_decode(host->decoder, frames.data, frames.length, &message, &used,
			   &reason) == SYNC_READY);
		channel_receive(host->channel, now.now_us, &message);
		frames.data += used;
		frames.length -= used;
	}
}

/* Some of what is on its way arrives: any number of bytes, the rest stays on its way. */
static void
hear(struct host *host)
{
	static size_t arrived_before[2];
	size_t *arrived = &arrived_before[host == &standby];
	struct sync_bytes frames;
	enum sync_reason reason = SYNC_GOOD;
	size_t used, dropped = 0;

	if (*arrived > host->in.length)
		*arrived = 0;
	*arrived += roll((uint32_t)(host->in.length - *arrived) + 1);
	while (sync_reader_take(host->reader, host->in.bytes + dropped, *arrived - dropped, &frames,
		   &used, &reason) == SYNC_READY) {
		hear_frames(host, frames);
		dropped += used;
	}
	DEMAND(reason == SYNC_GOOD);
	*arrived -= dropped;
	host->in.length -= dropped;
	memmove(host->in.bytes, host->in.bytes + dropped, host->in.length);
}

static enum outgoing_result
append(const struct sync_entry *entry)
{
	enum outgoing_result result = channel_append(active.channel, now.now_us, entry);

	DEMAND(result != OUTGOING_BAD_ENTRY);
	if (result == OUTGOING_TAKEN)
		written[outgoing_newest(channel_outgoing(active.channel)) % LOG_MAX] =
		    digest_entry(entry);
	return result;
}

static enum outgoing_result
append_session(uint32_t slot, bool is_whole, const uint8_t *bytes, size_t length)
{
	static const struct sync_identity identity = {.class_name = "a class"};
	const struct known *known = &active.known[slot];
	uint64_t carried = is_whole ? known->digest : 0;
	struct sync_piece piece = {roll(2), roll(2), roll(1000), {bytes, length}};
	struct sync_entry entry = {
	    .kind = SYNC_ENTRY_SESSION,
	    .session = {.slot = slot,
		.generation = known->generation,
		.whole = is_whole,
		.secret = roll(8) == 0,
		.identity = is_whole ? &identity : NULL,
		.sequence = known->sequence,
		.record = {(uint8_t *)&carried, sizeof(carried)},
		.pieces = is_whole ? 0 : 1,
		.piece = &piece},
	};

	enum outgoing_result result = append(&entry);

	told_whole += result == OUTGOING_TAKEN && is_whole;
	return result;
}

/* Something happens to some session of the active. */
static void
live(void)
{
	static uint32_t generations;
	uint8_t bytes[400];
	uint32_t slot = roll(SLOTS);
	struct known *known = &active.known[slot];

	if (known->generation == 0) {
		*known = (struct known){++generations, 1, slot};
		append_session(slot, true, NULL, 0);
	} else if (roll(6) == 0) {
		struct sync_entry entry = {
		    .kind = SYNC_ENTRY_ENDED, .ended = {slot, known->generation}};

		append(&entry);
		*known = (struct known){0};
	} else {
		size_t length = 1 + roll(sizeof(bytes));

		for (size_t i = 0; i < length; i++)
			bytes[i] = (uint8_t)('a' + roll(4));
		known->sequence++;
		known->digest = digest(known->digest, bytes, length);
		append_session(slot, false, bytes, length);
	}
}

static void
end_snapshot(void)
{
	const struct outgoing *log = channel_outgoing(active.channel);
	struct sync_entry entry = {.kind = SYNC_ENTRY_SNAPSHOT_END, .snapshot_end = {told_whole}};

	snapshot_at++;
	if (channel_end_snapshot(active.channel, now.now_us) == OUTGOING_TAKEN)
		written[outgoing_newest(log) % LOG_MAX] = digest_entry(&entry);
}

/* The snapshot goes on by one slot, between what happens. */
static void
tell_snapshot(void)
{
	if (is_snapshot_wanted) {
		is_snapshot_wanted = false;
		snapshot_at = told_whole = 0;
		snapshots++;
		channel_begin_snapshot(active.channel);
	}
	if (!outgoing_is_open(channel_outgoing(active.channel)))
		snapshot_at = SLOTS + 1;
	if (snapshot_at < SLOTS) {
		uint32_t slot = snapshot_at++;

		if (active.known[slot].generation != 0)
			append_session(slot, true, NULL, 0);
	} else if (snapshot_at == SLOTS) {
		end_snapshot();
	}
}

static void
pass_time(void)
{
	now.now_us += roll(200);
	if (!is_connected)
		return;
	tell_snapshot();
	/* After the log was full the owner begins again when it sees fit. */
	if (channel_state(active.channel) == CHANNEL_TALKING && !is_snapshot_wanted &&
	    !outgoing_is_open(channel_outgoing(active.channel)))
		is_snapshot_wanted = true;
	speak(&active, &standby);
	speak(&standby, &active);
	if (roll(slowness) == 0)
		hear(&standby);
	if (roll(slowness) == 0)
		hear(&active);
}

static void
check_alike(void)
{
	for (unsigned slot = 0; slot < SLOTS; slot++) {
		const struct known *a = &active.known[slot], *b = &standby.known[slot];

		DEMAND(a->generation == b->generation);
		DEMAND(a->sequence == b->sequence);
		DEMAND(a->digest == b->digest);
		if (a->generation != 0)
			DEMAND(outgoing_is_protected(
			    channel_outgoing(active.channel), slot, a->generation));
	}
}

static void
run(void)
{
	dice = seed * 0x9e3779b97f4a7c15 + 1;
	is_connected = is_snapshot_wanted = false;
	snapshot_at = SLOTS + 1;
	outage = 5 + roll(120);
	slowness = 1 + roll(10);
	stored_lsn = 0;
	host_open(&active, "mx1", "mx2", SYNC_ROLE_ACTIVE);
	host_open(&standby, "mx2", "mx1", SYNC_ROLE_STANDBY);
	for (step = 0; step < STEPS; step++) {
		if (roll(is_connected ? 100 : outage) == 0)
			break_or_connect();
		if (roll(3) == 0)
			live();
		pass_time();
	}
	if (!is_connected)
		break_or_connect();
	/* Nothing happens any more: soon all is told. */
	for (unsigned quiet = 0; quiet < QUIET_MOST; quiet++, step++) {
		pass_time();
		if (outgoing_is_synced(channel_outgoing(active.channel)) &&
		    outgoing_acknowledged(channel_outgoing(active.channel)) ==
			outgoing_newest(channel_outgoing(active.channel)))
			break;
	}
	DEMAND(outgoing_is_synced(channel_outgoing(active.channel)));
	DEMAND(stored_lsn == outgoing_newest(channel_outgoing(active.channel)));
	check_alike();
	break_or_connect();
	channel_destroy(active.channel);
	channel_destroy(standby.channel);
	sync_decoder_destroy(active.decoder);
	sync_decoder_destroy(standby.decoder);
}

int
main(int argc, char **argv)
{
	uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
	uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : 60;

	for (seed = first; seed < first + count; seed++)
		run();
	printf("%llu runs: %u breaks, %u resumes, %u snapshots\n", (unsigned long long)count,
	    breaks, resumes, snapshots);
	/* A run of which one of these never happens shows nothing. */
	bool is_telling = breaks > count && resumes > count && snapshots > 2 * count;
	return count < 10 || is_telling ? EXIT_SUCCESS : EXIT_FAILURE;
}
