/*
 * The manager as a process, alone: the test is its supervisor (shared memory, descriptors, answers)
 * and its person (control socket).
 */
#include "shm/closed.h"
#include "shm/counters.h"
#include "shm/gateway_clock.h"
#include "shm/process.h"
#include "shm/slot.h"
#include "tests/unit/manager_harness.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include <cmocka.h>

#define SESSION_ID 0x0123456789abcdefull
#define CLOSED_ID  0x00000000deadbeefull

static void
test_change_is_live_and_kept(void **state)
{
	struct gateway *gateway = *state;
	struct person person;

	person_open(&person, gateway);
	assert_int_equal(person_execute(&person, "show running-config"), 0);
	assert_true(person_says(&person, "inspect esmtp"));
	assert_int_equal(
	    person_execute(&person, "static (inside,outside) tcp 127.0.0.1 2525 127.0.0.1 2526"),
	    0);
	assert_int_equal(gateway->table.count, 1);
	assert_int_equal(gateway->table.entry[0].listen.port, 2525);
	size_t size;
	assert_non_null(policy_area_image(
	    shm_policy(&gateway->shm), gateway->table.entry[0].policy_slot, &size));

	assert_int_equal(person_execute(&person, "hostname mx-kept"), 0);
	assert_string_equal(person.prompt, "mx-kept# ");
	assert_int_equal(person_execute(&person, "show events"), 0);
	person_close(&person);

	/* The death of the manager loses no change, saved or not. */
	gateway_stop_manager(gateway, SIGKILL, 0);
	gateway_start_manager(gateway);
	person_open(&person, gateway);
	assert_int_equal(person_execute(&person, "show running-config"), 0);
	assert_true(person_says(&person, "hostname mx-kept\n"));
	assert_true(person_says(&person, "static (inside,outside)"));
	assert_int_equal(gateway->table.count, 1);
	assert_int_equal(person_execute(&person, "show startup-config"), 69);
	person_close(&person);
}

static void
test_bad_change_changes_nothing(void **state)
{
	struct gateway *gateway = *state;
	struct person person;

	person_open(&person, gateway);
	assert_int_equal(
	    person_execute(&person, "static (inside,outside) tcp 127.0.0.1 9999 127.0.0.1 2526"),
	    65);
	assert_true(
	    person_says(&person, "cannot listen on 127.0.0.1:9999: Address already in use"));
	assert_int_equal(gateway->table.count, 0);
	assert_int_equal(person_execute(&person, "show running-config static"), 0);
	assert_false(person_says(&person, "9999"));
	assert_int_equal(person_execute(&person, "show rubbish"), 64);
	assert_true(person_says(&person, "% Invalid input detected at '^' marker."));
	person_close(&person);
}

static void
test_saved_configuration(void **state)
{
	struct gateway *gateway = *state;
	struct person person;

	person_open(&person, gateway);
	assert_int_equal(person_execute(&person, "hostname mx-one"), 0);
	assert_int_equal(person_execute(&person, "write memory"), 0);
	assert_true(person_says(&person, "Building configuration...\nCryptochecksum: "));
	assert_true(person_says(&person, "[OK]\n"));
	assert_int_equal(person_execute(&person, "hostname mx-two"), 0);
	assert_int_equal(person_execute(&person, "copy running-config startup-config"), 0);
	assert_int_equal(person_execute(&person, "show startup-config"), 0);
	assert_true(person_says(&person, "hostname mx-two\n"));
	person_close(&person);

	/* A new gateway; its saved configuration is torn: the one before is used, and it is said. */
	gateway_stop_manager(gateway, SIGTERM, 0);
	int fd = openat(gateway->directory, "startup-config", O_WRONLY | O_CLOEXEC);
	assert_int_equal(ftruncate(fd, 100), 0);
	close(fd);
	shm_detach(&gateway->shm);
	gateway_create_memory(gateway);
	gateway_start_manager(gateway);
	person_open(&person, gateway);
	assert_int_equal(person_execute(&person, "show running-config"), 0);
	assert_true(person_says(&person, "hostname mx-one\n"));
	assert_int_equal(person_execute(&person, "show events"), 0);
	assert_true(person_says(&person, "%SMTPGUARD-1-109025: startup-config is damaged"));
	assert_int_equal(person_execute(&person, "write erase"), 0);
	assert_int_equal(person_execute(&person, "show startup-config"), 69);
	person_close(&person);
}

/* A static that cannot be had at start is told and left out; the rest works and can be changed. */
static void
test_start_with_a_busy_address(void **state)
{
	struct gateway *gateway = *state;
	struct person person;

	person_open(&person, gateway);
	assert_int_equal(
	    person_execute(&person, "static (inside,outside) tcp 127.0.0.1 2525 127.0.0.1 2526"),
	    0);
	assert_int_equal(
	    person_execute(&person, "static (inside,outside) tcp 127.0.0.1 2527 127.0.0.1 2526"),
	    0);
	assert_int_equal(person_execute(&person, "write memory"), 0);
	person_close(&person);

	gateway_stop_manager(gateway, SIGTERM, 0);
	shm_detach(&gateway->shm);
	gateway_create_memory(gateway);
	atomic_store(&gateway->busy_port, 2525);
	gateway_start_manager(gateway);
	person_open(&person, gateway);
	assert_int_equal(person_execute(&person, "show running-config static"), 0);
	assert_true(person_says(&person, "2525"));
	assert_int_equal(gateway->table.count, 1);
	assert_int_equal(gateway->table.entry[0].listen.port, 2527);
	assert_int_equal(person_execute(&person, "show events"), 0);
	assert_true(
	    person_says(&person, "109022: Cannot listen on 127.0.0.1:2525: Address already"));

	assert_int_equal(person_execute(&person, "hostname mx-late"), 0);
	assert_int_equal(gateway->table.count, 1);
	atomic_store(&gateway->busy_port, GATEWAY_BUSY_PORT);
	assert_int_equal(person_execute(&person, "hostname mx-later"), 0);
	assert_int_equal(gateway->table.count, 2);
	person_close(&person);
}

static void
plant_session(struct gateway *gateway)
{
	struct slot_custody *custody = shm_custody(&gateway->shm, 3);
	struct slot_session *session = shm_session(&gateway->shm, 3);

	custody->session_id = SESSION_ID;
	custody->opened_us = realtime_now_us();
	custody->mode = SLOT_INSPECT;
	/* Without an end, as no supervisor leaves it. */
	memset(custody->class_name, 'c', sizeof(custody->class_name));
	custody->leg[SHM_CLIENT].peer =
	    (struct shm_endpoint){.family = 4, .port = 40000, .address = {192, 0, 2, 5}};
	custody->leg[SHM_SERVER].peer =
	    (struct shm_endpoint){.family = 4, .port = 25, .address = {10, 0, 0, 20}};
	atomic_store(&custody->leg[SHM_CLIENT].state, LEG_OPEN);
	atomic_store(&custody->leg[SHM_SERVER].state, LEG_OPEN);
	atomic_store(&custody->owner, PROCESS_OWNER(1, 7));
	atomic_store(&custody->generation, 9);
	atomic_store(&session->generation, 9);
	trail_clear(&session->trail);
	trail_add(&session->trail, 1500, TRAIL_CLIENT, 0, "EHLO \x1b[2J", 9);
	struct record *record = record_begin(session, 9);
	record->commands = 4;
	record_publish(session, record);
	atomic_store(&custody->state, SLOT_OPEN);

	struct closed_entry closed = {
	    .session_id = CLOSED_ID, .closed_us = 5000000, .reason = CLOSE_FINS};
	trail_add(&closed.trail, 1, TRAIL_SERVER, 220, "ready", 5);
	closed_add(shm_closed(&gateway->shm), &closed);
}

static void
test_sessions_are_shown(void **state)
{
	struct gateway *gateway = *state;
	struct person person;

	plant_session(gateway);
	person_open(&person, gateway);
	assert_int_equal(person_execute(&person, "show conn"), 0);
	assert_true(
	    person_says(&person, "TCP outside 192.0.2.5:40000 inside 10.0.0.20:25, idle 0:00:0"));
	assert_true(person_says(&person, "flags UBM, id 0123456789abcdef\n"));
	assert_int_equal(person_execute(&person, "show conn detail"), 0);
	assert_true(person_says(&person, "mode inspect, class ccc"));
	assert_true(person_says(&person, "ccc, worker 1,\n"));
	assert_int_equal(person_execute(&person, "show conn 0123456789abcdef"), 0);
	assert_true(person_says(&person, "EHLO \\x1b[2J\n"));
	assert_true(person_says(&person, "Mode inspect, policy -, class ccc"));
	assert_int_equal(person_execute(&person, "show conn 00000000deadbeef"), 0);
	assert_true(person_says(&person, "closed, TCP FINs"));
	assert_int_equal(person_execute(&person, "show conn closed"), 0);
	assert_true(person_says(&person, "00000000deadbeef"));
	assert_int_equal(person_execute(&person, "show conn closed 192.0.2.99"), 0);
	assert_string_equal(text_string(&person.text), "");
	assert_int_equal(person_execute(&person, "show conn 0000000000000001"), 69);
	assert_int_equal(person_execute(&person, "clear conn 0123456789abcdef"), 0);
	assert_true(atomic_load(&gateway->cleared) == SESSION_ID);
	person_close(&person);
}

/* Alone there is nobody to change roles with; that it was asked is noted. */
static void
test_failover_is_off(void **state)
{
	static const char *const lines[] = {
	    "failover active", "no failover active", "failover force"};
	struct person person;

	person_open(&person, *state);
	assert_int_equal(person_execute(&person, "show failover"), 0);
	assert_true(person_says(&person, "Failover Off\n"));
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		assert_int_equal(person_execute(&person, lines[i]), EX_UNAVAILABLE);
		assert_true(person_says(&person, "% failover is not configured\n"));
	}
	person_close(&person);
}

static void
test_json(void **state)
{
	static const char *const lines[] = {"show version", "show conn", "show conn detail",
	    "show conn closed", "show conn 0123456789abcdef", "show conn 00000000deadbeef",
	    "show service-policy", "show service-policy inspect esmtp", "show counters",
	    "show counters peer", "show events", "show failover", "show failover history",
	    "show failover digest", "show failover digest 0 0 0 0 0", "show running-config",
	    "show running-config all", "show startup-config"};
	struct gateway *gateway = *state;
	struct person person;

	plant_session(gateway);
	person_open(&person, gateway);
	assert_int_equal(person_execute(&person, "write memory"), 0);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		json_error_t error;

		person_ask(&person, CONTROL_EXECUTE, lines[i], true);
		assert_int_equal(person_await(&person), 0);
		json_t *value =
		    json_loads(text_string(&person.text), JSON_REJECT_DUPLICATES, &error);
		if (value == NULL)
			fail_msg("%s: %s: %s", lines[i], error.text, text_string(&person.text));
		assert_int_equal(json_integer_value(json_object_get(value, "schema")), 1);
		json_decref(value);
	}
	person_close(&person);
}

static void
test_service_policy_and_counters(void **state)
{
	struct gateway *gateway = *state;
	struct person person;

	person_open(&person, gateway);
	assert_int_equal(
	    person_execute(&person, "static (inside,outside) tcp 127.0.0.1 2525 127.0.0.1 2526"),
	    0);
	uint32_t slot = gateway->table.entry[0].policy_slot;
	struct counter_block *block = shm_counters(&gateway->shm, 0);
	counter_add_rule(block, slot, COUNTER_RULE_PACKETS, 17);
	counter_add(block, COUNTER_messages, 5);
	assert_int_equal(person_execute(&person, "show service-policy inspect esmtp"), 0);
	assert_true(person_says(&person,
	    "Global policy:\n  Service-policy: global_policy\n    Class-map: inspection_default\n"
	    "      Inspect: esmtp _default_esmtp_map, packet 17, drop 0, reset-drop 0\n"
	    "        mask-banner, count 0\n"));
	assert_int_equal(person_execute(&person, "clear service-policy"), 0);
	assert_true(atomic_load(&gateway->refused_cleared));
	assert_int_equal(person_execute(&person, "clear counters"), 0);
	counter_add_rule(block, slot, COUNTER_RULE_PACKETS, 2);
	assert_int_equal(person_execute(&person, "show service-policy"), 0);
	assert_true(person_says(&person, "packet 2, drop 0"));
	assert_true(counter_total(&gateway->shm, COUNTER_messages) == 0);
	person_close(&person);
}

static void
write_event(struct gateway *gateway, const char *text)
{
	struct event event;

	event_init(&event, 109001, SESSION_ID);
	event_add_text(&event, text, strlen(text));
	event_add_text(&event, "550 no", 6);
	event_ring_write(shm_events(&gateway->shm, 0), &event);
}

static void
test_events_are_followed(void **state)
{
	struct gateway *gateway = *state;
	struct control_reply reply = {0};
	struct person person;

	person_open(&person, gateway);
	person_ask(&person, CONTROL_EXECUTE, "show events follow", false);
	assert_int_equal(person_receive(&person, &reply), 0);
	assert_false(reply.final);
	write_event(gateway, "first");
	assert_int_equal(person_receive(&person, &reply), 0);
	assert_true(person_says(&person, "%SMTPGUARD-4-109001: Refused first"));
	/* The next request ends it. */
	person_ask(&person, CONTROL_EXECUTE, "", false);
	assert_int_equal(person_receive(&person, &reply), 0);
	assert_true(reply.final);
	assert_int_equal(reply.id, person.id - 1);
	assert_int_equal(person_await(&person), 0);
	person_close(&person);

	/* Started anew it goes on where it was: nothing twice, nothing missing. */
	gateway_stop_manager(gateway, SIGKILL, 0);
	write_event(gateway, "while dead");
	gateway_start_manager(gateway);
	person_open(&person, gateway);
	const char *at = NULL;
	for (int i = 0; i < 500 && at == NULL; i++) {
		assert_int_equal(person_execute(&person, "show events"), 0);
		at = strstr(text_string(&person.text), "Refused while dead");
		usleep(20000);
	}
	assert_non_null(at);
	at = strstr(text_string(&person.text), "Refused first");
	assert_non_null(at);
	assert_null(strstr(at + 1, "Refused first"));
	person_close(&person);
}

/* It turns, and the supervisor sees that it does. */
static void
test_its_heart_beats(void **state)
{
	struct gateway *gateway = *state;
	_Atomic uint64_t *heartbeat = &shm_policy(&gateway->shm)->heartbeat;
	uint64_t before = atomic_load(heartbeat);

	for (int i = 0; i < 500 && atomic_load(heartbeat) == before; i++)
		usleep(20000);
	assert_int_not_equal(atomic_load(heartbeat), before);
}

static void
test_garbage_is_answered_and_closed(void **state)
{
	struct gateway *gateway = *state;
	struct control_reply reply = {0};
	struct person person;

	person_open(&person, gateway);
	assert_int_equal(send(person.socket, "GET / HTTP/1.0\r\n\r\n", 18, 0), 18);
	assert_int_equal(person_receive(&person, &reply), 65);
	assert_true(reply.final);
	assert_int_equal(person_receive(&person, &reply), -1);
	person_close(&person);

	/* And the manager lives. A request that comes byte by byte is a request. */
	struct control_request request = {1, CONTROL_EXECUTE, false, "show version"};
	uint8_t frame[256];
	size_t length = control_encode_request(&request, frame, sizeof(frame));
	person_open(&person, gateway);
	for (size_t i = 0; i < length; i++)
		assert_int_equal(send(person.socket, frame + i, 1, 0), 1);
	assert_int_equal(person_receive(&person, &reply), 0);
	assert_true(person_says(&person, "smtpguard Version"));
	assert_int_equal(person_execute(&person, "show\nversion"), 65);
	person_close(&person);
}

static void
test_too_many_clients(void **state)
{
	struct gateway *gateway = *state;
	struct person *clients = calloc(CONTROL_CLIENTS_MAX + 1, sizeof(*clients));
	struct control_reply reply = {0};

	assert_non_null(clients);
	for (unsigned i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		person_open(&clients[i], gateway);
		assert_int_equal(person_execute(&clients[i], "show version"), 0);
	}
	person_open(&clients[CONTROL_CLIENTS_MAX], gateway);
	assert_int_equal(person_receive(&clients[CONTROL_CLIENTS_MAX], &reply), 75);
	assert_int_equal(person_execute(&clients[0], "show version"), 0);
	for (unsigned i = 0; i <= CONTROL_CLIENTS_MAX; i++)
		person_close(&clients[i]);
	free(clients);
}

/* Those who may only view cannot keep root out. */
static void
test_viewers_leave_places(void **state)
{
	const unsigned viewers = CONTROL_CLIENTS_MAX - CONTROL_CLIENTS_KEPT;
	struct gateway *gateway = *state;
	struct person *clients = calloc(viewers + 1, sizeof(*clients));
	struct control_reply reply = {0};
	struct person root;
	char path[256];

	if (geteuid() != 0)
		skip();
	assert_non_null(clients);
	snprintf(path, sizeof(path), "%s/control.sock", gateway->folder);
	assert_int_equal(chmod(gateway->folder, 0711), 0);
	assert_int_equal(chmod(path, 0666), 0);
	/* SO_PEERCRED is taken at connect(). */
	assert_int_equal(seteuid(65534), 0);
	for (unsigned i = 0; i <= viewers; i++)
		person_open(&clients[i], gateway);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(person_execute(&clients[0], "show version"), 0);
	assert_int_equal(person_execute(&clients[0], "enable"), 77);
	assert_int_equal(person_receive(&clients[viewers], &reply), 75);
	person_open(&root, gateway);
	assert_int_equal(person_execute(&root, "enable"), 0);
	person_close(&root);
	for (unsigned i = 0; i <= viewers; i++)
		person_close(&clients[i]);
	free(clients);
}

static void
test_completion_and_help(void **state)
{
	struct gateway *gateway = *state;
	struct control_reply reply = {0};
	struct person person;

	person_open(&person, gateway);
	person_ask(&person, CONTROL_COMPLETE, "show ver", false);
	assert_int_equal(person_receive(&person, &reply), 0);
	assert_int_equal(reply.candidates, 1);
	assert_string_equal(reply.candidate[0].word, "version");
	person_ask(&person, CONTROL_HELP, "show ", false);
	assert_int_equal(person_receive(&person, &reply), 0);
	assert_true(reply.candidates > 3);
	person_close(&person);
}

/* As nobody: viewing works, changing does not. Exit status 0: all as it should be. */
static int
view_only(const struct gateway *gateway)
{
	static struct person person;

	if (setgid(65534) < 0 || setuid(65534) < 0)
		return 2;
	person_open(&person, gateway);
	if (person_execute(&person, "show version") != 0 ||
	    person_execute(&person, "enable") != 77 ||
	    person_execute(&person, "write memory") == 0 ||
	    person_execute(&person, "hostname x") == 0 ||
	    person_execute(&person, "clear counters") == 0)
		return 1;
	return 0;
}

static void
test_others_may_only_view(void **state)
{
	const struct gateway *gateway = *state;
	int status;

	if (geteuid() != 0)
		skip();
	pid_t child = fork();
	if (child == 0)
		_exit(view_only(gateway));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void
test_ends_with_its_supervisor(void **state)
{
	struct gateway *gateway = *state;
	struct person person;
	int status;

	person_open(&person, gateway);
	assert_int_equal(person_execute(&person, "show version"), 0);
	person_close(&person);
	atomic_store(&gateway->stop, true);
	pthread_join(gateway->thread, NULL);
	close(gateway->requests[0]);
	assert_int_equal(waitpid(gateway->manager, &status, 0), gateway->manager);
	/* Before anything is asserted: the end of the test wants a manager to stop. */
	gateway_start_manager(gateway);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

#define GATEWAY_TEST(name) cmocka_unit_test_setup_teardown(name, gateway_setup, gateway_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    GATEWAY_TEST(test_change_is_live_and_kept),
	    GATEWAY_TEST(test_bad_change_changes_nothing),
	    GATEWAY_TEST(test_saved_configuration),
	    GATEWAY_TEST(test_start_with_a_busy_address),
	    GATEWAY_TEST(test_sessions_are_shown),
	    GATEWAY_TEST(test_failover_is_off),
	    GATEWAY_TEST(test_json),
	    GATEWAY_TEST(test_service_policy_and_counters),
	    GATEWAY_TEST(test_events_are_followed),
	    GATEWAY_TEST(test_its_heart_beats),
	    GATEWAY_TEST(test_garbage_is_answered_and_closed),
	    GATEWAY_TEST(test_too_many_clients),
	    GATEWAY_TEST(test_viewers_leave_places),
	    GATEWAY_TEST(test_completion_and_help),
	    GATEWAY_TEST(test_others_may_only_view),
	    GATEWAY_TEST(test_ends_with_its_supervisor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
