/*
 * The way of a session through the supervisor, on real loopback connections: accepted, handed
 * over, ended, adopted.  The test is the workers: it holds the other ends of their sockets and
 * writes their part of shared memory.
 */
#include "daemon/supervisor/dispatch.h"

#include "daemon/endpoint.h"
#include "daemon/supervisor/accept.h"
#include "daemon/supervisor/adoption.h"
#include "daemon/supervisor/choice.h"
#include "daemon/supervisor/ending.h"
#include "daemon/supervisor/leg.h"
#include "daemon/supervisor/opening.h"
#include "daemon/supervisor/requests.h"
#include "daemon/supervisor/watch.h"
#include "shm/handover.h"
#include "shm/journal.h"
#include "supervisor_fixture.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define WORKERS 2
#define SLOTS	8

struct scene {
	struct supervisor supervisor;
	int worker[WORKERS]; /* the workers' ends */
	uint32_t serial;
	int server; /* the mail server listens here */
	int listener;
	struct shm_endpoint listen;
	/* What the last packet held. */
	struct handover_item item[HANDOVER_BATCH];
	int fd[HANDOVER_FDS];
	int items;
};

static int
listen_any(struct shm_endpoint *ret_endpoint)
{
	struct shm_endpoint any = {.family = 4, .address = {127, 0, 0, 1}};
	struct sockaddr_storage address;
	socklen_t length = endpoint_sockaddr(&any, &address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	assert_int_equal(leg_set_options(fd), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
	assert_int_equal(listen(fd, 64), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
	endpoint_take(&address, ret_endpoint);
	return fd;
}

static void
add_worker(struct scene *scene, uint32_t index)
{
	struct worker *worker = &scene->supervisor.worker[index];
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	worker->socket = ends[0];
	scene->worker[index] = ends[1];
	worker->owner = PROCESS_OWNER(index, ++scene->serial);
	worker->ready = true;
	worker->version = record_version();
	worker->under_way = 0;
	assert_int_equal(watch_add(scene->supervisor.epoll, ends[0], EPOLLIN,
			     (struct watch_note){.kind = WATCH_WORKER_SOCKET, .index = index}),
	    0);
}

static int
set_up(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));
	struct supervisor *supervisor = &scene->supervisor;
	struct shm_plan plan = {.slots = SLOTS, .chunks = 16, .workers = WORKERS};
	struct listener *listener = &supervisor->listeners.listener[0];

	assert_non_null(scene);
	*state = scene;
	supervisor->spare = -1;
	supervisor->workers = WORKERS;
	supervisor->runtime.quarantine = -1;
	supervisor->can_repair = spawn_has_capability(12);
	supervisor_fixture_open(supervisor, &plan);
	for (uint32_t i = 0; i < WORKERS; i++) {
		process_init(&supervisor->worker[i].process);
		add_worker(scene, i);
	}
	scene->server = listen_any(&listener->entry.server);
	scene->listener = listen_any(&scene->listen);
	listener->entry.listen = scene->listen;
	listener->fd = scene->listener;
	supervisor->listeners.count = 1;
	return 0;
}

static int
tear_down(void **state)
{
	struct scene *scene = *state;

	for (uint32_t i = 0; i < WORKERS; i++) {
		close(scene->supervisor.worker[i].socket);
		close(scene->worker[i]);
	}
	supervisor_fixture_close(&scene->supervisor);
	close(scene->server);
	close(scene->listener);
	free(scene);
	return 0;
}

static int
connect_to(const struct shm_endpoint *endpoint)
{
	struct sockaddr_storage address;
	socklen_t length = endpoint_sockaddr(endpoint, &address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&address, length), 0);
	return fd;
}

/* What epoll has for connecting legs, then everything out to the workers. */
static void
turn(struct scene *scene)
{
	struct epoll_event event[16];
	int count;

	do {
		count = epoll_wait(scene->supervisor.epoll, event, 16, 20);
		for (int i = 0; i < count; i++) {
			struct watch_note note = watch_read(&event[i]);

			if (note.kind == WATCH_CONNECT)
				opening_connected(&scene->supervisor, note.index, note.generation,
				    event[i].events);
			if (note.kind == WATCH_WORKER_SOCKET)
				requests_from_worker(
				    &scene->supervisor, note.index, event[i].events);
		}
	} while (count > 0);
	dispatch_flush(&scene->supervisor);
}

static void
receive(struct scene *scene, uint32_t worker)
{
	unsigned fds;

	scene->items = handover_receive(scene->worker[worker], scene->item, scene->fd, &fds);
}

static void
receive_nothing(struct scene *scene, uint32_t worker)
{
	receive(scene, worker);
	assert_int_equal(scene->items, -EAGAIN);
}

static void
say(struct scene *scene, uint32_t worker, uint16_t kind, const struct handover_item *about,
    uint8_t legs)
{
	struct handover_item item = {
	    .kind = kind,
	    .legs = legs,
	    .slot = about->slot,
	    .generation = about->generation,
	    .error = kind == HANDOVER_TAKEN ? 1 : 0,
	};

	assert_int_equal(handover_send(scene->worker[worker], &item, 1, NULL, 0), 0);
	turn(scene);
}

/* A session with both legs, as worker 0 or 1 has got it; fds of the legs as the worker has them. */
struct session {
	struct handover_item item;
	uint32_t worker;
	int client; /* the peers */
	int server;
	int leg[SHM_LEGS];
};

static void
open_session(struct scene *scene, uint32_t worker, struct session *session)
{
	session->client = connect_to(&scene->listen);
	accept_ready(&scene->supervisor, scene->listener);
	turn(scene);
	receive(scene, worker);
	assert_true(scene->items >= 1);
	assert_int_equal(scene->item[0].kind, HANDOVER_CLIENT);
	session->item = scene->item[0];
	session->worker = worker;
	session->leg[SHM_CLIENT] = scene->fd[0];
	if (scene->items == 2) {
		session->leg[SHM_SERVER] = scene->fd[1];
		assert_int_equal(scene->item[1].kind, HANDOVER_SERVER);
	} else {
		turn(scene);
		receive(scene, worker);
		assert_int_equal(scene->items, 1);
		assert_int_equal(scene->item[0].kind, HANDOVER_SERVER);
		session->leg[SHM_SERVER] = scene->fd[0];
	}
	session->server = accept4(scene->server, NULL, NULL, SOCK_CLOEXEC);
	assert_true(session->server >= 0);
}

static void
close_session(struct session *session)
{
	close(session->client);
	close(session->server);
	close(session->leg[SHM_CLIENT]);
	close(session->leg[SHM_SERVER]);
}

static void
publish(struct scene *scene, const struct session *session, uint8_t flags, enum ending ending)
{
	struct slot_session *shared = shm_session(&scene->supervisor.shm, session->item.slot);
	struct record *record;

	atomic_store(&shared->generation, session->item.generation);
	record = record_begin(shared, session->item.generation);
	record->flags = flags;
	record->ending[SHM_CLIENT] = record->ending[SHM_SERVER] = (uint8_t)ending;
	record_publish(shared, record);
}

static const struct slot_custody *
public_of(const struct scene *scene, const struct session *session)
{
	return shm_custody(&scene->supervisor.shm, session->item.slot);
}

static void
test_session_opens_and_finishes(void **state)
{
	struct scene *scene = *state;
	const struct slot_custody *public;
	struct session session;

	open_session(scene, 0, &session);
	public = public_of(scene, &session);
	assert_int_equal(atomic_load(&public->state), SLOT_OPEN);
	assert_int_equal(atomic_load(&public->owner), scene->supervisor.worker[0].owner);
	assert_int_not_equal(public->session_id, 0);
	assert_int_not_equal(public->leg[SHM_CLIENT].cookie, 0);
	assert_int_equal(public->leg[SHM_CLIENT].local.port, scene->listen.port);
	assert_int_not_equal(public->leg[SHM_SERVER].local.port, 0);
	assert_int_equal(public->leg[SHM_SERVER].tcp.dumped, scene->supervisor.can_repair);
	assert_int_equal(scene->supervisor.worker[0].under_way, 2);
	say(scene, 0, HANDOVER_TAKEN, &session.item, 0);
	assert_int_equal(scene->supervisor.worker[0].under_way, 1);

	/* Without a FINISHED record the word alone is nothing. */
	say(scene, 0, HANDOVER_FINISHED, &session.item, 0);
	assert_int_equal(atomic_load(&public->state), SLOT_OPEN);
	publish(scene, &session, RECORD_FINISHED, ENDING_FIN);
	/* Nor is another worker's. */
	say(scene, 1, HANDOVER_FINISHED, &session.item, 0);
	assert_int_equal(atomic_load(&public->state), SLOT_OPEN);
	say(scene, 0, HANDOVER_FINISHED, &session.item, 0);
	for (int i = 0; i < 10000 && atomic_load(&public->state) != SLOT_FREE; i++) {
		usleep(2000);
		ending_tick(&scene->supervisor);
	}
	assert_int_equal(atomic_load(&public->state), SLOT_FREE);
	assert_int_equal(scene->supervisor.custody.in_use, 0);
	assert_int_equal(scene->supervisor.custody.descriptors, 0);
	assert_int_equal(scene->supervisor.worker[0].sessions, 0);
	close_session(&session);
}

/* A listener at all addresses does not say at which one a client came. */
static void
test_wildcard_listener(void **state)
{
	static const uint8_t loopback[] = {127, 0, 0, 1};
	struct scene *scene = *state;
	struct shm_endpoint *listen = &scene->supervisor.listeners.listener[0].entry.listen;
	const struct shm_endpoint *local;
	struct session session;

	memset(listen->address, 0, sizeof(listen->address));
	open_session(scene, 0, &session);
	local = &public_of(scene, &session)->leg[SHM_CLIENT].local;
	assert_int_equal(local->family, 4);
	assert_int_equal(local->port, scene->listen.port);
	assert_memory_equal(local->address, loopback, sizeof(loopback));
	close_session(&session);
}

/* The class that takes the client gives its mode and policy, and its name stays in the slot. */
static void
test_class_takes_the_client(void **state)
{
	struct scene *scene = *state;
	struct listeners *listeners = &scene->supervisor.listeners;
	struct listener_entry *entry = &listeners->listener[0].entry;
	struct policy_area *area = shm_policy(&scene->supervisor.shm);
	struct listener_table table = {
	    .class_rules = 1,
	    .class_rule[0] =
		{
		    .client = {.family = 4, .address = {127, 0, 0, 0}},
		    .prefix = 8,
		    .permit = 1,
		    .mode = SLOT_RAW,
		    .class_index = 4,
		    .policy_slot = 3,
		},
	    .class_of[4].name = "ironport_esa",
	};
	const struct slot_custody *public;
	struct session session;

	area->slot[3].generation[0] = 0x77;
	classify_prepare(&listeners->classes, &table);
	entry->class_count = 1;
	open_session(scene, 0, &session);
	public = public_of(scene, &session);
	assert_int_equal(public->mode, SLOT_RAW);
	assert_int_equal(public->policy_slot, 3);
	assert_memory_equal(
	    &public->policy_hash, area->slot[3].generation, sizeof(public->policy_hash));
	assert_string_equal(public->class_name, "ironport_esa");
	close_session(&session);

	/* Another client; the same slot does not keep the name. */
	tally_leave(&scene->supervisor.tally, session.item.slot);
	custody_free(&scene->supervisor.custody, session.item.slot);
	table.class_rule[0].client.address[0] = 128;
	classify_prepare(&listeners->classes, &table);
	scene->supervisor.worker[1].ready = false;
	open_session(scene, 0, &session);
	public = public_of(scene, &session);
	assert_int_equal(public->mode, SLOT_INSPECT);
	assert_int_equal(public->policy_slot, 0);
	assert_string_equal(public->class_name, "");
	close_session(&session);
}

static void
test_failed_server_is_told(void **state)
{
	struct scene *scene = *state;
	int client, last;

	close(scene->server);
	scene->server = -1;
	client = connect_to(&scene->listen);
	accept_ready(&scene->supervisor, scene->listener);
	turn(scene);
	receive(scene, 0);
	assert_true(scene->items >= 1);
	last = scene->items - 1;
	if (scene->items == 1) {
		turn(scene);
		receive(scene, 0);
		assert_int_equal(scene->items, 1);
		last = 0;
	}
	assert_int_equal(scene->item[last].kind, HANDOVER_SERVER_FAILED);
	assert_int_equal(scene->item[last].error, ECONNREFUSED);
	close(scene->fd[0]);
	close(client);
}

/* A session whose server does not answer yet: somebody else fills its queue. */
static int
begin_slow(struct scene *scene, int *ret_filler)
{
	const struct slot_custody *public;
	int client;

	assert_int_equal(listen(scene->server, 0), 0);
	*ret_filler = connect_to(&scene->supervisor.listeners.listener[0].entry.server);
	client = connect_to(&scene->listen);
	accept_ready(&scene->supervisor, scene->listener);
	turn(scene);
	receive(scene, 0);
	assert_int_equal(scene->items, 1);
	assert_int_equal(scene->item[0].kind, HANDOVER_CLIENT);
	public = shm_custody(&scene->supervisor.shm, scene->item[0].slot);
	assert_int_equal(atomic_load(&public->state), SLOT_OPENING);
	assert_int_equal(atomic_load(&public->leg[SHM_SERVER].state), LEG_CONNECTING);
	close(scene->fd[0]);
	return client;
}

/* TCP asks the server again after a second. */
static void
receive_late(struct scene *scene)
{
	for (int i = 0; i < 2000; i++) {
		turn(scene);
		receive(scene, 0);
		if (scene->items != -EAGAIN)
			break;
		usleep(5000);
	}
	assert_int_equal(scene->items, 1);
	assert_int_equal(scene->supervisor.custody.connecting.count, 0);
}

static void
test_server_answers_later(void **state)
{
	struct scene *scene = *state;
	int filler, client = begin_slow(scene, &filler);
	const struct slot_custody *public =
	    shm_custody(&scene->supervisor.shm, scene->item[0].slot);

	close(accept4(scene->server, NULL, NULL, SOCK_CLOEXEC));
	receive_late(scene);
	assert_int_equal(scene->item[0].kind, HANDOVER_SERVER);
	assert_int_equal(atomic_load(&public->state), SLOT_OPEN);
	assert_int_not_equal(public->leg[SHM_SERVER].local.port, 0);
	assert_int_equal(public->leg[SHM_SERVER].tcp.dumped, scene->supervisor.can_repair);
	close(scene->fd[0]);
	close(filler);
	close(client);
}

static void
test_server_refuses_later(void **state)
{
	struct scene *scene = *state;
	int filler, client = begin_slow(scene, &filler);

	close(scene->server);
	scene->server = -1;
	receive_late(scene);
	assert_int_equal(scene->item[0].kind, HANDOVER_SERVER_FAILED);
	assert_int_equal(scene->item[0].error, ECONNREFUSED);
	close(filler);
	close(client);
}

static void
test_sessions_go_to_the_least_loaded(void **state)
{
	struct scene *scene = *state;
	struct session session[4];

	for (uint32_t i = 0; i < 4; i++)
		open_session(scene, i % 2, &session[i]);
	assert_int_equal(scene->supervisor.worker[0].sessions, 2);
	assert_int_equal(scene->supervisor.worker[1].sessions, 2);
	for (uint32_t i = 0; i < 4; i++)
		close_session(&session[i]);
}

static void
test_reset_needs_the_record(void **state)
{
	struct scene *scene = *state;
	struct session session;
	char byte;

	open_session(scene, 0, &session);
	publish(scene, &session, 0, ENDING_FIN);
	say(scene, 0, HANDOVER_RESET, &session.item, HANDOVER_LEG(SHM_CLIENT));
	assert_int_equal(recv(session.client, &byte, 1, MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
	publish(scene, &session, 0, ENDING_RESET);
	say(scene, 1, HANDOVER_RESET, &session.item, HANDOVER_LEG(SHM_CLIENT));
	assert_int_equal(recv(session.client, &byte, 1, MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
	/* The worker's duplicate is open all the while. */
	say(scene, 0, HANDOVER_RESET, &session.item, HANDOVER_LEG(SHM_CLIENT));
	assert_int_equal(recv(session.client, &byte, 1, 0), -1);
	assert_int_equal(errno, ECONNRESET);
	assert_int_equal(recv(session.server, &byte, 1, MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
	close_session(&session);
}

static void
test_too_many_are_refused(void **state)
{
	struct scene *scene = *state;
	struct session session[SLOTS];
	char text[128];
	ssize_t length;
	int client;

	for (uint32_t i = 0; i < SLOTS; i++)
		open_session(scene, i % 2, &session[i]);
	client = connect_to(&scene->listen);
	accept_ready(&scene->supervisor, scene->listener);
	length = recv(client, text, sizeof(text), 0);
	assert_true(length > 10);
	assert_memory_equal(text, "421 4.3.2 ", 10);
	assert_memory_equal(text + length - 2, "\r\n", 2);
	assert_int_equal(recv(client, text, sizeof(text), 0), 0);
	close(client);
	for (uint32_t i = 0; i < SLOTS; i++)
		close_session(&session[i]);
}

/* Worker 0 dies in the middle of everything; worker 1 is told how far it had come. */
static void
test_adoption_tells_positions(void **state)
{
	struct scene *scene = *state;
	const struct process_death killed = {.end = PROCESS_END_KILLED, .status = SIGKILL};
	struct session session, other;
	struct handover_item *item = &scene->item[0];
	char bytes[64];

	open_session(scene, 0, &session);
	open_session(scene, 1, &other);
	publish(scene, &session, 0, ENDING_NONE);
	assert_int_equal(send(session.client, "EHLO example.org\r\n", 18, 0), 18);
	assert_int_equal(recv(session.leg[SHM_CLIENT], bytes, 10, MSG_WAITALL), 10);
	assert_int_equal(send(session.leg[SHM_CLIENT], "220 hello\r\n", 11, 0), 11);
	assert_int_equal(shutdown(session.server, SHUT_WR), 0);
	assert_int_equal(recv(session.leg[SHM_SERVER], bytes, 1, 0), 0);

	scene->supervisor.worker[0].ready = false;
	assert_int_equal(adoption_take_over(&scene->supervisor, 0, &killed), 1);
	assert_int_equal(atomic_load(&public_of(scene, &session)->owner), PROCESS_OWNER_NONE);
	dispatch_place(&scene->supervisor);
	dispatch_sweep(&scene->supervisor);
	dispatch_flush(&scene->supervisor);
	receive(scene, 1);
	assert_int_equal(scene->items, 2);
	assert_int_equal(item->kind, HANDOVER_SWEEP);
	assert_int_equal(item->slot, scene->supervisor.worker[0].owner);
	item++;
	assert_int_equal(item->kind, HANDOVER_ADOPT);
	assert_int_equal(item->slot, session.item.slot);
	assert_int_equal(item->generation, session.item.generation);
	assert_int_equal(item->legs, HANDOVER_LEG(SHM_CLIENT) | HANDOVER_LEG(SHM_SERVER));
	assert_int_equal(item->flags, 0);
	assert_int_equal(item->consumed[SHM_CLIENT], 10);
	assert_int_equal(item->written[SHM_CLIENT], 11);
	assert_int_equal(item->tcp_state[SHM_CLIENT], TCP_ESTABLISHED);
	assert_int_equal(item->consumed[SHM_SERVER], 0);
	assert_int_equal(item->written[SHM_SERVER], 0);
	assert_int_equal(item->tcp_state[SHM_SERVER], TCP_CLOSE_WAIT);
	assert_int_equal(
	    atomic_load(&public_of(scene, &session)->owner), scene->supervisor.worker[1].owner);
	/* The descriptors are the session's: the rest of the line is still there. */
	assert_int_equal(recv(scene->fd[0], bytes, sizeof(bytes), 0), 8);
	close(scene->fd[0]);
	close(scene->fd[1]);
	close_session(&session);
	close_session(&other);
}

/* Of a leg that no worker has had since it was made the slot says where it stands; the next adopter's is measured. */
static void
test_adoption_of_what_was_made(void **state)
{
	struct scene *scene = *state;
	struct supervisor *supervisor = &scene->supervisor;
	const struct process_death killed = {.end = PROCESS_END_KILLED, .status = SIGKILL};
	const struct handover_item *item;
	struct session session;
	char bytes[10];

	open_session(scene, 0, &session);
	publish(scene, &session, 0, ENDING_NONE);
	assert_int_equal(send(session.client, "EHLO example.org\r\n", 18, 0), 18);
	assert_int_equal(recv(session.leg[SHM_CLIENT], bytes, 10, MSG_WAITALL), 10);
	supervisor->custody.slot[session.item.slot].untouched = HANDOVER_LEG(SHM_CLIENT);
	for (uint32_t dies = 0; dies < WORKERS; dies++) {
		supervisor->worker[dies].ready = false;
		supervisor->worker[!dies].ready = true;
		assert_int_equal(adoption_take_over(supervisor, dies, &killed), 1);
		dispatch_place(supervisor);
		dispatch_sweep(supervisor);
		dispatch_flush(supervisor);
		receive(scene, !dies);
		assert_true(scene->items > 0);
		item = &scene->item[scene->items - 1]; /* behind what is to be swept */
		assert_int_equal(item->kind, HANDOVER_ADOPT);
		assert_int_equal(item->consumed[SHM_CLIENT], dies == 0 ? 0 : 10);
		assert_int_equal(item->tcp_state[SHM_CLIENT], TCP_ESTABLISHED);
		close(scene->fd[0]);
		close(scene->fd[1]);
	}
	close_session(&session);
}

static unsigned
count_sweeps(struct scene *scene, uint32_t worker)
{
	unsigned sweeps = 0;

	dispatch_sweep(&scene->supervisor);
	dispatch_flush(&scene->supervisor);
	for (receive(scene, worker); scene->items > 0; receive(scene, worker)) {
		for (int i = 0; i < scene->items; i++)
			assert_int_equal(scene->item[i].kind, HANDOVER_SWEEP);
		sweeps += (unsigned)scene->items;
	}
	return sweeps;
}

/* However many die while nobody can be told, no chunk is lost. */
static void
test_every_dead_worker_is_swept(void **state)
{
	struct scene *scene = *state;
	struct supervisor *supervisor = &scene->supervisor;
	const struct process_death killed = {.end = PROCESS_END_KILLED, .status = SIGKILL};

	supervisor->worker[0].ready = supervisor->worker[1].ready = false;
	for (int i = 0; i < 40; i++) {
		assert_int_equal(count_sweeps(scene, 1), 0);
		adoption_take_over(supervisor, 0, &killed);
		supervisor->worker[0].owner += 1u << 8;
	}
	supervisor->worker[1].ready = true;
	assert_int_equal(count_sweeps(scene, 1), 40);
	assert_int_equal(count_sweeps(scene, 1), 0);
	/* Who was told dies too. */
	supervisor->worker[1].ready = false;
	supervisor->worker[1].sweeps = 0;
	adoption_take_over(supervisor, 1, &killed);
	supervisor->worker[1].owner += 1u << 8;
	supervisor->worker[1].ready = true;
	assert_int_equal(count_sweeps(scene, 1), 41);
	assert_int_equal(count_sweeps(scene, 1), 0);
}

/* While workers of two versions run: nothing goes to one that would not understand its record. */
static void
test_a_record_goes_to_who_understands_it(void **state)
{
	struct scene *scene = *state;
	struct supervisor *supervisor = &scene->supervisor;
	const struct process_death killed = {.end = PROCESS_END_KILLED, .status = SIGKILL};
	struct session session, other;

	open_session(scene, 0, &session);
	publish(scene, &session, 0, ENDING_NONE);
	open_session(scene, 1, &other);
	supervisor->worker[1].version = (uint16_t)(record_version() - 1);
	supervisor->worker[0].ready = false;
	assert_int_equal(adoption_take_over(supervisor, 0, &killed), 1);
	dispatch_place(supervisor);
	assert_int_equal(supervisor->unowned.count, 1);
	/* New sessions go to the programs on disk, however few sessions the others have. */
	supervisor->worker[0].ready = true;
	supervisor->worker[0].sessions += 3;
	assert_int_equal(choice_any(supervisor), 0);
	supervisor->worker[0].sessions -= 3;
	dispatch_place(supervisor);
	assert_int_equal(supervisor->unowned.count, 0);
	assert_int_equal(supervisor->custody.slot[session.item.slot].worker, 0);
	close_session(&session);
	close_session(&other);
}

/* None can be replaced before it is empty: one takes all that comes. */
static void
test_the_incompatible_become_empty(void **state)
{
	struct scene *scene = *state;
	struct supervisor *supervisor = &scene->supervisor;

	for (uint32_t i = 0; i < 2; i++)
		supervisor->worker[i].version = (uint16_t)(record_version() + 7);
	supervisor->worker[0].sessions += 3;
	assert_int_equal(choice_any(supervisor), 0);
	supervisor->worker[0].sessions -= 3;
	supervisor->worker[1].sessions += 3;
	assert_int_equal(choice_any(supervisor), 0);
	supervisor->worker[1].sessions -= 3;
	/* Also on the way back to an older version. */
	supervisor->worker[1].version = record_version();
	supervisor->worker[1].sessions += 3;
	assert_int_equal(choice_any(supervisor), 1);
	supervisor->worker[1].sessions -= 3;
}

static void
test_orphans_wait_for_a_worker(void **state)
{
	struct scene *scene = *state;
	const struct process_death killed = {.end = PROCESS_END_KILLED, .status = SIGKILL};
	struct session session;

	open_session(scene, 0, &session);
	scene->supervisor.worker[0].ready = scene->supervisor.worker[1].ready = false;
	assert_int_equal(adoption_take_over(&scene->supervisor, 0, &killed), 1);
	dispatch_place(&scene->supervisor);
	dispatch_flush(&scene->supervisor);
	receive_nothing(scene, 1);
	assert_int_equal(scene->supervisor.unowned.count, 1);
	scene->supervisor.worker[1].ready = true;
	dispatch_place(&scene->supervisor);
	dispatch_flush(&scene->supervisor);
	receive(scene, 1);
	assert_int_equal(scene->items, 1);
	assert_int_equal(scene->item[0].kind, HANDOVER_ADOPT);
	close(scene->fd[0]);
	close(scene->fd[1]);
	close_session(&session);
}

/* A step that kills two workers at one position: the third is told not to call the core. */
static void
test_poison_is_marked_by_faults_only(void **state)
{
	struct scene *scene = *state;
	const struct process_death killed = {.end = PROCESS_END_KILLED, .status = SIGKILL};
	const struct process_death fault = {.end = PROCESS_END_FAULT, .status = SIGSEGV};
	const struct {
		const struct process_death *death;
		uint64_t position;
		uint8_t flags;
		uint32_t marks;
	} deaths[] = {
	    {&killed, 100, 0, 0},
	    {&fault, 100, 0, 1},
	    {&killed, 100, 0, 1},
	    {&fault, 140, 0, 1}, /* elsewhere: the first is forgotten */
	    {&fault, 140, HANDOVER_TO_END, 2},
	};
	struct session session;
	uint32_t owner = 0;

	open_session(scene, 0, &session);
	publish(scene, &session, 0, ENDING_NONE);
	for (size_t i = 0; i < sizeof(deaths) / sizeof(deaths[0]); i++) {
		struct worker_pulse *pulse = &shm_journal(&scene->supervisor.shm, owner)->pulse;

		atomic_store(&pulse->step_slot, session.item.slot);
		atomic_store(&pulse->step_direction, SHM_CLIENT);
		atomic_store(&pulse->step_position, deaths[i].position);
		scene->supervisor.worker[owner].ready = false;
		assert_int_equal(adoption_take_over(&scene->supervisor, owner, deaths[i].death), 1);
		scene->supervisor.worker[owner].owner += 1u << 8;
		owner = !owner;
		scene->supervisor.worker[owner].ready = true;
		dispatch_place(&scene->supervisor);
		dispatch_flush(&scene->supervisor);
		receive(scene, owner);
		assert_int_equal(scene->items, 1);
		assert_int_equal(scene->item[0].flags, deaths[i].flags);
		assert_int_equal(atomic_load(&public_of(scene, &session)->marks), deaths[i].marks);
		close(scene->fd[0]);
		close(scene->fd[1]);
	}
	close_session(&session);
}

/* A worker that takes nothing stops getting; the rest comes when it goes on. */
static void
test_under_way_is_bounded(void **state)
{
	struct scene *scene = *state;
	struct session session[2];
	int client;

	scene->supervisor.worker[1].ready = false;
	open_session(scene, 0, &session[0]);
	scene->supervisor.worker[0].under_way = HANDOVER_UNDER_WAY - 1;
	client = connect_to(&scene->listen);
	accept_ready(&scene->supervisor, scene->listener);
	turn(scene);
	receive_nothing(scene, 0);
	say(scene, 0, HANDOVER_TAKEN, &session[0].item, 0);
	receive(scene, 0);
	assert_true(scene->items >= 1);
	assert_int_equal(scene->item[0].kind, HANDOVER_CLIENT);
	close(scene->fd[0]);
	close(client);
	close_session(&session[0]);
}

static void
test_clear_is_told(void **state)
{
	struct scene *scene = *state;
	struct session session;

	open_session(scene, 0, &session);
	assert_int_equal(custody_find(&scene->supervisor.custody, 12345), SHM_NO_SLOT);
	assert_int_equal(
	    custody_find(&scene->supervisor.custody, public_of(scene, &session)->session_id),
	    session.item.slot);
	dispatch_tell(&scene->supervisor, session.item.slot, PENDING_CLEAR);
	dispatch_flush(&scene->supervisor);
	receive(scene, 0);
	assert_int_equal(scene->items, 1);
	assert_int_equal(scene->item[0].kind, HANDOVER_CLEAR);
	close_session(&session);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	static const struct CMUnitTest tests[] = {
	    TEST(test_session_opens_and_finishes),
	    TEST(test_wildcard_listener),
	    TEST(test_class_takes_the_client),
	    TEST(test_failed_server_is_told),
	    TEST(test_server_answers_later),
	    TEST(test_server_refuses_later),
	    TEST(test_sessions_go_to_the_least_loaded),
	    TEST(test_reset_needs_the_record),
	    TEST(test_too_many_are_refused),
	    TEST(test_adoption_tells_positions),
	    TEST(test_adoption_of_what_was_made),
	    TEST(test_every_dead_worker_is_swept),
	    TEST(test_a_record_goes_to_who_understands_it),
	    TEST(test_the_incompatible_become_empty),
	    TEST(test_orphans_wait_for_a_worker),
	    TEST(test_poison_is_marked_by_faults_only),
	    TEST(test_under_way_is_bounded),
	    TEST(test_clear_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
