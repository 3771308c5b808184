/*
 * mailstandby --control PID-OF-WORKER-0 PID-OF-WORKER-1 ...
 *
 * Plays sync, and the standby behind it, for a gateway that runs: takes its memory and the eventfds from
 * the workers (as root, by pidfd_getfd(2)), follows their journals and acknowledges what it finds.  A
 * worker that is started later has the eventfds of its place.  Commands, one a line, each answered by
 * a line of JSON:
 *
 *   paired | held | alone   how commits are released from now on; every worker has seen it
 *   acknowledge MS          each entry, after so long (0 from the start on)
 *   withhold                none
 *   status
 *   stop                    alone, and ends; so does the end of the input
 */
#include "shm/process.h"
#include "tests/tools/standby.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sysexits.h>
#include <unistd.h>

#define LOOK_MS	   5
#define SEEN_LOOKS 2000u

static struct shm shm;
static struct standby standby;
static bool withholds;
static unsigned delay_ms;

static int
take(int pidfd, int number)
{
	int fd = pidfd_getfd(pidfd, number, 0);

	if (fd < 0) {
		perror("mailstandby: pidfd_getfd");
		exit(EX_OSERR);
	}
	return fd;
}

/* A worker has some regions for reading only. */
static int
take_region(int pidfd, int region)
{
	char path[32];
	int got = take(pidfd, INHERITED_REGIONS + region), fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", got);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		perror("mailstandby: memory");
		exit(EX_OSERR);
	}
	close(got);
	return fd;
}

static void
attach(char **pids, unsigned count)
{
	int fd[SHM_REGIONS], release[SHM_WORKERS_MAX], journal = -1, r;

	for (unsigned i = 0; i < count; i++) {
		int pidfd = pidfd_open((pid_t)strtol(pids[i], NULL, 10), 0);

		release[i] = take(pidfd, INHERITED_RELEASE);
		if (i == 0) {
			journal = take(pidfd, INHERITED_JOURNAL);
			for (int region = 0; region < SHM_REGIONS; region++)
				fd[region] = take_region(pidfd, region);
		}
		close(pidfd);
	}
	r = shm_attach(&shm, fd, SHM_ROLE_SYNC);
	if (r < 0 || shm.workers != count) {
		fprintf(
		    stderr, "mailstandby: %s\n", r < 0 ? strerror(-r) : "all workers are needed");
		exit(EX_UNAVAILABLE);
	}
	standby_init(&standby, &shm, journal, release);
}

static void
turn(void)
{
	if (!standby_wait(&standby, LOOK_MS) || withholds)
		return;
	usleep(delay_ms * 1000);
	standby_acknowledge(&standby);
}

static bool
all_have_seen(void)
{
	for (uint32_t i = 0; i < shm.workers; i++)
		if (!standby_is_seen(&standby, i))
			return false;
	return true;
}

static bool
set(enum release_mode mode)
{
	standby_set(&standby, mode);
	for (unsigned i = 0; i < SEEN_LOOKS && !all_have_seen(); i++)
		turn();
	return all_have_seen();
}

static uint64_t
count_open(void)
{
	uint64_t open = 0;

	standby_look(&standby);
	for (uint32_t i = 0; i < shm.workers; i++)
		open += standby.seen[i] - release_acknowledged(shm_release(&shm), i);
	return open;
}

static bool
execute(const char *line)
{
	if (strcmp(line, "paired") == 0)
		return set(RELEASE_PAIRED);
	if (strcmp(line, "held") == 0)
		return set(RELEASE_HELD);
	if (strcmp(line, "alone") == 0 || strcmp(line, "stop") == 0)
		return set(RELEASE_ALONE);
	if (strcmp(line, "status") == 0)
		return true;
	withholds = strcmp(line, "withhold") == 0;
	if (withholds)
		return true;
	if (strncmp(line, "acknowledge ", 12) != 0)
		return false;
	delay_ms = (unsigned)strtoul(line + 12, NULL, 10);
	standby_look(&standby);
	standby_acknowledge(&standby);
	return true;
}

/* False: it was the last one. */
static bool
command(void)
{
	char line[64];

	if (fgets(line, sizeof(line), stdin) == NULL)
		snprintf(line, sizeof(line), "stop");
	line[strcspn(line, "\n")] = '\0';
	printf("{\"done\": %s, \"entries\": %llu, \"open\": %llu}\n",
	    execute(line) ? "true" : "false", (unsigned long long)standby.entries,
	    (unsigned long long)count_open());
	fflush(stdout);
	return strcmp(line, "stop") != 0;
}

int
main(int argc, char **argv)
{
	struct pollfd wait = {.fd = STDIN_FILENO, .events = POLLIN};
	bool goes_on = true;

	if (argc < 3 || strcmp(argv[1], "--control") != 0) {
		fputs("usage: mailstandby --control PID-OF-WORKER...\n", stderr);
		return EX_USAGE;
	}
	if (argc - 2 > SHM_WORKERS_MAX)
		return EX_USAGE;
	setvbuf(stdin, NULL, _IONBF, 0);
	attach(argv + 2, (unsigned)argc - 2);
	while (goes_on) {
		turn();
		if (poll(&wait, 1, 0) > 0)
			goes_on = command();
	}
	return 0;
}
