#include "daemon/manager/candidate.h"

#include "daemon/manager/config_lines.h"
#include "daemon/manager/event_note.h"
#include "daemon/manager/running_load.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void
complain(const struct shm *shm, const char *why)
{
	event_note(shm, EVENT_NOTE_SAVED_DAMAGED, 0, CANDIDATE_FILE, why, "no candidate");
}

void
candidate_open(struct candidate *candidate, const struct shm *shm, int directory)
{
	char why[STORE_WHY_MAX];
	struct text refused;

	*candidate = (struct candidate){.directory = directory};
	int result = store_read(directory, CANDIDATE_FILE, &candidate->entry, why);
	if (result < 0) {
		if (result != -ENOENT)
			complain(shm, why);
		return;
	}
	text_init(&refused, STORE_WHY_MAX);
	candidate->config = running_load_lines(shm, &candidate->entry.lines, &refused);
	if (candidate->config == NULL) {
		complain(shm, refused.length > 0 ? text_string(&refused) : strerror(ENOMEM));
		store_entry_free(&candidate->entry);
	}
	text_free(&refused);
}

void
candidate_close(struct candidate *candidate)
{
	if (candidate->config == NULL)
		return;
	config_free(candidate->config);
	candidate->config = NULL;
	store_entry_free(&candidate->entry);
}

int
candidate_take(struct candidate *candidate, struct config *next, const char *by, const char *saved,
    const unsigned char base[LINES_DIGEST_SIZE])
{
	struct store_entry entry = {.has_base = true};
	int result = -EFBIG;

	memcpy(entry.base, base, sizeof(entry.base));
	lines_init(&entry.lines);
	if (config_lines(&entry.lines, next, NULL, false))
		result = store_stamp(&entry, &entry.lines, by);
	if (saved[0] != '\0')
		snprintf(entry.saved, sizeof(entry.saved), "%s", saved);
	if (result == 0)
		result =
		    store_put(candidate->directory, CANDIDATE_FILE, &entry, &entry.lines, false);
	if (result < 0) {
		store_entry_free(&entry);
		return result;
	}
	candidate_close(candidate);
	candidate->config = next;
	candidate->entry = entry;
	return 0;
}

int
candidate_drop(struct candidate *candidate)
{
	candidate_close(candidate);
	return store_remove(candidate->directory, CANDIDATE_FILE);
}
