/*
 * tally: whatever happens to slots and listener tables, the counts are those that a plain walk over the
 * slots gives.
 */
#include "daemon/supervisor/tally.h"

#include "shm/class_usage.h"
#include "shm/slot.h"
#include "shm/spoken.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SLOTS	  150u
#define LISTENERS 4u
#define CLASSES	  3u
#define STEPS	  30000u

static const char *const client_texts[] = {"192.0.2.1", "192.0.2.2", "::ffff:192.0.2.1",
    "2001:db8::1", "2001:db8::2:0:0:1", "2001:db8:0:1::1"};
static const char *const server_texts[] = {"10.0.0.1", "2001:db8:5::25"};

#define CLIENTS (sizeof(client_texts) / sizeof(client_texts[0]))
#define SERVERS (sizeof(server_texts) / sizeof(server_texts[0]))

struct scene {
	struct shm shm;
	struct listeners listeners;
	struct listener_table table;
	struct tally tally;
	uint32_t used; /* slots from there on were never taken */
};

static struct shm_endpoint
endpoint(const char *text, uint16_t port)
{
	struct shm_endpoint result = {.family = 4, .port = port};

	if (inet_pton(AF_INET, text, result.address) == 1)
		return result;
	result.family = 6;
	assert_int_equal(inet_pton(AF_INET6, text, result.address), 1);
	return result;
}

static struct shm_endpoint
server_of(unsigned number)
{
	return endpoint(server_texts[number % SERVERS], 25);
}

/* The table in force: listeners 0..count-1 at ports base.., of the servers in turn. */
static void
set_listeners(struct scene *scene, uint32_t count, uint16_t base)
{
	scene->table.count = scene->listeners.count = count;
	for (uint32_t i = 0; i < count; i++) {
		struct listener_entry *entry = &scene->listeners.listener[i].entry;

		*entry = (struct listener_entry){
		    .listen = endpoint("192.0.2.25", (uint16_t)(base + i)),
		    .server = server_of(i),
		    .class_count = scene->table.class_rules,
		    .class_own = 2,
		};
	}
	classify_prepare(&scene->listeners.classes, &scene->table);
}

/* Class 0 takes 192.0.2.0/24 but 192.0.2.2, class 1 takes IPv6, class 2 is the listeners' own. */
static int
set_up(void **state)
{
	static struct scene scene;
	const struct shm_plan plan = {.slots = SLOTS, .chunks = 1, .workers = 1};
	struct listener_table *table = &scene.table;

	memset(&scene, 0, sizeof(scene));
	*state = &scene;
	if (shm_create(&scene.shm, &plan) < 0)
		return -1;
	table->classes = CLASSES;
	table->class_rules = 3;
	table->class_rule[0] =
	    (struct class_rule){.client = endpoint("192.0.2.2", 0), .prefix = 32};
	table->class_rule[1] =
	    (struct class_rule){.client = endpoint("192.0.2.0", 0), .prefix = 24, .permit = 1};
	table->class_rule[2] =
	    (struct class_rule){.client = endpoint("::", 0), .permit = 1, .class_index = 1};
	for (uint32_t i = 0; i < CLASSES; i++) {
		memcpy(table->class_of[i].policy, "global_policy", sizeof("global_policy"));
		table->class_of[i].name[0] = (char)('a' + i);
		table->class_of[i].limits_given = 1;
		table->class_of[i].limits = (struct class_limits){1, 1, 1, 1};
	}
	set_listeners(&scene, LISTENERS, 100);
	return tally_init(&scene.tally, &scene.shm, &scene.listeners, SLOTS);
}

static int
tear_down(void **state)
{
	struct scene *scene = *state;

	tally_fini(&scene->tally);
	shm_detach(&scene->shm);
	return 0;
}

/* ---- what supervisor and worker do to a slot ---- */

static enum slot_state
state_of(const struct scene *scene, uint32_t slot)
{
	return atomic_load(&shm_custody(&scene->shm, slot)->state);
}

static void
open_slot(struct scene *scene, uint32_t slot, uint32_t listener, const char *client)
{
	struct slot_custody *custody = shm_custody(&scene->shm, slot);
	const struct listener_entry *entry = &scene->listeners.listener[listener].entry;

	atomic_fetch_add(&custody->generation, 1);
	custody->listener = listener;
	custody->leg[SHM_CLIENT].local = entry->listen;
	custody->leg[SHM_CLIENT].peer = endpoint(client, (uint16_t)(1024 + slot));
	custody->leg[SHM_SERVER].peer = entry->server;
	atomic_store(&custody->state, SLOT_OPENING);
	tally_enter(&scene->tally, slot,
	    classify(&scene->listeners.classes, entry, &custody->leg[SHM_CLIENT].peer)
		.limits_class);
	if (slot >= scene->used)
		scene->used = slot + 1;
}

static void
publish(struct scene *scene, uint32_t slot, uint8_t flags)
{
	struct slot_session *session = shm_session(&scene->shm, slot);
	uint32_t generation = atomic_load(&shm_custody(&scene->shm, slot)->generation);
	struct record *record;

	if (atomic_load(&session->generation) != generation) {
		atomic_store(&session->published, 0);
		spoken_clear(&scene->shm, slot);
		atomic_store(&session->generation, generation);
	}
	if (flags & RECORD_SPOKEN)
		spoken_set(&scene->shm, slot);
	record = record_begin(session, generation);
	record->flags |= flags;
	record_publish(session, record);
}

static void
end_slot(struct scene *scene, uint32_t slot)
{
	atomic_store(&shm_custody(&scene->shm, slot)->state, SLOT_ENDING);
	tally_settle(&scene->tally, slot);
}

static void
free_slot(struct scene *scene, uint32_t slot)
{
	tally_leave(&scene->tally, slot);
	atomic_store(&shm_custody(&scene->shm, slot)->state, SLOT_FREE);
}

/* ---- the same counts by a walk ---- */

static bool
embryonic_by_record(const struct scene *scene, uint32_t slot)
{
	uint32_t generation = atomic_load(&shm_custody(&scene->shm, slot)->generation);
	struct record record;

	if (state_of(scene, slot) == SLOT_ENDING)
		return false;
	return !record_read(shm_session(&scene->shm, slot), generation, &record) ||
	       !(record.flags & RECORD_SPOKEN);
}

static uint32_t
listener_by_address(const struct scene *scene, uint32_t slot)
{
	const struct shm_endpoint *local = &shm_custody(&scene->shm, slot)->leg[SHM_CLIENT].local;

	for (uint32_t i = 0; i < scene->listeners.count; i++)
		if (memcmp(&scene->listeners.listener[i].entry.listen, local, sizeof(*local)) == 0)
			return i;
	return SLOT_NO_LISTENER;
}

/* Every client text is of one of these hosts. */
static unsigned
host_of(const struct shm_endpoint *client)
{
	static const unsigned host[CLIENTS] = {0, 1, 0, 2, 2, 3};

	for (unsigned i = 0; i < CLIENTS; i++) {
		struct shm_endpoint one = endpoint(client_texts[i], client->port);

		if (memcmp(&one, client, sizeof(one)) == 0)
			return host[i];
	}
	fail();
	return 0;
}

static unsigned
class_by_host(unsigned host)
{
	return host == 0 ? 0 : host == 1 ? 2 : 1;
}

struct walk {
	struct count listener[LISTENERS_MAX];
	struct count class_of[CLASSES];
	struct count server[CLASSES][SERVERS];
	struct count client[CLASSES][4];
	uint32_t embryonic;
};

static void
walk_add(struct count *count, bool embryonic)
{
	count->connections++;
	count->embryonic += embryonic;
}

static void
walk(const struct scene *scene, struct walk *ret_walk)
{
	memset(ret_walk, 0, sizeof(*ret_walk));
	for (uint32_t slot = 0; slot < SLOTS; slot++) {
		const struct slot_custody *custody = shm_custody(&scene->shm, slot);
		uint32_t listener;
		unsigned host, class_index, server;
		bool embryonic;

		if (state_of(scene, slot) == SLOT_FREE)
			continue;
		embryonic = embryonic_by_record(scene, slot);
		listener = listener_by_address(scene, slot);
		ret_walk->embryonic += embryonic;
		if (listener == SLOT_NO_LISTENER)
			continue;
		walk_add(&ret_walk->listener[listener], embryonic);
		host = host_of(&custody->leg[SHM_CLIENT].peer);
		class_index = class_by_host(host);
		server = custody->leg[SHM_SERVER].peer.family == 6;
		walk_add(&ret_walk->class_of[class_index], embryonic);
		walk_add(&ret_walk->server[class_index][server], embryonic);
		walk_add(&ret_walk->client[class_index][host], embryonic);
	}
}

#define ASSERT_COUNT(is, expected)                                                                 \
	do {                                                                                       \
		struct count is_ = (is);                                                           \
                                                                                                   \
		assert_int_equal(is_.connections, (expected).connections);                         \
		assert_int_equal(is_.embryonic, (expected).embryonic);                             \
	} while (0)

static void
compare(const struct scene *scene, const struct tally *tally)
{
	static const unsigned some_client[] = {0, 1, 3, 5}; /* of each host */
	struct walk expected;

	walk(scene, &expected);
	assert_int_equal(tally->embryonic_count, expected.embryonic);
	for (uint32_t i = 0; i < LISTENERS_MAX; i++)
		ASSERT_COUNT(tally->listener[i], expected.listener[i]);
	for (uint16_t i = 0; i < CLASSES; i++) {
		const struct class_usage *usage = shm_class_usage(&scene->shm, i);
		struct class_limits limits = scene->listeners.classes.class_of[i].limits;
		bool server = limits.connections_max || limits.embryonic_max;
		bool client = limits.client_max || limits.client_embryonic_max;
		struct count none = {0};

		assert_int_equal(usage->connections, expected.class_of[i].connections);
		assert_int_equal(usage->embryonic, expected.class_of[i].embryonic);
		for (unsigned k = 0; k < SERVERS; k++) {
			struct shm_endpoint at = server_of(k);

			ASSERT_COUNT(
			    tally_of_server(tally, i, &at), server ? expected.server[i][k] : none);
		}
		for (unsigned k = 0; k < 4; k++) {
			struct shm_endpoint at = endpoint(client_texts[some_client[k]], 0);

			ASSERT_COUNT(
			    tally_of_client(tally, i, &at), client ? expected.client[i][k] : none);
		}
	}
}

/* A supervisor that knows nothing yet. */
static void
compare_anew(struct scene *scene)
{
	struct tally tally;

	assert_int_equal(tally_init(&tally, &scene->shm, &scene->listeners, SLOTS), 0);
	tally_rebuild(&tally, scene->used);
	compare(scene, &tally);
	tally_fini(&tally);
}

static void
change_listeners(struct scene *scene)
{
	for (uint32_t i = 0; i < CLASSES; i++) {
		struct class_limits *limits = &scene->table.class_of[i].limits;

		*limits = (struct class_limits){(uint32_t)random() % 2, (uint32_t)random() % 2,
		    (uint32_t)random() % 2, (uint32_t)random() % 2};
	}
	set_listeners(scene, 1 + (uint32_t)random() % LISTENERS, (uint16_t)(100 + random() % 3));
	tally_rebuild(&scene->tally, scene->used);
}

static void
step(struct scene *scene)
{
	uint32_t slot = (uint32_t)random() % SLOTS;

	switch (state_of(scene, slot)) {
	case SLOT_FREE:
		open_slot(scene, slot, (uint32_t)random() % scene->listeners.count,
		    client_texts[(unsigned)random() % CLIENTS]);
		return;
	case SLOT_ENDING:
		free_slot(scene, slot);
		return;
	default:
		break;
	}
	switch (random() % 4) {
	case 0:
		publish(scene, slot, 0);
		break;
	case 1:
		publish(scene, slot, RECORD_SPOKEN);
		break;
	case 2:
		end_slot(scene, slot);
		break;
	default:
		free_slot(scene, slot);
		break;
	}
}

static void
test_a_walk_gives_the_same(void **state)
{
	struct scene *scene = *state;

	srandom(7);
	tally_rebuild(&scene->tally, scene->used);
	for (unsigned i = 0; i < STEPS; i++) {
		step(scene);
		if (random() % 500 == 0)
			change_listeners(scene);
		if (i % 50 != 0)
			continue;
		tally_refresh(&scene->tally);
		compare(scene, &scene->tally);
		if (i % 1000 == 0)
			compare_anew(scene);
	}
	for (uint32_t slot = 0; slot < SLOTS; slot++)
		if (state_of(scene, slot) != SLOT_FREE)
			free_slot(scene, slot);
	compare(scene, &scene->tally);
}

/* Only what was looked at is known: before, the embryonic are too many. */
static void
test_the_embryonic_are_learnt_when_asked(void **state)
{
	struct scene *scene = *state;
	struct shm_endpoint client = endpoint("192.0.2.1", 0);

	open_slot(scene, 0, 0, "192.0.2.1");
	open_slot(scene, 70, 1, "192.0.2.1");
	publish(scene, 70, RECORD_SPOKEN);
	ASSERT_COUNT(tally_of_client(&scene->tally, 0, &client), ((struct count){2, 2}));
	tally_refresh(&scene->tally);
	ASSERT_COUNT(tally_of_client(&scene->tally, 0, &client), ((struct count){2, 1}));

	/* A bit is only a hint: neither the last session's nor one without a record counts. */
	free_slot(scene, 70);
	open_slot(scene, 70, 1, "192.0.2.1");
	spoken_set(&scene->shm, 0);
	publish(scene, 0, 0);
	spoken_set(&scene->shm, 0);
	tally_refresh(&scene->tally);
	ASSERT_COUNT(tally_of_client(&scene->tally, 0, &client), ((struct count){2, 2}));
}

/* Any number of clients, as long as they do not come at once. */
static void
test_clients_that_have_left_take_no_room(void **state)
{
	struct scene *scene = *state;
	char client[32];

	for (unsigned i = 0; i < 10 * SLOTS; i++) {
		snprintf(client, sizeof(client), "192.0.%u.%u", i / 256, i % 256);
		open_slot(scene, i % SLOTS, 0, client);
		free_slot(scene, i % SLOTS);
	}
	assert_in_range(scene->tally.table.used, 1, 2); /* of the server and of the client */
}

/* What this host only holds for the other one counts against nobody's limit here. */
static void
test_replicas_are_not_counted(void **state)
{
	struct scene *scene = *state;
	struct shm_endpoint client = endpoint("192.0.2.1", 0);

	open_slot(scene, 0, 0, "192.0.2.1");
	open_slot(scene, 1, 0, "192.0.2.1");
	atomic_store(&shm_custody(&scene->shm, 1)->state, SLOT_REPLICA);
	tally_rebuild(&scene->tally, scene->used);
	ASSERT_COUNT(tally_of_client(&scene->tally, 0, &client), ((struct count){1, 1}));
	assert_int_equal(scene->tally.embryonic_count, 1);
}

static void
test_what_was_refused_stays_with_the_class(void **state)
{
	struct scene *scene = *state;
	struct class_entry *class_of = scene->table.class_of;

	tally_rebuild(&scene->tally, 0);
	for (uint32_t i = 0; i < CLASSES; i++)
		atomic_store(&shm_class_usage(&scene->shm, i)->refused, 10 + i);
	/* "a" goes, "c" and "b" change places, another policy has a "b" too. */
	class_of[0].name[0] = 'c';
	memcpy(class_of[2].policy, "other_policy", sizeof("other_policy"));
	class_of[2].name[0] = 'b';
	set_listeners(scene, LISTENERS, 100);
	tally_rebuild(&scene->tally, 0);
	assert_string_equal(shm_class_usage(&scene->shm, 0)->name, "c");
	assert_int_equal(shm_class_usage(&scene->shm, 0)->refused, 12);
	assert_int_equal(shm_class_usage(&scene->shm, 1)->refused, 11);
	assert_string_equal(shm_class_usage(&scene->shm, 2)->policy, "other_policy");
	assert_int_equal(shm_class_usage(&scene->shm, 2)->refused, 0);
	tally_clear_refused(&scene->tally);
	for (uint32_t i = 0; i < CLASSES; i++)
		assert_int_equal(shm_class_usage(&scene->shm, i)->refused, 0);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	static const struct CMUnitTest tests[] = {
	    TEST(test_a_walk_gives_the_same),
	    TEST(test_the_embryonic_are_learnt_when_asked),
	    TEST(test_clients_that_have_left_take_no_room),
	    TEST(test_replicas_are_not_counted),
	    TEST(test_what_was_refused_stays_with_the_class),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
