#include "daemon/manager/committed.h"

#include "daemon/manager/event_note.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* A file with a higher one was not written here; below it there is room for more commits than are ever made. */
#define SERIAL_READ_MAX ((uint32_t)INT32_MAX / 2)

static void
slot_name(char name[STORE_NAME_MAX], unsigned slot)
{
	snprintf(name, STORE_NAME_MAX, "committed.%u", slot);
}

static void
note_head(struct committed_head *head, const struct store_entry *entry, size_t lines)
{
	*head = (struct committed_head){.serial = entry->serial, .lines = lines};
	snprintf(head->saved, sizeof(head->saved), "%s", entry->saved);
	snprintf(head->by, sizeof(head->by), "%s", entry->by);
}

/* The order is by serial, each has its own, and the next one must have room; NULL: so it is. */
static const char *
fault_of(const struct committed *committed, uint32_t serial)
{
	if (serial == 0 || serial > SERIAL_READ_MAX)
		return "a serial that no commit has";
	for (unsigned slot = 0; slot < COMMITTED_SLOTS; slot++)
		if (committed->slot[slot].serial == serial)
			return "the serial of another one";
	return NULL;
}

void
committed_open(struct committed *committed, const struct shm *shm, int directory)
{
	char name[STORE_NAME_MAX], why[STORE_WHY_MAX];
	struct store_entry entry;

	*committed = (struct committed){.directory = directory};
	for (unsigned slot = 0; slot < COMMITTED_SLOTS; slot++) {
		const char *fault;

		slot_name(name, slot);
		int result = store_read(directory, name, &entry, why);
		if (result == -ENOENT)
			continue;
		fault = result < 0 ? why : fault_of(committed, entry.serial);
		if (fault == NULL)
			note_head(&committed->slot[slot], &entry, entry.lines.count);
		else
			event_note(shm, EVENT_NOTE_SAVED_DAMAGED, 0, name, fault,
			    "the others that rollback can bring back");
		if (result == 0)
			store_entry_free(&entry);
	}
}

/* The slot whose serial is the number-th from the highest on, 0 the highest; COMMITTED_SLOTS: there is
 * none.  No two are the same. */
static unsigned
find(const struct committed *committed, unsigned number)
{
	for (unsigned slot = 0; slot < COMMITTED_SLOTS; slot++) {
		unsigned higher = 0;

		for (unsigned i = 0; i < COMMITTED_SLOTS; i++)
			higher += committed->slot[i].serial > committed->slot[slot].serial;
		if (committed->slot[slot].serial != 0 && higher == number)
			return slot;
	}
	return COMMITTED_SLOTS;
}

static unsigned
find_oldest(const struct committed *committed)
{
	unsigned oldest = 0;

	for (unsigned slot = 1; slot < COMMITTED_SLOTS; slot++)
		if (committed->slot[slot].serial < committed->slot[oldest].serial)
			oldest = slot;
	return oldest;
}

int
committed_push(struct committed *committed, const struct lines *lines, const char *by)
{
	unsigned newest = find(committed, 0), slot = find_oldest(committed);
	uint32_t last = newest < COMMITTED_SLOTS ? committed->slot[newest].serial : 0;
	struct store_entry entry = {.serial = last + 1};
	char name[STORE_NAME_MAX];
	int result;

	if (last >= INT32_MAX)
		return -EOVERFLOW;
	result = store_stamp(&entry, lines, by);
	slot_name(name, slot);
	if (result == 0)
		result = store_put(committed->directory, name, &entry, lines, true);
	if (result == 0)
		note_head(&committed->slot[slot], &entry, lines->count);
	return result;
}

int
committed_pop(struct committed *committed)
{
	unsigned newest = find(committed, 0);
	char name[STORE_NAME_MAX];

	if (newest == COMMITTED_SLOTS)
		return -ENOENT;
	committed->slot[newest].serial = 0;
	slot_name(name, newest);
	return store_remove(committed->directory, name);
}

const struct committed_head *
committed_get(const struct committed *committed, unsigned number)
{
	unsigned slot = COMMITTED_SLOTS;

	if (number >= 1 && number <= COMMITTED_KEPT)
		slot = find(committed, number - 1);
	return slot < COMMITTED_SLOTS ? &committed->slot[slot] : NULL;
}

int
committed_read(
    const struct committed *committed, unsigned number, struct store_entry *ret_entry, char *why)
{
	const struct committed_head *head = committed_get(committed, number);
	char name[STORE_NAME_MAX];

	if (head == NULL) {
		snprintf(why, STORE_WHY_MAX, "there is none of that number");
		return -ENOENT;
	}
	slot_name(name, (unsigned)(head - committed->slot));
	return store_read(committed->directory, name, ret_entry, why);
}
