#include "daemon/sync/workers.h"

#include "shm/journal.h"
#include "shm/process.h"
#include "shm/release.h"

static bool
is_living(const struct shm *shm, uint32_t worker)
{
	uint32_t state =
	    atomic_load_explicit(&shm_process(shm, worker)->state, memory_order_acquire);

	return state == PROCESS_STARTING || state == PROCESS_READY || state == PROCESS_STOPPING;
}

bool
workers_obey(const struct shm *shm)
{
	uint64_t word = release_word(shm_release(shm));

	if (release_mode(word) == RELEASE_ALONE)
		return false;
	for (uint32_t worker = 0; worker < shm->workers; worker++)
		if (is_living(shm, worker) &&
		    atomic_load_explicit(&shm_journal(shm, worker)->pulse.release_seen,
			memory_order_acquire) != word)
			return false;
	return true;
}

void
workers_pass(const struct shm *shm)
{
	struct release_state *release = shm_release(shm);

	for (uint32_t worker = 0; worker < shm->workers; worker++) {
		uint64_t lsn =
		    atomic_load_explicit(&shm_journal(shm, worker)->head, memory_order_acquire);

		/* Looked at after the journal: what it has was committed in this mode. */
		if (release_mode(release_word(release)) == RELEASE_ALONE)
			release_acknowledge(release, worker, lsn);
	}
}
