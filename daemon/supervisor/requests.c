#include "daemon/supervisor/requests.h"

#include "daemon/supervisor/children.h"
#include "daemon/supervisor/dispatch.h"
#include "daemon/supervisor/early.h"
#include "daemon/supervisor/ending.h"
#include "daemon/supervisor/listening.h"
#include "daemon/supervisor/silence.h"
#include "daemon/supervisor/stopping.h"
#include "daemon/supervisor/takeover_ahead.h"
#include "daemon/supervisor/takeover_ask.h"
#include "daemon/supervisor/takeover_shelf.h"
#include "daemon/supervisor/watch.h"
#include "shm/failpoint.h"
#include "shm/handover.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* The slot is this worker's and its record says so too. */
static bool
read_own_record(const struct supervisor *supervisor, uint32_t index,
    const struct handover_item *item, struct record *ret_record)
{
	const struct custody *custody = &supervisor->custody;

	return custody_holds(custody, item->slot, item->generation) &&
	       custody->slot[item->slot].worker == index &&
	       record_read_any(
		   shm_session(&supervisor->shm, item->slot), item->generation, ret_record);
}

static void
worker_taken(struct worker *worker, int32_t count)
{
	if (count > 0)
		worker->under_way -=
		    (uint32_t)count < worker->under_way ? (uint32_t)count : worker->under_way;
}

static void
worker_item(struct supervisor *supervisor, uint32_t index, const struct handover_item *item)
{
	struct worker *worker = &supervisor->worker[index];
	struct record record;

	FAILPOINT(request_read);
	switch (item->kind) {
	case HANDOVER_READY:
		if (!worker->ready && item->slot == worker->owner &&
		    item->generation == worker->greeting) {
			worker->version = (uint16_t)item->error;
			children_worker_ready(supervisor, index);
		}
		break;
	case HANDOVER_TAKEN:
		worker_taken(worker, item->error);
		break;
	case HANDOVER_RESET:
		if (!read_own_record(supervisor, index, item, &record))
			break;
		for (int leg = 0; leg < SHM_LEGS; leg++)
			if (item->legs & HANDOVER_LEG(leg))
				ending_reset_leg(
				    supervisor, item->slot, (enum shm_leg)leg, &record);
		break;
	case HANDOVER_FINISHED:
		if (read_own_record(supervisor, index, item, &record) &&
		    record.flags & RECORD_FINISHED)
			ending_begin(supervisor, item->slot, &record);
		break;
	default:
		break;
	}
}

/* Its end of the socket is gone or it talks nonsense: its sessions go to another. */
static void
worker_is_lost(struct supervisor *supervisor, uint32_t index)
{
	struct worker *worker = &supervisor->worker[index];

	watch_remove(supervisor->epoll, worker->socket);
	worker->ready = false;
	process_signal(&worker->process, SIGKILL);
}

void
requests_from_worker(struct supervisor *supervisor, uint32_t index, uint32_t events)
{
	struct worker *worker = &supervisor->worker[index];
	struct handover_item item[HANDOVER_BATCH];
	int fd[HANDOVER_FDS];
	unsigned fds;

	if (worker->socket < 0 || !(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		return;
	for (int i = 0; i < REQUESTS_BATCH; i++) {
		int count = handover_receive(worker->socket, item, fd, &fds);

		if (count == -EAGAIN || count == -EINTR)
			return;
		if (count <= 0) {
			worker_is_lost(supervisor, index);
			return;
		}
		/* A worker has nothing to give. */
		for (unsigned k = 0; k < fds; k++)
			close(fd[k]);
		for (int k = 0; k < count; k++)
			worker_item(supervisor, index, &item[k]);
		/* Most often it was the last one; if not, epoll says so. */
		if (count < (int)HANDOVER_BATCH)
			return;
	}
}

static int
apply_listeners(struct supervisor *supervisor, uint64_t index, uint32_t *ret_detail)
{
	if (index > 1)
		return -EINVAL;
	if (supervisor->phase >= PHASE_WAITING)
		return -ESHUTDOWN;
	return listening_apply(supervisor, (uint32_t)index, ret_detail);
}

static int
clear_session(struct supervisor *supervisor, uint64_t session_id)
{
	uint32_t slot = custody_find(&supervisor->custody, session_id);

	if (slot == SHM_NO_SLOT)
		return -ENOENT;
	if (custody_state(&supervisor->custody, slot) != SLOT_ENDING)
		dispatch_tell(supervisor, slot, PENDING_CLEAR);
	return 0;
}

#ifdef SMTPGUARD_FAILPOINTS
static int
plan_failpoint(struct supervisor *supervisor, const uint64_t argument[4])
{
	struct failpoint_plan *plan = shm_failpoint(&supervisor->shm);

	uint32_t owner;

	if (argument[0] == SHM_WRITER_SUPERVISOR)
		owner = FAILPOINT_SUPERVISOR;
	else if (argument[0] == SHM_WRITER_MANAGER)
		owner = FAILPOINT_MANAGER;
	else if (argument[0] < supervisor->workers)
		owner = supervisor->worker[argument[0]].owner;
	else
		return -EINVAL;
	if (argument[1] >= FAILPOINT_COUNT || argument[2] == 0 || argument[2] > UINT32_MAX)
		return -EINVAL;
	atomic_store(&plan->owner, owner);
	atomic_store(&plan->point, (uint32_t)argument[1]);
	atomic_store(&plan->pass, (uint32_t)argument[2]);
	atomic_fetch_add(&plan->serial, 1);
	return 0;
}
#else
static int
plan_failpoint(struct supervisor *supervisor, const uint64_t argument[4])
{
	(void)supervisor;
	(void)argument;
	return -ENOSYS;
}
#endif

static struct supervisor_answer
manager_request(struct supervisor *supervisor, const struct supervisor_request *request)
{
	struct supervisor_answer answer = {.number = request->number};

	switch (request->kind) {
	case REQUEST_APPLY_LISTENERS:
		answer.error = apply_listeners(supervisor, request->argument[0], &answer.detail);
		break;
	case REQUEST_CLEAR_SESSION:
		answer.error = clear_session(supervisor, request->argument[0]);
		break;
	case REQUEST_STOP:
		stopping_begin(supervisor, request->argument[0] < supervisor->settings.drain_ms
					       ? request->argument[0]
					       : supervisor->settings.drain_ms);
		break;
	case REQUEST_CLEAR_REFUSED:
		tally_clear_refused(&supervisor->tally);
		break;
	case REQUEST_UPGRADE:
		answer.error = upgrade_begin(supervisor);
		break;
	case REQUEST_FAILPOINT:
		answer.error = plan_failpoint(supervisor, request->argument);
		break;
	default:
		answer.error = -EINVAL;
		break;
	}
	return answer;
}

static int
move_door(struct supervisor *supervisor, bool open)
{
	int r;

	if (open) {
		FAILPOINT(takeover_opening);
		/* In repair mode they would hear, and acknowledge. */
		takeover_ahead_drop(&supervisor->ahead);
		takeover_shelf_mark(supervisor);
	} else {
		early_hold(supervisor);
	}
	r = door_move(supervisor, open ? DOOR_OPEN : DOOR_CLOSED);
	if (r == 0 && open)
		takeover_ask_all(supervisor);
	early_look(supervisor);
	return r;
}

static struct supervisor_answer
sync_request(struct supervisor *supervisor, const struct supervisor_request *request)
{
	struct supervisor_answer answer = {.number = request->number};

	switch (request->kind) {
	case REQUEST_DOOR:
		answer.error = move_door(supervisor, request->argument[0] != 0);
		break;
	case REQUEST_MEASURE:
		custody_measure(&supervisor->custody);
		break;
	case REQUEST_SILENCE:
		answer.error = silence_all(supervisor);
		break;
	case REQUEST_RESTORE:
		answer.error = takeover_restore(supervisor, request->argument[0]);
		break;
	default:
		answer.error = -EINVAL;
		break;
	}
	return answer;
}

typedef struct supervisor_answer answer_request(
    struct supervisor *supervisor, const struct supervisor_request *request);

static void
serve(struct supervisor *supervisor, const int *socket, const struct process *process,
    answer_request *answer_one)
{
	for (int i = 0; i < REQUESTS_BATCH && *socket >= 0; i++) {
		struct supervisor_request request;
		struct supervisor_answer answer;
		ssize_t length = recv(*socket, &request, sizeof(request), MSG_DONTWAIT | MSG_TRUNC);

		if (length < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (length != sizeof(request)) {
			watch_remove(supervisor->epoll, *socket);
			process_signal(process, SIGKILL);
			return;
		}
		answer = answer_one(supervisor, &request);
		/* Who does not read the answers goes without them. */
		send(*socket, &answer, sizeof(answer), MSG_DONTWAIT | MSG_NOSIGNAL);
	}
}

void
requests_from_manager(struct supervisor *supervisor)
{
	serve(supervisor, &supervisor->manager_socket, &supervisor->manager, manager_request);
}

void
requests_from_sync(struct supervisor *supervisor)
{
	serve(supervisor, &supervisor->sync_socket, &supervisor->sync, sync_request);
}
