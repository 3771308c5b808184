#include "daemon/supervisor/wakes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/pidfd.h>
#include <unistd.h>

#define EVENTFD_NAME "anon_inode:[eventfd]"

_Static_assert(SHM_REGIONS + 11 + SHM_WORKERS_MAX <= SPAWN_FDS_MAX, "sync is given all of them");

void
wakes_init(struct supervisor *supervisor)
{
	supervisor->journal = -1;
	for (uint32_t i = 0; i < SHM_WORKERS_MAX; i++)
		supervisor->worker[i].release = -1;
}

static void
close_one(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void
wakes_close(struct supervisor *supervisor)
{
	close_one(&supervisor->journal);
	for (uint32_t i = 0; i < SHM_WORKERS_MAX; i++)
		close_one(&supervisor->worker[i].release);
}

/* Whatever a worker has put in its place would be written to. */
bool
wakes_is_eventfd(int fd)
{
	char path[32], name[sizeof(EVENTFD_NAME)];
	ssize_t length;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	length = readlink(path, name, sizeof(name));
	return length == (ssize_t)sizeof(EVENTFD_NAME) - 1 &&
	       memcmp(name, EVENTFD_NAME, (size_t)length) == 0;
}

/* -1: there is none. */
static int
find_one(const struct process *process, enum inherited number)
{
	int fd = pidfd_getfd(process->pidfd, (int)number, 0);

	if (fd >= 0 && !wakes_is_eventfd(fd))
		close_one(&fd);
	return fd;
}

static int
make_one(int *fd)
{
	if (*fd >= 0)
		return 0;
	*fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return *fd < 0 ? -errno : 0;
}

int
wakes_open(struct supervisor *supervisor)
{
	int r = 0;

	for (uint32_t i = 0; i < supervisor->workers; i++) {
		struct worker *worker = &supervisor->worker[i];

		if (!process_is_running(&worker->process))
			continue;
		worker->release = find_one(&worker->process, INHERITED_RELEASE);
		if (supervisor->journal < 0)
			supervisor->journal = find_one(&worker->process, INHERITED_JOURNAL);
	}
	for (uint32_t i = 0; r == 0 && i < supervisor->workers; i++)
		r = make_one(&supervisor->worker[i].release);
	return r < 0 ? r : make_one(&supervisor->journal);
}

void
wakes_worker(const struct supervisor *supervisor, uint32_t index, struct spawn *spawn)
{
	spawn->fd[spawn->count++] = supervisor->worker[index].release;
	spawn->fd[spawn->count++] = supervisor->journal;
}

void
wakes_sync(const struct supervisor *supervisor, struct spawn *spawn)
{
	spawn->fd[spawn->count++] = supervisor->journal;
	for (uint32_t i = 0; i < supervisor->workers; i++)
		spawn->fd[spawn->count++] = supervisor->worker[i].release;
}
