/* show failover and the three commands, with the parts of sync and supervisor played by the test. */
#include "daemon/manager/failover_command.h"
#include "daemon/manager/show_failover.h"
#include "daemon/manager/show_failover_history.h"
#include "daemon/sync/role.h"
#include "shm/door_view.h"
#include "shm/gateway_clock.h"
#include "shm/release.h"
#include "shm/takeover_view.h"

#include <jansson.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include <cmocka.h>

static struct shm shm;
static struct text shown;
static struct settings_failover failover;

static int
set_up(void **state)
{
	const struct shm_plan plan = {.slots = 1, .chunks = 1, .workers = 1};

	(void)state;
	failover = (struct settings_failover){
	    .line = 1,
	    .degrade_after_ms = 500,
	    .node = "mx1",
	    .listen = {.family = 4, .port = 7925, .address = {192, 0, 2, 1}},
	    .peer = {.family = 4, .port = 7925, .address = {192, 0, 2, 2}},
	    .addresses = 1,
	    .address = {{.family = 4, .address = {192, 0, 2, 10}}},
	};
	text_init(&shown, 65536);
	return shm_create(&shm, &plan);
}

static int
tear_down(void **state)
{
	(void)state;
	text_free(&shown);
	shm_detach(&shm);
	return 0;
}

static void
show(bool json)
{
	text_clear(&shown);
	show_failover(&failover, &shm, json, &shown);
}

static void
expect(const char *words)
{
	if (strstr(text_string(&shown), words) == NULL)
		fail_msg("%s is not in:\n%s", words, text_string(&shown));
}

static json_t *
show_json(void)
{
	json_t *value;

	show(true);
	value = json_loads(text_string(&shown), 0, NULL);
	if (value == NULL)
		fail_msg("no JSON: %s", text_string(&shown));
	assert_int_equal(json_integer_value(json_object_get(value, "schema")), 1);
	return value;
}

static const char *
string_of(const json_t *value, const char *part, const char *key)
{
	const char *text = json_string_value(json_object_get(json_object_get(value, part), key));

	return text == NULL ? "(null)" : text;
}

static json_int_t
number_of(const json_t *value, const char *part, const char *key)
{
	return json_integer_value(json_object_get(json_object_get(value, part), key));
}

static void
test_off(void **state)
{
	json_t *value;

	(void)state;
	failover.line = 0;
	show(false);
	assert_string_equal(text_string(&shown), "Failover Off\n");
	value = show_json();
	assert_true(json_is_false(json_object_get(value, "failover")));
	json_decref(value);
}

static void
test_without_sync(void **state)
{
	const struct door_status door = {
	    .wanted = DOOR_CLOSED,
	    .state = {DOOR_FAULT, DOOR_ABSENT},
	    .fault = "set open of table inet smtpguard is not there",
	};
	json_t *value;

	(void)state;
	door_view_publish(shm_door_view(&shm), &door);
	show(false);
	expect(
	    "Failover On\nFailover unit mx1\n"
	    "Failover LAN Interface: 192.0.2.1:7925 to 192.0.2.2:7925 (the sync process does not "
	    "run)\nCommit degrade: after 500 milliseconds without a standby\n"
	    "Last Failover at: none\n"
	    "\tThis host: mx1 - Unknown\n\t\tFloating address (192.0.2.10): fault\n"
	    "\tOther host: - - Unknown\n\t\tNot heard yet\n"
	    "Door: should be closed\n\tIPv4: fault\n\tIPv6: none\n"
	    "\tFault: set open of table inet smtpguard is not there\n");
	expect("Last takeover: none\n");
	assert_null(strstr(text_string(&shown), "Statistics"));
	value = show_json();
	assert_true(json_is_true(json_object_get(value, "failover")));
	assert_true(json_is_false(json_object_get(value, "sync_runs")));
	assert_string_equal(string_of(value, "this_host", "state"), "(null)");
	assert_string_equal(string_of(value, "other_host", "state"), "(null)");
	assert_string_equal(string_of(value, "channel", "state"), "(null)");
	assert_string_equal(string_of(value, "door", "ipv4"), "fault");
	assert_string_equal(string_of(value, "door", "ipv6"), "none");
	assert_true(json_is_null(json_object_get(value, "last_failover")));
	assert_true(json_is_null(json_object_get(value, "takeover")));
	json_decref(value);
}

static struct pair_status
active(void)
{
	uint64_t now_us = realtime_now_us();

	return (struct pair_status){
	    .state = ROLE_ACTIVE,
	    .reason = ROLE_WHY_WHOLE,
	    .channel = PAIR_CHANNEL_UP,
	    .peer_state = ROLE_SYNCED,
	    .since_us = now_us - 75000000,
	    .epoch = 12,
	    .peer_epoch = 11,
	    .peer_heard_us = now_us - 30000,
	    .newest_lsn = 1007,
	    .acked_lsn = 1004,
	    .waiting = 3,
	    .waiting_bytes = 900,
	    .lag_us = 450,
	    .protected_sessions = 21,
	    .connects = 4,
	    .refusals = 1,
	    .refused_us = now_us,
	    .refusal = "wrong key\x1b[2J",
	    .node = "mx1",
	    .peer = "mx2",
	};
}

static void
publish(const struct pair_status *status)
{
	pair_view_publish(shm_pair_view(&shm), status);
	pair_view_alive(shm_pair_view(&shm), 4711, monotonic_now_ms());
}

static void
test_active(void **state)
{
	const struct door_status door = {.wanted = DOOR_OPEN,
	    .state = {DOOR_OPEN, DOOR_OPEN},
	    .gate = GATE_VIEW_STANDS,
	    .early = EARLY_VIEW_PASSES};
	struct pair_status status = active();
	json_t *value;

	(void)state;
	release_set(shm_release(&shm), RELEASE_PAIRED);
	door_view_publish(shm_door_view(&shm), &door);
	publish(&status);
	show(false);
	expect("Failover LAN Interface: 192.0.2.1:7925 to 192.0.2.2:7925 (up)\n");
	expect("\tThis host: mx1 - Active (active), epoch 12\n"
	       "\t\tFor 0:01:15: the standby has everything\n"
	       "\t\tActive time: 0 (sec)\n\t\tFloating address (192.0.2.10): open\n");
	expect("\tOther host: mx2 - Standby Ready (standby-synced), epoch 11\n\t\tHeard 0.");
	expect("Door: should be open\n\tIPv4: open\n\tIPv6: open\n"
	       "\tearly packets: passes\n"
	       "Gate: stands; paired: what the standby has acknowledged leaves\n");
	expect("\tNewest entry       1007\n\tAcknowledged       1004\n"
	       "\tWaiting            3 entries, 900 bytes, nothing acknowledged for 450 "
	       "us\n\tSessions protected 21\n"
	       "\tConnections        4, refused 1\n");
	expect("UTC: wrong key\\x1b[2J\n");
	value = show_json();
	assert_string_equal(string_of(value, "this_host", "state"), "active");
	assert_string_equal(string_of(value, "this_host", "reason"), "whole");
	assert_int_equal(number_of(value, "this_host", "epoch"), 12);
	assert_string_equal(string_of(value, "other_host", "node"), "mx2");
	assert_string_equal(string_of(value, "other_host", "state"), "standby-synced");
	assert_int_equal(number_of(value, "other_host", "epoch"), 11);
	assert_string_equal(string_of(value, "channel", "state"), "up");
	assert_string_equal(string_of(value, "channel", "last_refusal"), "wrong key\\x1b[2J");
	assert_int_equal(number_of(value, "log", "newest"), 1007);
	assert_int_equal(number_of(value, "log", "acknowledged"), 1004);
	assert_int_equal(number_of(value, "log", "protected_sessions"), 21);
	assert_string_equal(string_of(value, "door", "wanted"), "open");
	assert_string_equal(string_of(value, "gate", "state"), "stands");
	assert_string_equal(string_of(value, "gate", "release"), "paired");
	json_decref(value);
}

static void
test_snapshot(void **state)
{
	struct pair_status status = active();

	(void)state;
	status.state = ROLE_CATCHUP;
	status.channel = PAIR_CHANNEL_SNAPSHOT;
	status.snapshot_done = 3;
	status.snapshot_whole = 9;
	publish(&status);
	show(false);
	expect("This host: mx1 - Bulk Sync (standby-catchup)");
	expect("\tSnapshot           3 of 9 sessions\n");
}

static void
test_last_failover(void **state)
{
	struct pair_history *history = shm_pair_history(&shm);
	struct pair_change change = {
	    .at_us = realtime_now_us() - 60000000, .from = ROLE_RESTORING, .to = ROLE_DEGRADED};
	struct pair_status status = active();
	json_t *value;

	(void)state;
	pair_history_add(history, &change);
	change = (struct pair_change){
	    .at_us = realtime_now_us(), .from = ROLE_DEGRADED, .to = ROLE_ACTIVE};
	pair_history_add(history, &change);
	publish(&status);
	show(false);
	expect("\t\tActive time: 60 (sec)\n");
	assert_null(strstr(text_string(&shown), "Last Failover at: none"));
	change = (struct pair_change){.at_us = 2000000, .from = ROLE_ACTIVE, .to = ROLE_YIELDING};
	pair_history_add(history, &change);
	status.state = ROLE_SYNCED;
	publish(&status);
	show(false);
	expect("Last Failover at: Jan 01 1970 00:00:02 UTC\n");
	expect("\t\tActive time: 0 (sec)\n");
	value = show_json();
	assert_string_equal(json_string_value(json_object_get(value, "last_failover")),
	    "1970-01-01T00:00:02.000000Z");
	json_decref(value);
}

static struct takeover_status
a_takeover(void)
{
	return (struct takeover_status){
	    .epoch = 14,
	    .at_us = realtime_now_us() - 75000000,
	    .begun_us = 5003000,
	    .restored_us = 5024500,
	    .opened_us = 5030000,
	    .probed_us = 5031000,
	    .done_us = 5230000,
	    .sessions = 65,
	    .lost = 2,
	    .embryos = 3,
	    .ahead = 100,
	};
}

static void
test_takeover(void **state)
{
	const struct takeover_cause cause = {
	    .epoch = 14, .asked_us = 5000000, .saved_us = 5004000, .reason = ROLE_WHY_ADDRESS};
	struct takeover_status takeover = a_takeover();
	json_t *value, *shown_takeover;

	(void)state;
	takeover_view_publish(shm_takeover_view(&shm), &takeover);
	takeover_view_publish_cause(shm_takeover_view(&shm), &cause);
	takeover_view_set_ahead(shm_takeover_view(&shm), 18);
	show(false);
	expect("Made ahead for the next takeover: 18 connections of sessions\nLast takeover: ");
	expect(" UTC, 0:01:15 ago, epoch 14\n"
	       "\tCause              keepalived has given the address to this host\n"
	       "\tSessions           63 taken over, 2 lost\n"
	       "\tMade ahead         100 connections of sessions\n"
	       "\tWithout a session  3 connections of clients\n"
	       "\tPhase                   At (ms)    Took (ms)\n"
	       "\tAsked for                 0.000        0.000\n"
	       "\tBegun                     3.000        3.000\n"
	       "\tEpoch saved               4.000        1.000\n"
	       "\tRestored                 24.500       20.500\n"
	       "\tDoor opened              30.000        5.500\n"
	       "\tPeers asked              31.000        1.000\n"
	       "\tDone                    230.000      199.000\n");
	value = show_json();
	shown_takeover = json_object_get(value, "takeover");
	assert_string_equal(json_string_value(json_object_get(shown_takeover, "cause")), "address");
	assert_int_equal(number_of(value, "takeover", "epoch"), 14);
	assert_int_equal(number_of(value, "takeover", "taken_over"), 63);
	assert_int_equal(number_of(value, "takeover", "lost"), 2);
	assert_int_equal(number_of(value, "takeover", "embryos"), 3);
	assert_int_equal(number_of(value, "takeover", "made_ahead"), 100);
	assert_int_equal(json_integer_value(json_object_get(value, "made_ahead")), 18);
	assert_int_equal(number_of(value, "takeover", "ago_s"), 75);
	assert_int_equal(number_of(shown_takeover, "phases", "asked_us"), 0);
	assert_int_equal(number_of(shown_takeover, "phases", "restored_us"), 24500);
	assert_int_equal(number_of(shown_takeover, "phases", "done_us"), 230000);
	json_decref(value);
}

/* It has begun, and ended there; and what is known of a cause is another one's. */
static void
test_takeover_cut_short(void **state)
{
	const struct takeover_cause cause = {
	    .epoch = 12, .asked_us = 1000000, .saved_us = 1003000, .reason = ROLE_WHY_ADDRESS};
	struct takeover_status takeover = a_takeover();
	json_t *value, *phases;

	(void)state;
	takeover.opened_us = takeover.probed_us = takeover.done_us = 0;
	takeover_view_publish(shm_takeover_view(&shm), &takeover);
	takeover_view_publish_cause(shm_takeover_view(&shm), &cause);
	show(false);
	expect("\tCause              unknown\n");
	expect("\tBegun                     0.000        0.000\n"
	       "\tEpoch saved                   -            -\n"
	       "\tRestored                 21.500       21.500\n"
	       "\tDoor opened                   -            -\n");
	value = show_json();
	assert_string_equal(string_of(value, "takeover", "cause"), "(null)");
	phases = json_object_get(json_object_get(value, "takeover"), "phases");
	assert_true(json_is_null(json_object_get(phases, "asked_us")));
	assert_true(json_is_null(json_object_get(phases, "done_us")));
	assert_int_equal(json_integer_value(json_object_get(phases, "restored_us")), 21500);
	json_decref(value);
}

/* Whatever another process writes. */
static void
test_numbers_that_cannot_be(void **state)
{
	struct takeover_status takeover;
	struct takeover_cause cause;
	struct pair_status status;
	struct door_status door;
	json_t *value;

	(void)state;
	memset(&status, 0xff, sizeof(status));
	memset(&door, 0xff, sizeof(door));
	memset(&takeover, 0xff, sizeof(takeover));
	memset(&cause, 0xff, sizeof(cause));
	takeover_view_publish(shm_takeover_view(&shm), &takeover);
	takeover_view_publish_cause(shm_takeover_view(&shm), &cause);
	publish(&status);
	door_view_publish(shm_door_view(&shm), &door);
	show(false);
	expect("This host: mx1 - Unknown ()");
	value = show_json();
	json_decref(value);
}

/* What it said before it hung is of no use. */
static void
test_sync_that_hangs(void **state)
{
	struct pair_status status = active();

	(void)state;
	publish(&status);
	pair_view_alive(shm_pair_view(&shm), 4711, monotonic_now_ms() - PAIR_ALIVE_MS - 1);
	show(false);
	expect("the sync process does not run");
	expect("This host: mx1 - Unknown\n");
}

static int
command(enum pair_command what, const char **ret_reason)
{
	return failover_command(&failover, &shm, what, ret_reason);
}

static void
test_commands_without_a_pair(void **state)
{
	const char *reason;

	(void)state;
	failover.line = 0;
	assert_int_equal(command(PAIR_FORCE, &reason), EX_UNAVAILABLE);
	assert_string_equal(reason, "failover is not configured");
}

static void
test_commands_without_sync(void **state)
{
	uint64_t began_ms = monotonic_now_ms();
	const char *reason;

	(void)state;
	assert_int_equal(command(PAIR_FORCE, &reason), EX_UNAVAILABLE);
	assert_non_null(strstr(reason, "the sync process does not run"));
	assert_int_equal(shm_pair_request(&shm)->number, 0);
	/* It lives, and does not answer. */
	pair_view_alive(shm_pair_view(&shm), 4711, monotonic_now_ms());
	assert_int_equal(command(PAIR_FORCE, &reason), EX_TEMPFAIL);
	assert_non_null(strstr(reason, "has not answered"));
	assert_true(monotonic_now_ms() - began_ms >= PAIR_REQUEST_MS);
}

struct sync {
	pthread_t thread;
	uint32_t refusal;
	enum pair_command taken;
};

static void *
answer_one(void *context)
{
	struct sync *sync = context;
	uint32_t number;

	while (!pair_take_request(shm_pair_request(&shm), shm_pair_answer(&shm), monotonic_now_ms(),
	    &number, &sync->taken))
		usleep(1000);
	pair_give_answer(shm_pair_answer(&shm), number, sync->refusal);
	return NULL;
}

static int
answered_with(uint32_t refusal, enum pair_command what, const char **ret_reason)
{
	struct sync sync = {.refusal = refusal};
	int status;

	pair_view_alive(shm_pair_view(&shm), 4711, monotonic_now_ms());
	assert_int_equal(pthread_create(&sync.thread, NULL, answer_one, &sync), 0);
	status = command(what, ret_reason);
	pthread_join(sync.thread, NULL);
	assert_int_equal(sync.taken, what);
	return status;
}

static void
test_commands_are_answered(void **state)
{
	const char *reason;

	(void)state;
	assert_int_equal(answered_with(ROLE_NO_NONE, PAIR_ACTIVE, &reason), EX_OK);
	assert_int_equal(answered_with(ROLE_NO_NOT_SYNCED, PAIR_ACTIVE, &reason), EX_UNAVAILABLE);
	assert_non_null(strstr(reason, "this host is not synced"));
	assert_int_equal(
	    answered_with(ROLE_NO_ALREADY_STANDBY, PAIR_STANDBY, &reason), EX_UNAVAILABLE);
	assert_string_equal(reason, "this host is not the active one");
	assert_int_equal(answered_with(UINT32_MAX, PAIR_FORCE, &reason), EX_UNAVAILABLE);
	assert_non_null(strstr(reason, "not known here"));
}

static void
show_history(bool json)
{
	text_clear(&shown);
	show_failover_history(&failover, &shm, json, &shown);
}

static void
test_history(void **state)
{
	struct pair_history *history = shm_pair_history(&shm);
	struct pair_change change = {.at_us = 1000000, .epoch = 4, .to = ROLE_WAITING};
	json_t *value, *list;

	(void)state;
	show_history(false);
	expect("From State");
	for (unsigned i = 0; i < PAIR_HISTORY + 6; i++) {
		change.epoch = i;
		pair_history_add(history, &change);
	}
	change = (struct pair_change){.at_us = 2000000,
	    .epoch = 500,
	    .from = ROLE_SYNCED,
	    .to = ROLE_RAISING,
	    .reason = UINT32_MAX};
	pair_history_add(history, &change);
	show_history(false);
	expect("Jan 01 1970 00:00:02 UTC, epoch 500\n"
	       "Standby Ready (standby-synced)       Just Active (raising)");
	assert_null(strstr(text_string(&shown), "epoch 7\n"));
	show_history(true);
	value = json_loads(text_string(&shown), 0, NULL);
	list = json_object_get(value, "history");
	assert_int_equal(json_array_size(list), PAIR_HISTORY - 1);
	assert_string_equal(
	    json_string_value(json_object_get(json_array_get(list, PAIR_HISTORY - 2), "to")),
	    "raising");
	json_decref(value);
	failover.line = 0;
	show_history(false);
	assert_string_equal(text_string(&shown), "Failover Off\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_off),
	    TEST(test_without_sync),
	    TEST(test_active),
	    TEST(test_history),
	    TEST(test_snapshot),
	    TEST(test_last_failover),
	    TEST(test_takeover),
	    TEST(test_takeover_cut_short),
	    TEST(test_numbers_that_cannot_be),
	    TEST(test_sync_that_hangs),
	    TEST(test_commands_without_a_pair),
	    TEST(test_commands_without_sync),
	    TEST(test_commands_are_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
