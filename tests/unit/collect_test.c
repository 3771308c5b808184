/*
 * A supervisor that finds what another one has left: worker processes that do nothing but hold the
 * memory, the sockets and the sessions, and slots in every state.  The test was the first supervisor
 * and is the second one; what it wants of the first it closes before.
 */
#include "daemon/supervisor/collect.h"
#include "daemon/supervisor/takeover_ask.h"
#include "daemon/supervisor/takeover_shelf.h"

#include "daemon/endpoint.h"
#include "daemon/supervisor/accept.h"
#include "daemon/supervisor/children.h"
#include "daemon/supervisor/collect_memory.h"
#include "daemon/supervisor/dispatch.h"
#include "daemon/supervisor/leg.h"
#include "daemon/supervisor/listening.h"
#include "daemon/supervisor/opening.h"
#include "daemon/supervisor/process_stat.h"
#include "daemon/supervisor/requests.h"
#include "daemon/supervisor/wakes.h"
#include "daemon/supervisor/watch.h"
#include "daemon/supervisor/workers_file.h"
#include "shm/chunk.h"
#include "shm/handover.h"
#include "shm/journal.h"
#include "shm/succession.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include <cmocka.h>

#define WORKERS	 2
#define SLOTS	 16
#define HELD_MAX 16
#define HIGH	 200 /* descriptors of sessions in a worker begin here */
#define WAIT_MS	 10000

/* A worker of the first supervisor. */
struct old_worker {
	pid_t pid;
	uint32_t owner;
	int end;   /* the test's duplicate of the worker's end: it speaks for the worker */
	int other; /* the supervisor's end */
	struct shelf shelf, legs;
	int held[HELD_MAX]; /* what it keeps besides; become its numbers */
	unsigned count;
};

struct scene {
	char path[64];
	int directory;
	struct supervisor first, second;
	struct old_worker worker[WORKERS];
	struct shm_endpoint server; /* a mail server listens here */
	int server_fd;
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
	assert_int_equal(listen(fd, 16), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
	endpoint_take(&address, ret_endpoint);
	return fd;
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

static void
begin_supervisor(struct supervisor *supervisor, int directory)
{
	supervisor->epoll = epoll_create1(EPOLL_CLOEXEC);
	supervisor->self = pidfd_open(getpid(), 0);
	supervisor->spare = -1;
	supervisor->workers = WORKERS;
	supervisor->runtime.quarantine = -1;
	supervisor->runtime.directory = directory;
	children_init(supervisor);
	dispatch_init(supervisor);
}

static int
set_up(void **state)
{
	struct shm_plan plan = {.slots = SLOTS, .chunks = 32, .workers = WORKERS};
	struct scene *scene = calloc(1, sizeof(*scene));

	assert_non_null(scene);
	*state = scene;
	snprintf(scene->path, sizeof(scene->path), "/tmp/smtpguard-collect-XXXXXX");
	assert_non_null(mkdtemp(scene->path));
	scene->directory = open(scene->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	begin_supervisor(&scene->first, scene->directory);
	begin_supervisor(&scene->second, scene->directory);
	assert_int_equal(shm_create(&scene->first.shm, &plan), 0);
	for (int i = 0; i < SHM_REGIONS; i++)
		assert_int_equal(fchmod(scene->first.shm.fd[i], 0600), 0);
	assert_int_equal(custody_init(&scene->first.custody, &scene->first.shm, SLOTS), 0);
	assert_int_equal(wakes_open(&scene->first), 0);
	supervisor_look_at_clock(&scene->first);
	scene->server_fd = listen_any(&scene->server);
	return 0;
}

static void
close_supervisor(struct supervisor *supervisor)
{
	custody_fini(&supervisor->custody);
	tally_fini(&supervisor->tally);
	listeners_close(&supervisor->listeners, (listener_watch *)(void *)abs, NULL);
	shm_detach(&supervisor->shm);
	close(supervisor->epoll);
	close(supervisor->self);
}

static void
end_worker(struct old_worker *worker)
{
	if (worker->pid == 0)
		return;
	kill(worker->pid, SIGKILL);
	waitpid(worker->pid, NULL, 0);
	close(worker->end);
}

static int
tear_down(void **state)
{
	struct scene *scene = *state;

	for (int i = 0; i < WORKERS; i++) {
		end_worker(&scene->worker[i]);
		if (scene->second.worker[i].process.pidfd >= 0)
			close(scene->second.worker[i].process.pidfd);
		for (int k = 0; k < 2; k++)
			if (scene->second.worker[i].shelf.end[k] >= 0)
				close(scene->second.worker[i].shelf.end[k]);
		shelf_close(&scene->second.worker[i].legs);
		if (scene->second.worker[i].socket >= 0)
			close(scene->second.worker[i].socket);
	}
	close(scene->server_fd);
	wakes_close(&scene->first);
	wakes_close(&scene->second);
	close_supervisor(&scene->second);
	workers_file_remove(scene->directory);
	close(scene->directory);
	assert_int_equal(rmdir(scene->path), 0);
	free(scene);
	return 0;
}

/* A slot of the first supervisor's, owned by the worker, with a client's leg; the client's end. */
static uint32_t
make_slot(struct scene *scene, uint32_t owner, enum slot_state slot_state, int *ret_client)
{
	struct supervisor *first = &scene->first;
	struct shm_endpoint listen;
	int listener = listen_any(&listen);
	uint32_t slot = custody_take(&first->custody);
	struct slot_custody *public = shm_custody(&first->shm, slot);
	struct slot_leg *leg = &public->leg[SHM_CLIENT];
	socklen_t length = sizeof(leg->cookie);
	int fd;

	*ret_client = connect_to(&listen);
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	close(listener);
	custody_set_leg(&first->custody, slot, SHM_CLIENT, fd);
	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_COOKIE, &leg->cookie, &length), 0);
	atomic_store(&leg->state, LEG_OPEN);
	public->leg[SHM_SERVER].peer = scene->server;
	atomic_store(&public->owner, owner);
	custody_set_state(&first->custody, slot, slot_state);
	return slot;
}

/* The slot's server leg, which stands. */
static void
make_server_leg(struct scene *scene, uint32_t slot)
{
	struct slot_leg *leg = &shm_custody(&scene->first.shm, slot)->leg[SHM_SERVER];
	socklen_t length = sizeof(leg->cookie);
	int fd = connect_to(&scene->server), peer;

	peer = accept4(scene->server_fd, NULL, NULL, SOCK_CLOEXEC);
	assert_true(peer >= 0);
	custody_set_leg(&scene->first.custody, slot, SHM_SERVER, fd);
	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_COOKIE, &leg->cookie, &length), 0);
	atomic_store(&leg->state, LEG_OPEN);
	close(peer);
}

/* The worker has the leg, and has written that it has, unless it had not come to it yet. */
static void
hold(struct scene *scene, struct old_worker *worker, uint32_t slot, enum shm_leg leg, bool noted)
{
	struct slot_session *session = shm_session(&scene->first.shm, slot);

	worker->held[worker->count] = scene->first.custody.slot[slot].fd[leg];
	if (noted) {
		atomic_store(&session->generation, custody_generation(&scene->first.custody, slot));
		atomic_store(&session->descriptor[leg], HIGH + (int)worker->count);
	}
	worker->count++;
}

static void
prepare_worker(struct scene *scene, unsigned index)
{
	struct old_worker *worker = &scene->worker[index];
	int ends[2];

	worker->owner = PROCESS_OWNER(index, index + 1);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	worker->other = ends[0];
	worker->end = ends[1];
	assert_int_equal(shelf_open(&worker->shelf), 0);
	assert_int_equal(shelf_open(&worker->legs), 0);
}

/* In the child: exactly what a worker holds. */
static void
be_worker(
    const struct scene *scene, const struct old_worker *worker, const struct shm *shm, int placed)
{
	int low[INHERITED_END], high[HELD_MAX];

	placed = fcntl(placed, F_DUPFD, 500);
	for (int i = 0; i < SHM_REGIONS; i++)
		low[INHERITED_REGIONS + i] = fcntl(shm->fd[i], F_DUPFD, 500);
	low[INHERITED_HANDOVER] = fcntl(worker->end, F_DUPFD, 500);
	low[INHERITED_SUPERVISOR] = fcntl(scene->first.self, F_DUPFD, 500);
	low[INHERITED_HANDOVER_OTHER] = fcntl(worker->other, F_DUPFD, 500);
	low[INHERITED_SHELF] = fcntl(worker->shelf.end[0], F_DUPFD, 500);
	low[INHERITED_SHELF_OTHER] = fcntl(worker->shelf.end[1], F_DUPFD, 500);
	low[INHERITED_RELEASE] =
	    fcntl(scene->first.worker[worker - scene->worker].release, F_DUPFD, 500);
	low[INHERITED_JOURNAL] = fcntl(scene->first.journal, F_DUPFD, 500);
	low[INHERITED_LEGS] = fcntl(worker->legs.end[0], F_DUPFD, 500);
	low[INHERITED_LEGS_OTHER] = fcntl(worker->legs.end[1], F_DUPFD, 500);
	for (unsigned i = 0; i < worker->count; i++)
		high[i] = fcntl(worker->held[i], F_DUPFD, 500);
	close_range(INHERITED_REGIONS, 499, 0);
	for (int i = INHERITED_REGIONS; i < INHERITED_END; i++)
		dup2(low[i], i);
	for (unsigned i = 0; i < worker->count; i++)
		dup2(high[i], HIGH + (int)i);
	close_range(500, (unsigned)placed - 1, 0);
	close_range((unsigned)placed + 1, ~0u, 0);
	if (write(placed, "", 1) != 1)
		_exit(99);
	close(placed);
	for (;;)
		pause();
}

static void
start_worker(struct scene *scene, unsigned index, const struct shm *shm)
{
	struct old_worker *worker = &scene->worker[index];
	struct process_entry *entry = shm_process(&scene->first.shm, index);
	char byte;
	int placed[2];

	assert_int_equal(pipe2(placed, O_CLOEXEC), 0);
	worker->pid = fork();
	assert_true(worker->pid >= 0);
	if (worker->pid == 0)
		be_worker(scene, worker, shm, placed[1]);
	assert_int_equal(read(placed[0], &byte, 1), 1);
	close(placed[0]);
	close(placed[1]);
	atomic_store(&entry->owner, worker->owner);
	atomic_store(&entry->pid, worker->pid);
	atomic_store(&entry->state, PROCESS_READY);
}

/* The first supervisor dies; the second one looks. */
static bool
take_over(struct scene *scene)
{
	struct workers_file file = {0};
	bool found;

	for (unsigned i = 0; i < WORKERS; i++) {
		struct old_worker *worker = &scene->worker[i];
		struct process_stat now;

		if (worker->pid == 0)
			continue;
		assert_int_equal(process_stat_read(worker->pid, &now), 0);
		file.entry[file.count++] = (struct workers_file_entry){
		    .index = i, .pid = worker->pid, .started = now.started};
		close(worker->other);
		shelf_close(&worker->shelf);
		shelf_close(&worker->legs);
	}
	assert_int_equal(workers_file_write(scene->directory, &file), 0);
	close_supervisor(&scene->first);
	assert_int_equal(collect_memory(&scene->second, &found), 0);
	if (found) {
		assert_int_equal(wakes_open(&scene->second), 0);
		collect_rest(&scene->second);
	}
	return found;
}

/* What epoll has for sockets of workers and connecting legs; then everything out to the workers. */
static void
turn(struct scene *scene)
{
	struct supervisor *supervisor = &scene->second;
	struct epoll_event event[16];
	int count;

	supervisor_look_at_clock(supervisor);
	while ((count = epoll_wait(supervisor->epoll, event, 16, 20)) > 0) {
		for (int i = 0; i < count; i++) {
			struct watch_note note = watch_read(&event[i]);

			if (note.kind == WATCH_CONNECT)
				opening_connected(
				    supervisor, note.index, note.generation, event[i].events);
			if (note.kind == WATCH_WORKER_SOCKET)
				requests_from_worker(supervisor, note.index, event[i].events);
			if (note.kind == WATCH_LISTENER)
				accept_ready(supervisor, (int)note.index);
		}
	}
	dispatch_flush(supervisor);
}

/* The worker's answer to the greeting. */
static void
answer(struct scene *scene, unsigned index)
{
	struct old_worker *worker = &scene->worker[index];
	struct handover_item item[HANDOVER_BATCH],
	    ready = {.kind = HANDOVER_READY, .error = record_version()};
	int fd[HANDOVER_FDS];
	unsigned fds;

	assert_int_equal(handover_receive(worker->end, item, fd, &fds), 1);
	assert_int_equal(item[0].kind, HANDOVER_GREETING);
	assert_int_equal(item[0].generation, 2);
	assert_int_equal(fds, 1);
	close(fd[0]);
	ready.slot = worker->owner;
	ready.generation = 1; /* an answer to an earlier one is none */
	assert_int_equal(handover_send(worker->end, &ready, 1, NULL, 0), 0);
	turn(scene);
	assert_false(scene->second.worker[index].ready);
	ready.generation = 2;
	assert_int_equal(handover_send(worker->end, &ready, 1, NULL, 0), 0);
	turn(scene);
	assert_true(scene->second.worker[index].ready);
}

/* The items for that slot that the worker is told; kinds as bits, flags together. */
static uint64_t
told_of(struct scene *scene, unsigned index, uint32_t slot, uint8_t *ret_flags)
{
	struct handover_item item[HANDOVER_BATCH];
	int fd[HANDOVER_FDS], count;
	uint64_t kinds = 0;
	unsigned fds;

	*ret_flags = 0;
	while ((count = handover_receive(scene->worker[index].end, item, fd, &fds)) > 0) {
		for (unsigned i = 0; i < fds; i++)
			close(fd[i]);
		for (int i = 0; i < count; i++) {
			if (item[i].slot != slot)
				continue;
			kinds |= UINT64_C(1) << item[i].kind;
			*ret_flags |= item[i].flags;
		}
	}
	return kinds;
}

#define BIT(kind) (UINT64_C(1) << (kind))

/* The client sees its end: 0, and never a byte. */
static bool
has_ended(int client)
{
	char byte;

	return recv(client, &byte, 1, MSG_DONTWAIT) == 0;
}

static void
test_nothing_is_there(void **state)
{
	struct scene *scene = *state;

	assert_false(take_over(scene));
	assert_null(scene->second.shm.base[SHM_CONTROL]);
}

static void
test_a_session_goes_on(void **state)
{
	struct scene *scene = *state;
	struct custody *custody = &scene->second.custody;
	int client, noted, search;
	uint32_t slot, other;
	uint64_t id;
	uint8_t flags;

	prepare_worker(scene, 0);
	slot = make_slot(scene, scene->worker[0].owner, SLOT_OPEN, &noted);
	make_server_leg(scene, slot);
	hold(scene, &scene->worker[0], slot, SHM_CLIENT, true);
	hold(scene, &scene->worker[0], slot, SHM_SERVER, true);
	/* This one it had received and not yet noted when it was stopped. */
	other = make_slot(scene, scene->worker[0].owner, SLOT_OPEN, &search);
	make_server_leg(scene, other);
	hold(scene, &scene->worker[0], other, SHM_CLIENT, false);
	hold(scene, &scene->worker[0], other, SHM_SERVER, false);
	id = shm_custody(&scene->first.shm, other)->session_id;
	start_worker(scene, 0, &scene->first.shm);
	assert_true(take_over(scene));
	assert_int_equal(custody->in_use, 2);
	assert_int_equal(custody->descriptors, 4);
	assert_int_equal(scene->second.worker[0].sessions, 2);
	answer(scene, 0);
	assert_int_equal(custody->in_use, 2);
	assert_int_equal(told_of(scene, 0, slot, &flags), 0);
	assert_false(has_ended(noted));
	assert_false(has_ended(search));
	/* What it hands out goes on where the first one stopped. */
	slot = custody_take(custody);
	assert_int_equal(slot, 2);
	assert_int_equal(shm_custody(custody->shm, slot)->session_id, id + 1);
	client = custody->slot[0].fd[SHM_CLIENT];
	assert_int_equal(send(client, "x", 1, 0), 1);
	close(noted);
	close(search);
}

static void
test_what_nobody_holds_is_lost(void **state)
{
	struct scene *scene = *state;
	struct custody *custody = &scene->second.custody;
	uint32_t begun, unbegun, ending, unowned;
	int client[4];
	uint8_t flags;

	prepare_worker(scene, 0);
	begun = make_slot(scene, scene->worker[0].owner, SLOT_OPEN, &client[0]);
	atomic_store(&shm_session(&scene->first.shm, begun)->generation,
	    custody_generation(&scene->first.custody, begun));
	unbegun = make_slot(scene, scene->worker[0].owner, SLOT_OPENING, &client[1]);
	ending = make_slot(scene, PROCESS_OWNER_NONE, SLOT_ENDING, &client[2]);
	unowned = make_slot(scene, PROCESS_OWNER(1, 77), SLOT_OPEN, &client[3]);
	atomic_store(&shm_session(&scene->first.shm, unowned)->generation,
	    custody_generation(&scene->first.custody, unowned));
	start_worker(scene, 0, &scene->first.shm);
	assert_true(take_over(scene));
	assert_int_equal(custody_state(custody, ending), SLOT_FREE);
	/* The worker may still have it in its socket. */
	assert_int_equal(custody_state(custody, begun), SLOT_OPEN);
	answer(scene, 0);
	assert_int_equal(custody_state(custody, unbegun), SLOT_FREE);
	assert_int_equal(custody->in_use, 2);
	assert_int_equal(custody->slot[begun].worker, 0);
	assert_int_equal(custody->slot[unowned].worker, 0);
	assert_int_equal(told_of(scene, 0, begun, &flags), BIT(HANDOVER_ADOPT));
	assert_int_equal(flags, HANDOVER_LOST);
	for (int i = 0; i < 4; i++) {
		assert_true(has_ended(client[i]));
		close(client[i]);
	}
}

/* The client's leg has come to its end, and the server's stands. */
static void
end_client_leg(struct scene *scene, uint32_t slot)
{
	make_server_leg(scene, slot);
	custody_close_leg(&scene->first.custody, slot, SHM_CLIENT);
	atomic_store(&shm_custody(&scene->first.shm, slot)->leg[SHM_CLIENT].state, LEG_ENDED);
}

enum { LIES_NOWHERE, LIES_UNOWNED, LIES_UNSENT, LIES_HALF, LIES_HALF_UNSENT, LYING };

/* Of those that are unsent the worker is noted already; it has never heard of them. */
static void
lay(struct scene *scene, uint32_t slot[LYING], int client[LYING])
{
	int fd[LYING];

	for (unsigned i = 0; i < LYING; i++) {
		bool is_unsent = i == LIES_UNSENT || i == LIES_HALF_UNSENT;

		slot[i] = make_slot(scene, is_unsent ? scene->worker[0].owner : PROCESS_OWNER_NONE,
		    SLOT_OPEN, &client[i]);
		atomic_store(&shm_session(&scene->first.shm, slot[i])->generation,
		    custody_generation(&scene->first.custody, slot[i]));
		if (i >= LIES_HALF)
			end_client_leg(scene, slot[i]);
		fd[i] =
		    scene->first.custody.slot[slot[i]].fd[i < LIES_HALF ? SHM_CLIENT : SHM_SERVER];
	}
	assert_int_equal(shelf_put(&scene->worker[0].legs, fd + 1, LYING - 1), 0);
}

/* A takeover lay on shelves: what no worker has heard of is adopted, what is not there is lost. */
static void
go_on_from_shelf(struct scene *scene, bool is_open)
{
	const struct takeover_status status = {
	    .epoch = 5, .begun_us = 1, .restored_us = 2, .opened_us = is_open ? 3 : 0};
	struct takeover_view *view = shm_takeover_view(&scene->first.shm);
	const struct custody *custody = &scene->second.custody;
	uint32_t slot[LYING];
	uint8_t flags;
	int client[LYING];
	char byte;

	prepare_worker(scene, 0);
	lay(scene, slot, client);
	takeover_view_publish(view, &status);
	takeover_view_set_shelved(view, 5);
	start_worker(scene, 0, &scene->first.shm);
	assert_true(take_over(scene));
	answer(scene, 0);
	for (unsigned i = LIES_UNOWNED; i < LYING && !is_open; i++)
		assert_int_equal(custody->slot[slot[i]].worker, CUSTODY_UNOWNED);
	takeover_ask_all(&scene->second);
	turn(scene);
	assert_true(has_ended(client[LIES_NOWHERE]));
	assert_int_equal(recv(client[LIES_UNOWNED], &byte, 1, MSG_DONTWAIT), -1);
	assert_int_equal(recv(client[LIES_UNSENT], &byte, 1, MSG_DONTWAIT), -1);
	for (unsigned i = 0; i < LYING; i++) {
		assert_int_equal(custody->slot[slot[i]].worker, 0);
		close(client[i]);
	}
	assert_true(custody->slot[slot[LIES_HALF]].fd[SHM_SERVER] >= 0);
	assert_true(told_of(scene, 0, slot[LIES_HALF_UNSENT], &flags) & BIT(HANDOVER_ADOPT));
	assert_int_equal(flags & HANDOVER_LOST, 0);
	takeover_shelf_look(&scene->second);
	assert_int_equal(takeover_view_shelved(view), 0);
}

static void
test_what_lies_on_a_shelf_goes_on(void **state)
{
	go_on_from_shelf(*state, true);
}

static void
test_it_waits_for_the_door(void **state)
{
	go_on_from_shelf(*state, false);
}

static void
test_a_server_leg_is_made_anew(void **state)
{
	struct scene *scene = *state;
	struct custody *custody = &scene->second.custody;
	uint32_t connecting, told, failed;
	int client[3], peer;
	uint8_t flags;

	prepare_worker(scene, 0);
	connecting = make_slot(scene, scene->worker[0].owner, SLOT_OPENING, &client[0]);
	hold(scene, &scene->worker[0], connecting, SHM_CLIENT, true);
	atomic_store(
	    &shm_custody(&scene->first.shm, connecting)->leg[SHM_SERVER].state, LEG_CONNECTING);
	failed = make_slot(scene, scene->worker[0].owner, SLOT_OPENING, &client[1]);
	hold(scene, &scene->worker[0], failed, SHM_CLIENT, true);
	atomic_store(&shm_custody(&scene->first.shm, failed)->leg[SHM_SERVER].state, LEG_FAILED);
	/* Connected, and the worker was not told. */
	told = make_slot(scene, scene->worker[0].owner, SLOT_OPEN, &client[2]);
	make_server_leg(scene, told);
	hold(scene, &scene->worker[0], told, SHM_CLIENT, true);
	start_worker(scene, 0, &scene->first.shm);
	assert_true(take_over(scene));
	answer(scene, 0);
	turn(scene);
	assert_int_equal(custody_state(custody, connecting), SLOT_OPEN);
	assert_int_equal(custody_state(custody, told), SLOT_OPEN);
	assert_int_equal(custody_state(custody, failed), SLOT_OPEN);
	assert_int_equal(custody->descriptors, 5);
	for (int i = 0; i < 2; i++) {
		peer = accept4(scene->server_fd, NULL, NULL, SOCK_CLOEXEC);
		assert_true(peer >= 0);
		close(peer);
	}
	assert_int_equal(told_of(scene, 0, failed, &flags), BIT(HANDOVER_SERVER_FAILED));
	for (int i = 0; i < 3; i++) {
		assert_false(has_ended(client[i]));
		close(client[i]);
	}
}

/* A hand-over that a dead worker had not read still holds its connection. */
static void
test_what_was_not_read_is_read_for_it(void **state)
{
	struct scene *scene = *state;
	struct custody *custody = &scene->second.custody;
	struct worker *worker = &scene->second.worker[0];
	struct handover_item item = {
	    .kind = HANDOVER_CLIENT, .legs = HANDOVER_LEG(SHM_CLIENT), .generation = 1};
	struct pollfd poller = {.events = POLLIN};
	int client, wrong, fd;

	prepare_worker(scene, 0);
	item.slot = make_slot(scene, scene->worker[0].owner, SLOT_OPENING, &client);
	make_server_leg(scene, item.slot);
	hold(scene, &scene->worker[0], item.slot, SHM_SERVER, true);
	wrong = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_equal(handover_send(scene->worker[0].other, &item, 1, &wrong, 1), 0);
	close(wrong);
	fd = scene->first.custody.slot[item.slot].fd[SHM_CLIENT];
	assert_int_equal(handover_send(scene->worker[0].other, &item, 1, &fd, 1), 0);
	start_worker(scene, 0, &scene->first.shm);
	close(scene->worker[0].end);
	scene->worker[0].end = -1;
	assert_true(take_over(scene));
	assert_int_equal(custody->slot[item.slot].fd[SHM_CLIENT], -1);
	assert_false(has_ended(client));
	/* It hangs; the watchdog ends it. */
	scene->second.phase = PHASE_LEAVING; /* nobody is started in its place */
	process_signal(&worker->process, SIGKILL);
	poller.fd = worker->process.pidfd;
	assert_int_equal(poll(&poller, 1, WAIT_MS), 1);
	children_worker_ended(&scene->second, 0);
	assert_int_equal(custody->slot[item.slot].worker, CUSTODY_UNOWNED);
	assert_true(custody->slot[item.slot].pending & PENDING_ADOPT);
	assert_true(custody->slot[item.slot].fd[SHM_CLIENT] >= 0);
	assert_true(custody->slot[item.slot].fd[SHM_SERVER] >= 0);
	assert_false(has_ended(client));
	close(client);
}

/* The same number and start time, but other memory: whatever it is, it is none of ours. */
static void
test_other_memory_is_refused(void **state)
{
	struct shm_plan plan = {.slots = SLOTS, .chunks = 32, .workers = WORKERS};
	struct scene *scene = *state;
	struct shm other;

	assert_int_equal(shm_create(&other, &plan), 0);
	for (unsigned i = 0; i < WORKERS; i++)
		prepare_worker(scene, i);
	start_worker(scene, 0, &scene->first.shm);
	start_worker(scene, 1, &other);
	shm_detach(&other);
	assert_true(take_over(scene));
	assert_true(process_is_running(&scene->second.worker[0].process));
	assert_false(process_is_running(&scene->second.worker[1].process));
	/* Ended, and nothing of it remains although it was this one's child. */
	assert_int_equal(kill(scene->worker[1].pid, 0), -1);
	assert_int_equal(errno, ESRCH);
	close(scene->worker[1].end);
	scene->worker[1].pid = 0;
}

static void
put_table(struct scene *scene, uint32_t table, const struct shm_endpoint *listen, uint64_t sequence)
{
	struct listener_table *place = &shm_policy(&scene->first.shm)->listeners[table];

	place->count = 1;
	place->entry[0] = (struct listener_entry){
	    .listen = *listen, .server = scene->server, .class_own = CLASS_NONE};
	place->sequence = sequence;
}

/* The queue lives on: who had connected meanwhile is served, as soon as a worker can have it too. */
static void
test_listeners_go_on(void **state)
{
	struct scene *scene = *state;
	struct custody *custody = &scene->second.custody;
	struct shm_endpoint listen;
	int client, late, fd = listen_any(&listen);
	uint8_t flags;

	for (unsigned i = 0; i < WORKERS; i++) {
		prepare_worker(scene, i);
		assert_int_equal(shelf_put(&scene->worker[i].shelf, &fd, 1), 0);
		start_worker(scene, i, &scene->first.shm);
	}
	put_table(scene, 1, &listen, 5);
	atomic_store(&shm_succession(&scene->first.shm)->table, 1);
	atomic_store(&shm_succession(&scene->first.shm)->sequence, 5);
	close(fd);
	client = connect_to(&listen);
	assert_true(take_over(scene));
	assert_true(scene->second.listeners_applied);
	assert_int_equal(scene->second.listeners.count, 1);
	turn(scene);
	assert_int_equal(custody->in_use, 0);
	answer(scene, 0);
	assert_int_equal(custody->in_use, 1);
	assert_true(told_of(scene, 0, 0, &flags) & BIT(HANDOVER_CLIENT));
	late = connect_to(&listen);
	turn(scene);
	assert_int_equal(custody->in_use, 2);
	/* Closed for all of them: nothing of it is left on any shelf. */
	listening_end(&scene->second);
	close(client);
	client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	{
		struct sockaddr_storage address;
		socklen_t length = endpoint_sockaddr(&listen, &address);

		assert_int_equal(connect(client, (struct sockaddr *)&address, length), -1);
		assert_int_equal(errno, ECONNREFUSED);
	}
	close(client);
	close(late);
}

/* Who died had it in repair mode, in which a connection ends without a word to the peer. */
static void
test_who_was_being_dumped_hears_of_the_end(void **state)
{
	struct scene *scene = *state;
	struct shm_endpoint listen;
	int listener = listen_any(&listen), client = connect_to(&listen), on = 1;
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	assert_true(fd >= 0);
	if (setsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &on, sizeof(on)) < 0) {
		assert_int_equal(errno, EPERM);
		skip();
	}
	prepare_worker(scene, 0);
	assert_int_equal(shelf_hold(&scene->worker[0].shelf, fd), 0);
	start_worker(scene, 0, &scene->first.shm);
	close(fd);
	close(listener);
	assert_false(has_ended(client));
	assert_true(take_over(scene));
	assert_true(has_ended(client));
	close(client);
}

/* Without a table nobody is accepted, and the manager's next one finds the sockets. */
/* Writes to one and reads it from the other. */
static bool
is_same_eventfd(int one, int other)
{
	const uint64_t seven = 7;
	uint64_t value = 0;

	assert_int_equal(write(one, &seven, sizeof(seven)), sizeof(seven));
	return read(other, &value, sizeof(value)) == sizeof(value) && value == 7;
}

static void
test_wakes_go_on(void **state)
{
	struct scene *scene = *state;
	const struct supervisor *first = &scene->first, *second = &scene->second;

	prepare_worker(scene, 0);
	start_worker(scene, 0, &first->shm);
	assert_true(take_over(scene));
	assert_true(is_same_eventfd(first->journal, second->journal));
	assert_true(is_same_eventfd(first->worker[0].release, second->worker[0].release));
	/* Nobody held that of the other place. */
	assert_true(second->worker[1].release >= 0);
	assert_false(is_same_eventfd(first->worker[1].release, second->worker[1].release));
}

/* A worker in an attacker's hands has put something else there. */
static void
test_no_eventfd_is_none(void **state)
{
	struct scene *scene = *state;
	const struct supervisor *second = &scene->second;
	int other = fcntl(scene->server_fd, F_DUPFD_CLOEXEC, 0);

	assert_true(other >= 0);
	close(scene->first.worker[0].release);
	scene->first.worker[0].release = other;
	prepare_worker(scene, 0);
	start_worker(scene, 0, &scene->first.shm);
	assert_true(take_over(scene));
	assert_true(is_same_eventfd(second->worker[0].release, second->worker[0].release));
	assert_true(is_same_eventfd(scene->first.journal, second->journal));
}

static void
test_listeners_wait_for_a_table(void **state)
{
	struct scene *scene = *state;
	struct shm_endpoint listen;
	uint32_t detail;
	int client, fd = listen_any(&listen);

	prepare_worker(scene, 0);
	assert_int_equal(shelf_put(&scene->worker[0].shelf, &fd, 1), 0);
	start_worker(scene, 0, &scene->first.shm);
	put_table(scene, 0, &listen, 6);
	atomic_store(&shm_succession(&scene->first.shm)->sequence, 5);
	close(fd);
	client = connect_to(&listen);
	assert_true(take_over(scene));
	assert_false(scene->second.listeners_applied);
	answer(scene, 0);
	assert_int_equal(scene->second.custody.in_use, 0);
	assert_int_equal(listening_apply(&scene->second, 0, &detail), 0);
	turn(scene);
	assert_int_equal(scene->second.custody.in_use, 1);
	assert_false(has_ended(client));
	close(client);
}

/* Time goes on as the workers have it, but no faster than it passes. */
static void
test_the_clock_goes_on(void **state)
{
	struct scene *scene = *state;
	uint64_t floor = scene->first.gateway_ms + 1000;
	uint64_t now = monotonic_now_ms();

	prepare_worker(scene, 0);
	prepare_worker(scene, 1);
	atomic_store(shm_clock_floor(&scene->first.shm), floor);
	atomic_store(&shm_succession(&scene->first.shm)->looked_ms, now - 5000);
	atomic_store(&shm_journal(&scene->first.shm, 0)->pulse.heartbeat_ms, floor + 4000);
	start_worker(scene, 0, &scene->first.shm);
	start_worker(scene, 1, &scene->first.shm);
	/* Of a worker that says anything whatever. */
	atomic_store(&shm_journal(&scene->first.shm, 1)->pulse.heartbeat_ms, UINT64_MAX);
	assert_true(take_over(scene));
	assert_in_range(scene->second.gateway_ms, floor + 4000, floor + 5000 + WAIT_MS);
}

/* Memory that nobody gets through with is given up; who ends in order has not died of it. */
static void
test_who_ends_in_order_has_not_died_of_it(void **state)
{
	struct scene *scene = *state;
	_Atomic uint32_t *tries = &shm_succession(&scene->first.shm)->tries;

	prepare_worker(scene, 0);
	start_worker(scene, 0, &scene->first.shm);
	atomic_store(tries, COLLECT_TRIES_MAX - 1);
	assert_true(take_over(scene));
	assert_int_equal(atomic_load(tries), COLLECT_TRIES_MAX);
	assert_int_equal(collect_put_off(&scene->second), EX_TEMPFAIL);
	assert_int_equal(atomic_load(tries), COLLECT_TRIES_MAX - 1);
}

/* What dead workers had cached is given back by who is ready. */
static void
test_dead_caches_are_swept(void **state)
{
	struct scene *scene = *state;
	struct handover_item item[HANDOVER_BATCH];
	int fd[HANDOVER_FDS];
	unsigned fds;

	prepare_worker(scene, 0);
	start_worker(scene, 0, &scene->first.shm);
	for (int i = 0; i < 3; i++)
		atomic_store(&shm_chunk_owners(&scene->first.shm)[i],
		    CHUNK_CACHED | (i < 2 ? PROCESS_OWNER(1, 44) : scene->worker[0].owner));
	assert_true(take_over(scene));
	assert_int_equal(scene->second.deaths, 1);
	answer(scene, 0);
	assert_int_equal(handover_receive(scene->worker[0].end, item, fd, &fds), 1);
	assert_int_equal(item[0].kind, HANDOVER_SWEEP);
	assert_int_equal(item[0].slot, PROCESS_OWNER(1, 44));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	static const struct CMUnitTest tests[] = {
	    TEST(test_nothing_is_there),
	    TEST(test_a_session_goes_on),
	    TEST(test_what_nobody_holds_is_lost),
	    TEST(test_what_lies_on_a_shelf_goes_on),
	    TEST(test_it_waits_for_the_door),
	    TEST(test_a_server_leg_is_made_anew),
	    TEST(test_what_was_not_read_is_read_for_it),
	    TEST(test_other_memory_is_refused),
	    TEST(test_listeners_go_on),
	    TEST(test_who_was_being_dumped_hears_of_the_end),
	    TEST(test_wakes_go_on),
	    TEST(test_no_eventfd_is_none),
	    TEST(test_listeners_wait_for_a_table),
	    TEST(test_the_clock_goes_on),
	    TEST(test_who_ends_in_order_has_not_died_of_it),
	    TEST(test_dead_caches_are_swept),
	};

	if (geteuid() != 0 || !spawn_has_capability(CAP_SYS_PTRACE)) {
		fprintf(stderr, "skipped: CAP_SYS_PTRACE is needed\n");
		return 77; /* meson: skipped */
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
