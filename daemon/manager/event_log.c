#include "daemon/manager/event_log.h"

#include <string.h>

void
event_log_add(struct event_log *log, const struct event *event)
{
	memcpy(&log->entry[log->added % EVENT_LOG_ENTRIES], event, sizeof(*event));
	log->added++;
}

unsigned
event_log_count(const struct event_log *log)
{
	return log->added < EVENT_LOG_ENTRIES ? (unsigned)log->added : EVENT_LOG_ENTRIES;
}

const struct event *
event_log_get(const struct event_log *log, unsigned index)
{
	unsigned count = event_log_count(log);

	if (index >= count)
		return NULL;
	return &log->entry[(log->added - count + index) % EVENT_LOG_ENTRIES];
}
