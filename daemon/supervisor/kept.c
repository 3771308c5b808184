#include "daemon/supervisor/kept.h"

#include "daemon/supervisor/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* SD_LISTEN_FDS_START */
#define FIRST_FD      3
#define NAME_LISTENER "listener"
#define NAME_MEMORY   "memory"

/* What the environment says; 0: nothing, or it speaks of another process. */
static unsigned
count_given(void)
{
	const char *pid = getenv("LISTEN_PID");
	const char *count = getenv("LISTEN_FDS");
	unsigned long number;
	char *end;

	if (!pid || !count || strtol(pid, &end, 10) != getpid() || *end != '\0')
		return 0;
	errno = 0;
	number = strtoul(count, &end, 10);
	return errno == 0 && *end == '\0' && number <= 65536 ? (unsigned)number : 0;
}

/* Has the name found its place? */
static bool
place(struct kept *kept, const char *name, size_t length, int fd)
{
	size_t memory = sizeof(NAME_MEMORY) - 1;
	unsigned region;

	if (length == sizeof(NAME_LISTENER) - 1 && memcmp(name, NAME_LISTENER, length) == 0 &&
	    kept->listeners < LISTENERS_MAX) {
		kept->listener[kept->listeners++] = fd;
		return true;
	}
	if (length != memory + 1 || memcmp(name, NAME_MEMORY, memory) != 0)
		return false;
	region = (unsigned)(name[memory] - '0');
	if (region >= SHM_REGIONS || kept->memory[region] >= 0)
		return false;
	kept->memory[region] = fd;
	return true;
}

void
kept_take(struct kept *kept)
{
	unsigned count = count_given();
	const char *names = getenv("LISTEN_FDNAMES");

	*kept = (struct kept){.listeners = 0};
	for (int i = 0; i < SHM_REGIONS; i++)
		kept->memory[i] = -1;
	for (unsigned i = 0; i < count; i++) {
		int fd = FIRST_FD + (int)i;
		size_t length = names ? strcspn(names, ":") : 0;

		if (fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 && !place(kept, names, length, fd))
			close(fd);
		if (names)
			names = names[length] == ':' ? names + length + 1 : NULL;
	}
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
}

bool
kept_use_memory(struct kept *kept, int fd[SHM_REGIONS])
{
	for (int i = 0; i < SHM_REGIONS; i++)
		if (kept->memory[i] < 0)
			return false;
	memcpy(fd, kept->memory, sizeof(kept->memory));
	for (int i = 0; i < SHM_REGIONS; i++)
		kept->memory[i] = -1;
	return true;
}

void
kept_close(struct kept *kept)
{
	for (int i = 0; i < SHM_REGIONS; i++) {
		if (kept->memory[i] >= 0)
			close(kept->memory[i]);
		kept->memory[i] = -1;
	}
	for (unsigned i = 0; i < kept->listeners; i++)
		close(kept->listener[i]);
	kept->listeners = 0;
}

static void
drop_memory(int region)
{
	char text[48];

	snprintf(text, sizeof(text), "FDSTOREREMOVE=1\nFDNAME=" NAME_MEMORY "%d", region);
	notify_send(text);
}

void
kept_put_memory(const int fd[SHM_REGIONS])
{
	for (int i = 0; i < SHM_REGIONS; i++) {
		char text[48];

		drop_memory(i);
		snprintf(text, sizeof(text), "FDSTORE=1\nFDNAME=" NAME_MEMORY "%d", i);
		notify_send_fds(text, &fd[i], 1);
	}
}

void
kept_put_listeners(const int *fds, unsigned count)
{
	notify_send("FDSTOREREMOVE=1\nFDNAME=" NAME_LISTENER);
	while (count > 0) {
		unsigned part = count < NOTIFY_FDS_MAX ? count : NOTIFY_FDS_MAX;

		notify_send_fds("FDSTORE=1\nFDNAME=" NAME_LISTENER, fds, part);
		fds += part;
		count -= part;
	}
}

void
kept_drop_all(void)
{
	for (int i = 0; i < SHM_REGIONS; i++)
		drop_memory(i);
	notify_send("FDSTOREREMOVE=1\nFDNAME=" NAME_LISTENER);
}
