#include "worker/session_table.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

static void *
reserve(size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

int
session_table_open(struct session_table *table, uint32_t slots)
{
	*table = (struct session_table){.slots = slots};
	table->session = reserve((size_t)slots * sizeof(*table->session));
	if (table->session == NULL)
		return -errno;
	table->index = reserve((size_t)slots * sizeof(*table->index));
	return table->index == NULL ? -errno : 0;
}

void
session_table_close(struct session_table *table)
{
	if (table->session != NULL)
		munmap(table->session, (size_t)table->slots * sizeof(*table->session));
	if (table->index != NULL)
		munmap(table->index, (size_t)table->slots * sizeof(*table->index));
	*table = (struct session_table){0};
}

struct session *
session_table_find(const struct session_table *table, uint32_t slot)
{
	if (slot >= table->slots || table->index[slot] == 0)
		return NULL;
	return &table->session[table->index[slot] - 1];
}

struct session *
session_table_take(struct session_table *table, uint32_t slot)
{
	uint32_t number = table->free;
	struct session *session;

	if (slot >= table->slots || table->index[slot] != 0)
		return NULL;
	/* One per slot at most, so there is always one left. */
	if (number != 0)
		table->free = table->session[number - 1].slot;
	else
		number = ++table->touched;
	table->index[slot] = number;
	table->count++;
	session = &table->session[number - 1];
	memset(session, 0, sizeof(*session));
	session->slot = slot;
	return session;
}

void
session_table_give(struct session_table *table, struct session *session)
{
	uint32_t number = table->index[session->slot];

	table->index[session->slot] = 0;
	session->state = SESSION_NONE;
	session->slot = table->free;
	table->free = number;
	table->count--;
}
