/*
 * watch -- what epoll is told about a descriptor, and gives back
 *
 * A note says which kind of thing is ready and which one.  Of a slot it holds the low 24 bits of
 * the generation too: an event may be old when its turn comes.
 *
 * Supervisor only.  0 or -errno.
 */
#ifndef SUPERVISOR_WATCH_H
#define SUPERVISOR_WATCH_H

#include <stdint.h>

enum watch_kind {
	WATCH_TICK,
	WATCH_SIGNAL,
	WATCH_LISTENER,	     /* index: the descriptor */
	WATCH_CONNECT,	     /* index: the slot */
	WATCH_WORKER_SOCKET, /* index: the worker */
	WATCH_WORKER_END,
	WATCH_MANAGER_SOCKET,
	WATCH_MANAGER_END,
	WATCH_SYNC_SOCKET,
	WATCH_SYNC_END,
	WATCH_GATE_END,
	WATCH_UPGRADE_CHECK,
	WATCH_TAKEOVER,
};

struct watch_note {
	enum watch_kind kind;
	uint32_t index;
	uint32_t generation; /* low 24 bits */
};

#define WATCH_GENERATION_MASK 0xffffffu

int watch_add(int epoll, int fd, uint32_t events, struct watch_note note);
int watch_change(int epoll, int fd, uint32_t events, struct watch_note note);
/* Needed before close() when others hold duplicates: the watch belongs to the description. */
void watch_remove(int epoll, int fd);

struct epoll_event;
struct watch_note watch_read(const struct epoll_event *event);

#endif
