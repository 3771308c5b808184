/* The log of a conversation: snapshots, batches, acknowledgements, and where it goes on after a break. */
#include "tests/unit/channel_harness.h"

#include "proto/sync_entry_encode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* What happens to a session before the snapshot has told it is the snapshot's; each is protected as
 * soon as its own entry is acknowledged, long before the snapshot ends. */
static void
test_a_snapshot_between_live_entries(void **state)
{
	struct fixture *fixture = *state;
	const struct outgoing *log = channel_outgoing(fixture->a.channel);

	harness_connect_hosts(fixture);
	assert_int_equal(harness_tell_session(fixture, 1, true), OUTGOING_NO_LOG);
	channel_begin_snapshot(fixture->a.channel);
	assert_int_equal(harness_tell_session(fixture, 7, false), OUTGOING_NO_BASE);
	assert_int_equal(harness_tell_ended(fixture, 7), OUTGOING_NO_BASE);
	assert_int_equal(harness_tell_session(fixture, 1, true), OUTGOING_TAKEN);
	assert_int_equal(harness_tell_session(fixture, 1, false), OUTGOING_TAKEN);
	assert_false(outgoing_is_protected(log, 1, 1));
	harness_later(fixture, 100);
	assert_true(outgoing_is_protected(log, 1, 1));
	assert_false(outgoing_is_protected(log, 1, 2));
	assert_false(outgoing_is_protected(log, 7, 1));
	assert_false(outgoing_is_synced(log));
	assert_int_equal(harness_tell_session(fixture, 7, true), OUTGOING_TAKEN);
	assert_false(outgoing_is_protected(log, 7, 1));
	assert_int_equal(harness_tell_ended(fixture, 1), OUTGOING_TAKEN);
	harness_later(fixture, 100);
	assert_true(outgoing_is_protected(log, 7, 1));
	assert_false(outgoing_is_protected(log, 1, 1));
	channel_end_snapshot(fixture->a.channel, fixture->time.now_us);
	harness_later(fixture, 100);
	assert_true(harness_was_told(&fixture->a, CHANNEL_SYNCED, NULL));
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

	harness_connect_hosts(fixture);
	channel_begin_snapshot(fixture->a.channel);
	assert_int_equal(
	    channel_append(fixture->a.channel, fixture->time.now_us, &entry), OUTGOING_TAKEN);
	harness_later(fixture, 100);
	assert_false(outgoing_is_protected(log, 3, 1));
	assert_int_equal(harness_tell_session(fixture, 3, false), OUTGOING_TAKEN);
	harness_later(fixture, 100);
	assert_true(outgoing_is_protected(log, 3, 1));
}

static void
test_batches_are_bounded(void **state)
{
	struct fixture *fixture = *state;
	struct sync_message message;
	bool is_secret;

	harness_sync_hosts(fixture);
	/* Nothing is under way: it goes at once. */
	harness_tell_session(fixture, 1, false);
	assert_true(channel_gathers_until(fixture->a.channel) <= fixture->time.now_us);
	assert_int_equal(channel_deadline(fixture->a.channel), fixture->time.now_us);
	assert_true(channel_next(fixture->a.channel, &fixture->time, &message, &is_secret));
	assert_int_equal(message.batch.entries, 1);
	channel_receive(fixture->b.channel, fixture->time.now_us, &message);
	/* One more waits for others, but not for ever. */
	assert_int_equal(channel_gathers_until(fixture->a.channel), fixture->time.now_us + 100);
	harness_tell_session(fixture, 1, false);
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
		harness_tell_session(fixture, 1, false);
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

static bool
next_is_batch(struct fixture *fixture, uint32_t entries)
{
	struct sync_message message;
	bool is_secret;

	if (!channel_next(fixture->a.channel, &fixture->time, &message, &is_secret))
		return false;
	assert_int_equal(message.kind, SYNC_BATCH);
	assert_int_equal(message.batch.entries, entries);
	channel_receive(fixture->b.channel, fixture->time.now_us, &message);
	assert_true(channel_next(fixture->b.channel, &fixture->time, &message, &is_secret));
	channel_receive(fixture->a.channel, fixture->time.now_us, &message);
	return true;
}

static void
test_bulk_mail_gathers(void **state)
{
	static const uint8_t content[30000];
	const struct sync_piece piece = {.content = {content, sizeof(content)}};
	struct fixture *fixture = *state;
	struct sync_entry entry = {
	    .kind = SYNC_ENTRY_SESSION,
	    .session = {.slot = 1, .generation = 1, .pieces = 1, .piece = &piece},
	};

	harness_sync_hosts(fixture);
	assert_int_equal(
	    channel_append(fixture->a.channel, fixture->time.now_us, &entry), OUTGOING_TAKEN);
	assert_true(next_is_batch(fixture, 1));
	/* It is acknowledged, and yet what comes next waits for others. */
	harness_tell_session(fixture, 1, false);
	assert_false(next_is_batch(fixture, 0));
	assert_int_equal(channel_gathers_until(fixture->a.channel), fixture->time.now_us + 60);
	assert_int_equal(channel_deadline(fixture->a.channel), fixture->time.now_us + 60);
	fixture->time.now_us += 60;
	harness_tell_session(fixture, 1, false);
	assert_true(next_is_batch(fixture, 2));
	/* That was not much. */
	harness_tell_session(fixture, 1, false);
	assert_true(next_is_batch(fixture, 1));
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

	harness_sync_hosts(fixture);
	channel_append(fixture->a.channel, fixture->time.now_us, &entry);
	harness_tell_session(fixture, 1, false);
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

	harness_sync_hosts(fixture);
	before = fixture->b.stored_lsn;
	harness_tell_session(fixture, 1, false);
	harness_tell_session(fixture, 2, false);
	fixture->time.now_us += 100;
	assert_true(channel_next(fixture->a.channel, &fixture->time, &message, &is_secret));
	harness_disconnect_hosts(fixture);
	harness_tell_ended(fixture, 1);
	harness_connect_hosts(fixture);
	assert_true(harness_was_told(&fixture->a, CHANNEL_RESUMED, &value));
	assert_int_equal(value, before);
	assert_false(harness_was_told(&fixture->a, CHANNEL_SNAPSHOT_WANTED, NULL));
	harness_later(fixture, 100);
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

	harness_sync_hosts(fixture);
	harness_tell_session(fixture, 1, false);
	fixture->time.now_us += 100;
	assert_true(channel_next(fixture->a.channel, &fixture->time, &message, &is_secret));
	channel_receive(fixture->b.channel, fixture->time.now_us, &message);
	harness_disconnect_hosts(fixture);
	harness_connect_hosts(fixture);
	assert_true(harness_was_told(&fixture->a, CHANNEL_ACKNOWLEDGED, &value));
	assert_int_equal(value, fixture->b.stored_lsn);
}

static void
test_a_long_break_needs_a_snapshot(void **state)
{
	struct fixture *fixture = *state;

	harness_sync_hosts(fixture);
	harness_disconnect_hosts(fixture);
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(harness_tell_session(fixture, 1, false), OUTGOING_TAKEN);
	assert_int_equal(harness_tell_session(fixture, 1, false), OUTGOING_FULL);
	assert_int_equal(harness_tell_session(fixture, 1, false), OUTGOING_NO_LOG);
	assert_false(outgoing_is_protected(channel_outgoing(fixture->a.channel), 1, 1));
	assert_false(outgoing_is_synced(channel_outgoing(fixture->a.channel)));
	harness_sync_hosts(fixture);
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

	harness_sync_hosts(fixture);
	harness_tell_session(fixture, 1, false);
	fixture->time.now_us += 100;
	assert_true(channel_next(fixture->a.channel, &fixture->time, &batch, &is_secret));
	channel_receive(fixture->b.channel, fixture->time.now_us, &batch);
	assert_true(channel_next(fixture->b.channel, &fixture->time, &ack, &is_secret));
	while (harness_tell_session(fixture, 1, false) != OUTGOING_FULL)
		;
	channel_receive(fixture->a.channel, fixture->time.now_us, &ack);
	channel_begin_snapshot(fixture->a.channel);
	channel_receive(fixture->a.channel, fixture->time.now_us, &ack);
	assert_int_equal(harness_tell_session(fixture, 2, true), OUTGOING_TAKEN);
	channel_end_snapshot(fixture->a.channel, fixture->time.now_us);
	harness_later(fixture, 100);
	assert_true(harness_was_told(&fixture->b, CHANNEL_SNAPSHOT_BEGUN, NULL));
	assert_true(harness_was_told(&fixture->a, CHANNEL_SYNCED, NULL));
	assert_int_equal(channel_state(fixture->a.channel), CHANNEL_TALKING);
}

static void
test_another_process_has_another_log(void **state)
{
	struct fixture *fixture = *state;

	harness_sync_hosts(fixture);
	harness_disconnect_hosts(fixture);
	fixture->a.settings.log.history = 2000;
	harness_host_again(&fixture->a);
	channel_set_standing(fixture->a.channel, SYNC_ROLE_ACTIVE, 5);
	fixture->b.stored_lsn = 0;
	harness_sync_hosts(fixture);
	/* And a standby that has lost everything is told everything. */
	harness_disconnect_hosts(fixture);
	harness_host_again(&fixture->b);
	channel_set_standing(fixture->b.channel, SYNC_ROLE_STANDBY, 5);
	harness_sync_hosts(fixture);
}

static void
test_a_stale_resume_is_refused(void **state)
{
	struct fixture *fixture = *state;

	harness_sync_hosts(fixture);
	uint64_t history = incoming_history(channel_incoming(fixture->b.channel));
	uint64_t next = incoming_lsn(channel_incoming(fixture->b.channel)) + 1;
	struct sync_message message = {.kind = SYNC_START, .start = {5, history, next - 1, false}};

	harness_inject(fixture, &fixture->b, &message, SYNC_BAD_STALE_RESUME);
	message.start.first = next + 1;
	harness_inject(fixture, &fixture->b, &message, SYNC_BAD_STALE_RESUME);
	message.start.first = next;
	message.start.history = history - 1;
	harness_inject(fixture, &fixture->b, &message, SYNC_BAD_STALE_RESUME);
	message.start.history = history;
	message.start.epoch = 4;
	harness_inject(fixture, &fixture->b, &message, SYNC_BAD_STALE_EPOCH);
}

/* One who claims more than was sent, or less than it has acknowledged, is not believed. */
static void
test_a_place_that_cannot_be_needs_a_snapshot(void **state)
{
	struct fixture *fixture = *state;
	struct sync_message message = {.kind = SYNC_HELLO,
	    .hello = {1, 1, 2, 2, 0, "mx2", "mx1", 4, SYNC_ROLE_STANDBY, 0, 0, 1, 0, 100, 100, 0, 1,
		SYNC_COMMIT_DEGRADE}};

	harness_sync_hosts(fixture);
	for (int off = -1; off <= 1; off++) {
		uint64_t newest = outgoing_newest(channel_outgoing(fixture->a.channel));

		harness_disconnect_hosts(fixture);
		message.hello.history = outgoing_history(channel_outgoing(fixture->a.channel));
		message.hello.lsn = (uint64_t)((int64_t)newest + off);
		fixture->a.news = 0;
		channel_connected(fixture->a.channel, fixture->time.now_us);
		channel_receive(fixture->a.channel, fixture->time.now_us, &message);
		assert_int_equal(harness_was_told(&fixture->a, CHANNEL_RESUMED, NULL), off == 0);
		assert_int_equal(
		    harness_was_told(&fixture->a, CHANNEL_SNAPSHOT_WANTED, NULL), off != 0);
		harness_disconnect_hosts(fixture);
		if (off != 0)
			harness_sync_hosts(fixture);
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
	harness_sync_hosts(fixture);
	message.batch.first = fixture->b.stored_lsn;
	harness_inject(fixture, &fixture->b, &message, SYNC_BAD_LSN_GAP);
	message.batch.first = fixture->b.stored_lsn + 2;
	harness_inject(fixture, &fixture->b, &message, SYNC_BAD_LSN_GAP);
	message.batch.first = fixture->b.stored_lsn + 1;
	harness_inject(fixture, &fixture->b, &message, SYNC_BAD_NO_BASE);
	message.batch.first = fixture->b.stored_lsn + 1;
	message.batch.epoch = 4;
	harness_inject(fixture, &fixture->b, &message, SYNC_BAD_STALE_EPOCH);
	/* The active has nothing to be told. */
	harness_inject(fixture, &fixture->a, &message, SYNC_BAD_ORDER);
	entry.length--;
	message.batch.epoch = 5;
	message.batch.first = fixture->b.stored_lsn + 1;
	harness_inject(fixture, &fixture->b, &message, SYNC_BAD_MESSAGE);
}

static void
test_acknowledgements_out_of_order(void **state)
{
	struct fixture *fixture = *state;
	struct sync_message message = {.kind = SYNC_ACK};

	harness_sync_hosts(fixture);
	message.ack = (struct sync_ack){5, outgoing_history(channel_outgoing(fixture->a.channel)),
	    outgoing_newest(channel_outgoing(fixture->a.channel)) + 1, 0, NULL};
	harness_inject(fixture, &fixture->a, &message, SYNC_BAD_ACK);
	message.ack.history = outgoing_history(channel_outgoing(fixture->a.channel));
	message.ack.lsn = 1;
	harness_inject(fixture, &fixture->a, &message, SYNC_BAD_ACK);
	message.ack.epoch = 4;
	harness_inject(fixture, &fixture->a, &message, SYNC_BAD_STALE_EPOCH);
	harness_inject(fixture, &fixture->b, &message, SYNC_BAD_ORDER);
}

static void
test_compiled_generations(void **state)
{
	struct fixture *fixture = *state;
	uint8_t generation[SYNC_GENERATION_SIZE] = {9};
	unsigned told_of = 0;

	harness_sync_hosts(fixture);
	for (unsigned i = 0; i < SYNC_COMPILED_MAX; i++)
		assert_true(channel_compiled(fixture->b.channel, generation));
	assert_false(channel_compiled(fixture->b.channel, generation));
	harness_pump(fixture);
	while (harness_was_told(&fixture->a, CHANNEL_COMPILED, NULL))
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

	harness_sync_hosts(fixture);
	channel_not_compiled(fixture->b.channel, generation, "for an older reason");
	channel_not_compiled(fixture->b.channel, generation, "for a reason");
	harness_pump(fixture);
	assert_true(harness_was_told(&fixture->a, CHANNEL_NOT_COMPILED, &value));
	assert_string_equal(fixture->a.reason, "for a reason");
	harness_pump(fixture);
	assert_false(harness_was_told(&fixture->a, CHANNEL_NOT_COMPILED, &value));
}

static void
test_what_cannot_be_stored_is_not_acknowledged(void **state)
{
	struct fixture *fixture = *state;
	uint64_t before, value;

	harness_sync_hosts(fixture);
	before = outgoing_acknowledged(channel_outgoing(fixture->a.channel));
	fixture->b.store_answer = SYNC_BAD_STORE;
	harness_tell_session(fixture, 1, false);
	harness_later(fixture, 100);
	assert_true(harness_was_told(&fixture->a, CHANNEL_REFUSED_THERE, &value));
	assert_int_equal(value, SYNC_BAD_STORE);
	assert_int_equal(outgoing_acknowledged(channel_outgoing(fixture->a.channel)), before);
	fixture->b.store_answer = SYNC_GOOD;
	harness_disconnect_hosts(fixture);
	harness_sync_hosts(fixture);
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
	harness_connect_hosts(fixture);
	channel_begin_snapshot(fixture->a.channel);
	harness_tell_session(fixture, 1, true);
	harness_later(fixture, 100);
	message.batch.first = fixture->b.stored_lsn + 1;
	harness_inject(fixture, &fixture->b, &message, SYNC_BAD_SNAPSHOT_COUNT);
	assert_int_equal(channel_append(fixture->a.channel, 0, &end), OUTGOING_BAD_ENTRY);
}

static void
test_a_replica_that_is_given_up_is_told_anew(void **state)
{
	struct fixture *fixture = *state;

	harness_sync_hosts(fixture);
	/* It is being told anew already. */
	channel_forget(fixture->b.channel);
	assert_int_equal(channel_state(fixture->b.channel), CHANNEL_TALKING);
	harness_disconnect_hosts(fixture);
	harness_connect_hosts(fixture);
	assert_true(harness_was_told(&fixture->a, CHANNEL_RESUMED, NULL));
	channel_forget(fixture->b.channel);
	assert_int_equal(channel_state(fixture->b.channel), CHANNEL_CLOSED);
	harness_disconnect_hosts(fixture);
	harness_connect_hosts(fixture);
	assert_true(harness_was_told(&fixture->a, CHANNEL_SNAPSHOT_WANTED, NULL));
	harness_disconnect_hosts(fixture);
	channel_forget(fixture->b.channel);
	harness_connect_hosts(fixture);
	assert_int_equal(channel_state(fixture->b.channel), CHANNEL_TALKING);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, harness_setup, harness_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_a_snapshot_between_live_entries),
	    TEST(test_protection_needs_a_record),
	    TEST(test_batches_are_bounded),
	    TEST(test_bulk_mail_gathers),
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
	    TEST(test_compiled_generations),
	    TEST(test_a_generation_that_cannot_be_compiled),
	    TEST(test_what_cannot_be_stored_is_not_acknowledged),
	    TEST(test_the_snapshot_is_counted),
	    TEST(test_a_replica_that_is_given_up_is_told_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
