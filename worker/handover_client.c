#include "worker/handover_client.h"

#include "worker/adopt.h"
#include "worker/completion_tag.h"
#include "worker/worker.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

/* Packets read per wake-up, so that sessions are served between two of them. */
#define PACKETS_PER_TURN 8

void
handover_client_ready(struct worker *worker)
{
	struct handover_item item = {.kind = HANDOVER_READY,
	    .slot = worker->owner,
	    .generation = worker->greeting,
	    .error = record_version()};

	request_queue_push(&worker->requests, &item);
}

void
handover_client_ask_reset(struct worker *worker, const struct session *session, enum shm_leg leg)
{
	struct handover_item item = {.kind = HANDOVER_RESET,
	    .legs = (uint8_t)HANDOVER_LEG(leg),
	    .slot = session->slot,
	    .generation = session->generation};

	request_queue_push(&worker->requests, &item);
}

void
handover_client_ask_finished(struct worker *worker, uint32_t slot, uint32_t generation)
{
	struct handover_item item = {
	    .kind = HANDOVER_FINISHED, .slot = slot, .generation = generation};

	request_queue_push(&worker->requests, &item);
}

static void
client_orphan(struct worker *worker)
{
	if (worker->orphaned)
		return;
	worker->orphaned = true;
	worker->idle_ms = worker->now_ms;
}

void
handover_client_orphaned(struct worker *worker, uint32_t greeting)
{
	if (greeting == worker->greeting)
		client_orphan(worker);
}

static void
arm(struct worker *worker)
{
	const struct completion_tag poll = {.operation = COMPLETION_HANDOVER_POLL};
	const struct completion_tag end = {
	    .operation = COMPLETION_SUPERVISOR, .generation = worker->greeting};

	if (!worker->handover_armed)
		io_uring_prep_poll_add(event_loop_next(&worker->loop, completion_tag_pack(poll)),
		    worker->handover, POLLIN);
	if (!worker->supervisor_armed)
		io_uring_prep_poll_add(event_loop_next(&worker->loop, completion_tag_pack(end)),
		    worker->supervisor, POLLIN);
	worker->handover_armed = worker->supervisor_armed = true;
}

void
handover_client_turn(struct worker *worker)
{
	const uint64_t send =
	    completion_tag_pack((struct completion_tag){.operation = COMPLETION_HANDOVER_SEND});
	const struct handover_item *items;
	uint32_t count;

	arm(worker);
	if (worker->orphaned) {
		/* The next supervisor is told all of it. */
		request_queue_forget(&worker->requests);
		return;
	}
	parting_look(&worker->parting, &worker->shm);
	if (worker->now_ms < worker->ask_after_ms)
		return;
	count = request_queue_packet(&worker->requests, &items);
	if (count != 0)
		io_uring_prep_send(event_loop_next(&worker->loop, send), worker->handover, items,
		    count * sizeof(*items), MSG_NOSIGNAL);
}

void
handover_client_sent(struct worker *worker, int result)
{
	bool is_short = result == -ENOBUFS || result == -ENOMEM;

	request_queue_sent(&worker->requests, is_short || result == -EAGAIN || result == -EINTR);
	if (is_short)
		worker->ask_after_ms = worker->now_ms + WAITING_RETRY_MS;
}

/* The slot is this generation's and ours; what a message says is never enough. */
static const struct slot_custody *
item_custody(const struct worker *worker, const struct handover_item *item)
{
	const struct slot_custody *custody = shm_custody(&worker->shm, item->slot);

	if (custody == NULL || atomic_load(&custody->state) == SLOT_FREE ||
	    atomic_load(&custody->generation) != item->generation ||
	    atomic_load(&custody->owner) != worker->owner)
		return NULL;
	return custody;
}

static bool
take_client(struct worker *worker, const struct handover_item *item, const int *fds)
{
	struct session *session;

	if (item_custody(worker, item) == NULL || item->legs != HANDOVER_LEG(SHM_CLIENT) ||
	    session_table_find(&worker->sessions, item->slot) != NULL)
		return false;
	session = session_take(worker, item->slot, item->generation);
	session_attach(session, SHM_CLIENT, fds[0]);
	session_attach(session, SHM_SERVER, -1);
	session_open(worker, session);
	if (worker->draining)
		session_signal(worker, session, SIGNAL_SHUTDOWN);
	return true;
}

static bool
take_server(struct worker *worker, const struct handover_item *item, const int *fds)
{
	struct session *session = session_find(worker, item->slot, item->generation);

	if (session == NULL || session->state != SESSION_LIVE ||
	    item->legs != HANDOVER_LEG(SHM_SERVER) || session->leg[SHM_SERVER].descriptor >= 0 ||
	    (session->leg[SHM_SERVER].flags & LEG_ABSENT))
		return false;
	session_attach(session, SHM_SERVER, fds[0]);
	session->leg[SHM_SERVER].flags |= LEG_UNTOLD;
	session_run(worker, session);
	return true;
}

static bool
take_adopted(struct worker *worker, const struct handover_item *item, const int *fds)
{
	struct session *session;
	unsigned next = 0;

	if (item_custody(worker, item) == NULL ||
	    (item->legs & ~(HANDOVER_LEG(SHM_CLIENT) | HANDOVER_LEG(SHM_SERVER))) != 0 ||
	    session_table_find(&worker->sessions, item->slot) != NULL)
		return false;
	session = session_take(worker, item->slot, item->generation);
	for (int leg = 0; leg < SHM_LEGS; leg++)
		session_attach(session, leg, item->legs & HANDOVER_LEG(leg) ? fds[next++] : -1);
	if (item->legs & HANDOVER_LEG(SHM_SERVER))
		session->leg[SHM_SERVER].flags |= LEG_UNTOLD;
	adopt_session(worker, session, item);
	if (worker->draining)
		session_signal(worker, session, SIGNAL_SHUTDOWN);
	return true;
}

static void
drain(struct worker *worker)
{
	worker->draining = true;
	for (uint32_t slot = 0; slot < worker->shm.slots; slot++) {
		struct session *session = session_table_find(&worker->sessions, slot);

		if (session != NULL)
			session_signal(worker, session, SIGNAL_SHUTDOWN);
	}
}

/* All that this worker is owed, and then that it has said so: what the old supervisor had read and
 * not done is in no queue any more. */
static void
ask_again(struct worker *worker)
{
	request_queue_forget(&worker->requests);
	for (uint32_t slot = 0; slot < worker->shm.slots; slot++) {
		const struct session *session = session_table_find(&worker->sessions, slot);

		for (int leg = 0; session != NULL && leg < SHM_LEGS; leg++)
			if (session->leg[leg].flags & LEG_RESET_ASKED)
				handover_client_ask_reset(worker, session, leg);
	}
	for (uint32_t i = 0; i < worker->parting.count; i++)
		handover_client_ask_finished(
		    worker, worker->parting.entry[i].slot, worker->parting.entry[i].generation);
	handover_client_ready(worker);
}

static bool
take_greeting(struct worker *worker, const struct handover_item *item, const int *fds)
{
	close(worker->supervisor);
	worker->supervisor = fds[0];
	worker->supervisor_armed = false;
	worker->greeting = item->generation;
	worker->orphaned = false;
	worker->draining = false; /* it does not stop, whatever the old one did */
	ask_again(worker);
	return true;
}

/* True: the item's descriptors have found their place. */
static bool
item_carry_out(struct worker *worker, const struct handover_item *item, const int *fds)
{
	struct session *session;

	switch (item->kind) {
	case HANDOVER_CLIENT:
		return take_client(worker, item, fds);
	case HANDOVER_SERVER:
		return take_server(worker, item, fds);
	case HANDOVER_ADOPT:
		return take_adopted(worker, item, fds);
	case HANDOVER_GREETING:
		return take_greeting(worker, item, fds);
	case HANDOVER_SERVER_FAILED:
		session = session_find(worker, item->slot, item->generation);
		if (session != NULL)
			session_server_failed(worker, session, item->error);
		return false;
	case HANDOVER_CLEAR:
		session = session_find(worker, item->slot, item->generation);
		if (session != NULL)
			session_signal(worker, session, SIGNAL_CLEAR);
		return false;
	case HANDOVER_SWEEP:
		chunk_sweep(&worker->shm, item->slot);
		return false;
	case HANDOVER_DRAIN:
		drain(worker);
		return false;
	default:
		return false;
	}
}

static void
packet_carry_out(
    struct worker *worker, const struct handover_item *items, unsigned count, const int *fds)
{
	for (unsigned i = 0; i < count; i++) {
		unsigned own = handover_item_fds(&items[i]);

		if (own != 0 && items[i].kind != HANDOVER_GREETING)
			request_queue_taken(&worker->requests, 1);
		if (!item_carry_out(worker, &items[i], fds))
			for (unsigned n = 0; n < own; n++)
				close(fds[n]);
		fds += own;
	}
}

void
handover_client_receive(struct worker *worker)
{
	struct handover_item items[HANDOVER_BATCH];
	int fds[HANDOVER_FDS];

	worker->handover_armed = false;
	parting_look(&worker->parting, &worker->shm);
	for (unsigned i = 0; i < PACKETS_PER_TURN; i++) {
		unsigned fd_count;
		int count = handover_receive(worker->handover, items, fds, &fd_count);

		if (count == -EAGAIN || count == -EINTR)
			return;
		if (count == -EPROTO) {
			worker->failed = count;
			return;
		}
		if (count <= 0) {
			/* No one else can end it: both ends are open here. */
			worker->handover_armed = true;
			client_orphan(worker);
			return;
		}
		packet_carry_out(worker, items, (unsigned)count, fds);
		/* Most often it was the last one; if not, the next poll says so. */
		if (count < (int)HANDOVER_BATCH / 2)
			return;
	}
}
