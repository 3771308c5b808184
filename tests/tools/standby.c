#include "tests/tools/standby.h"

#include "shm/journal.h"
#include "shm/slot.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void
standby_init(struct standby *standby, const struct shm *shm, int journal, const int *release)
{
	*standby = (struct standby){.shm = shm, .journal = journal};
	for (uint32_t i = 0; i < shm->workers; i++) {
		standby->release[i] = release[i];
		standby->seen[i] = release_acknowledged(shm_release(shm), i);
	}
}

static uint64_t
head(const struct standby *standby, uint32_t worker)
{
	return atomic_load_explicit(&shm_journal(standby->shm, worker)->head, memory_order_acquire);
}

bool
standby_look(struct standby *standby)
{
	bool more = false;

	for (uint32_t i = 0; i < standby->shm->workers; i++) {
		uint64_t newest = head(standby, i);

		more |= newest != standby->seen[i];
		standby->seen[i] = newest;
	}
	return more;
}

bool
standby_wait(struct standby *standby, int wait_ms)
{
	struct pollfd wait = {.fd = standby->journal, .events = POLLIN};
	struct release_state *state = shm_release(standby->shm);
	uint64_t times;
	bool more;

	if (standby_look(standby))
		return true;
	release_sleep(state);
	more = standby_look(standby);
	if (!more && poll(&wait, 1, wait_ms) > 0 &&
	    read(standby->journal, &times, sizeof(times)) < 0)
		perror("standby: eventfd");
	release_wake(state);
	return standby_look(standby) || more;
}

static void
wake(const struct standby *standby, uint32_t worker)
{
	const uint64_t one = 1;

	if (standby->release[worker] >= 0 &&
	    write(standby->release[worker], &one, sizeof(one)) != sizeof(one))
		perror("standby: eventfd");
}

/* An entry that was overwritten is one of a session that has committed again since. */
static void
acknowledge_entry(const struct standby *standby, uint32_t worker, uint64_t lsn)
{
	struct journal_entry entry;
	uint64_t oldest;

	if (journal_read(shm_journal(standby->shm, worker), lsn, &entry, &oldest) == JOURNAL_ENTRY)
		release_acknowledge_slot(&shm_custody(standby->shm, entry.slot)->sync,
		    entry.generation, entry.sequence, entry.stored);
}

void
standby_acknowledge(struct standby *standby)
{
	struct release_state *state = shm_release(standby->shm);

	for (uint32_t i = 0; i < standby->shm->workers; i++) {
		uint64_t lsn = release_acknowledged(state, i);

		if (lsn == standby->seen[i])
			continue;
		standby->entries += standby->seen[i] - lsn;
		while (lsn < standby->seen[i])
			acknowledge_entry(standby, i, ++lsn);
		release_acknowledge(state, i, lsn);
		wake(standby, i);
	}
}

void
standby_set(struct standby *standby, enum release_mode mode)
{
	release_set(shm_release(standby->shm), mode);
	for (uint32_t i = 0; i < standby->shm->workers; i++)
		wake(standby, i);
}

bool
standby_is_seen(const struct standby *standby, uint32_t worker)
{
	return atomic_load_explicit(&shm_journal(standby->shm, worker)->pulse.release_seen,
		   memory_order_acquire) == release_word(shm_release(standby->shm));
}
