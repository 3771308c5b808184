/* accept: who cannot be served is told so, what has run out is named, and it ends by itself. */
#include "daemon/supervisor/accept.h"

#include "daemon/endpoint.h"
#include "daemon/supervisor/dispatch.h"
#include "daemon/supervisor/leg.h"
#include "daemon/supervisor/watch.h"
#include "shm/handover.h"
#include "supervisor_fixture.h"

#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define SLOTS  4
#define CHUNKS 32

struct scene {
	struct supervisor supervisor;
	struct shm_endpoint listen;
	int server;
	rlim_t descriptors; /* the limit at the start */
	uint64_t cursor;    /* of the supervisor's events */
	struct event event; /* the last one read */
};

static int
listen_any(struct shm_endpoint *ret_endpoint)
{
	struct shm_endpoint any = {.family = 4, .address = {127, 0, 0, 1}};
	struct sockaddr_storage address;
	socklen_t length = endpoint_sockaddr(&any, &address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
	assert_int_equal(listen(fd, 64), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
	endpoint_take(&address, ret_endpoint);
	return fd;
}

static int
set_up(void **state)
{
	const struct shm_plan plan = {.slots = SLOTS, .chunks = CHUNKS, .workers = 1};
	struct scene *scene = calloc(1, sizeof(*scene));
	struct supervisor *supervisor = &scene->supervisor;
	struct listener *listener = &supervisor->listeners.listener[0];
	struct rlimit limit;

	assert_non_null(scene);
	*state = scene;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	scene->descriptors = limit.rlim_cur;
	supervisor_fixture_add_worker(supervisor);
	supervisor_fixture_open(supervisor, &plan);
	supervisor->spare = dup(supervisor->epoll);
	scene->server = listen_any(&listener->entry.server);
	listener->fd = listen_any(&scene->listen);
	listener->entry.listen = scene->listen;
	supervisor->listeners.count = 1;
	assert_int_equal(
	    watch_add(supervisor->epoll, listener->fd, EPOLLIN,
		(struct watch_note){.kind = WATCH_LISTENER, .index = (uint32_t)listener->fd}),
	    0);
	return 0;
}

static void
limit_descriptors(rlim_t most)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = most;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* Only so many more can be opened: what is open lies without a gap, as far as this test has made
 * it. */
static void
leave_descriptors(unsigned number)
{
	int fd[8];

	assert_true(number <= sizeof(fd) / sizeof(fd[0]));
	for (unsigned i = 0; i < number; i++)
		fd[i] = dup(0);
	int next = dup(0);
	close(next);
	limit_descriptors((rlim_t)next);
	for (unsigned i = 0; i < number; i++)
		close(fd[i]);
}

static int
tear_down(void **state)
{
	struct scene *scene = *state;
	struct supervisor *supervisor = &scene->supervisor;

	limit_descriptors(scene->descriptors);
	close(supervisor->listeners.listener[0].fd);
	supervisor_fixture_close(supervisor);
	if (supervisor->spare >= 0)
		close(supervisor->spare);
	close(scene->server);
	free(scene);
	return 0;
}

static int
connect_one(const struct scene *scene)
{
	struct sockaddr_storage address;
	socklen_t length = endpoint_sockaddr(&scene->listen, &address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&address, length), 0);
	return fd;
}

static bool
listener_is_ready(const struct scene *scene)
{
	struct epoll_event event;

	for (int i = 0; i < 10; i++)
		if (epoll_wait(scene->supervisor.epoll, &event, 1, 10) == 1 &&
		    watch_read(&event).kind == WATCH_LISTENER)
			return true;
	return false;
}

static void
accept_all(struct scene *scene)
{
	accept_ready(&scene->supervisor, scene->supervisor.listeners.listener[0].fd);
}

/* Told so and closed. */
static void
expect_answer(int client, const char *words)
{
	char said[128];

	assert_true(recv(client, said, sizeof(said), 0) > (ssize_t)strlen(words));
	assert_memory_equal(said, words, strlen(words));
	assert_int_equal(recv(client, said, sizeof(said), 0), 0);
	close(client);
}

static void
expect_refusal(int client)
{
	expect_answer(client, "421 4.3.2 ");
}

static void
expect_no_word(int client)
{
	struct pollfd wait = {.fd = client, .events = POLLIN};

	assert_int_equal(poll(&wait, 1, 50), 0);
}

/* The id of the supervisor's next event, 0 none; scene->event is the event. */
static uint32_t
next_event(struct scene *scene)
{
	const struct event_ring *ring = shm_events(&scene->supervisor.shm, SHM_WRITER_SUPERVISOR);
	uint64_t lost = 0;

	if (!event_ring_read(ring, &scene->cursor, &scene->event, &lost))
		return 0;
	return scene->event.id;
}

static void
expect_event(struct scene *scene, uint32_t id, const char *name)
{
	const char *text;
	size_t length;

	assert_int_equal(next_event(scene), id);
	event_text(&scene->event, 0, &text, &length);
	assert_int_equal(length, strlen(name));
	assert_memory_equal(text, name, length);
}

static uint64_t
count(const struct scene *scene, enum counter_id id)
{
	return counter_total(&scene->supervisor.shm, id);
}

static void
pass_time(struct scene *scene, uint64_t ms)
{
	scene->supervisor.monotonic_ms += ms;
	shortage_tick(&scene->supervisor);
}

/* All but `left` chunks belong to slots, or to nobody again. */
static void
fill_pool(struct scene *scene, uint32_t left, uint32_t owner)
{
	for (uint32_t i = left; i < CHUNKS; i++)
		atomic_store(&shm_chunk_owners(&scene->supervisor.shm)[i], owner);
	pool_tick(&scene->supervisor.pool, &scene->supervisor.shm);
}

static void
test_full_pool_refuses(void **state)
{
	struct scene *scene = *state;
	int client[2];

	fill_pool(scene, 1, 1);
	assert_int_equal(chunk_level_read(&scene->supervisor.shm).used, CHUNKS - 1);
	for (int i = 0; i < 2; i++)
		client[i] = connect_one(scene);
	accept_all(scene);
	for (int i = 0; i < 2; i++)
		expect_refusal(client[i]);
	assert_int_equal(count(scene, COUNTER_sessions_refused_chunks), 2);
	assert_int_equal(scene->supervisor.custody.in_use, 0);
	/* One event for both; the next a second later. */
	expect_event(scene, 109030, "chunks");
	assert_int_equal(next_event(scene), 0);
	pass_time(scene, SHORTAGE_EVENT_MS);
	client[0] = connect_one(scene);
	accept_all(scene);
	expect_refusal(client[0]);
	expect_event(scene, 109030, "chunks");
	/* There is room again. */
	fill_pool(scene, 2, CHUNK_FREE);
	client[0] = connect_one(scene);
	accept_all(scene);
	assert_int_equal(scene->supervisor.custody.in_use, 1);
	expect_no_word(client[0]);
	pass_time(scene, SHORTAGE_OVER_MS - 1);
	assert_int_equal(next_event(scene), 0);
	pass_time(scene, 1);
	expect_event(scene, 109031, "chunks");
	assert_int_equal(scene->event.number[0], 3);
	pass_time(scene, 10 * SHORTAGE_OVER_MS);
	assert_int_equal(next_event(scene), 0);
	close(client[0]);
}

/* Those that run keep what is left. */
static void
test_reserve_is_one_part(void **state)
{
	struct scene *scene = *state;
	int client;

	fill_pool(scene, CHUNKS / CHUNK_REFUSE, 1);
	client = connect_one(scene);
	accept_all(scene);
	assert_int_equal(scene->supervisor.custody.in_use, 1);
	close(client);
	fill_pool(scene, CHUNKS / CHUNK_REFUSE - 1, 1);
	client = connect_one(scene);
	accept_all(scene);
	expect_refusal(client);
	/* A worker's cache is room. */
	fill_pool(scene, 0, CHUNK_CACHED | 1);
	client = connect_one(scene);
	accept_all(scene);
	assert_int_equal(scene->supervisor.custody.in_use, 2);
	close(client);
}

/* What the configuration forbids is told apart from what has run out; the rest is untouched. */
static void
test_limit_refuses(void **state)
{
	struct scene *scene = *state;
	struct listener_entry *entry = &scene->supervisor.listeners.listener[0].entry;
	int client[3];

	entry->class_own = CLASS_NONE;
	entry->connections_max = 2;
	for (int i = 0; i < 3; i++)
		client[i] = connect_one(scene);
	accept_all(scene);
	expect_answer(client[2], "421 4.7.0 ");
	assert_int_equal(scene->supervisor.custody.in_use, 2);
	assert_int_equal(count(scene, COUNTER_sessions_accepted), 3);
	assert_int_equal(count(scene, COUNTER_sessions_refused_conn_max), 1);
	assert_int_equal(next_event(scene), 201011);
	assert_int_equal(scene->event.number[1], 2);
	for (int i = 0; i < 2; i++) {
		expect_no_word(client[i]);
		close(client[i]);
	}
}

static void
test_slots_are_named_as_ever(void **state)
{
	struct scene *scene = *state;
	int client[SLOTS + 1];

	for (int i = 0; i <= SLOTS; i++)
		client[i] = connect_one(scene);
	accept_all(scene);
	expect_refusal(client[SLOTS]);
	assert_int_equal(count(scene, COUNTER_sessions_refused_limit), 1);
	assert_int_equal(next_event(scene), 201011);
	assert_int_equal(scene->event.number[0], SLOTS);
	assert_int_equal(scene->event.client.family, 4);
	assert_int_equal(next_event(scene), 0);
	for (int i = 0; i < SLOTS; i++)
		close(client[i]);
}

/* With none left the spare one says so; with one left there is none for the server. */
static void
test_no_descriptor_is_refused(void **state)
{
	struct scene *scene = *state;

	for (unsigned left = 0; left < 2; left++) {
		int client = connect_one(scene);

		leave_descriptors(left);
		accept_all(scene);
		limit_descriptors(scene->descriptors);
		expect_refusal(client);
		assert_int_equal(count(scene, COUNTER_sessions_refused_descriptors), left + 1);
		assert_int_equal(scene->supervisor.custody.in_use, 0);
		assert_true(scene->supervisor.spare >= 0);
	}
	assert_int_equal(count(scene, COUNTER_accepts_put_off), 0);
	expect_event(scene, 109030, "descriptors");
	int client = connect_one(scene);
	leave_descriptors(2);
	accept_all(scene);
	limit_descriptors(scene->descriptors);
	assert_int_equal(scene->supervisor.custody.in_use, 1);
	expect_no_word(client);
	close(client);
}

/* Without even the spare one, connections wait, and epoll does not spin; a tick tries again. */
static void
test_no_spare_puts_off(void **state)
{
	struct scene *scene = *state;
	int client = connect_one(scene);

	close(scene->supervisor.spare);
	scene->supervisor.spare = -1;
	assert_true(listener_is_ready(scene));
	for (int i = 1; i <= 2; i++) {
		leave_descriptors(0);
		accept_all(scene);
		limit_descriptors(scene->descriptors);
		assert_int_equal(count(scene, COUNTER_accepts_put_off), i);
		assert_false(listener_is_ready(scene));
		leave_descriptors(0);
		accept_tick(&scene->supervisor);
		limit_descriptors(scene->descriptors);
		assert_true(listener_is_ready(scene));
	}
	expect_no_word(client);
	expect_event(scene, 109030, "descriptors");
	assert_int_equal(next_event(scene), 0);
	accept_all(scene);
	assert_int_equal(scene->supervisor.custody.in_use, 1);
	close(client);
}

static void
test_a_tick_finds_a_spare(void **state)
{
	struct scene *scene = *state;

	close(scene->supervisor.spare);
	scene->supervisor.spare = -1;
	scene->supervisor.accepts_put_off = true;
	accept_tick(&scene->supervisor);
	assert_true(scene->supervisor.spare >= 0);
	assert_false(scene->supervisor.accepts_put_off);
}

/* What a listener has given is a worker's before the next one is asked. */
static void
test_what_is_accepted_is_handed_on(void **state)
{
	struct scene *scene = *state;
	struct handover_item item[HANDOVER_BATCH];
	int ends[2], fd[HANDOVER_FDS], client = connect_one(scene);
	unsigned fds;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	scene->supervisor.worker[0].socket = ends[0];
	assert_true(listener_is_ready(scene));
	accept_all(scene);
	assert_true(handover_receive(ends[1], item, fd, &fds) > 0);
	assert_int_equal(item[0].kind, HANDOVER_CLIENT);
	while (fds > 0)
		close(fd[--fds]);
	close(ends[0]);
	close(ends[1]);
	close(client);
}

/* What this process alone held would end with it; what waits in the backlog does not. */
static void
test_without_a_worker_none_is_accepted(void **state)
{
	struct scene *scene = *state;
	int client = connect_one(scene);

	scene->supervisor.worker[0].ready = false;
	assert_true(listener_is_ready(scene));
	accept_all(scene);
	assert_int_equal(scene->supervisor.custody.in_use, 0);
	assert_int_equal(count(scene, COUNTER_accepts_put_off), 0);
	assert_false(listener_is_ready(scene));
	scene->supervisor.worker[0].ready = true;
	accept_tick(&scene->supervisor);
	assert_true(listener_is_ready(scene));
	accept_all(scene);
	assert_int_equal(scene->supervisor.custody.in_use, 1);
	close(client);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	static const struct CMUnitTest tests[] = {
	    TEST(test_full_pool_refuses),
	    TEST(test_reserve_is_one_part),
	    TEST(test_limit_refuses),
	    TEST(test_slots_are_named_as_ever),
	    TEST(test_no_descriptor_is_refused),
	    TEST(test_no_spare_puts_off),
	    TEST(test_a_tick_finds_a_spare),
	    TEST(test_what_is_accepted_is_handed_on),
	    TEST(test_without_a_worker_none_is_accepted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
