#include "daemon/manager/running_load.h"

#include "daemon/manager/event_note.h"
#include "daemon/manager/store.h"
#include "daemon/policy/cli.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool
run_line(const struct shm *shm, struct config *config, struct cli_place *place, const char *line,
    struct text *refused)
{
	struct cli_outcome outcome = {0};
	const char *why;

	cli_execute(place, config, line, &outcome);
	if (outcome.status == CLI_DONE)
		return true;
	why = outcome.status == CLI_REFUSED ? outcome.message : "not understood";
	if (refused == NULL)
		event_note(shm, EVENT_NOTE_SAVED_LINE_REFUSED, 0, line, why, NULL);
	else
		text_printf(refused, "'%s': %s", line, why);
	return refused == NULL;
}

struct config *
running_load_lines(const struct shm *shm, const struct lines *lines, struct text *refused)
{
	struct cli_place place = {.mode = CLI_CONFIG};
	struct config *config = config_create();

	for (size_t i = 0; config != NULL && i < lines->count; i++) {
		if (run_line(shm, config, &place, lines->line[i], refused))
			continue;
		config_free(config);
		return NULL;
	}
	return config;
}

static bool
read_running(const struct shm *shm, int directory, uint64_t instance, struct store_entry *entry)
{
	char why[STORE_WHY_MAX];
	int result = store_read(directory, STORE_RUNNING, entry, why);

	if (result == 0 && entry->tag >> 32 == instance)
		return true;
	if (result == 0) {
		store_entry_free(entry);
		snprintf(why, sizeof(why), "it is of another run");
	}
	event_note(shm, EVENT_NOTE_SAVED_DAMAGED, 0, STORE_RUNNING, why, STORE_STARTUP);
	return false;
}

static bool
read_startup(const struct shm *shm, int directory, struct store_entry *entry)
{
	char name[STORE_NAME_MAX];
	char why[STORE_WHY_MAX];
	int result = store_load(directory, entry, name, why);

	if (result < 0 && result != -ENOENT)
		event_note(shm, EVENT_NOTE_SAVED_DAMAGED, 0, STORE_STARTUP, why,
		    "the factory configuration: nothing is listened to");
	else if (result == 0 && strcmp(name, STORE_STARTUP) != 0)
		event_note(shm, EVENT_NOTE_SAVED_DAMAGED, 0, STORE_STARTUP, why, name);
	return result == 0;
}

struct config *
running_load(const struct shm *shm, int directory, uint64_t instance)
{
	struct store_entry entry;

	if ((instance == 0 || !read_running(shm, directory, instance, &entry)) &&
	    !read_startup(shm, directory, &entry))
		return config_create();
	struct config *config = running_load_lines(shm, &entry.lines, NULL);
	store_entry_free(&entry);
	return config;
}
