/*
 * paircompare --control ACTIVE STANDBY -- does the standby hold what the active has committed?
 *
 * Each is the pid of a worker of that host, whose memory is looked at (as root, by pidfd_getfd(2)).  Answers
 * with a line of JSON when it has both; then to each "compare SECONDS" with another one: of each session
 * that the active has then, its digest (shm/session_digest.h) is compared with that of the standby at an
 * instant at which both have the same record, while everything goes on.
 *
 *	sessions   that the active had
 *	equal	   of these, were compared, and are the same
 *	differ	   of these, are not; which, and by what, is told on standard error
 *	ended	   of these, were over before
 *	behind	   of these, were never found with the same record in that time
 */
#include "shm/process.h"
#include "shm/region.h"
#include "shm/session_digest.h"
#include "shm/slot.h"

#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#define LOOK_NS	  1000000
#define SETTLE_MS 1000u /* connections are told apart from records, and later */

enum result { PENDING, EQUAL, DIFFER, ENDED };

struct watched {
	uint64_t session_id; /* 0: no session was here */
	uint64_t differs_ms; /* since then, by its connections alone; 0: it does not */
	enum result result;
};

static struct shm active, standby;
static struct watched *watched; /* [slots] */

static void
attach(struct shm *shm, const char *pid)
{
	int pidfd = pidfd_open((pid_t)strtol(pid, NULL, 10), 0), fd[SHM_REGIONS], r;

	for (int region = 0; region < SHM_REGIONS; region++) {
		fd[region] = pidfd_getfd(pidfd, INHERITED_REGIONS + region, 0);
		if (fd[region] < 0)
			err(EX_OSERR, "process %s", pid);
	}
	close(pidfd);
	r = shm_attach(shm, fd, SHM_ROLE_WORKER);
	if (r < 0)
		errx(EX_UNAVAILABLE, "process %s: %s", pid, strerror(-r));
}

static uint64_t
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* The active's session that is there now; 0: none. */
static uint64_t
session_at(uint32_t slot)
{
	const struct slot_custody *custody = shm_custody(&active, slot);

	return slot_is_session(atomic_load(&custody->state)) ? custody->session_id : 0;
}

/* What is told in one entry with the record. */
static const char *
find_difference(const struct session_digest *one, const struct session_digest *other)
{
	if (one->session_id != other->session_id || one->generation != other->generation)
		return "session";
	if (one->state != other->state)
		return "state";
	if (memcmp(one->end, other->end, sizeof(one->end)) != 0)
		return "end of bytes";
	for (int leg = 0; leg < SHM_LEGS; leg++)
		for (int stream = 0; stream < STREAMS; stream++)
			if (one->from[leg][stream] < other->from[leg][stream])
				return "beginning of bytes";
	return memcmp(one->bytes, other->bytes, sizeof(one->bytes)) != 0 ? "bytes" : NULL;
}

static enum result
differ(uint32_t slot, const struct session_digest *had, const char *what)
{
	fprintf(stderr, "session %016" PRIx64 " in slot %u, record %" PRIu64 ": %s\n",
	    had->session_id, slot, had->sequence, what);
	return DIFFER;
}

static enum result
compare_connections(uint32_t slot, const struct session_digest *one,
    const struct session_digest *other, struct watched *of)
{
	if (one->identity == other->identity && one->legs == other->legs)
		return EQUAL;
	if (of->differs_ms == 0)
		of->differs_ms = now_ms();
	return now_ms() - of->differs_ms < SETTLE_MS ? PENDING : differ(slot, one, "connections");
}

static enum result
look(uint32_t slot, struct watched *of)
{
	struct session_digest one, other;
	const char *what;

	if (session_at(slot) != of->session_id)
		return ENDED;
	if (!session_digest_read(&active, slot, NULL, &one) || one.session_id != of->session_id ||
	    !session_digest_read(&standby, slot, (const uint64_t(*)[STREAMS])one.from, &other) ||
	    one.sequence != other.sequence)
		return PENDING;
	what = find_difference(&one, &other);
	return what != NULL ? differ(slot, &one, what)
			    : compare_connections(slot, &one, &other, of);
}

static uint32_t
look_at_all(void)
{
	uint32_t pending = 0;

	for (uint32_t slot = 0; slot < active.slots; slot++) {
		struct watched *of = &watched[slot];

		if (of->session_id == 0 || of->result != PENDING)
			continue;
		of->result = look(slot, of);
		pending += of->result == PENDING;
	}
	return pending;
}

static void
compare(uint64_t seconds)
{
	const struct timespec pause = {.tv_nsec = LOOK_NS};
	uint64_t end_ms = now_ms() + seconds * 1000;
	uint32_t sessions = 0, count[ENDED + 1] = {0};

	for (uint32_t slot = 0; slot < active.slots; slot++)
		watched[slot] = (struct watched){.session_id = session_at(slot)};
	while (look_at_all() > 0 && now_ms() < end_ms)
		nanosleep(&pause, NULL);
	for (uint32_t slot = 0; slot < active.slots; slot++) {
		if (watched[slot].session_id == 0)
			continue;
		sessions++;
		count[watched[slot].result]++;
	}
	printf("{\"sessions\": %u, \"equal\": %u, \"differ\": %u, \"ended\": %u, \"behind\": %u}\n",
	    sessions, count[EQUAL], count[DIFFER], count[ENDED], count[PENDING]);
}

int
main(int argc, char **argv)
{
	static const char command[] = "compare ";
	char *line = NULL;
	size_t room = 0;

	if (argc != 4 || strcmp(argv[1], "--control") != 0)
		errx(EX_USAGE, "usage: paircompare --control ACTIVE STANDBY");
	attach(&active, argv[2]);
	attach(&standby, argv[3]);
	if (active.slots > standby.slots)
		errx(EX_DATAERR, "the standby has fewer slots");
	watched = calloc(active.slots, sizeof(*watched));
	if (watched == NULL)
		err(EX_OSERR, "memory");
	printf("{}\n");
	fflush(stdout);
	while (
	    getline(&line, &room, stdin) > 0 && strncmp(line, command, sizeof(command) - 1) == 0) {
		compare(strtoull(line + sizeof(command) - 1, NULL, 10));
		fflush(stdout);
	}
	free(line);
	free(watched);
	shm_detach(&active);
	shm_detach(&standby);
	return 0;
}
