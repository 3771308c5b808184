#include "shm/peer_counters.h"

#include "shm/whole.h"

#include <stddef.h>
#include <string.h>

void
peer_counters_clear(struct peer_counters *counters)
{
	counters->count = counters->next = 0;
	counters->not_kept = 0;
	counters->log++;
}

static struct peer_counter *
find(struct peer_counters *counters, const char *name)
{
	/* They are told in one order again and again: most are found at the first look. */
	for (uint32_t i = 0; i < counters->count; i++) {
		uint32_t at = (counters->next + i) % counters->count;

		if (strcmp(counters->counter[at].name, name) == 0) {
			counters->next = at + 1;
			return &counters->counter[at];
		}
	}
	return NULL;
}

bool
peer_counters_set(struct peer_counters *counters, const char *name, uint64_t value)
{
	struct peer_counter *counter = find(counters, name);
	size_t length = strlen(name);

	if (counter == NULL) {
		if (counters->count == PEER_COUNTERS_MAX || length >= PEER_COUNTERS_NAME)
			return false;
		counter = &counters->counter[counters->count++];
		memcpy(counter->name, name, length + 1);
	}
	counter->value = value;
	return true;
}

uint32_t
peer_counters_forget(struct peer_counters *counters,
    bool (*is_gone)(const void *context, const char *name), const void *context)
{
	uint32_t kept = 0, before = counters->count;

	for (uint32_t i = 0; i < before; i++)
		if (!is_gone(context, counters->counter[i].name))
			counters->counter[kept++] = counters->counter[i];
	counters->count = kept;
	counters->next = 0;
	return before - kept;
}

bool
peer_counters_get(const struct peer_counters *counters, const char *name, uint64_t *ret_value)
{
	for (uint32_t i = 0; i < counters->count; i++) {
		if (strcmp(counters->counter[i].name, name) != 0)
			continue;
		*ret_value = counters->counter[i].value;
		return true;
	}
	return false;
}

void
peer_counters_publish(struct peer_counters_view *view, const struct peer_counters *counters)
{
	whole_write(&view->sequence, &view->counters, counters,
	    offsetof(struct peer_counters, counter) +
		counters->count * sizeof(counters->counter[0]));
}

bool
peer_counters_read(const struct peer_counters_view *view, struct peer_counters *ret_counters)
{
	if (!whole_read(&view->sequence, &view->counters, ret_counters, sizeof(*ret_counters))) {
		ret_counters->log = ret_counters->not_kept = 0;
		ret_counters->count = ret_counters->next = 0;
		return false;
	}
	if (ret_counters->count > PEER_COUNTERS_MAX)
		ret_counters->count = PEER_COUNTERS_MAX;
	if (ret_counters->next > ret_counters->count)
		ret_counters->next = 0;
	for (uint32_t i = 0; i < ret_counters->count; i++)
		ret_counters->counter[i].name[PEER_COUNTERS_NAME - 1] = '\0';
	return true;
}
