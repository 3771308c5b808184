#include "daemon/supervisor/settings_kept.h"

#include "daemon/supervisor/own_file.h"
#include "daemon/supervisor/process_stat.h"
#include "daemon/supervisor/settings.h"
#include "daemon/supervisor/workers_file.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

int
settings_kept_write(int directory, const struct settings *settings)
{
	return own_file_write(directory, SETTINGS_KEPT_NAME, settings, sizeof(*settings));
}

static bool
some_worker_lives(int directory)
{
	struct workers_file file;
	unsigned line;

	if (workers_file_read(directory, &file, &line) < 0)
		return false;
	for (unsigned i = 0; i < file.count; i++) {
		struct process_stat now;

		if (file.entry[i].kind == WORKERS_FILE_WORKER &&
		    process_stat_read(file.entry[i].pid, &now) == 0 &&
		    now.started == file.entry[i].started && now.state != 'Z')
			return true;
	}
	return false;
}

bool
settings_kept_read(const char *runtime_directory, bool memory_kept, struct settings *ret_settings)
{
	int directory = open(runtime_directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	uint8_t bytes[sizeof(struct settings) + 1];
	bool holds;

	if (directory < 0)
		return false;
	holds = own_file_read(directory, SETTINGS_KEPT_NAME, bytes, sizeof(bytes)) ==
		    (ssize_t)sizeof(struct settings) &&
		(memory_kept || some_worker_lives(directory));
	close(directory);
	if (!holds)
		return false;
	memcpy(ret_settings, bytes, sizeof(*ret_settings));
	return settings_check(ret_settings) == NULL;
}

void
settings_kept_remove(int directory)
{
	unlinkat(directory, SETTINGS_KEPT_NAME, 0);
}
