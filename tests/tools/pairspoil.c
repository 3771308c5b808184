/*
 * pairspoil PID counter | record SLOT | mark SLOT | byte SLOT STREAM POSITION -- changes one bit of what a
 * standby holds
 *
 * PID is a worker of the standby, whose memory it reaches as root by pidfd_getfd(2).  Of the first counter that
 * the active has told; or of the session in that slot: of a number in its record (whose check is made anew), of
 * its poison mark, or of one of its bytes (STREAM: the place in the lists of `show failover digest`).  It shows
 * that paircompare finds such a thing.
 */
#include "shm/peer_counters.h"
#include "shm/process.h"
#include "shm/region.h"
#include "shm/slot.h"
#include "shm/streams.h"

#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sysexits.h>
#include <unistd.h>

/* Its own descriptors are to read only, of what it does not write. */
static int
fetch(int pidfd, int number)
{
	char path[32];
	int got = pidfd_getfd(pidfd, number, 0), fd;

	if (got < 0)
		return got;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", got);
	fd = open(path, O_RDWR | O_CLOEXEC);
	close(got);
	return fd;
}

static void
attach(struct shm *shm, const char *pid)
{
	int pidfd = pidfd_open((pid_t)strtol(pid, NULL, 10), 0), fd[SHM_REGIONS], r;

	for (int region = 0; region < SHM_REGIONS; region++) {
		fd[region] = fetch(pidfd, INHERITED_REGIONS + region);
		if (fd[region] < 0)
			err(EX_OSERR, "process %s", pid);
	}
	close(pidfd);
	r = shm_attach(shm, fd, SHM_ROLE_SYNC);
	if (r < 0)
		errx(EX_UNAVAILABLE, "process %s: %s", pid, strerror(-r));
}

static bool
spoil_byte(const struct shm *shm, uint32_t slot, const char *stream, const char *position)
{
	unsigned index = (unsigned)strtoul(stream, NULL, 10) % (SHM_LEGS * STREAMS);
	const struct window *window = streams_window(shm_session(shm, slot),
	    (enum shm_leg)(index / STREAMS), (enum stream)(index % STREAMS));
	size_t length;
	uint8_t *byte = window_span(window, shm, strtoull(position, NULL, 10), 1, &length);

	if (byte == NULL)
		return false;
	*byte ^= 1;
	return true;
}

static bool
spoil_record(const struct shm *shm, uint32_t slot)
{
	struct slot_session *session = shm_session(shm, slot);
	struct record *record = &session->record[atomic_load(&session->published) & 1];

	if (record_current(session) == NULL)
		return false;
	record->commands ^= 1;
	record->check = record_checksum(record);
	return true;
}

static bool
spoil_mark(const struct shm *shm, uint32_t slot)
{
	shm_custody(shm, slot)->mark_position ^= 1;
	return true;
}

static bool
spoil_counter(const struct shm *shm)
{
	struct peer_counters *counters = &shm_peer_counters(shm)->counters;

	counters->counter[0].value ^= 1;
	return counters->count > 0;
}

static bool
spoil(const struct shm *shm, int words, char **word)
{
	uint32_t slot = words > 1 ? (uint32_t)strtoul(word[1], NULL, 10) : 0;

	if (words == 1 && strcmp(word[0], "counter") == 0)
		return spoil_counter(shm);
	if (slot >= shm->slots || atomic_load(&shm_custody(shm, slot)->state) != SLOT_REPLICA)
		return false;
	if (words == 2 && strcmp(word[0], "record") == 0)
		return spoil_record(shm, slot);
	if (words == 2 && strcmp(word[0], "mark") == 0)
		return spoil_mark(shm, slot);
	if (words == 4 && strcmp(word[0], "byte") == 0)
		return spoil_byte(shm, slot, word[2], word[3]);
	errx(EX_USAGE, "%s: not counter, record SLOT, mark SLOT, byte SLOT STREAM POSITION",
	    word[0]);
}

int
main(int argc, char **argv)
{
	struct shm shm;
	bool done;

	if (argc < 3)
		errx(EX_USAGE, "usage: pairspoil PID WHAT...");
	attach(&shm, argv[1]);
	done = spoil(&shm, argc - 2, argv + 2);
	shm_detach(&shm);
	if (!done)
		errx(EX_UNAVAILABLE, "there is no %s to change", argv[2]);
	return 0;
}
