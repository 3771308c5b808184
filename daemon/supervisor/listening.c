#include "daemon/supervisor/listening.h"

#include "daemon/endpoint.h"
#include "daemon/supervisor/leg.h"
#include "daemon/supervisor/watch.h"
#include "shm/succession.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static int
watch_listener(void *context, int fd, bool opened)
{
	const struct supervisor *supervisor = context;

	if (opened)
		return watch_add(supervisor->epoll, fd, EPOLLIN,
		    (struct watch_note){.kind = WATCH_LISTENER, .index = (uint32_t)fd});
	watch_remove(supervisor->epoll, fd);
	return 0;
}

static unsigned
listener_fds(const struct listeners *listeners, int fds[LISTENERS_MAX])
{
	for (uint32_t i = 0; i < listeners->count; i++)
		fds[i] = listeners->listener[i].fd;
	return listeners->count;
}

void
listening_shelve(struct supervisor *supervisor, uint32_t worker)
{
	int fds[LISTENERS_MAX], r;
	unsigned count = listener_fds(&supervisor->listeners, fds);

	r = shelf_put(&supervisor->worker[worker].shelf, fds, count);
	if (r < 0)
		fprintf(stderr,
		    "smtpguardd: cannot lay the listeners by: %s; should this process die, "
		    "connections that wait to be accepted are lost\n",
		    strerror(-r));
}

static void
shelve_all(struct supervisor *supervisor)
{
	int fds[LISTENERS_MAX];

	for (uint32_t i = 0; i < supervisor->workers; i++)
		listening_shelve(supervisor, i);
	kept_put_listeners(fds, listener_fds(&supervisor->listeners, fds));
}

/* In this order: a sequence that is not 0 always belongs to the table that it stands beside. */
static void
note_table(struct supervisor *supervisor, uint32_t index, uint64_t sequence)
{
	struct succession *succession = shm_succession(&supervisor->shm);

	atomic_store_explicit(&succession->sequence, 0, memory_order_release);
	atomic_store_explicit(&succession->table, index, memory_order_release);
	atomic_store_explicit(&succession->sequence, sequence, memory_order_release);
}

void
listening_watch(struct supervisor *supervisor)
{
	const struct listeners *listeners = &supervisor->listeners;
	bool wait = supervisor->accepts_put_off || supervisor->upgrade.step == UPGRADE_FLUSHING;

	for (uint32_t i = 0; i < listeners->count; i++)
		watch_change(supervisor->epoll, listeners->listener[i].fd, wait ? 0 : EPOLLIN,
		    (struct watch_note){
			.kind = WATCH_LISTENER,
			.index = (uint32_t)listeners->listener[i].fd,
		    });
}

static bool
is_floating(const struct settings_failover *failover, const struct shm_endpoint *endpoint)
{
	for (uint32_t i = 0; i < failover->addresses; i++)
		if (endpoint_same_address(&failover->address[i], endpoint))
			return true;
	return false;
}

/* A leg to a server can move to the other host only with its address: unless another one was
 * configured it is that of the static. */
static void
float_sources(const struct settings_failover *failover, struct listener_table *table)
{
	for (uint32_t i = 0; failover->line != 0 && i < table->count; i++) {
		struct listener_entry *entry = &table->entry[i];

		if (entry->source.family != 0 || entry->listen.family != entry->server.family ||
		    !is_floating(failover, &entry->listen))
			continue;
		entry->source = entry->listen;
		entry->source.port = 0;
	}
}

int
listening_apply(struct supervisor *supervisor, uint32_t index, uint32_t *ret_detail)
{
	struct listener_table table;
	int r = policy_area_listeners(shm_policy(&supervisor->shm), index, &table);

	supervisor->listeners.bounds_input = supervisor->settings.failover.line != 0;

	if (r == 0)
		float_sources(&supervisor->settings.failover, &table);
	if (r == 0)
		r = listeners_apply(
		    &supervisor->listeners, &table, watch_listener, supervisor, ret_detail);
	if (r < 0)
		return r;
	supervisor->listeners_applied = true;
	tally_rebuild(&supervisor->tally, supervisor->custody.most_used);
	/* Those that were found are not listened to yet. */
	listening_watch(supervisor);
	gate_child_listeners(supervisor);
	note_table(supervisor, index, table.sequence);
	shelve_all(supervisor);
	return 0;
}

void
listening_end(struct supervisor *supervisor)
{
	note_table(supervisor, 0, 0);
	listeners_close(&supervisor->listeners, watch_listener, supervisor);
	shelve_all(supervisor);
}

/* The address that it listens on; false: it does not. */
static bool
listens_on(int fd, struct shm_endpoint *ret_endpoint)
{
	struct sockaddr_storage address = {0};
	int listens = 0;
	socklen_t length = sizeof(listens);

	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length) < 0 || !listens)
		return false;
	length = sizeof(address);
	if (getsockname(fd, (struct sockaddr *)&address, &length) < 0)
		return false;
	endpoint_take(&address, ret_endpoint);
	return ret_endpoint->family != 0;
}

/* Every worker has the same ones. */
static bool
is_known(const struct listeners *listeners, const struct shm_endpoint *endpoint)
{
	for (uint32_t i = 0; i < listeners->count; i++)
		if (memcmp(&listeners->listener[i].entry.listen, endpoint, sizeof(*endpoint)) == 0)
			return true;
	return false;
}

static void
take_found(struct supervisor *supervisor, int fd)
{
	struct listeners *listeners = &supervisor->listeners;
	struct listener found = {.fd = fd};

	if (listeners->count == LISTENERS_MAX || !listens_on(fd, &found.entry.listen) ||
	    is_known(listeners, &found.entry.listen) ||
	    watch_add(supervisor->epoll, fd, 0,
		(struct watch_note){.kind = WATCH_LISTENER, .index = (uint32_t)fd}) < 0)
		close(fd);
	else
		listeners->listener[listeners->count++] = found;
}

static int
apply_noted(struct supervisor *supervisor)
{
	const struct succession *succession = shm_succession(&supervisor->shm);
	const struct policy_area *area = shm_policy(&supervisor->shm);
	uint32_t table = atomic_load(&succession->table), detail;
	uint64_t sequence = atomic_load(&succession->sequence);

	if (sequence == 0 || table > 1 || area->listeners[table].sequence != sequence)
		return -ENOENT;
	return listening_apply(supervisor, table, &detail);
}

void
listening_found(struct supervisor *supervisor)
{
	int fds[LISTENERS_MAX];

	for (uint32_t i = 0; i < supervisor->workers; i++) {
		unsigned count = shelf_look(&supervisor->worker[i].shelf, fds, LISTENERS_MAX);

		for (unsigned k = 0; k < count; k++)
			take_found(supervisor, fds[k]);
	}
	for (unsigned k = 0; k < supervisor->kept.listeners; k++)
		take_found(supervisor, supervisor->kept.listener[k]);
	supervisor->kept.listeners = 0;
	if (apply_noted(supervisor) < 0 && supervisor->listeners.count > 0)
		shelve_all(supervisor);
}
