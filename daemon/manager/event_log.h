/*
 * event_log -- the last events, for `show events`
 *
 * In memory; a manager that was started anew fills it from the rings (log_drain).
 */
#ifndef DAEMON_MANAGER_EVENT_LOG_H
#define DAEMON_MANAGER_EVENT_LOG_H

#include "shm/event_ring.h"

#define EVENT_LOG_ENTRIES 1000u

struct event_log {
	uint64_t added;
	struct event entry[EVENT_LOG_ENTRIES];
};

void event_log_add(struct event_log *log, const struct event *event);
unsigned event_log_count(const struct event_log *log);
/* 0 = the oldest held; NULL beyond the newest. */
const struct event *event_log_get(const struct event_log *log, unsigned index);

#endif
