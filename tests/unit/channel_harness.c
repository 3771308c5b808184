#include "tests/unit/channel_harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

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
	    .bulk_us = 60,
	    .bulk_bytes = 30000,
	    .heartbeat_us = 20000,
	    .silence_us = 200000,
	    .store = store,
	    .tell = told,
	    .owner = host,
	};
	host->channel = channel_create(&host->settings);
	assert_non_null(host->channel);
}

void
harness_host_again(struct host *host)
{
	channel_destroy(host->channel);
	host->channel = channel_create(&host->settings);
	host->stored_lsn = 0;
}

int
harness_setup(void **state)
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

int
harness_teardown(void **state)
{
	struct fixture *fixture = *state;

	channel_destroy(fixture->a.channel);
	channel_destroy(fixture->b.channel);
	free(fixture);
	return 0;
}

bool
harness_was_told(struct host *host, enum channel_news news, uint64_t *ret_value)
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

unsigned
harness_pump_one(struct fixture *fixture, struct host *from, struct host *to)
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

void
harness_pump(struct fixture *fixture)
{
	fixture->a.news = fixture->b.news = 0;
	while (harness_pump_one(fixture, &fixture->a, &fixture->b) +
		   harness_pump_one(fixture, &fixture->b, &fixture->a) >
	       0)
		;
}

void
harness_connect_hosts(struct fixture *fixture)
{
	channel_connected(fixture->a.channel, fixture->time.now_us);
	channel_connected(fixture->b.channel, fixture->time.now_us);
	harness_pump(fixture);
}

void
harness_disconnect_hosts(struct fixture *fixture)
{
	channel_disconnected(fixture->a.channel);
	channel_disconnected(fixture->b.channel);
}

enum outgoing_result
harness_tell_session(struct fixture *fixture, uint32_t slot, bool is_whole)
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

enum outgoing_result
harness_tell_ended(struct fixture *fixture, uint32_t slot)
{
	struct sync_entry entry = {.kind = SYNC_ENTRY_ENDED, .ended = {slot, 1}};

	return channel_append(fixture->a.channel, fixture->time.now_us, &entry);
}

void
harness_later(struct fixture *fixture, uint64_t us)
{
	fixture->time.now_us += us;
	harness_pump(fixture);
}

void
harness_sync_hosts(struct fixture *fixture)
{
	harness_connect_hosts(fixture);
	assert_true(harness_was_told(&fixture->a, CHANNEL_SNAPSHOT_WANTED, NULL));
	channel_begin_snapshot(fixture->a.channel);
	assert_int_equal(harness_tell_session(fixture, 1, true), OUTGOING_TAKEN);
	assert_int_equal(harness_tell_session(fixture, 2, true), OUTGOING_TAKEN);
	assert_int_equal(
	    channel_end_snapshot(fixture->a.channel, fixture->time.now_us), OUTGOING_TAKEN);
	harness_later(fixture, 100);
	assert_true(harness_was_told(&fixture->a, CHANNEL_SYNCED, NULL));
	assert_true(incoming_is_synced(channel_incoming(fixture->b.channel)));
}

void
harness_expect_refusal(struct fixture *fixture, enum sync_reason reason)
{
	uint64_t value = 0;

	harness_connect_hosts(fixture);
	assert_int_equal(channel_state(fixture->a.channel), CHANNEL_CLOSED);
	assert_int_equal(channel_state(fixture->b.channel), CHANNEL_CLOSED);
	bool is_told = harness_was_told(&fixture->a, CHANNEL_REFUSED, &value) ||
		       harness_was_told(&fixture->b, CHANNEL_REFUSED, &value);
	assert_true(is_told);
	if (value != reason)
		fail_msg("%s, not %s", sync_reason_text((uint32_t)value), sync_reason_text(reason));
	harness_disconnect_hosts(fixture);
}

void
harness_inject(struct fixture *fixture, struct host *to, const struct sync_message *message,
    enum sync_reason reason)
{
	uint64_t value = 0;

	fixture->a.news = fixture->b.news = 0;
	channel_receive(to->channel, fixture->time.now_us, message);
	assert_int_equal(channel_state(to->channel), CHANNEL_CLOSED);
	assert_true(harness_was_told(to, CHANNEL_REFUSED, &value));
	assert_string_equal(sync_reason_text((uint32_t)value), sync_reason_text(reason));
	harness_pump(fixture);
	assert_int_equal(channel_state(fixture->a.channel), CHANNEL_CLOSED);
	assert_int_equal(channel_state(fixture->b.channel), CHANNEL_CLOSED);
	harness_disconnect_hosts(fixture);
	harness_connect_hosts(fixture);
	if (harness_was_told(&fixture->a, CHANNEL_SNAPSHOT_WANTED, NULL)) {
		harness_disconnect_hosts(fixture);
		harness_sync_hosts(fixture);
	}
}
