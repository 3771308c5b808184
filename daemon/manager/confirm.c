#include "daemon/manager/confirm.h"

#include "daemon/manager/event_note.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Of another run: what was committed there is not what runs. */
static void
pass_over(struct confirm *confirm, const struct shm *shm)
{
	event_note(shm, EVENT_NOTE_COMMIT_FORGOTTEN, 0, confirm->entry.by, NULL, NULL);
	confirm_forget(confirm);
}

void
confirm_open(struct confirm *confirm, const struct shm *shm, int directory, uint64_t instance)
{
	char why[STORE_WHY_MAX];

	*confirm = (struct confirm){.directory = directory, .instance = instance};
	int result = store_read(directory, CONFIRM_FILE, &confirm->entry, why);
	if (result < 0) {
		if (result != -ENOENT)
			event_note(shm, EVENT_NOTE_SAVED_DAMAGED, 0, CONFIRM_FILE, why,
			    "what runs, without an end");
		return;
	}
	confirm->is_armed = true;
	if (confirm->entry.tag != instance || confirm->entry.expires_ms == 0)
		pass_over(confirm, shm);
}

void
confirm_close(struct confirm *confirm)
{
	if (confirm->is_armed)
		store_entry_free(&confirm->entry);
	confirm->is_armed = false;
}

static bool
copy_lines(struct lines *to, const struct lines *from)
{
	lines_init(to);
	for (size_t i = 0; i < from->count; i++)
		if (!lines_add(to, from->line[i]))
			return false;
	return true;
}

int
confirm_arm(struct confirm *confirm, const struct lines *back, const char *by, const char *saved,
    uint64_t expires_ms)
{
	struct store_entry entry = {.tag = confirm->instance, .expires_ms = expires_ms};
	int result = -ENOMEM;

	if (copy_lines(&entry.lines, back != NULL ? back : &confirm->entry.lines))
		result = store_stamp(&entry, &entry.lines, by);
	if (saved[0] != '\0')
		snprintf(entry.saved, sizeof(entry.saved), "%s", saved);
	if (result == 0)
		result = store_put(confirm->directory, CONFIRM_FILE, &entry, &entry.lines, false);
	if (result < 0) {
		store_entry_free(&entry);
		return result;
	}
	confirm_close(confirm);
	confirm->entry = entry;
	confirm->is_armed = true;
	return 0;
}

int
confirm_forget(struct confirm *confirm)
{
	confirm_close(confirm);
	return store_remove(confirm->directory, CONFIRM_FILE);
}

uint64_t
confirm_left_ms(const struct confirm *confirm, uint64_t gateway_ms)
{
	uint64_t expires_ms = confirm->entry.expires_ms;

	return expires_ms > gateway_ms ? expires_ms - gateway_ms : 0;
}
