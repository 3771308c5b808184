#include "worker/shedding.h"

#include "worker/commit.h"
#include "worker/worker.h"

#include <stddef.h>

static struct session *
session_of(struct list *node)
{
	return (struct session *)(void *)((char *)node - offsetof(struct session, holding));
}

void
shedding_init(struct shedding *shedding)
{
	list_init(&shedding->holders);
}

static uint32_t
count_held(const struct slot_session *shared)
{
	const struct window *windows[] = {&shared->input[SHM_CLIENT], &shared->input[SHM_SERVER],
	    &shared->text[SHM_CLIENT], &shared->text[SHM_SERVER], &shared->extension};
	uint32_t held = 0;

	for (size_t i = 0; i < sizeof(windows) / sizeof(windows[0]); i++)
		held += windows[i]->last - windows[i]->first;
	return held;
}

/* The last one, as from now. */
static void
move_to_end(struct worker *worker, struct session *session)
{
	list_remove(&session->holding);
	list_append(&worker->shedding.holders, &session->holding);
	session->still_ms = worker->now_ms;
}

void
shedding_note(struct worker *worker, struct session *session, bool holds, uint64_t passed)
{
	if (!holds) {
		list_remove(&session->holding);
		return;
	}
	if (list_is_linked(&session->holding) && passed - session->passed < SHEDDING_STEP)
		return;
	session->passed = passed;
	move_to_end(worker, session);
}

uint64_t
shedding_grace(const struct shm *shm, struct chunk_level level)
{
	uint64_t least = shm->chunks / CHUNK_SHED + 1;
	uint64_t grace = SHEDDING_GRACE_MS * (uint64_t)chunk_level_free(shm, level) / least;

	return grace > SHEDDING_LEAST_MS ? grace : SHEDDING_LEAST_MS;
}

/* This worker's part of what is missing. */
static uint32_t
chunks_wanted(const struct shm *shm, struct chunk_level level)
{
	uint32_t missing = shm->chunks / CHUNK_SHED + 1 - chunk_level_free(shm, level);

	return missing / shm->workers + 1;
}

/* With words if it can take them. */
static void
end_session(struct worker *worker, struct session *session)
{
	const struct record *record;

	if (session->state == SESSION_LIVE) {
		session_signal(worker, session, SIGNAL_SHORTAGE);
		/* In a pair the words may be committed and wait. */
		if (session->state != SESSION_LIVE || release_queue_waits(session))
			return;
		commit_reset(worker, session, CLOSE_SHORTAGE);
		session->signals = 0;
	} else {
		record = session_record(session);
		commit_reset(worker, session, (enum close_reason)record->close_reason);
	}
	session_act(worker, session);
}

/* Words take a chunk for a moment: with none there, one session at each count goes without. */
static bool
may_end(struct worker *worker, bool without_words)
{
	return without_words || chunk_is_there(&worker->shm, &worker->chunks, 0);
}

/* Those that have stood still for longest, as long as chunks are wanted. Returns how many. */
static uint32_t
shed(struct worker *worker, bool without_words)
{
	struct shedding *shedding = &worker->shedding;
	struct list *node = shedding->holders.next, *next;
	uint32_t ended = 0;

	for (; shedding->wanted > 0 && node != &shedding->holders; node = next) {
		struct session *session = session_of(node);
		uint32_t held = count_held(session->shared);

		next = node->next;
		/* Nothing can be committed for it just now. */
		if (release_queue_waits(session))
			continue;
		if (worker->now_ms - session->still_ms < shedding->grace_ms ||
		    !may_end(worker, without_words && ended == 0))
			break;
		shedding->wanted -= held < shedding->wanted ? held : shedding->wanted;
		move_to_end(worker, session);
		/* What those before it have given back may be all that it needs. */
		if (waiting_serve_step(worker, session))
			continue;
		end_session(worker, session);
		ended++;
	}
	return ended;
}

static void
tell(struct worker *worker, uint32_t ended)
{
	struct shedding *shedding = &worker->shedding;

	shedding->ended += ended;
	counter_add(worker->counters, COUNTER_sessions_shed, ended);
	if (shedding->ended == 0 ||
	    (shedding->told_ms != 0 && worker->now_ms - shedding->told_ms < SHEDDING_EVENT_MS))
		return;
	report_shed(worker, shedding->ended);
	shedding->ended = 0;
	shedding->told_ms = worker->now_ms;
}

static void
look_at_level(struct worker *worker, struct chunk_level level)
{
	const struct shm *shm = &worker->shm;
	struct shedding *shedding = &worker->shedding;
	bool is_short = chunk_level_is_below(shm, level, CHUNK_SHORT);

	if (is_short || shedding->is_short)
		chunk_cache_bound(shm, &worker->chunks, is_short);
	shedding->is_short = is_short;
	shedding->serial = level.serial;
	shedding->wanted =
	    chunk_level_is_below(shm, level, CHUNK_SHED) ? chunks_wanted(shm, level) : 0;
	shedding->grace_ms = shedding_grace(shm, level);
	chunk_cache_look_again(&worker->chunks);
}

void
shedding_turn(struct worker *worker)
{
	struct chunk_level level = chunk_level_read(&worker->shm);
	struct shedding *shedding = &worker->shedding;
	bool is_new = level.serial != shedding->serial;

	if (is_new)
		look_at_level(worker, level);
	if (shedding->wanted > 0 || shedding->ended > 0)
		tell(worker, shed(worker, is_new));
}
