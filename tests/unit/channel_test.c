/*
 * The conversation: two hosts joined by messages that arrive whole, in order, as they are asked for.
 * Encoding, cutting and breaking are channel_property_test's.
 */
#include "daemon/sync/channel.h"

#include "proto/sync_entry_encode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NEWS 64u

struct host {
	struct channel *channel;
	struct channel_settings settings;
	unsigned news; /* told since take_news() */
	struct channel_event event[NEWS];
	char reason[SYNC_WHY_MAX + 1]; /* of the last event that had one */
	unsigned stored;
	uint64_t stored_lsn;
	struct sync_ended last; /* the last Ended that was stored */
	enum sync_reason store_answer;
};

struct fixture {
	struct host a, b; /* a is active, where nothing else is said */
	struct channel_time time;
};

static enum sync_reason
store(void *owner, uint64_t lsn, const struct sync_entry *entry)
{
	struct host *host = owner;

	if (host->store_answer != SYNC_GOOD)
		return host->store_answer;
	assert_true(lsn > host->stored_lsn);
	host->stored++;
	host->stored_lsn = lsn;
	if (entry->kind == SYNC_ENTRY_ENDED)
		host->last = entry->ended;
	return SYNC_GOOD;
}

static void
told(void *owner, const struct channel_event *event)
{
	struct host *host = owner;

	assert_true(host->news < NEWS);
	host->event[host->news++] = *event;
	if (event->reason != NULL)
		snprintf(host->reason, sizeof(host->reason), "%s", event->reason);
}

static void
host_open(struct host *host, const char *node, const char *peer)
{
	host->settings = (struct channel_settings){
	    .node = node,
	    .peer = peer,
	    .version_oldest = 1,
	    .version_newest = 1,
	    .record_oldest = 2,
	    .record_newest = 2,
	    .slots = 100,
	    .chunks = 100,
	    .side = strcmp(node, peer) > 0,
	    .commit = SYNC_COMMIT_DEGRADE,
	    .log = {.history = 1000,
		.hold_bytes = 1u << 20,
		.hold_entries = 8,
		.batch_entries = 4,
		.batch_bytes = 65536},
	    .batch_us = 100,
	    .heartbeat_us = 20000,
	    .silence_us = 200000,
	    .store = store,
	    .tell = told,
	    .owner = host,
	};
	host->channel = channel_create(&host->settings);
	assert_non_null(host->channel);
}

static void
host_again(struct host *host)
{
	channel_destroy(host->channel);
	host->channel = channel_create(&host->settings);
	host->stored_lsn = 0;
}

static int
setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	fixture->time.now_us = 1000000;
	host_open(&fixture->a, "mx1", "mx2");
	host_open(&fixture->b, "mx2", "mx1");
	channel_set_standing(fixture->a.channel, SYNC_ROLE_ACTIVE, 5);
	channel_set_standing(fixture->b.channel, SYNC_ROLE_STANDBY, 4);
	*state = fixture;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *fixture = *state;

	channel_destroy(fixture->a.channel);
	channel_destroy(fixture->b.channel);
	free(fixture);
	return 0;
}

/* Whether it was told since it was asked last; its value. */
static bool
was_told(struct host *host, enum channel_news news, uint64_t *ret_value)
{
	for (unsigned i = 0; i < host->news; i++)
		if (host->event[i].news == news) {
			if (ret_value != NULL)
				*ret_value = host->event[i].value;
			host->event[i].news = (enum channel_news)UINT32_MAX;
			return true;
		}
	return false;
}

static unsigned
pump_one(struct fixture *fixture, struct host *from, struct host *to)
{
	struct sync_message message;
	unsigned moved = 0;
	bool is_secret;

	while (channel_next(from->channel, &fixture->time, &message, &is_secret)) {
		channel_receive(to->channel, fixture->time.now_us, &message);
		moved++;
	}
	return moved;
}

static void
pump(struct fixture *fixture)
{
	fixture->a.news = fixture->b.news = 0;
	while (pump_one(fixture, &fixture->a, &fixture->b) +
		   pump_one(fixture, &fixture->b, &fixture->a) >
	       0)
		;
}

static void
connect_hosts(struct fixture *fixture)
{
	channel_connected(fixture->a.channel, fixture->time.now_us);
	channel_connected(fixture->b.channel, fixture->time.now_us);
	pump(fixture);
}

static void
disconnect_hosts(struct fixture *fixture)
{
	channel_disconnected(fixture->a.channel);
	channel_disconnected(fixture->b.channel);
}

static enum outgoing_result
tell_session(struct fixture *fixture, uint32_t slot, bool is_whole)
{
	static const uint8_t record[100] = {1};
	struct sync_identity identity = {.class_name = ""};
	struct sync_entry entry = {
	    .kind = SYNC_ENTRY_SESSION,
	    .session = {.slot = slot,
		.generation = 1,
		.whole = is_whole,
		.identity = is_whole ? &identity : NULL,
		.sequence = 1,
		.record = {record, sizeof(record)}},
	};

	return channel_append(fixture->a.channel, fixture->time.now_us, &entry);
}

static enum outgoing_result
tell_ended(struct fixture *fixture, uint32_t slot)
{
	struct sync_entry entry = {.kind = SYNC_ENTRY_ENDED, .ended = {slot, 1}};

	return channel_append(fixture->a.channel, fixture->time.now_us, &entry);
}

static void
later(struct fixture *fixture, uint64_t us)
{
	fixture->time.now_us += us;
	pump(fixture);
}

/* Connected, a snapshot of sessions 1 and 2 told and acknowledged. */
static void
sync_hosts(struct fixture *fixture)
{
	connect_hosts(fixture);
	assert_true(was_told(&fixture->a, CHANNEL_SNAPSHOT_WANTED, NULL));
	channel_begin_snapshot(fixture->a.channel);
	assert_int_equal(tell_session(fixture, 1, true), OUTGOING_TAKEN);
	assert_int_equal(tell_session(fixture, 2, true), OUTGOING_TAKEN);
	assert_int_equal(
	    channel_end_snapshot(fixture->a.channel, fixture->time.now_us), OUTGOING_TAKEN);
	later(fixture, 100);
	assert_true(was_told(&fixture->a, CHANNEL_SYNCED, NULL));
	assert_true(incoming_is_synced(channel_incoming(fixture->b.channel)));
}

static void
expect_refusal(struct fixture *fixture, enum sync_reason reason)
{
	uint64_t value = 0;

	connect_hosts(fixture);
	assert_int_equal(channel_state(fixture->a.channel), CHANNEL_CLOSED);
	assert_int_equal(channel_state(fixture->b.channel), CHANNEL_CLOSED);
	bool is_told = was_told(&fixture->a, CHANNEL_REFUSED, &value) ||
		       was_told(&fixture->b, CHANNEL_REFUSED, &value);
	assert_true(is_told);
	if (value != reason)
		fail_msg("%s, not %s", sync_reason_text((uint32_t)value), sync_reason_text(reason));
	disconnect_hosts(fixture);
}

static void
test_a_pair_agrees_and_syncs(void **state)
{
	struct fixture *fixture = *state;
	uint64_t value;

	connect_hosts(fixture);
	assert_int_equal(channel_state(fixture->a.channel), CHANNEL_TALKING);
	assert_true(was_told(&fixture->a, CHANNEL_AGREED, &value));
	assert_int_equal(value, AGREED_SEND);
	assert_true(was_told(&fixture->b, CHANNEL_AGREED, &value));
	assert_int_equal(value, AGREED_RECEIVE);
	disconnect_hosts(fixture);
	sync_hosts(fixture);
	assert_int_equal(fixture->b.stored, 3);
	assert_int_equal(tell_ended(fixture, 2), OUTGOING_TAKEN);
	later(fixture, 100);
	assert_true(was_told(&fixture->a, CHANNEL_ACKNOWLEDGED, &value));
	assert_int_equal(value, fixture->b.stored_lsn);
	assert_int_equal(fixture->b.last.slot, 2);
}

static void
test_names(void **state)
{
	struct fixture *fixture = *state;

	fixture->b.settings.node = "mx1";
	fixture->b.settings.peer = "mx2";
	host_again(&fixture->b);
	expect_refusal(fixture, SYNC_BAD_SAME_NAME);
	fixture->b.settings.node = "mx3";
	fixture->b.settings.peer = "mx1";
	host_again(&fixture->b);
	expect_refusal(fixture, SYNC_BAD_OTHER_NAME);
	fixture->b.settings.node = "mx2";
	fixture->b.settings.peer = "mx3";
	host_again(&fixture->b);
	expect_refusal(fixture, SYNC_BAD_OTHER_NAME);
	fixture->b.settings.peer = "";
	host_again(&fixture->b);
	connect_hosts(fixture);
	assert_int_equal(channel_state(fixture->a.channel), CHANNEL_TALKING);
}

static void
test_versions(void **state)
{
	struct fixture *fixture = *state;

	fixture->b.settings.version_newest = 2;
	fixture->b.settings.record_oldest = 1;
	fixture->b.settings.features = 6;
	fixture->a.settings.features = 3;
	host_again(&fixture->a);
	host_again(&fixture->b);
	connect_hosts(fixture);
	assert_int_equal(channel_agreement(fixture->a.channel)->version, 1);
	assert_int_equal(channel_agreement(fixture->b.channel)->version, 1);
	assert_int_equal(channel_agreement(fixture->b.channel)->record, 2);
	assert_int_equal(channel_agreement(fixture->a.channel)->features, 2);
	disconnect_hosts(fixture);

	fixture->b.settings.version_oldest = 2;
	host_again(&fixture->b);
	expect_refusal(fixture, SYNC_BAD_NO_VERSION);
	fixture->b.settings.version_oldest = 1;
	fixture->b.settings.record_oldest = fixture->b.settings.record_newest = 3;
	host_again(&fixture->b);
	expect_refusal(fixture, SYNC_BAD_NO_RECORD_VERSION);
}

static void
test_roles_and_epochs(void **state)
{
	struct fixture *fixture = *state;

	channel_set_standing(fixture->b.channel, SYNC_ROLE_STANDBY, 6);
	expect_refusal(fixture, SYNC_BAD_STALE_EPOCH);
	assert_int_equal(channel_peer_epoch(fixture->a.channel), 6);
	channel_set_standing(fixture->b.channel, SYNC_ROLE_DEGRADED, 5);
	expect_refusal(fixture, SYNC_BAD_TWO_ACTIVE);
	channel_set_standing(fixture->b.channel, SYNC_ROLE_ACTIVE, 6);
	expect_refusal(fixture, SYNC_BAD_STALE_EPOCH);

	channel_set_standing(fixture->b.channel, SYNC_ROLE_FAULT, 5);
	connect_hosts(fixture);
	assert_int_equal(channel_state(fixture->a.channel), CHANNEL_TALKING);
	assert_int_equal(channel_agreement(fixture->a.channel)->part, AGREED_IDLE);
	disconnect_hosts(fixture);
	channel_set_standing(fixture->a.channel, SYNC_ROLE_STANDBY, 5);
	channel_set_standing(fixture->b.channel, SYNC_ROLE_STANDBY, 9);
	connect_hosts(fixture);
	assert_int_equal(channel_agreement(fixture->b.channel)->part, AGREED_IDLE);
}

static void
test_room(void **state)
{
	struct fixture *fixture = *state;

	fixture->b.settings.slots = 99;
	host_again(&fixture->b);
	expect_refusal(fixture, SYNC_BAD_TOO_SMALL);
	fixture->b.settings.slots = 200;
	fixture->b.settings.chunks = 99;
	host_again(&fixture->b);
	expect_refusal(fixture, SYNC_BAD_TOO_SMALL);
	fixture->b.settings.chunks = 200;
	host_again(&fixture->b);
	sync_hosts(fixture);
}

/* What happens to a session before the snapshot has told it is the snapshot's; each is protected as
 * soon as its own entry is acknowledged, long before the snapshot ends. */
static void
test_a_snapshot_between_live_entries(void **state)
{
	struct fixture *fixture = *state;
	const struct outgoing *log = channel_outgoing(fixture->a.channel);

	connect_hosts(fixture);
	assert_int_equal(tell_session(fixture, 1, true), OUTGOING_NO_LOG);
	channel_begin_snapshot(fixture->a.channel);
	assert_int_equal(tell_session(fixture, 7, false), OUTGOING_NO_BASE);
	assert_int_equal(tell_ended(fixture, 7), OUTGOING_NO_BASE);
	assert_int_equal(tell_session(fixture, 1, true), OUTGOING_TAKEN);
	assert_int_equal(tell_session(fixture, 1, false), OUTGOING_TAKEN);
	assert_false(outgoing_is_protected(log, 1, 1));
	later(fixture, 100);
	assert_true(outgoing_is_protected(log, 1, 1));
	assert_false(outgoing_is_protected(log, 1, 2));
	assert_false(outgoing_is_protected(log, 7, 1));
	assert_false(outgoing_is_synced(log));
	assert_int_equal(tell_session(fixture, 7, true), OUTGOING_TAKEN);
	assert_false(outgoing_is_protected(log, 7, 1));
	assert_int_equal(tell_ended(fixture, 1), OUTGOING_TAKEN);
	later(fixture, 100);
	assert_true(outgoing_is_protected(log, 7, 1));
	assert_false(outgoing_is_protected(log, 1, 1));
	channel_end_snapshot(fixture->a.channel, fixture->time.now_us);
	later(fixture, 100);
	assert_true(was_told(&fixture->a, CHANNEL_SYNCED, NULL));
}

/* Bytes of streams alone do not make a session that another host could carry on. */
static void
test_protection_needs_a_record(void **state)
{
	struct fixture *fixture = *state;
	struct sync_identity identity = {.class_name = ""};
	struct sync_entry entry = {.kind = SYNC_ENTRY_SESSION,
	    .session = {.slot = 3, .generation = 1, .whole = true, .identity = &identity}};
	const struct outgoing *log = channel_outgoing(fixture->a.channel);

	connect_hosts(fixture);
	channel_begin_snapshot(fixture->a.channel);
	assert_int_equal(
	    channel_append(fixture->a.channel, fixture->time.now_us, &entry), OUTGOING_TAKEN);
	later(fixture, 100);
	assert_false(outgoing_is_protected(log, 3, 1));
	assert_int_equal(tell_session(fixture, 3, false), OUTGOING_TAKEN);
	later(fixture, 100);
	assert_true(outgoing_is_protected(log, 3, 1));
}

static void
test_batches_are_bounded(void **state)
{
	struct fixture *fixture = *state;
	struct sync_message message;
	bool is_secret;

	sync_hosts(fixture);
	/* Nothing is under way: it goes at once. */
	tell_session(fixture, 1, false);
	assert_true(channel_gathers_until(fixture->a.channel) <= fixture->time.now_us);
	assert_int_equal(channel_deadline(fixture->a.channel), fixture->time.now_us);
	assert_true(channel_next(fixture->a.channel, &fixture->time, &message, &is_secret));
	assert_int_equal(message.batch.entries, 1);
	channel_receive(fixture->b.channel, fixture->time.now_us, &message);
	/* One more waits for others, but not for ever. */
	assert_int_equal(channel_gathers_until(fixture->a.channel), fixture->time.now_us + 100);
	tell_session(fixture, 1, false);
	assert_false(channel_next(fixture->a.channel, &fixture->time, &message, &is_secret));
	assert_int_equal(channel_deadline(fixture->a.channel), fixture->time.now_us + 100);
	fixture->time.now_us += 99;
	assert_false(channel_next(fixture->a.channel, &fixture->time, &message, &is_secret));
	fixture->time.now_us++;
	assert_true(channel_next(fixture->a.channel, &fixture->time, &message, &is_secret));
	assert_int_equal(message.batch.entries, 1);
	channel_receive(fixture->b.channel, fixture->time.now_us, &message);
	/* A full one does not wait. */
	for (unsigned i = 0; i < 5; i++)
		tell_session(fixture, 1, false);
	assert_true(channel_next(fixture->a.channel, &fixture->time, &message, &is_secret));
	assert_int_equal(message.batch.entries, 4);
	assert_false(channel_next(fixture->a.channel, &fixture->time, &message, &is_secret));
	/* What is left goes with the acknowledgement of what was under way. */
	channel_receive(fixture->b.channel, fixture->time.now_us, &message);
	assert_true(channel_next(fixture->b.channel, &fixture->time, &message, &is_secret));
	assert_int_equal(message.kind, SYNC_ACK);
	channel_receive(fixture->a.channel, fixture->time.now_us, &message);
	assert_true(channel_gathers_until(fixture->a.channel) <= fixture->time.now_us);
	assert_true(channel_next(fixture->a.channel, &fixture->time, &message, &is_secret));
	assert_int_equal(message.batch.entries, 1);
}

static void
test_secret_batches_are_marked(void **state)
{
	static const struct sync_piece piece = {0, 0, 0, {(const uint8_t *)"AUTH", 4}};
	struct fixture *fixture = *state;
	struct sync_entry entry = {.kind = SYNC_ENTRY_SESSION,
	    .session = {.slot = 1, .generation = 1, .secret = true, .pieces = 1, .piece = &piece}};
	struct sync_message message;
	bool is_secret;

	sync_hosts(fixture);
	channel_append(fixture->a.channel, fixture->time.now_us, &entry);
	tell_session(fixture, 1, false);
	fixture->time.now_us += 100;
	assert_true(channel_next(fixture->a.channel, &fixture->time, &message, &is_secret));
	assert_int_equal(message.kind, SYNC_BATCH);
	assert_true(is_secret);
}

/* Entries that got lost with the connection are told again, no other, and none twice. */
static void
test_a_short_break_resumes(void **state)
{
	struct fixture *fixture = *state;
	struct sync_message message;
	bool is_secret;
	uint64_t value, before;

	sync_hosts(fixture);
	before = fixture->b.stored_lsn;
	tell_session(fixture, 1, false);
	tell_session(fixture, 2, false);
	fixture->time.now_us += 100;
	assert_true(channel_next(fixture->a.channel, &fixture->time, &message, &is_secret));
	disconnect_hosts(fixture);
	tell_ended(fixture, 1);
	connect_hosts(fixture);
	assert_true(was_told(&fixture->a, CHANNEL_RESUMED, &value));
	assert_int_equal(value, before);
	assert_false(was_told(&fixture->a, CHANNEL_SNAPSHOT_WANTED, NULL));
	later(fixture, 100);
	assert_int_equal(fixture->b.stored_lsn, before + 3);
	assert_int_equal(outgoing_acknowledged(channel_outgoing(fixture->a.channel)), before + 3);
}

/* Stored, but the acknowledgement was lost: the Hello is one. */
static void
test_a_hello_acknowledges(void **state)
{
	struct fixture *fixture = *state;
	struct sync_message message;
	bool is_secret;
	uint64_t value;

	sync_hosts(fixture);
	tell_session(fixture, 1, false);
	fixture->time.now_us += 100;
	assert_true(channel_next(fixture->a.channel, &fixture->time, &message, &is_secret));
	channel_receive(fixture->b.channel, fixture->time.now_us, &message);
	disconnect_hosts(fixture);
	connect_hosts(fixture);
	assert_true(was_told(&fixture->a, CHANNEL_ACKNOWLEDGED, &value));
	assert_int_equal(value, fixture->b.stored_lsn);
}

static void
test_a_long_break_needs_a_snapshot(void **state)
{
	struct fixture *fixture = *state;

	sync_hosts(fixture);
	disconnect_hosts(fixture);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(tell_session(fixture, 1, false), OUTGOING_TAKEN);
	assert_int_equal(tell_session(fixture, 1, false), OUTGOING_FULL);
	assert_int_equal(tell_session(fixture, 1, false), OUTGOING_NO_LOG);
	assert_false(outgoing_is_protected(channel_outgoing(fixture->a.channel), 1, 1));
	assert_false(outgoing_is_synced(channel_outgoing(fixture->a.channel)));
	sync_hosts(fixture);
	assert_true(outgoing_is_protected(channel_outgoing(fixture->a.channel), 1, 1));
}

/* A slow standby: the log is over, and a new one begins in the same conversation, while entries and
 * acknowledgements of the old one are still on their way. */
static void
test_a_new_snapshot_in_one_conversation(void **state)
{
	struct fixture *fixture = *state;
	struct sync_message batch, ack;
	bool is_secret;

	sync_hosts(fixture);
	tell_session(fixture, 1, false);
	fixture->time.now_us += 100;
	assert_true(channel_next(fixture->a.channel, &fixture->time, &batch, &is_secret));
	channel_receive(fixture->b.channel, fixture->time.now_us, &batch);
	assert_true(channel_next(fixture->b.channel, &fixture->time, &ack, &is_secret));
	while (tell_session(fixture, 1, false) != OUTGOING_FULL)
		;
	channel_receive(fixture->a.channel, fixture->time.now_us, &ack);
	channel_begin_snapshot(fixture->a.channel);
	channel_receive(fixture->a.channel, fixture->time.now_us, &ack);
	assert_int_equal(tell_session(fixture, 2, true), OUTGOING_TAKEN);
	channel_end_snapshot(fixture->a.channel, fixture->time.now_us);
	later(fixture, 100);
	assert_true(was_told(&fixture->b, CHANNEL_SNAPSHOT_BEGUN, NULL));
	assert_true(was_told(&fixture->a, CHANNEL_SYNCED, NULL));
	assert_int_equal(channel_state(fixture->a.channel), CHANNEL_TALKING);
}

static void
test_another_process_has_another_log(void **state)
{
	struct fixture *fixture = *state;

	sync_hosts(fixture);
	disconnect_hosts(fixture);
	fixture->a.settings.log.history = 2000;
	host_again(&fixture->a);
	channel_set_standing(fixture->a.channel, SYNC_ROLE_ACTIVE, 5);
	fixture->b.stored_lsn = 0;
	sync_hosts(fixture);
	/* And a standby that has lost everything is told everything. */
	disconnect_hosts(fixture);
	host_again(&fixture->b);
	channel_set_standing(fixture->b.channel, SYNC_ROLE_STANDBY, 5);
	sync_hosts(fixture);
}

static void
inject(struct fixture *fixture, struct host *to, const struct sync_message *message,
    enum sync_reason reason)
{
	uint64_t value = 0;

	fixture->a.news = fixture->b.news = 0;
	channel_receive(to->channel, fixture->time.now_us, message);
	assert_int_equal(channel_state(to->channel), CHANNEL_CLOSED);
	assert_true(was_told(to, CHANNEL_REFUSED, &value));
	assert_string_equal(sync_reason_text((uint32_t)value), sync_reason_text(reason));
	pump(fixture);
	assert_int_equal(channel_state(fixture->a.channel), CHANNEL_CLOSED);
	assert_int_equal(channel_state(fixture->b.channel), CHANNEL_CLOSED);
	disconnect_hosts(fixture);
	connect_hosts(fixture);
	if (was_told(&fixture->a, CHANNEL_SNAPSHOT_WANTED, NULL)) {
		disconnect_hosts(fixture);
		sync_hosts(fixture);
	}
}

static void
test_a_stale_resume_is_refused(void **state)
{
	struct fixture *fixture = *state;

	sync_hosts(fixture);
	uint64_t history = incoming_history(channel_incoming(fixture->b.channel));
	uint64_t next = incoming_lsn(channel_incoming(fixture->b.channel)) + 1;
	struct sync_message message = {.kind = SYNC_START, .start = {5, history, next - 1, false}};

	inject(fixture, &fixture->b, &message, SYNC_BAD_STALE_RESUME);
	message.start.first = next + 1;
	inject(fixture, &fixture->b, &message, SYNC_BAD_STALE_RESUME);
	message.start.first = next;
	message.start.history = history - 1;
	inject(fixture, &fixture->b, &message, SYNC_BAD_STALE_RESUME);
	message.start.history = history;
	message.start.epoch = 4;
	inject(fixture, &fixture->b, &message, SYNC_BAD_STALE_EPOCH);
}

/* One who claims more than was sent, or less than it has acknowledged, is not believed. */
static void
test_a_place_that_cannot_be_needs_a_snapshot(void **state)
{
	struct fixture *fixture = *state;
	struct sync_message message = {.kind = SYNC_HELLO,
	    .hello = {1, 1, 2, 2, 0, "mx2", "mx1", 4, SYNC_ROLE_STANDBY, 0, 0, 1, 0, 100, 100, 0, 1,
		SYNC_COMMIT_DEGRADE}};

	sync_hosts(fixture);
	for (int off = -1; off <= 1; off++) {
		uint64_t newest = outgoing_newest(channel_outgoing(fixture->a.channel));

		disconnect_hosts(fixture);
		message.hello.history = outgoing_history(channel_outgoing(fixture->a.channel));
		message.hello.lsn = (uint64_t)((int64_t)newest + off);
		fixture->a.news = 0;
		channel_connected(fixture->a.channel, fixture->time.now_us);
		channel_receive(fixture->a.channel, fixture->time.now_us, &message);
		assert_int_equal(was_told(&fixture->a, CHANNEL_RESUMED, NULL), off == 0);
		assert_int_equal(was_told(&fixture->a, CHANNEL_SNAPSHOT_WANTED, NULL), off != 0);
		disconnect_hosts(fixture);
		if (off != 0)
			sync_hosts(fixture);
	}
}

static void
test_entries_out_of_order(void **state)
{
	struct fixture *fixture = *state;
	uint8_t bytes[64];
	size_t length;
	struct sync_entry ended = {.kind = SYNC_ENTRY_ENDED, .ended = {50, 1}};
	struct sync_bytes entry = {bytes, 0};
	struct sync_message message = {.kind = SYNC_BATCH, .batch = {5, 0, 1, &entry}};

	assert_int_equal(sync_entry_encode(&ended, bytes, sizeof(bytes), &length), SYNC_GOOD);
	entry.length = length;
	sync_hosts(fixture);
	message.batch.first = fixture->b.stored_lsn;
	inject(fixture, &fixture->b, &message, SYNC_BAD_LSN_GAP);
	message.batch.first = fixture->b.stored_lsn + 2;
	inject(fixture, &fixture->b, &message, SYNC_BAD_LSN_GAP);
	message.batch.first = fixture->b.stored_lsn + 1;
	inject(fixture, &fixture->b, &message, SYNC_BAD_NO_BASE);
	message.batch.first = fixture->b.stored_lsn + 1;
	message.batch.epoch = 4;
	inject(fixture, &fixture->b, &message, SYNC_BAD_STALE_EPOCH);
	/* The active has nothing to be told. */
	inject(fixture, &fixture->a, &message, SYNC_BAD_ORDER);
	entry.length--;
	message.batch.epoch = 5;
	message.batch.first = fixture->b.stored_lsn + 1;
	inject(fixture, &fixture->b, &message, SYNC_BAD_MESSAGE);
}

static void
test_acknowledgements_out_of_order(void **state)
{
	struct fixture *fixture = *state;
	struct sync_message message = {.kind = SYNC_ACK};

	sync_hosts(fixture);
	message.ack = (struct sync_ack){5, outgoing_history(channel_outgoing(fixture->a.channel)),
	    outgoing_newest(channel_outgoing(fixture->a.channel)) + 1, 0, NULL};
	inject(fixture, &fixture->a, &message, SYNC_BAD_ACK);
	message.ack.history = outgoing_history(channel_outgoing(fixture->a.channel));
	message.ack.lsn = 1;
	inject(fixture, &fixture->a, &message, SYNC_BAD_ACK);
	message.ack.epoch = 4;
	inject(fixture, &fixture->a, &message, SYNC_BAD_STALE_EPOCH);
	inject(fixture, &fixture->b, &message, SYNC_BAD_ORDER);
}

/* A standby that knows of a later epoch stores nothing of an earlier one, and says why. */
static void
test_a_later_epoch_fences(void **state)
{
	struct fixture *fixture = *state;
	unsigned stored;
	uint64_t value;

	sync_hosts(fixture);
	stored = fixture->b.stored;
	channel_set_standing(fixture->b.channel, SYNC_ROLE_STANDBY, 6);
	tell_session(fixture, 1, false);
	later(fixture, 100);
	assert_int_equal(fixture->b.stored, stored);
	assert_true(was_told(&fixture->a, CHANNEL_REFUSED_THERE, &value));
	assert_int_equal(value, SYNC_BAD_STALE_EPOCH);
	assert_int_equal(channel_peer_epoch(fixture->a.channel), 6);
	assert_false(outgoing_acknowledged(channel_outgoing(fixture->a.channel)) ==
		     outgoing_newest(channel_outgoing(fixture->a.channel)));
}

static void
test_a_change_of_role_begins_again(void **state)
{
	struct fixture *fixture = *state;
	uint64_t value;

	sync_hosts(fixture);
	channel_set_standing(fixture->a.channel, SYNC_ROLE_DEGRADED, 5);
	assert_int_equal(channel_state(fixture->a.channel), CHANNEL_TALKING);
	channel_set_standing(fixture->b.channel, SYNC_ROLE_ACTIVE, 6);
	pump(fixture);
	assert_true(was_told(&fixture->a, CHANNEL_REFUSED_THERE, &value));
	assert_int_equal(value, SYNC_BAD_STANDING);
	assert_int_equal(channel_peer_epoch(fixture->a.channel), 6);
	assert_int_equal(incoming_history(channel_incoming(fixture->b.channel)), 0);
	disconnect_hosts(fixture);
	channel_set_standing(fixture->a.channel, SYNC_ROLE_STANDBY, 6);
	assert_false(outgoing_is_open(channel_outgoing(fixture->a.channel)));
	connect_hosts(fixture);
	assert_true(was_told(&fixture->b, CHANNEL_SNAPSHOT_WANTED, NULL));
}

static void
test_heartbeats_and_silence(void **state)
{
	struct fixture *fixture = *state;
	uint64_t value;

	sync_hosts(fixture);
	fixture->time.gateway_ms = 777;
	fixture->time.tcp_clock = 888;
	later(fixture, 20000);
	assert_true(was_told(&fixture->b, CHANNEL_HEARD, NULL));
	assert_int_equal(channel_heartbeat(fixture->b.channel)->gateway_ms, 777);
	assert_int_equal(channel_heartbeat(fixture->b.channel)->tcp_clock, 888);
	assert_int_equal(channel_heartbeat(fixture->b.channel)->role, SYNC_ROLE_ACTIVE);
	assert_true(channel_heartbeat(fixture->b.channel)->synced);
	assert_true(channel_heartbeat(fixture->a.channel)->synced);
	assert_int_equal(channel_deadline(fixture->a.channel), fixture->time.now_us + 20000);

	fixture->time.now_us += 200000;
	fixture->a.news = 0;
	pump_one(fixture, &fixture->a, &fixture->b);
	assert_true(was_told(&fixture->a, CHANNEL_REFUSED, &value));
	assert_int_equal(value, SYNC_BAD_SILENCE);
	assert_int_equal(channel_deadline(fixture->a.channel), UINT64_MAX);
}

/* Entries that nobody takes now make nothing due but the next heartbeat. */
static void
test_a_peer_in_fault_makes_no_haste(void **state)
{
	struct fixture *fixture = *state;

	sync_hosts(fixture);
	tell_session(fixture, 1, false);
	disconnect_hosts(fixture);
	channel_set_standing(fixture->b.channel, SYNC_ROLE_FAULT, 5);
	connect_hosts(fixture);
	assert_int_equal(channel_agreement(fixture->a.channel)->part, AGREED_IDLE);
	assert_true(outgoing_has_unsent(channel_outgoing(fixture->a.channel)));
	later(fixture, 1000);
	assert_true(channel_deadline(fixture->a.channel) > fixture->time.now_us + 10000);
	assert_int_equal(fixture->b.stored, 3);
}

static void
test_heartbeats_of_another_standing(void **state)
{
	struct fixture *fixture = *state;
	struct sync_message message = {
	    .kind = SYNC_HEARTBEAT, .heartbeat = {5, SYNC_ROLE_STANDBY, true, 1, 2, 3}};

	sync_hosts(fixture);
	inject(fixture, &fixture->b, &message, SYNC_BAD_STANDING);
	message.heartbeat.role = SYNC_ROLE_ACTIVE;
	message.heartbeat.epoch = 6;
	inject(fixture, &fixture->b, &message, SYNC_BAD_STANDING);
	message.heartbeat.role = SYNC_ROLE_STANDBY;
	inject(fixture, &fixture->a, &message, SYNC_BAD_STALE_EPOCH);
}

static void
test_compiled_generations(void **state)
{
	struct fixture *fixture = *state;
	uint8_t generation[SYNC_GENERATION_SIZE] = {9};
	unsigned told_of = 0;

	sync_hosts(fixture);
	for (unsigned i = 0; i < SYNC_COMPILED_MAX; i++)
		assert_true(channel_compiled(fixture->b.channel, generation));
	assert_false(channel_compiled(fixture->b.channel, generation));
	pump(fixture);
	while (was_told(&fixture->a, CHANNEL_COMPILED, NULL))
		told_of++;
	assert_int_equal(told_of, SYNC_COMPILED_MAX);
	assert_true(channel_compiled(fixture->b.channel, generation));
}

static void
test_a_generation_that_cannot_be_compiled(void **state)
{
	struct fixture *fixture = *state;
	uint8_t generation[SYNC_GENERATION_SIZE] = {9};
	uint64_t value;

	sync_hosts(fixture);
	channel_not_compiled(fixture->b.channel, generation, "for an older reason");
	channel_not_compiled(fixture->b.channel, generation, "for a reason");
	pump(fixture);
	assert_true(was_told(&fixture->a, CHANNEL_NOT_COMPILED, &value));
	assert_string_equal(fixture->a.reason, "for a reason");
	pump(fixture);
	assert_false(was_told(&fixture->a, CHANNEL_NOT_COMPILED, &value));
}

static void
test_what_cannot_be_stored_is_not_acknowledged(void **state)
{
	struct fixture *fixture = *state;
	uint64_t before, value;

	sync_hosts(fixture);
	before = outgoing_acknowledged(channel_outgoing(fixture->a.channel));
	fixture->b.store_answer = SYNC_BAD_STORE;
	tell_session(fixture, 1, false);
	later(fixture, 100);
	assert_true(was_told(&fixture->a, CHANNEL_REFUSED_THERE, &value));
	assert_int_equal(value, SYNC_BAD_STORE);
	assert_int_equal(outgoing_acknowledged(channel_outgoing(fixture->a.channel)), before);
	fixture->b.store_answer = SYNC_GOOD;
	disconnect_hosts(fixture);
	sync_hosts(fixture);
}

static void
test_a_second_hello_is_out_of_order(void **state)
{
	struct fixture *fixture = *state;
	struct sync_message message = {.kind = SYNC_HELLO,
	    .hello = {1, 1, 2, 2, 0, "mx2", "mx1", 4, SYNC_ROLE_STANDBY, 0, 0, 1, 0, 100, 100, 0, 1,
		SYNC_COMMIT_DEGRADE}};
	struct sync_message beat = {
	    .kind = SYNC_HEARTBEAT, .heartbeat = {5, SYNC_ROLE_STANDBY, true, 1, 2, 3}};
	uint64_t value;

	sync_hosts(fixture);
	inject(fixture, &fixture->a, &message, SYNC_BAD_ORDER);
	disconnect_hosts(fixture);
	fixture->a.news = 0;
	channel_connected(fixture->a.channel, fixture->time.now_us);
	channel_receive(fixture->a.channel, fixture->time.now_us, &beat);
	assert_true(was_told(&fixture->a, CHANNEL_REFUSED, &value));
	assert_int_equal(value, SYNC_BAD_ORDER);
}

/* Same settings, and nothing said: a snapshot that ends with another number is one with a hole. */
static void
test_the_snapshot_is_counted(void **state)
{
	struct fixture *fixture = *state;
	uint8_t bytes[64];
	size_t length;
	struct sync_entry end = {.kind = SYNC_ENTRY_SNAPSHOT_END, .snapshot_end = {2}};
	struct sync_bytes entry = {bytes, 0};
	struct sync_message message = {.kind = SYNC_BATCH, .batch = {5, 0, 1, &entry}};

	assert_int_equal(sync_entry_encode(&end, bytes, sizeof(bytes), &length), SYNC_GOOD);
	entry.length = length;
	connect_hosts(fixture);
	channel_begin_snapshot(fixture->a.channel);
	tell_session(fixture, 1, true);
	later(fixture, 100);
	message.batch.first = fixture->b.stored_lsn + 1;
	inject(fixture, &fixture->b, &message, SYNC_BAD_SNAPSHOT_COUNT);
	assert_int_equal(channel_append(fixture->a.channel, 0, &end), OUTGOING_BAD_ENTRY);
}

/* Both must mean the same by an acknowledgement, and by an epoch. */
static void
test_what_both_configurations_must_say(void **state)
{
	struct fixture *fixture = *state;

	fixture->b.settings.commit = SYNC_COMMIT_STRICT;
	host_again(&fixture->b);
	expect_refusal(fixture, SYNC_BAD_OTHER_COMMIT);
	assert_false(was_told(&fixture->a, CHANNEL_GREETED, NULL));
	fixture->b.settings.commit = SYNC_COMMIT_DEGRADE;
	fixture->b.settings.side = fixture->a.settings.side;
	host_again(&fixture->b);
	expect_refusal(fixture, SYNC_BAD_SAME_SIDE);
	assert_false(was_told(&fixture->b, CHANNEL_GREETED, NULL));
}

static void
test_the_state_is_told_by_hello_and_by_word(void **state)
{
	struct fixture *fixture = *state;
	uint64_t value = 0;

	channel_set_state(fixture->a.channel, 7);
	connect_hosts(fixture);
	assert_true(was_told(&fixture->b, CHANNEL_GREETED, NULL));
	assert_int_equal(channel_peer(fixture->b.channel)->state, 7);
	assert_int_equal(channel_peer(fixture->b.channel)->epoch, 5);
	assert_false(was_told(&fixture->b, CHANNEL_WORD, NULL));
	channel_set_state(fixture->a.channel, 8);
	pump(fixture);
	assert_true(was_told(&fixture->b, CHANNEL_WORD, &value));
	assert_int_equal(value, SYNC_SAYING_STATE);
	assert_int_equal(channel_word(fixture->b.channel)->state, 8);
	assert_int_equal(channel_word(fixture->b.channel)->epoch, 5);
}

/* A host that is refused because it is stale must hear from whom. */
static void
test_a_stale_host_is_greeted(void **state)
{
	struct fixture *fixture = *state;

	channel_set_standing(fixture->b.channel, SYNC_ROLE_ACTIVE, 6);
	channel_set_state(fixture->b.channel, 7);
	connect_hosts(fixture);
	assert_true(was_told(&fixture->a, CHANNEL_GREETED, NULL));
	assert_int_equal(channel_peer(fixture->a.channel)->epoch, 6);
	assert_int_equal(channel_state(fixture->a.channel), CHANNEL_CLOSED);
}

static void
test_words_keep_their_order_and_frozen_comes_last(void **state)
{
	struct fixture *fixture = *state;
	struct sync_message message;
	bool is_secret;
	static const enum sync_kind kinds[] = {SYNC_WORD, SYNC_BATCH, SYNC_WORD, SYNC_WORD};

	sync_hosts(fixture);
	assert_int_equal(tell_ended(fixture, 2), OUTGOING_TAKEN);
	channel_set_state(fixture->a.channel, 1);
	channel_say(fixture->a.channel, SYNC_SAYING_FROZEN);
	channel_set_state(fixture->a.channel, 2);
	for (unsigned i = 0; i < 4; i++) {
		assert_true(channel_next(fixture->a.channel, &fixture->time, &message, &is_secret));
		assert_int_equal(message.kind, kinds[i]);
		assert_true(i != 2 || message.word.saying == SYNC_SAYING_FROZEN);
		assert_true(i != 3 || message.word.state == 2);
		channel_receive(fixture->b.channel, fixture->time.now_us, &message);
	}
	assert_int_equal(channel_state(fixture->b.channel), CHANNEL_TALKING);
}

/* What was said to nobody is not said later to somebody else. */
static void
test_words_end_with_the_conversation(void **state)
{
	struct fixture *fixture = *state;

	channel_say(fixture->a.channel, SYNC_SAYING_FREEZE);
	connect_hosts(fixture);
	assert_false(was_told(&fixture->b, CHANNEL_WORD, NULL));
	channel_say(fixture->a.channel, SYNC_SAYING_FREEZE);
	disconnect_hosts(fixture);
	connect_hosts(fixture);
	assert_false(was_told(&fixture->b, CHANNEL_WORD, NULL));
	for (unsigned i = 0; i < 16; i++)
		channel_say(fixture->a.channel, SYNC_SAYING_FREEZE);
	assert_int_equal(channel_state(fixture->a.channel), CHANNEL_TALKING);
	channel_say(fixture->a.channel, SYNC_SAYING_FREEZE);
	assert_int_equal(channel_state(fixture->a.channel), CHANNEL_CLOSED);
}

static void
test_heartbeats_are_echoed(void **state)
{
	struct fixture *fixture = *state;
	uint64_t sent;

	connect_hosts(fixture);
	sent = fixture->time.now_us;
	later(fixture, 20000);
	later(fixture, 20000);
	assert_true(channel_echoed(fixture->a.channel) > sent);
	sent = channel_echoed(fixture->a.channel);
	disconnect_hosts(fixture);
	channel_connected(fixture->a.channel, fixture->time.now_us);
	assert_int_equal(channel_echoed(fixture->a.channel), 0);
	channel_connected(fixture->b.channel, fixture->time.now_us);
	pump(fixture);
	struct sync_message beat = {.kind = SYNC_HEARTBEAT,
	    .heartbeat = {4, SYNC_ROLE_STANDBY, false, 0, 0, 0, 0, fixture->time.now_us + 1}};
	channel_receive(fixture->a.channel, fixture->time.now_us, &beat);
	assert_true(channel_echoed(fixture->a.channel) <= fixture->time.now_us);
}

static void
test_a_replica_that_is_given_up_is_told_anew(void **state)
{
	struct fixture *fixture = *state;

	sync_hosts(fixture);
	/* It is being told anew already. */
	channel_forget(fixture->b.channel);
	assert_int_equal(channel_state(fixture->b.channel), CHANNEL_TALKING);
	disconnect_hosts(fixture);
	connect_hosts(fixture);
	assert_true(was_told(&fixture->a, CHANNEL_RESUMED, NULL));
	channel_forget(fixture->b.channel);
	assert_int_equal(channel_state(fixture->b.channel), CHANNEL_CLOSED);
	disconnect_hosts(fixture);
	connect_hosts(fixture);
	assert_true(was_told(&fixture->a, CHANNEL_SNAPSHOT_WANTED, NULL));
	disconnect_hosts(fixture);
	channel_forget(fixture->b.channel);
	connect_hosts(fixture);
	assert_int_equal(channel_state(fixture->b.channel), CHANNEL_TALKING);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_a_pair_agrees_and_syncs),
	    TEST(test_names),
	    TEST(test_versions),
	    TEST(test_roles_and_epochs),
	    TEST(test_room),
	    TEST(test_a_snapshot_between_live_entries),
	    TEST(test_protection_needs_a_record),
	    TEST(test_batches_are_bounded),
	    TEST(test_secret_batches_are_marked),
	    TEST(test_a_short_break_resumes),
	    TEST(test_a_hello_acknowledges),
	    TEST(test_a_long_break_needs_a_snapshot),
	    TEST(test_a_new_snapshot_in_one_conversation),
	    TEST(test_another_process_has_another_log),
	    TEST(test_a_stale_resume_is_refused),
	    TEST(test_a_place_that_cannot_be_needs_a_snapshot),
	    TEST(test_entries_out_of_order),
	    TEST(test_acknowledgements_out_of_order),
	    TEST(test_a_later_epoch_fences),
	    TEST(test_a_change_of_role_begins_again),
	    TEST(test_heartbeats_and_silence),
	    TEST(test_a_peer_in_fault_makes_no_haste),
	    TEST(test_heartbeats_of_another_standing),
	    TEST(test_compiled_generations),
	    TEST(test_a_generation_that_cannot_be_compiled),
	    TEST(test_what_cannot_be_stored_is_not_acknowledged),
	    TEST(test_a_second_hello_is_out_of_order),
	    TEST(test_the_snapshot_is_counted),
	    TEST(test_what_both_configurations_must_say),
	    TEST(test_the_state_is_told_by_hello_and_by_word),
	    TEST(test_a_stale_host_is_greeted),
	    TEST(test_words_keep_their_order_and_frozen_comes_last),
	    TEST(test_words_end_with_the_conversation),
	    TEST(test_heartbeats_are_echoed),
	    TEST(test_a_replica_that_is_given_up_is_told_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
