/*
 * listener -- the listening sockets, as the manager's table names them
 *
 * listeners_apply() makes the sockets fit a table that was copied and checked before: what is new
 * is opened first; if that fails for one, everything stays as it was.  A socket whose address is
 * in both tables stays open, its entry is replaced; classes and their rules change with the
 * entries.
 *
 * Accepted sockets inherit the listener's options (leg_set_options()).  IP_TRANSPARENT is set only
 * when the address is not local (a floating one that the other host holds), and only with
 * CAP_NET_ADMIN.
 *
 * Supervisor only.  0 or -errno.
 */
#ifndef SUPERVISOR_LISTENER_H
#define SUPERVISOR_LISTENER_H

#include "daemon/supervisor/classify.h"
#include "shm/policy_area.h"

#include <stdbool.h>

#define LISTENER_BACKLOG 1024

struct listener {
	int fd;
	struct listener_entry entry;
};

struct listeners {
	bool bounds_input; /* of those that are opened: leg_bound_input() */
	uint32_t count;
	struct listener listener[LISTENERS_MAX];
	struct classify_table classes;
};

/* Called for a socket that was opened (true) or is about to be closed (false). */
typedef int listener_watch(void *context, int fd, bool opened);

/* *ret_index: the entry that failed. */
int listeners_apply(struct listeners *listeners, const struct listener_table *table,
    listener_watch *watch, void *context, uint32_t *ret_index);
void listeners_close(struct listeners *listeners, listener_watch *watch, void *context);
/* NULL: none with this descriptor (it was closed meanwhile). */
const struct listener *listeners_find(
    const struct listeners *listeners, int fd, uint32_t *ret_index);

/* It takes connections to any address of the host. */
bool listener_is_wildcard(const struct listener_entry *entry);
/* A connection whose own address and port are these has come by it. */
bool listener_takes(const struct listener *listener, const struct shm_endpoint *local);

/* bind() to an address that may not be this host's yet. */
int listener_bind(int fd, const struct shm_endpoint *endpoint);

#endif
