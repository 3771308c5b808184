#include "daemon/supervisor/listener.h"

#include "daemon/endpoint.h"
#include "daemon/supervisor/leg.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static size_t
address_length(const struct shm_endpoint *endpoint)
{
	return endpoint->family == 4 ? 4 : 16;
}

static bool
endpoint_equals(const struct shm_endpoint *a, const struct shm_endpoint *b)
{
	return a->family == b->family && a->port == b->port &&
	       memcmp(a->address, b->address, address_length(a)) == 0;
}

bool
listener_is_wildcard(const struct listener_entry *entry)
{
	static const struct shm_endpoint any;

	return memcmp(entry->listen.address, any.address, address_length(&entry->listen)) == 0;
}

bool
listener_takes(const struct listener *listener, const struct shm_endpoint *local)
{
	const struct shm_endpoint *listen = &listener->entry.listen;

	return endpoint_equals(listen, local) ||
	       (listen->family == local->family && listen->port == local->port &&
		   listener_is_wildcard(&listener->entry));
}

int
listener_bind(int fd, const struct shm_endpoint *endpoint)
{
	struct sockaddr_storage address;
	unsigned length = endpoint_sockaddr(endpoint, &address);
	int one = 1, r;

	if (length == 0)
		return -EAFNOSUPPORT;
	if (bind(fd, (struct sockaddr *)&address, length) == 0)
		return 0;
	if (errno != EADDRNOTAVAIL)
		return -errno;
	/* IP_TRANSPARENT is refused without CAP_NET_ADMIN: then the address is not to be had. */
	r = endpoint->family == 4
		? setsockopt(fd, IPPROTO_IP, IP_TRANSPARENT, &one, sizeof(one))
		: setsockopt(fd, IPPROTO_IPV6, IPV6_TRANSPARENT, &one, sizeof(one));
	if (r < 0)
		return -EADDRNOTAVAIL;
	return bind(fd, (struct sockaddr *)&address, length) < 0 ? -errno : 0;
}

static int
listener_set_up(int fd, const struct shm_endpoint *endpoint, bool bounds_input)
{
	int one = 1, r;

	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0)
		return -errno;
	if (endpoint->family == 6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) < 0)
		return -errno;
	r = leg_set_options(fd);
	if (r == 0)
		r = leg_set_keepalive(fd);
	if (r == 0 && bounds_input)
		r = leg_bound_input(fd);
	if (r == 0)
		r = listener_bind(fd, endpoint);
	if (r < 0)
		return r;
	if (listen(fd, LISTENER_BACKLOG) < 0)
		return -errno;
	/* Those that it accepts inherit it. */
	return bounds_input ? leg_delay_acknowledgements(fd) : 0;
}

static int
listener_open(
    const struct shm_endpoint *endpoint, bool bounds_input, listener_watch *watch, void *context)
{
	int family = endpoint->family == 6 ? AF_INET6 : AF_INET;
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int r;

	if (fd < 0)
		return -errno;
	r = listener_set_up(fd, endpoint, bounds_input);
	if (r == 0)
		r = watch(context, fd, true);
	if (r < 0) {
		close(fd);
		return r;
	}
	return fd;
}

/* The socket that serves this address now, -1 none. */
static int
socket_of(const struct listeners *listeners, const struct shm_endpoint *endpoint)
{
	for (uint32_t i = 0; i < listeners->count; i++)
		if (endpoint_equals(&listeners->listener[i].entry.listen, endpoint))
			return listeners->listener[i].fd;
	return -1;
}

static void
close_all_but(
    struct listeners *old, const struct listeners *kept, listener_watch *watch, void *context)
{
	for (uint32_t i = 0; i < old->count; i++) {
		int fd = old->listener[i].fd;

		if (fd >= 0 && socket_of(kept, &old->listener[i].entry.listen) != fd) {
			watch(context, fd, false);
			close(fd);
		}
	}
}

static int
listeners_build(const struct listeners *old, const struct listener_table *table,
    struct listeners *new, listener_watch *watch, void *context)
{
	for (uint32_t i = 0; i < table->count; i++) {
		const struct listener_entry *entry = &table->entry[i];
		int fd = socket_of(old, &entry->listen);

		if (socket_of(new, &entry->listen) >= 0)
			return -EADDRINUSE; /* twice in one table */
		if (entry->listen.port == 0 || entry->server.port == 0)
			return -EINVAL;
		if (fd < 0)
			fd = listener_open(&entry->listen, old->bounds_input, watch, context);
		if (fd < 0)
			return fd;
		new->listener[new->count++] = (struct listener){.fd = fd, .entry = *entry};
	}
	classify_prepare(&new->classes, table);
	return 0;
}

int
listeners_apply(struct listeners *listeners, const struct listener_table *table,
    listener_watch *watch, void *context, uint32_t *ret_index)
{
	struct listeners *new = calloc(1, sizeof(*new));
	int r;

	if (!new)
		return -ENOMEM;
	new->bounds_input = listeners->bounds_input;
	r = listeners_build(listeners, table, new, watch, context);
	if (r < 0) {
		*ret_index = new->count;
		close_all_but(new, listeners, watch, context);
	} else {
		close_all_but(listeners, new, watch, context);
		*listeners = *new;
	}
	free(new);
	return r;
}

void
listeners_close(struct listeners *listeners, listener_watch *watch, void *context)
{
	static const struct listeners none;

	close_all_but(listeners, &none, watch, context);
	listeners->count = 0;
}

const struct listener *
listeners_find(const struct listeners *listeners, int fd, uint32_t *ret_index)
{
	for (uint32_t i = 0; i < listeners->count; i++) {
		if (listeners->listener[i].fd == fd) {
			*ret_index = i;
			return &listeners->listener[i];
		}
	}
	return NULL;
}
