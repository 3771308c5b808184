/*
 * loop -- the one epoll loop of manager and sync
 *
 * A source is embedded in its owner and says what to call.  A source may be removed from within
 * any callback, its own included: events already fetched for it are dropped.  Single-threaded.
 */
#ifndef DAEMON_LOOP_H
#define DAEMON_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#define LOOP_EVENTS 64

struct loop_source {
	int fd;
	void (*ready)(struct loop_source *source, uint32_t events);
};

struct loop {
	int epoll;
	int count; /* of fetched[], while they are handed out */
	struct epoll_event fetched[LOOP_EVENTS];
};

/* 0 or -errno. */
int loop_open(struct loop *loop);
void loop_close(struct loop *loop);
int loop_add(struct loop *loop, struct loop_source *source, uint32_t events);
int loop_change(struct loop *loop, struct loop_source *source, uint32_t events);
/* SIGTERM and SIGINT come as events of the source, whose `ready` is set; SIGPIPE is ignored. 0 or -errno. */
int loop_add_signals(struct loop *loop, struct loop_source *source);
void loop_remove(struct loop *loop, struct loop_source *source);

/* Waits at most timeout_us, below 0 without end, and calls the ready ones. 0 or -errno; -EINTR is 0. */
int loop_turn(struct loop *loop, int64_t timeout_us);

#endif
