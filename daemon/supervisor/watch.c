#include "daemon/supervisor/watch.h"

#include <errno.h>
#include <stddef.h>
#include <sys/epoll.h>

static int
watch_control(int epoll, int operation, int fd, uint32_t events, struct watch_note note)
{
	struct epoll_event event = {
	    .events = events,
	    .data.u64 = (uint64_t)note.kind << 56 |
			(uint64_t)(note.generation & WATCH_GENERATION_MASK) << 32 | note.index,
	};

	return epoll_ctl(epoll, operation, fd, &event) < 0 ? -errno : 0;
}

int
watch_add(int epoll, int fd, uint32_t events, struct watch_note note)
{
	return watch_control(epoll, EPOLL_CTL_ADD, fd, events, note);
}

int
watch_change(int epoll, int fd, uint32_t events, struct watch_note note)
{
	return watch_control(epoll, EPOLL_CTL_MOD, fd, events, note);
}

void
watch_remove(int epoll, int fd)
{
	epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL);
}

struct watch_note
watch_read(const struct epoll_event *event)
{
	return (struct watch_note){
	    .kind = (enum watch_kind)(event->data.u64 >> 56),
	    .index = (uint32_t)event->data.u64,
	    .generation = (uint32_t)(event->data.u64 >> 32) & WATCH_GENERATION_MASK,
	};
}
