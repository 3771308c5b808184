#include "worker/release_queue.h"

#include "shm/journal.h"
#include "worker/completion_tag.h"
#include "worker/connection.h"
#include "worker/worker.h"

#include <poll.h>
#include <stddef.h>
#include <unistd.h>

static struct session *
first(const struct release_queue *queue)
{
	return (struct session *)(void *)((char *)queue->sessions.next -
					  offsetof(struct session, unreleased));
}

void
release_queue_init(struct worker *worker)
{
	struct release_queue *queue = &worker->release;

	*queue = (struct release_queue){.state = shm_release(&worker->shm)};
	list_init(&queue->sessions);
	queue->keeps = release_keeps(queue->state);
	queue->word = queue->seen = release_word(queue->state);
	queue->mode = release_mode(queue->word);
	atomic_store_explicit(
	    &worker->journal->pulse.release_seen, queue->seen, memory_order_release);
}

enum release_mode
release_queue_look(struct worker *worker)
{
	struct release_queue *queue = &worker->release;
	uint64_t word = release_word(queue->state);

	if (word != queue->word) {
		queue->word = word;
		queue->mode = release_mode(word);
		queue->keeps = release_keeps(queue->state);
	}
	return queue->mode;
}

void
release_queue_add(struct worker *worker, struct session *session, uint64_t lsn)
{
	worker->release.appended = true;
	if (worker->release.mode == RELEASE_ALONE)
		return;
	session->lsn = lsn;
	list_remove(&session->unreleased);
	list_append(&worker->release.sessions, &session->unreleased);
}

static bool
is_acknowledged(const struct worker *worker, const struct session *session)
{
	const struct slot_sync *sync = &session_custody(worker, session)->sync;

	return release_acknowledged(worker->release.state, worker->index) >= session->lsn ||
	       release_slot_acknowledged(sync, session->generation) >=
		   session_record(session)->sequence;
}

static bool
may_go(const struct worker *worker, const struct session *session)
{
	switch (worker->release.mode) {
	case RELEASE_ALONE:
		return true;
	case RELEASE_PAIRED:
		return is_acknowledged(worker, session);
	default:
		return false;
	}
}

/* Who commits anew comes last again, so this ends. */
static void
let_go(struct worker *worker)
{
	struct release_queue *queue = &worker->release;

	while (!list_is_empty(&queue->sessions) && may_go(worker, first(queue))) {
		struct session *session = first(queue);

		list_remove(&session->unreleased);
		session_let_go(worker, session);
	}
}

/* Input that the new mode wants stored; output and endings that it does not hold any more, or does not
 * keep. */
static bool
is_concerned(const struct worker *worker, const struct session *session)
{
	const struct record *record = session_record(session);

	if (release_queue_waits(session) || session->state == SESSION_FINISHING)
		return false;
	for (int leg = 0; leg < SHM_LEGS; leg++)
		if (session_is_unstored(worker, session, leg) ||
		    connection_is_full(worker, session, leg) ||
		    session_sendable(session, leg) != 0 ||
		    session->leg[leg].acknowledged != session->leg[leg].sent ||
		    record->ending[leg] != ENDING_NONE)
			return true;
	return false;
}

static void
obey_session(struct worker *worker, struct session *session)
{
	if (release_queue_holds(&worker->release))
		for (int leg = 0; leg < SHM_LEGS; leg++)
			connection_stop_sending(worker, session, leg);
	if (is_concerned(worker, session))
		session_let_go(worker, session);
}

/* Only then has this worker seen the word: the standby to come finds all input stored. */
static void
obey(struct worker *worker)
{
	struct release_queue *queue = &worker->release;
	const uint64_t word = queue->word; /* a commit may look again meanwhile */

	queue->keeps = release_keeps(queue->state);
	for (uint32_t slot = 0; slot < worker->shm.slots; slot++) {
		struct session *session = session_table_find(&worker->sessions, slot);

		if (session != NULL)
			obey_session(worker, session);
	}
	queue->seen = word;
	atomic_store_explicit(&worker->journal->pulse.release_seen, word, memory_order_release);
}

static void
arm(struct worker *worker)
{
	const struct completion_tag poll = {.operation = COMPLETION_RELEASE};

	if (!worker->release.armed)
		io_uring_prep_poll_multishot(
		    event_loop_next(&worker->loop, completion_tag_pack(poll)), INHERITED_RELEASE,
		    POLLIN);
	worker->release.armed = true;
}

static void
wake_sync(struct release_queue *queue)
{
	const uint64_t one = 1;

	/* Full or gone: it is awake, or looks for itself when it comes again. */
	if (queue->appended && queue->keeps && release_sleeps(queue->state) &&
	    write(INHERITED_JOURNAL, &one, sizeof(one)) < 0)
		return;
	queue->appended = false;
}

void
release_queue_turn(struct worker *worker)
{
	struct release_queue *queue = &worker->release;

	arm(worker);
	release_queue_look(worker);
	if (queue->word != queue->seen || queue->keeps != release_keeps(queue->state))
		obey(worker);
	let_go(worker);
	wake_sync(queue);
}

void
release_queue_polled(struct worker *worker, bool more)
{
	worker->release.armed = more;
}
