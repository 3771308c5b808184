/* admission: each limit refuses at its number, the lower of two speaks, and the log stays readable. */
#include "daemon/supervisor/admission.h"

#include "daemon/supervisor/supervisor.h"
#include "shm/class_usage.h"
#include "shm/slot.h"
#include "shm/spoken.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SLOTS 32u

struct scene {
	struct supervisor supervisor;
	struct listener_entry *entry; /* of listener 0 */
	struct class_limits *limits;  /* of class 0, which takes everybody */
	uint32_t slots;
	uint64_t cursor;
	struct event event; /* the last one read */
};

static int
set_up(void **state)
{
	const struct shm_plan plan = {.slots = SLOTS, .chunks = 1, .workers = 1};
	struct scene *scene = calloc(1, sizeof(*scene));
	struct supervisor *supervisor = &scene->supervisor;
	struct class_entry *class = &supervisor->listeners.classes.class_of[0];

	assert_non_null(scene);
	*state = scene;
	supervisor->monotonic_ms = 12345;
	supervisor->listeners.count = 2;
	scene->entry = &supervisor->listeners.listener[0].entry;
	for (uint32_t i = 0; i < 2; i++)
		supervisor->listeners.listener[i].entry = (struct listener_entry){
		    .listen = {.family = 4, .port = (uint16_t)(25 + i), .address = {192, 0, 2, 25}},
		    .server = {.family = 4, .port = 25, .address = {10, 0, 0, (uint8_t)(1 + i)}},
		};
	class->limits_given = 1;
	scene->limits = &class->limits;
	if (shm_create(&supervisor->shm, &plan) < 0)
		return -1;
	return tally_init(&supervisor->tally, &supervisor->shm, &supervisor->listeners, SLOTS);
}

static int
tear_down(void **state)
{
	struct scene *scene = *state;

	tally_fini(&scene->supervisor.tally);
	shm_detach(&scene->supervisor.shm);
	free(scene);
	return 0;
}

/* 192.0.2.`host` */
static struct shm_endpoint
client_of(uint8_t host)
{
	return (struct shm_endpoint){.family = 4, .port = 4000, .address = {192, 0, 2, host}};
}

static enum admission
ask(struct scene *scene, uint32_t listener, uint8_t host)
{
	struct shm_endpoint client = client_of(host);

	return admission_ask(&scene->supervisor, listener, 0, &client);
}

/* A session more at that listener; the slot. */
static uint32_t
enter(struct scene *scene, uint32_t listener, uint8_t host)
{
	struct supervisor *supervisor = &scene->supervisor;
	uint32_t slot = scene->slots++;
	struct slot_custody *custody = shm_custody(&supervisor->shm, slot);

	custody->listener = listener;
	custody->leg[SHM_CLIENT].local = supervisor->listeners.listener[listener].entry.listen;
	custody->leg[SHM_CLIENT].peer = client_of(host);
	custody->leg[SHM_SERVER].peer = supervisor->listeners.listener[listener].entry.server;
	atomic_store(&custody->state, SLOT_OPEN);
	tally_enter(&supervisor->tally, slot, 0);
	return slot;
}

/* Its client's first valid command has come; the supervisor is not told. */
static void
speak(struct scene *scene, uint32_t slot)
{
	struct slot_session *session = shm_session(&scene->supervisor.shm, slot);
	struct record *record;

	spoken_set(&scene->supervisor.shm, slot);
	record = record_begin(session, 0);
	record->flags |= RECORD_SPOKEN;
	record_publish(session, record);
}

static uint64_t
count(const struct scene *scene, enum counter_id id)
{
	return counter_total(&scene->supervisor.shm, id);
}

/* The id of the next event, 0 none. */
static uint32_t
next_event(struct scene *scene)
{
	const struct event_ring *ring = shm_events(&scene->supervisor.shm, SHM_WRITER_SUPERVISOR);
	uint64_t lost = 0;

	return event_ring_read(ring, &scene->cursor, &scene->event, &lost) ? scene->event.id : 0;
}

static void
expect_event(struct scene *scene, uint32_t id, uint64_t n0, uint64_t n1)
{
	assert_int_equal(next_event(scene), id);
	assert_int_equal(scene->event.number[0], n0);
	assert_int_equal(scene->event.number[1], n1);
}

static void
test_no_limit(void **state)
{
	struct scene *scene = *state;

	for (unsigned i = 0; i < 20; i++)
		enter(scene, 0, 1);
	assert_int_equal(ask(scene, 0, 1), ADMISSION_GRANTED);
	assert_int_equal(next_event(scene), 0);
}

static void
test_connections_of_a_static(void **state)
{
	struct scene *scene = *state;
	struct shm_endpoint client = client_of(1);
	uint32_t slot;

	scene->entry->connections_max = 2;
	slot = enter(scene, 0, 1);
	speak(scene, slot); /* embryonic or not */
	assert_int_equal(ask(scene, 0, 1), ADMISSION_GRANTED);
	enter(scene, 0, 2);
	assert_int_equal(ask(scene, 0, 3), ADMISSION_CONNECTIONS);
	assert_int_equal(ask(scene, 1, 3), ADMISSION_GRANTED); /* the other has no limit */
	expect_event(scene, 201011, 2, 2);
	assert_int_equal(scene->event.client.address[3], 3);
	assert_int_equal(scene->event.server.address[0], 10);
	/* Without a class too. */
	assert_int_equal(
	    admission_ask(&scene->supervisor, 0, CLASS_NONE, &client), ADMISSION_CONNECTIONS);
	assert_int_equal(count(scene, COUNTER_sessions_refused_conn_max), 2);
	assert_int_equal(shm_class_usage(&scene->supervisor.shm, 0)->refused, 0);
	tally_leave(&scene->supervisor.tally, slot);
	assert_int_equal(ask(scene, 0, 3), ADMISSION_GRANTED);
}

/* Per class, but separately per server. */
static void
test_connections_of_a_class(void **state)
{
	struct scene *scene = *state;

	scene->limits->connections_max = 2;
	enter(scene, 0, 1);
	enter(scene, 1, 1);
	enter(scene, 0, 2);
	assert_int_equal(ask(scene, 0, 3), ADMISSION_CONNECTIONS);
	assert_int_equal(ask(scene, 1, 3), ADMISSION_GRANTED);
	assert_int_equal(shm_class_usage(&scene->supervisor.shm, 0)->refused, 1);
	assert_int_equal(shm_class_usage(&scene->supervisor.shm, 0)->connections, 3);
	/* One server behind two statics is one server. */
	scene->supervisor.listeners.listener[1].entry.server = scene->entry->server;
	assert_int_equal(ask(scene, 1, 3), ADMISSION_CONNECTIONS);
}

static void
test_the_lower_limit_speaks(void **state)
{
	struct scene *scene = *state;

	scene->entry->connections_max = 3;
	scene->limits->connections_max = 2;
	scene->entry->embryonic_max = 3;
	scene->limits->embryonic_max = 4;
	for (unsigned i = 0; i < 3; i++)
		enter(scene, 0, 1);
	assert_int_equal(ask(scene, 0, 1), ADMISSION_CONNECTIONS);
	expect_event(scene, 201011, 3, 2);
	assert_int_equal(shm_class_usage(&scene->supervisor.shm, 0)->refused, 1);
	scene->limits->connections_max = 4;
	assert_int_equal(ask(scene, 0, 1), ADMISSION_CONNECTIONS);
	assert_int_equal(shm_class_usage(&scene->supervisor.shm, 0)->refused, 1); /* the static's */
	scene->entry->connections_max = 0;
	assert_int_equal(ask(scene, 0, 1), ADMISSION_EMBRYONIC);
	expect_event(scene, 201010, 3, 3);
	scene->entry->embryonic_max = 0;
	assert_int_equal(ask(scene, 0, 1), ADMISSION_GRANTED);
}

static void
test_connections_of_a_client(void **state)
{
	struct scene *scene = *state;

	scene->limits->client_max = 2;
	enter(scene, 0, 1);
	enter(scene, 1, 1); /* whichever server */
	enter(scene, 0, 2);
	assert_int_equal(ask(scene, 0, 1), ADMISSION_CLIENT);
	assert_int_equal(ask(scene, 0, 2), ADMISSION_GRANTED);
	assert_int_equal(ask(scene, 0, 3), ADMISSION_GRANTED);
	expect_event(scene, 201013, 2, 2);
	assert_int_equal(count(scene, COUNTER_sessions_refused_per_client_max), 1);
	assert_non_null(strstr(admission_reply(ADMISSION_CLIENT), "421 4.7.0 "));
}

/* Whoever has spoken in time keeps nobody out, although nobody has told the supervisor. */
static void
test_embryonic(void **state)
{
	struct scene *scene = *state;
	uint32_t slot[3];

	scene->limits->embryonic_max = 3;
	scene->limits->client_embryonic_max = 2;
	for (unsigned i = 0; i < 3; i++)
		slot[i] = enter(scene, 0, (uint8_t)(i == 2 ? 2 : 1));
	assert_int_equal(ask(scene, 0, 2), ADMISSION_EMBRYONIC);
	expect_event(scene, 201010, 3, 3);
	speak(scene, slot[2]);
	assert_int_equal(ask(scene, 0, 2), ADMISSION_GRANTED);
	assert_int_equal(ask(scene, 0, 1), ADMISSION_CLIENT_EMBRYONIC);
	expect_event(scene, 201012, 2, 2);
	speak(scene, slot[0]);
	assert_int_equal(ask(scene, 0, 1), ADMISSION_GRANTED);
	assert_int_equal(count(scene, COUNTER_sessions_refused_embryonic_conn_max), 1);
	assert_int_equal(count(scene, COUNTER_sessions_refused_per_client_embryonic_max), 1);
}

static void
pass_time(struct scene *scene, uint64_t ms)
{
	scene->supervisor.monotonic_ms += ms;
	admission_tick(&scene->supervisor);
}

static void
test_a_flood_is_told_now_and_then(void **state)
{
	struct scene *scene = *state;

	scene->limits->client_max = 1;
	enter(scene, 0, 1);
	for (unsigned i = 0; i < 100; i++)
		ask(scene, 0, 1);
	expect_event(scene, 201013, 1, 1);
	assert_int_equal(next_event(scene), 0);
	pass_time(scene, ADMISSION_EVENT_MS);
	assert_int_equal(next_event(scene), 0);
	for (unsigned i = 0; i < 50; i++)
		ask(scene, 0, 1);
	expect_event(scene, 109033, 99, 201013);
	expect_event(scene, 201013, 1, 1);
	assert_int_equal(next_event(scene), 0);
	/* It stops: what is left is told. */
	pass_time(scene, ADMISSION_OVER_MS - 1);
	assert_int_equal(next_event(scene), 0);
	pass_time(scene, 1);
	expect_event(scene, 109033, 49, 201013);
	pass_time(scene, ADMISSION_OVER_MS);
	assert_int_equal(next_event(scene), 0);
	assert_int_equal(count(scene, COUNTER_sessions_refused_per_client_max), 150);
}

/* As the ASA: once in ten seconds; the other kinds are told all the same. */
static void
test_embryonic_clients_are_told_seldom(void **state)
{
	struct scene *scene = *state;
	unsigned told = 0;

	scene->limits->client_embryonic_max = 1;
	enter(scene, 0, 1);
	for (unsigned i = 0; i < 200; i++) {
		ask(scene, 0, 1);
		pass_time(scene, 100);
	}
	for (uint32_t id; (id = next_event(scene)) != 0;)
		told += id == 201012;
	assert_int_equal(told, 2);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	static const struct CMUnitTest tests[] = {
	    TEST(test_no_limit),
	    TEST(test_connections_of_a_static),
	    TEST(test_connections_of_a_class),
	    TEST(test_the_lower_limit_speaks),
	    TEST(test_connections_of_a_client),
	    TEST(test_embryonic),
	    TEST(test_a_flood_is_told_now_and_then),
	    TEST(test_embryonic_clients_are_told_seldom),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
