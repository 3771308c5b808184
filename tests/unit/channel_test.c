/*
 * The conversation: who agrees with whom, and what both say of themselves.  What is told of sessions is
 * channel_log_test's; encoding, cutting and breaking are channel_property_test's.
 */
#include "tests/unit/channel_harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void
test_a_pair_agrees_and_syncs(void **state)
{
	struct fixture *fixture = *state;
	uint64_t value;

	harness_connect_hosts(fixture);
	assert_int_equal(channel_state(fixture->a.channel), CHANNEL_TALKING);
	assert_true(harness_was_told(&fixture->a, CHANNEL_AGREED, &value));
	assert_int_equal(value, AGREED_SEND);
	assert_true(harness_was_told(&fixture->b, CHANNEL_AGREED, &value));
	assert_int_equal(value, AGREED_RECEIVE);
	harness_disconnect_hosts(fixture);
	harness_sync_hosts(fixture);
	assert_int_equal(fixture->b.stored, 3);
	assert_int_equal(harness_tell_ended(fixture, 2), OUTGOING_TAKEN);
	harness_later(fixture, 100);
	assert_true(harness_was_told(&fixture->a, CHANNEL_ACKNOWLEDGED, &value));
	assert_int_equal(value, fixture->b.stored_lsn);
	assert_int_equal(fixture->b.last.slot, 2);
}

static void
test_names(void **state)
{
	struct fixture *fixture = *state;

	fixture->b.settings.node = "mx1";
	fixture->b.settings.peer = "mx2";
	harness_host_again(&fixture->b);
	harness_expect_refusal(fixture, SYNC_BAD_SAME_NAME);
	fixture->b.settings.node = "mx3";
	fixture->b.settings.peer = "mx1";
	harness_host_again(&fixture->b);
	harness_expect_refusal(fixture, SYNC_BAD_OTHER_NAME);
	fixture->b.settings.node = "mx2";
	fixture->b.settings.peer = "mx3";
	harness_host_again(&fixture->b);
	harness_expect_refusal(fixture, SYNC_BAD_OTHER_NAME);
	fixture->b.settings.peer = "";
	harness_host_again(&fixture->b);
	harness_connect_hosts(fixture);
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
	harness_host_again(&fixture->a);
	harness_host_again(&fixture->b);
	harness_connect_hosts(fixture);
	assert_int_equal(channel_agreement(fixture->a.channel)->version, 1);
	assert_int_equal(channel_agreement(fixture->b.channel)->version, 1);
	assert_int_equal(channel_agreement(fixture->b.channel)->record, 2);
	assert_int_equal(channel_agreement(fixture->a.channel)->features, 2);
	harness_disconnect_hosts(fixture);

	fixture->b.settings.version_oldest = 2;
	harness_host_again(&fixture->b);
	harness_expect_refusal(fixture, SYNC_BAD_NO_VERSION);
	fixture->b.settings.version_oldest = 1;
	fixture->b.settings.record_oldest = fixture->b.settings.record_newest = 3;
	harness_host_again(&fixture->b);
	harness_expect_refusal(fixture, SYNC_BAD_NO_RECORD_VERSION);
}

static void
test_roles_and_epochs(void **state)
{
	struct fixture *fixture = *state;

	channel_set_standing(fixture->b.channel, SYNC_ROLE_STANDBY, 6);
	harness_expect_refusal(fixture, SYNC_BAD_STALE_EPOCH);
	assert_int_equal(channel_peer_epoch(fixture->a.channel), 6);
	channel_set_standing(fixture->b.channel, SYNC_ROLE_DEGRADED, 5);
	harness_expect_refusal(fixture, SYNC_BAD_TWO_ACTIVE);
	channel_set_standing(fixture->b.channel, SYNC_ROLE_ACTIVE, 6);
	harness_expect_refusal(fixture, SYNC_BAD_STALE_EPOCH);

	channel_set_standing(fixture->b.channel, SYNC_ROLE_FAULT, 5);
	harness_connect_hosts(fixture);
	assert_int_equal(channel_state(fixture->a.channel), CHANNEL_TALKING);
	assert_int_equal(channel_agreement(fixture->a.channel)->part, AGREED_IDLE);
	harness_disconnect_hosts(fixture);
	channel_set_standing(fixture->a.channel, SYNC_ROLE_STANDBY, 5);
	channel_set_standing(fixture->b.channel, SYNC_ROLE_STANDBY, 9);
	harness_connect_hosts(fixture);
	assert_int_equal(channel_agreement(fixture->b.channel)->part, AGREED_IDLE);
}

static void
test_room(void **state)
{
	struct fixture *fixture = *state;

	fixture->b.settings.slots = 99;
	harness_host_again(&fixture->b);
	harness_expect_refusal(fixture, SYNC_BAD_TOO_SMALL);
	fixture->b.settings.slots = 200;
	fixture->b.settings.chunks = 99;
	harness_host_again(&fixture->b);
	harness_expect_refusal(fixture, SYNC_BAD_TOO_SMALL);
	fixture->b.settings.chunks = 200;
	harness_host_again(&fixture->b);
	harness_sync_hosts(fixture);
}

/* A standby that knows of a later epoch stores nothing of an earlier one, and says why. */
static void
test_a_later_epoch_fences(void **state)
{
	struct fixture *fixture = *state;
	unsigned stored;
	uint64_t value;

	harness_sync_hosts(fixture);
	stored = fixture->b.stored;
	channel_set_standing(fixture->b.channel, SYNC_ROLE_STANDBY, 6);
	harness_tell_session(fixture, 1, false);
	harness_later(fixture, 100);
	assert_int_equal(fixture->b.stored, stored);
	assert_true(harness_was_told(&fixture->a, CHANNEL_REFUSED_THERE, &value));
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

	harness_sync_hosts(fixture);
	channel_set_standing(fixture->a.channel, SYNC_ROLE_DEGRADED, 5);
	assert_int_equal(channel_state(fixture->a.channel), CHANNEL_TALKING);
	channel_set_standing(fixture->b.channel, SYNC_ROLE_ACTIVE, 6);
	harness_pump(fixture);
	assert_true(harness_was_told(&fixture->a, CHANNEL_REFUSED_THERE, &value));
	assert_int_equal(value, SYNC_BAD_STANDING);
	assert_int_equal(channel_peer_epoch(fixture->a.channel), 6);
	assert_int_equal(incoming_history(channel_incoming(fixture->b.channel)), 0);
	harness_disconnect_hosts(fixture);
	channel_set_standing(fixture->a.channel, SYNC_ROLE_STANDBY, 6);
	assert_false(outgoing_is_open(channel_outgoing(fixture->a.channel)));
	harness_connect_hosts(fixture);
	assert_true(harness_was_told(&fixture->b, CHANNEL_SNAPSHOT_WANTED, NULL));
}

static void
test_heartbeats_and_silence(void **state)
{
	struct fixture *fixture = *state;
	uint64_t value;

	harness_sync_hosts(fixture);
	fixture->time.gateway_ms = 777;
	fixture->time.tcp_clock = 888;
	harness_later(fixture, 20000);
	assert_true(harness_was_told(&fixture->b, CHANNEL_HEARD, NULL));
	assert_int_equal(channel_heartbeat(fixture->b.channel)->gateway_ms, 777);
	assert_int_equal(channel_heartbeat(fixture->b.channel)->tcp_clock, 888);
	assert_int_equal(channel_heartbeat(fixture->b.channel)->role, SYNC_ROLE_ACTIVE);
	assert_true(channel_heartbeat(fixture->b.channel)->synced);
	assert_true(channel_heartbeat(fixture->a.channel)->synced);
	assert_int_equal(channel_deadline(fixture->a.channel), fixture->time.now_us + 20000);

	fixture->time.now_us += 200000;
	fixture->a.news = 0;
	harness_pump_one(fixture, &fixture->a, &fixture->b);
	assert_true(harness_was_told(&fixture->a, CHANNEL_REFUSED, &value));
	assert_int_equal(value, SYNC_BAD_SILENCE);
	assert_int_equal(channel_deadline(fixture->a.channel), UINT64_MAX);
}

/* Entries that nobody takes now make nothing due but the next heartbeat. */
static void
test_a_peer_in_fault_makes_no_haste(void **state)
{
	struct fixture *fixture = *state;

	harness_sync_hosts(fixture);
	harness_tell_session(fixture, 1, false);
	harness_disconnect_hosts(fixture);
	channel_set_standing(fixture->b.channel, SYNC_ROLE_FAULT, 5);
	harness_connect_hosts(fixture);
	assert_int_equal(channel_agreement(fixture->a.channel)->part, AGREED_IDLE);
	assert_true(outgoing_has_unsent(channel_outgoing(fixture->a.channel)));
	harness_later(fixture, 1000);
	assert_true(channel_deadline(fixture->a.channel) > fixture->time.now_us + 10000);
	assert_int_equal(fixture->b.stored, 3);
}

static void
test_heartbeats_of_another_standing(void **state)
{
	struct fixture *fixture = *state;
	struct sync_message message = {
	    .kind = SYNC_HEARTBEAT, .heartbeat = {5, SYNC_ROLE_STANDBY, true, 1, 2, 3}};

	harness_sync_hosts(fixture);
	harness_inject(fixture, &fixture->b, &message, SYNC_BAD_STANDING);
	message.heartbeat.role = SYNC_ROLE_ACTIVE;
	message.heartbeat.epoch = 6;
	harness_inject(fixture, &fixture->b, &message, SYNC_BAD_STANDING);
	message.heartbeat.role = SYNC_ROLE_STANDBY;
	harness_inject(fixture, &fixture->a, &message, SYNC_BAD_STALE_EPOCH);
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

	harness_sync_hosts(fixture);
	harness_inject(fixture, &fixture->a, &message, SYNC_BAD_ORDER);
	harness_disconnect_hosts(fixture);
	fixture->a.news = 0;
	channel_connected(fixture->a.channel, fixture->time.now_us);
	channel_receive(fixture->a.channel, fixture->time.now_us, &beat);
	assert_true(harness_was_told(&fixture->a, CHANNEL_REFUSED, &value));
	assert_int_equal(value, SYNC_BAD_ORDER);
}

/* Both must mean the same by an acknowledgement, and by an epoch. */
static void
test_what_both_configurations_must_say(void **state)
{
	struct fixture *fixture = *state;

	fixture->b.settings.commit = SYNC_COMMIT_STRICT;
	harness_host_again(&fixture->b);
	harness_expect_refusal(fixture, SYNC_BAD_OTHER_COMMIT);
	assert_false(harness_was_told(&fixture->a, CHANNEL_GREETED, NULL));
	fixture->b.settings.commit = SYNC_COMMIT_DEGRADE;
	fixture->b.settings.side = fixture->a.settings.side;
	harness_host_again(&fixture->b);
	harness_expect_refusal(fixture, SYNC_BAD_SAME_SIDE);
	assert_false(harness_was_told(&fixture->b, CHANNEL_GREETED, NULL));
}

static void
test_the_state_is_told_by_hello_and_by_word(void **state)
{
	struct fixture *fixture = *state;
	uint64_t value = 0;

	channel_set_state(fixture->a.channel, 7);
	harness_connect_hosts(fixture);
	assert_true(harness_was_told(&fixture->b, CHANNEL_GREETED, NULL));
	assert_int_equal(channel_peer(fixture->b.channel)->state, 7);
	assert_int_equal(channel_peer(fixture->b.channel)->epoch, 5);
	assert_false(harness_was_told(&fixture->b, CHANNEL_WORD, NULL));
	channel_set_state(fixture->a.channel, 8);
	harness_pump(fixture);
	assert_true(harness_was_told(&fixture->b, CHANNEL_WORD, &value));
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
	harness_connect_hosts(fixture);
	assert_true(harness_was_told(&fixture->a, CHANNEL_GREETED, NULL));
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

	harness_sync_hosts(fixture);
	assert_int_equal(harness_tell_ended(fixture, 2), OUTGOING_TAKEN);
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
	harness_connect_hosts(fixture);
	assert_false(harness_was_told(&fixture->b, CHANNEL_WORD, NULL));
	channel_say(fixture->a.channel, SYNC_SAYING_FREEZE);
	harness_disconnect_hosts(fixture);
	harness_connect_hosts(fixture);
	assert_false(harness_was_told(&fixture->b, CHANNEL_WORD, NULL));
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

	harness_connect_hosts(fixture);
	sent = fixture->time.now_us;
	harness_later(fixture, 20000);
	harness_later(fixture, 20000);
	assert_true(channel_echoed(fixture->a.channel) > sent);
	sent = channel_echoed(fixture->a.channel);
	harness_disconnect_hosts(fixture);
	channel_connected(fixture->a.channel, fixture->time.now_us);
	assert_int_equal(channel_echoed(fixture->a.channel), 0);
	channel_connected(fixture->b.channel, fixture->time.now_us);
	harness_pump(fixture);
	struct sync_message beat = {.kind = SYNC_HEARTBEAT,
	    .heartbeat = {4, SYNC_ROLE_STANDBY, false, 0, 0, 0, 0, fixture->time.now_us + 1}};
	channel_receive(fixture->a.channel, fixture->time.now_us, &beat);
	assert_true(channel_echoed(fixture->a.channel) <= fixture->time.now_us);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, harness_setup, harness_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_a_pair_agrees_and_syncs),
	    TEST(test_names),
	    TEST(test_versions),
	    TEST(test_roles_and_epochs),
	    TEST(test_room),
	    TEST(test_a_later_epoch_fences),
	    TEST(test_a_change_of_role_begins_again),
	    TEST(test_heartbeats_and_silence),
	    TEST(test_a_peer_in_fault_makes_no_haste),
	    TEST(test_heartbeats_of_another_standing),
	    TEST(test_a_second_hello_is_out_of_order),
	    TEST(test_what_both_configurations_must_say),
	    TEST(test_the_state_is_told_by_hello_and_by_word),
	    TEST(test_a_stale_host_is_greeted),
	    TEST(test_words_keep_their_order_and_frozen_comes_last),
	    TEST(test_words_end_with_the_conversation),
	    TEST(test_heartbeats_are_echoed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
