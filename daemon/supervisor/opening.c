#include "daemon/supervisor/opening.h"

#include "daemon/endpoint.h"
#include "daemon/supervisor/dispatch.h"
#include "daemon/supervisor/leg.h"
#include "daemon/supervisor/leg_kernel.h"
#include "daemon/supervisor/watch.h"
#include "shm/failpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static void
set_leg_state(struct supervisor *supervisor, uint32_t slot, enum shm_leg leg, enum leg_state state)
{
	atomic_store_explicit(
	    &shm_custody(&supervisor->shm, slot)->leg[leg].state, state, memory_order_release);
}

static void
fill_local(int fd, struct shm_endpoint *ret_local)
{
	struct sockaddr_storage address = {0};
	socklen_t length = sizeof(address);

	if (getsockname(fd, (struct sockaddr *)&address, &length) == 0)
		endpoint_take(&address, ret_local);
}

/* Of a worker that lives; NULL: none does. */
static struct shelf *
find_shelf(struct supervisor *supervisor)
{
	for (uint32_t i = 0; i < supervisor->workers; i++)
		if (process_is_running(&supervisor->worker[i].process) &&
		    supervisor->worker[i].shelf.end[0] >= 0)
			return &supervisor->worker[i].shelf;
	return NULL;
}

/* A worker's shelf holds it meanwhile, lest its peer wait for ever if this process dies within. */
static void
dump_leg(struct supervisor *supervisor, int fd, struct slot_leg *leg, bool active)
{
	struct shelf *shelf = find_shelf(supervisor);
	bool held = shelf && shelf_hold(shelf, fd) == 0;

	leg_dump(fd, leg, active, supervisor->gateway_ms);
	if (held)
		shelf_release(shelf);
}

/* Cookie and TCP's parameters of a connection that stands. */
static void
fill_leg(struct supervisor *supervisor, int fd, struct slot_leg *leg, bool active)
{
	leg->cookie = leg_kernel_cookie(fd);
	if (supervisor->can_repair)
		dump_leg(supervisor, fd, leg, active);
}

static void
server_is_open(struct supervisor *supervisor, uint32_t slot)
{
	int fd = supervisor->custody.slot[slot].fd[SHM_SERVER];
	struct slot_leg *leg = &shm_custody(&supervisor->shm, slot)->leg[SHM_SERVER];

	FAILPOINT(server_open);
	/* For io_uring it must be a blocking one (custody.h). */
	fcntl(fd, F_SETFL, 0);
	if (supervisor->listeners.bounds_input)
		leg_delay_acknowledgements(fd);
	fill_local(fd, &leg->local);
	fill_leg(supervisor, fd, leg, true);
	set_leg_state(supervisor, slot, SHM_SERVER, LEG_OPEN);
	custody_set_state(&supervisor->custody, slot, SLOT_OPEN);
	supervisor_count(supervisor, COUNTER_server_connects, 1);
	dispatch_tell(supervisor, slot, PENDING_SERVER);
	FAILPOINT(server_published);
}

static void
server_has_failed(struct supervisor *supervisor, uint32_t slot, int error)
{
	custody_close_leg(&supervisor->custody, slot, SHM_SERVER);
	shm_custody(&supervisor->shm, slot)->leg[SHM_SERVER].error = error;
	set_leg_state(supervisor, slot, SHM_SERVER, LEG_FAILED);
	custody_set_state(&supervisor->custody, slot, SLOT_OPEN);
	supervisor_count(supervisor, COUNTER_server_connects_failed, 1);
	dispatch_tell(supervisor, slot, PENDING_SERVER_FAILED);
}

/* 0 connected, -EINPROGRESS, or another -errno. */
static int
server_connect(int fd, const struct slot_custody *public, bool bounds_input)
{
	struct sockaddr_storage address;
	unsigned length = endpoint_sockaddr(&public->leg[SHM_SERVER].peer, &address);
	int one = 1, r = leg_set_options(fd);

	if (r == 0 && bounds_input)
		r = leg_bound_input(fd);
	if (r == 0 && public->source.family != 0) {
		/* The port is chosen at connect: one source address serves many connections. */
		setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
		r = listener_bind(fd, &public->source);
	}
	if (r < 0)
		return r;
	if (connect(fd, (struct sockaddr *)&address, length) == 0)
		return 0;
	if (errno != EINPROGRESS)
		return -errno;
	/* A server on this host has answered already: asked again, the socket says what. */
	if (connect(fd, (struct sockaddr *)&address, length) == 0)
		return 0;
	return errno == EALREADY ? -EINPROGRESS : -errno;
}

/* -errno, or the socket. */
static int
server_socket(const struct shm_endpoint *server)
{
	int family = server->family == 6 ? AF_INET6 : AF_INET;
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	return fd < 0 ? -errno : fd;
}

/* `fd`: of server_socket(). */
static void
server_begin(struct supervisor *supervisor, uint32_t slot, int fd)
{
	struct custody *custody = &supervisor->custody;
	int r = fd;

	if (fd >= 0) {
		custody_set_leg(custody, slot, SHM_SERVER, fd);
		gate_child_mark(supervisor, fd, mark_of_leg(slot, SHM_SERVER));
		r = server_connect(
		    fd, shm_custody(&supervisor->shm, slot), supervisor->listeners.bounds_input);
	}
	if (r == -EINPROGRESS) {
		struct watch_note note = {
		    .kind = WATCH_CONNECT,
		    .index = slot,
		    .generation = custody_generation(custody, slot),
		};

		r = watch_add(supervisor->epoll, fd, EPOLLOUT, note);
		if (r == 0) {
			set_leg_state(supervisor, slot, SHM_SERVER, LEG_CONNECTING);
			FAILPOINT(server_connecting);
			custody->slot[slot].due_ms = supervisor->monotonic_ms + OPENING_CONNECT_MS;
			slot_list_append(custody->timer_link, &custody->connecting, slot);
			return;
		}
	}
	if (r < 0)
		server_has_failed(supervisor, slot, -r);
	else
		server_is_open(supervisor, slot);
}

static void
publish_treatment(const struct supervisor *supervisor, struct slot_custody *public,
    const struct classify_decision *decision)
{
	const struct class_entry *class_of = supervisor->listeners.classes.class_of;
	const struct policy_slot *policy =
	    &shm_policy(&supervisor->shm)->slot[decision->policy_slot];

	public->policy_slot = decision->policy_slot;
	public->mode = decision->mode;
	memcpy(&public->policy_hash, policy->generation, sizeof(public->policy_hash));
	memset(public->class_name, 0, sizeof(public->class_name));
	if (decision->class_index != CLASS_NONE)
		memcpy(public->class_name, class_of[decision->class_index].name,
		    sizeof(public->class_name));
}

static void
publish_identity(struct supervisor *supervisor, uint32_t slot, const struct arrival *arrival)
{
	const struct listener_entry *entry =
	    &supervisor->listeners.listener[arrival->listener].entry;
	struct slot_custody *public = shm_custody(&supervisor->shm, slot);

	public->listener = arrival->listener;
	public->opened_ms = supervisor->gateway_ms;
	public->opened_us = realtime_now_us();
	publish_treatment(supervisor, public, &arrival->decision);
	public->leg[SHM_CLIENT].peer = arrival->client;
	public->leg[SHM_SERVER].peer = entry->server;
	public->source = entry->source;
	if (listener_is_wildcard(entry))
		fill_local(arrival->fd, &public->leg[SHM_CLIENT].local);
	else
	public->leg[SHM_CLIENT].local = entry->listen;
	fill_leg(supervisor, arrival->fd, &public->leg[SHM_CLIENT], false);
	set_leg_state(supervisor, slot, SHM_CLIENT, LEG_OPEN);
	custody_set_state(&supervisor->custody, slot, SLOT_OPENING);
}

enum shortage
opening_begin(struct supervisor *supervisor, const struct arrival *arrival)
{
	const struct listener_entry *entry =
	    &supervisor->listeners.listener[arrival->listener].entry;
	uint32_t slot;
	int server;

	if (custody_is_full(&supervisor->custody))
		return SHORTAGE_SLOTS;
	/* Before the slot: a session that has begun without it could only be told 421 4.4.1. */
	server = server_socket(&entry->server);
	if (server < 0 && shortage_of(-server) != SHORTAGE_NONE)
		return shortage_of(-server);
	slot = custody_take(&supervisor->custody);
	if (slot == SHM_NO_SLOT) {
		if (server >= 0)
			close(server);
		return SHORTAGE_SLOTS;
	}
	custody_set_leg(&supervisor->custody, slot, SHM_CLIENT, arrival->fd);
	gate_child_mark(supervisor, arrival->fd, mark_of_leg(slot, SHM_CLIENT));
	FAILPOINT(slot_taken);
	publish_identity(supervisor, slot, arrival);
	FAILPOINT(slot_published);
	tally_enter(&supervisor->tally, slot, arrival->decision.limits_class);
	dispatch_assign(supervisor, slot, PENDING_CLIENT);
	FAILPOINT(slot_owned);
	server_begin(supervisor, slot, server);
	return SHORTAGE_NONE;
}

void
opening_again(struct supervisor *supervisor, uint32_t slot)
{
	const struct slot_leg *leg = &shm_custody(&supervisor->shm, slot)->leg[SHM_SERVER];

	custody_set_state(&supervisor->custody, slot, SLOT_OPENING);
	server_begin(supervisor, slot, server_socket(&leg->peer));
}

static void
stop_connecting(struct supervisor *supervisor, uint32_t slot)
{
	custody_stop_timer(&supervisor->custody, slot);
	watch_remove(supervisor->epoll, supervisor->custody.slot[slot].fd[SHM_SERVER]);
}

void
opening_connected(
    struct supervisor *supervisor, uint32_t slot, uint32_t generation, uint32_t events)
{
	struct custody *custody = &supervisor->custody;
	int error = 0;
	socklen_t length = sizeof(error);

	/* The event may be older than the slot's present session. */
	if (slot >= custody->slots || custody_state(custody, slot) != SLOT_OPENING ||
	    (custody_generation(custody, slot) & WATCH_GENERATION_MASK) != generation ||
	    custody_leg_state(custody, slot, SHM_SERVER) != LEG_CONNECTING)
		return;
	if ((events & (EPOLLERR | EPOLLHUP)) && getsockopt(custody->slot[slot].fd[SHM_SERVER],
						    SOL_SOCKET, SO_ERROR, &error, &length) < 0)
		error = errno;
	stop_connecting(supervisor, slot);
	if (error != 0)
		server_has_failed(supervisor, slot, error);
	else
		server_is_open(supervisor, slot);
}

void
opening_tick(struct supervisor *supervisor)
{
	struct custody *custody = &supervisor->custody;

	/* In the order of their start, and all wait equally long. */
	while (custody->connecting.first != SHM_NO_SLOT) {
		uint32_t slot = custody->connecting.first;

		if (custody->slot[slot].due_ms > supervisor->monotonic_ms)
			return;
		stop_connecting(supervisor, slot);
		server_has_failed(supervisor, slot, ETIMEDOUT);
	}
}
