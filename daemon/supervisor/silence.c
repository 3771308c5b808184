#include "daemon/supervisor/silence.h"

#include "daemon/supervisor/dispatch.h"
#include "daemon/supervisor/leg.h"
#include "daemon/supervisor/orphans.h"
#include "daemon/supervisor/supervisor.h"
#include "daemon/supervisor/takeover.h"
#include "daemon/supervisor/takeover_ahead.h"
#include "daemon/supervisor/takeover_shelf.h"
#include "daemon/supervisor/watch.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

#define END_WAIT_MS 2000

static bool
has_sessions(const struct supervisor *supervisor, uint32_t index)
{
	return process_is_running(&supervisor->worker[index].process) &&
	       supervisor->worker[index].sessions > 0;
}

static bool
has_ended(const struct process *process)
{
	struct pollfd poller = {.fd = process->pidfd, .events = POLLIN};

	return poll(&poller, 1, END_WAIT_MS) == 1;
}

/* All at once, then one after the other. */
static int
end_workers(struct supervisor *supervisor)
{
	for (uint32_t i = 0; i < supervisor->workers; i++)
		if (has_sessions(supervisor, i))
			process_signal(&supervisor->worker[i].process, SIGKILL);
	for (uint32_t i = 0; i < supervisor->workers; i++)
		if (has_sessions(supervisor, i) && !has_ended(&supervisor->worker[i].process))
			return -ETIMEDOUT;
	return 0;
}

static void
end_session(struct supervisor *supervisor, uint32_t slot)
{
	struct custody *custody = &supervisor->custody;

	if (custody_leg_state(custody, slot, SHM_SERVER) == LEG_CONNECTING &&
	    custody->slot[slot].fd[SHM_SERVER] >= 0)
		watch_remove(supervisor->epoll, custody->slot[slot].fd[SHM_SERVER]);
	for (int leg = 0; leg < SHM_LEGS; leg++)
		if (custody->slot[slot].fd[leg] >= 0)
			leg_end(custody->slot[slot].fd[leg], true);
	dispatch_release(supervisor, slot);
	tally_leave(&supervisor->tally, slot);
	custody_give_replica(custody, slot);
}

/* Whoever connected while the door was still open. */
static void
end_arrivals(const struct listener *listener)
{
	int fd;

	while ((fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC)) >= 0)
		leg_drop(fd);
}

int
silence_all(struct supervisor *supervisor)
{
	int r = end_workers(supervisor);

	if (r < 0)
		return r;
	takeover_drop(supervisor);
	takeover_shelf_drop(supervisor);
	/* Those have the floating address too: orphans_end() would leave dead ones. */
	takeover_ahead_drop(&supervisor->ahead);
	for (uint32_t slot = 0; slot < supervisor->custody.most_used; slot++)
		if (slot_is_session(custody_state(&supervisor->custody, slot)))
			end_session(supervisor, slot);
	for (uint32_t i = 0; i < supervisor->listeners.count; i++)
		end_arrivals(&supervisor->listeners.listener[i]);
	orphans_end(supervisor->settings.failover.address, supervisor->settings.failover.addresses);
	return 0;
}
