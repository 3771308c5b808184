#include "daemon/supervisor/listening.h"

#include "daemon/supervisor/watch.h"
#include "shm/succession.h"

#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

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

void
listening_shelve(struct supervisor *supervisor, uint32_t worker)
{
	const struct listeners *listeners = &supervisor->listeners;
	int fds[LISTENERS_MAX], r;

	for (uint32_t i = 0; i < listeners->count; i++)
		fds[i] = listeners->listener[i].fd;
	r = shelf_put(&supervisor->worker[worker].shelf, fds, listeners->count);
	if (r < 0)
		fprintf(stderr,
		    "smtpguardd: cannot lay the listeners by: %s; should this process die, "
		    "connections that wait to be accepted are lost\n",
		    strerror(-r));
}

static void
shelve_all(struct supervisor *supervisor)
{
	for (uint32_t i = 0; i < supervisor->workers; i++)
		listening_shelve(supervisor, i);
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

int
listening_apply(struct supervisor *supervisor, uint32_t index, uint32_t *ret_detail)
{
	struct listener_table table;
	int r = policy_area_listeners(shm_policy(&supervisor->shm), index, &table);

	if (r == 0)
		r = listeners_apply(
		    &supervisor->listeners, &table, watch_listener, supervisor, ret_detail);
	if (r < 0)
		return r;
	supervisor->listeners_applied = true;
	tally_rebuild(&supervisor->tally, supervisor->custody.most_used);
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
