#include "daemon/supervisor/choice.h"

#define ANY_VERSION 0

/* Records of that version: its own, or those that the programs of this version can convert. */
static bool
can_carry(const struct worker *worker, uint16_t version)
{
	return version == ANY_VERSION || worker->version == version ||
	       (worker->version == record_version() && record_reads(version));
}

/* How near its programs are to those on disk, which are this one's: replaced once they are empty,
 * replaced in any case, the same. */
static int
nearness(const struct worker *worker)
{
	return record_reads(worker->version) + (worker->version == record_version());
}

/* Of those that can only be replaced when they have none, one gets all, so that the others are rid of
 * theirs. */
static bool
is_better(const struct worker *worker, const struct worker *best)
{
	if (nearness(worker) != nearness(best))
		return nearness(worker) > nearness(best);
	return record_reads(worker->version) && worker->sessions < best->sessions;
}

static uint8_t
least_loaded(const struct supervisor *supervisor, uint16_t version)
{
	uint8_t best = CUSTODY_UNOWNED;

	for (uint32_t i = 0; i < supervisor->workers; i++) {
		const struct worker *worker = &supervisor->worker[i];

		if (worker->ready && can_carry(worker, version) &&
		    (best == CUSTODY_UNOWNED || is_better(worker, &supervisor->worker[best])))
			best = (uint8_t)i;
	}
	return best;
}

/* Sooner or later there will be a worker that can carry it. */
static bool
will_be_carried(const struct supervisor *supervisor, uint16_t version)
{
	for (uint32_t i = 0; i < supervisor->workers; i++) {
		const struct worker *worker = &supervisor->worker[i];

		if (process_is_running(&worker->process) && worker->version == version)
			return true;
	}
	return record_reads(version);
}

/* ANY_VERSION: it has no record yet. */
static uint16_t
version_of(const struct supervisor *supervisor, uint32_t slot)
{
	struct record record;

	return record_read_any(shm_session(&supervisor->shm, slot),
		   custody_generation(&supervisor->custody, slot), &record)
		   ? record.version
		   : ANY_VERSION;
}

uint8_t
choice_any(const struct supervisor *supervisor)
{
	return least_loaded(supervisor, ANY_VERSION);
}

/* A record that nobody will understand costs its session: whoever gets it ends it. */
uint8_t
choice_for(const struct supervisor *supervisor, uint32_t slot)
{
	uint16_t version = version_of(supervisor, slot);
	uint8_t index = least_loaded(supervisor, version);

	return index == CUSTODY_UNOWNED && !will_be_carried(supervisor, version)
		   ? least_loaded(supervisor, ANY_VERSION)
		   : index;
}
