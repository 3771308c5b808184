#include "daemon/loop.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

int
loop_open(struct loop *loop)
{
	loop->count = 0;
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	return loop->epoll < 0 ? -errno : 0;
}

void
loop_close(struct loop *loop)
{
	close(loop->epoll);
	loop->epoll = -1;
}

static int
control(struct loop *loop, int operation, struct loop_source *source, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = source};

	return epoll_ctl(loop->epoll, operation, source->fd, &event) < 0 ? -errno : 0;
}

int
loop_add(struct loop *loop, struct loop_source *source, uint32_t events)
{
	return control(loop, EPOLL_CTL_ADD, source, events);
}

int
loop_add_signals(struct loop *loop, struct loop_source *source)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	signal(SIGPIPE, SIG_IGN);
	source->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return source->fd < 0 ? -errno : loop_add(loop, source, EPOLLIN);
}

int
loop_change(struct loop *loop, struct loop_source *source, uint32_t events)
{
	return control(loop, EPOLL_CTL_MOD, source, events);
}

void
loop_remove(struct loop *loop, struct loop_source *source)
{
	control(loop, EPOLL_CTL_DEL, source, 0);
	for (int i = 0; i < loop->count; i++)
		if (loop->fetched[i].data.ptr == source)
			loop->fetched[i].data.ptr = NULL;
}

int
loop_turn(struct loop *loop, int64_t timeout_us)
{
	const struct timespec timeout = {
	    .tv_sec = timeout_us / 1000000, .tv_nsec = timeout_us % 1000000 * 1000};
	int count = epoll_pwait2(
	    loop->epoll, loop->fetched, LOOP_EVENTS, timeout_us < 0 ? NULL : &timeout, NULL);

	if (count < 0)
		return errno == EINTR ? 0 : -errno;
	loop->count = count;
	for (int i = 0; i < loop->count; i++) {
		struct loop_source *source = loop->fetched[i].data.ptr;

		if (source != NULL)
			source->ready(source, loop->fetched[i].events);
	}
	loop->count = 0;
	return 0;
}
