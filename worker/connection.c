#include "worker/connection.h"

#include "shm/failpoint.h"
#include "shm/record.h"
#include "worker/handover_client.h"
#include "worker/receipt.h"
#include "worker/unread.h"
#include "worker/worker.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

/* A chunk with less room than this is exchanged for a fresh one while nothing in it is needed. */
#define CHUNK_ROOM_MIN (SHM_CHUNK_SIZE / 2)
#define DISCARD_BYTES  65536u
/* A receive that long is part of a stream. */
#define READ_STREAM_MIN 4096
/* So many legs of a worker may wait with a chunk in hand: one operation less for each piece. */
#define RECEIVES_MAX 64u

static struct io_uring_sqe *
leg_submit(struct worker *worker, struct session *session, enum shm_leg leg,
    enum completion_operation operation)
{
	struct completion_tag tag = {.operation = operation,
	    .leg = (unsigned)leg,
	    .slot = session->slot,
	    .generation = session->generation};

	session->under_way++;
	return event_loop_next(&worker->loop, completion_tag_pack(tag));
}

static uint64_t
leg_tag(const struct session *session, enum shm_leg leg, enum completion_operation operation)
{
	struct completion_tag tag = {.operation = operation,
	    .leg = (unsigned)leg,
	    .slot = session->slot,
	    .generation = session->generation};

	return completion_tag_pack(tag);
}

static void
read_discard(struct worker *worker, struct session *session, enum shm_leg leg)
{
	struct leg *side = &session->leg[leg];

	/* TCP drops the bytes in the kernel: no chunk is needed for what nobody will read. */
	io_uring_prep_recv(leg_submit(worker, session, leg, COMPLETION_READ), side->descriptor,
	    NULL, DISCARD_BYTES, MSG_TRUNC);
	side->read = READ_DISCARD;
}

static void
read_poll(struct worker *worker, struct session *session, enum shm_leg leg)
{
	struct leg *side = &session->leg[leg];

	io_uring_prep_poll_add(leg_submit(worker, session, leg, COMPLETION_POLL), side->descriptor,
	    POLLIN | POLLRDHUP);
	side->read = READ_POLL;
}

static void
count_received(struct worker *worker, enum shm_leg leg, unsigned length)
{
	counter_add(worker->counters,
	    leg == SHM_CLIENT ? COUNTER_bytes_from_clients : COUNTER_bytes_from_servers, length);
}

/* Room in the window at `received`, or NULL when there is no chunk. */
static uint8_t *
read_room(struct worker *worker, struct session *session, enum shm_leg leg, size_t *ret_length)
{
	struct leg *side = &session->leg[leg];
	struct window *window = &session->shared->input[leg];
	bool wipe;

	if (!window_is_empty(window) && !release_queue_waits(session) &&
	    session_needed(session, leg) == side->received &&
	    window_end(window) - side->received < CHUNK_ROOM_MIN) {
		wipe = record_current(session->shared)->flags & RECORD_SECRET;
		window_release_all(window, &worker->shm, &worker->chunks, wipe);
	}
	if (window_is_empty(window))
		window_rebase(window, side->received);
	if (window_end(window) == side->received &&
	    (!waiting_may_take(worker) ||
		window_append(window, &worker->shm, &worker->chunks, session->slot) < 0))
		return NULL;
	return window_span(window, &worker->shm, side->received, SHM_CHUNK_SIZE, ret_length);
}

static void
read_receive(struct worker *worker, struct session *session, enum shm_leg leg)
{
	struct leg *side = &session->leg[leg];
	size_t length;
	uint8_t *room = read_room(worker, session, leg, &length);

	if (room == NULL) {
		side->flags |= LEG_STARVED;
		counter_add(worker->counters, COUNTER_chunks_waited, 1);
		waiting_for_memory(worker, session);
		return;
	}
	io_uring_prep_recv(
	    leg_submit(worker, session, leg, COMPLETION_READ), side->descriptor, room, length, 0);
	side->read = READ_RECEIVE;
	worker->receiving++;
}

/* In a pair output that waits has its own bound, and only what was not stepped counts, or what there is
 * no room for. */
bool
connection_is_full(const struct worker *worker, const struct session *session, enum shm_leg leg)
{
	const struct window *window = &session->shared->input[leg];
	uint64_t received = session->leg[leg].received;

	if (!worker->release.keeps)
		return received - session_needed(session, leg) >= SESSION_HELD_MAX;
	return received - record_current(session->shared)->position[leg] >= SESSION_HELD_MAX ||
	       window_is_read_full(window, received);
}

/* What it has is stored all the same, but for a host that is alone. */
static void
copy_unread(struct worker *worker, struct session *session, enum shm_leg leg)
{
	uint32_t count;

	if (worker->release.mode == RELEASE_ALONE)
		return;
	count = unread_copy(worker, session, leg);
	if (count == 0)
		return;
	count_received(worker, leg, count);
	if (session->state == SESSION_LIVE)
		session->active_ms = worker->now_ms;
}

void
connection_want_read(struct worker *worker, struct session *session, enum shm_leg leg)
{
	struct leg *side = &session->leg[leg];
	struct window *window = &session->shared->input[leg];
	uint64_t held;

	if (side->read != READ_NONE || side->descriptor < 0 ||
	    (side->flags & (LEG_END | LEG_RESET | LEG_RESET_ASKED | LEG_STARVED | LEG_LINGERED)))
		return;
	if (session->state == SESSION_ENDING) {
		unread_drop(side);
		read_discard(worker, session, leg);
		return;
	}
	if (connection_is_full(worker, session, leg)) {
		copy_unread(worker, session, leg);
		return;
	}
	unread_drop(side);
	held = side->received - session_needed(session, leg);
	/* When chunks are short, what can leave does so before more is taken. */
	if (worker->shedding.is_short && session_sendable(session, !leg) != 0)
		return;
	if (!(side->flags & LEG_PARKED) || held > 0) {
		side->flags &= (uint16_t)~LEG_PARKED;
		read_receive(worker, session, leg);
		return;
	}
	if (!window_is_empty(window) && !release_queue_waits(session)) {
		const struct record *record = record_current(session->shared);

		window_release_all(
		    window, &worker->shm, &worker->chunks, record->flags & RECORD_SECRET);
	}
	read_poll(worker, session, leg);
}

/* The next pieces of committed output as they lie in the windows, `most` bytes of them; how many. */
static unsigned
output_pieces(const struct worker *worker, const struct session *session, enum shm_leg leg,
    uint64_t most, struct iovec piece[EVENT_LOOP_PIECES])
{
	const struct slot_session *shared = session->shared;
	const struct outlet *outlet = &record_current(shared)->outlet[leg];
	struct outlet_piece output[EVENT_LOOP_PIECES];
	size_t outputs = outlet_pieces(
	    outlet, session->leg[leg].sent - outlet->written, output, EVENT_LOOP_PIECES);
	unsigned count = 0;

	for (size_t i = 0; i < outputs; i++) {
		const struct window *window =
		    output[i].kind == OUTLET_KEEP ? &shared->input[!leg] : &shared->text[leg];
		uint32_t done = 0;

		while (done < output[i].length && count < EVENT_LOOP_PIECES && most > 0) {
			size_t length, left = output[i].length - done;
			uint8_t *span = window_span(window, &worker->shm, output[i].position + done,
			    left < most ? left : most, &length);

			if (span == NULL)
				return count;
			piece[count++] = (struct iovec){.iov_base = span, .iov_len = length};
			done += (uint32_t)length;
			most -= length;
		}
	}
	return count;
}

void
connection_want_send(struct worker *worker, struct session *session, enum shm_leg leg)
{
	struct leg *side = &session->leg[leg];
	struct event_loop_message *message;
	struct io_uring_sqe *entry;
	uint64_t room;
	unsigned count;

	if (side->descriptor < 0 ||
	    (side->flags & (LEG_SENDING | LEG_SEND_STARVED | LEG_FIN_DONE)) ||
	    session_sendable(session, leg) == 0)
		return;
	room = worker->release.keeps ? receipt_room(worker, session, leg) : UINT64_MAX;
	if (room == 0)
		return;
	message = event_loop_message(&worker->loop);
	count = output_pieces(worker, session, leg, room, message->piece);
	if (count == 0)
		return;
	FAILPOINT(before_send);
	side->flags |= LEG_SENDING;
	entry = leg_submit(worker, session, leg, COMPLETION_SEND);
	if (count == 1) {
		io_uring_prep_send(entry, side->descriptor, message->piece[0].iov_base,
		    message->piece[0].iov_len, MSG_NOSIGNAL);
		return;
	}
	message->header.msg_iovlen = count;
	io_uring_prep_sendmsg(entry, side->descriptor, &message->header, MSG_NOSIGNAL);
}

/* By the system call: the ring would give a SHUTDOWN to another thread, which costs more than all
 * else about the session's end.  Where there is no connection left (ENOTCONN) there is nothing that
 * a FIN could end, and what has ended it is read. */
static void
end_by_fin(struct worker *worker, struct session *session, enum shm_leg leg)
{
	struct leg *side = &session->leg[leg];

	shutdown(side->descriptor, SHUT_WR);
	side->flags |= LEG_FIN_DONE;
	if (!worker->release.keeps)
		side->flags |= LEG_SETTLED;
	session->active_ms = worker->now_ms;
}

static void
end_by_reset(struct worker *worker, struct session *session, enum shm_leg leg)
{
	struct leg *side = &session->leg[leg];

	FAILPOINT(before_end);
	handover_client_ask_reset(worker, session, leg);
	side->flags |= LEG_RESET_ASKED;
	connection_cancel(worker, session, leg);
	FAILPOINT(after_end);
}

void
connection_want_end(struct worker *worker, struct session *session, enum shm_leg leg)
{
	const struct record *record = record_current(session->shared);
	struct leg *side = &session->leg[leg];

	if (side->descriptor < 0 || (side->flags & (LEG_RESET | LEG_RESET_ASKED)))
		return;
	switch (record->ending[leg]) {
	case ENDING_FIN:
		if ((side->flags & (LEG_FIN_DONE | LEG_SENDING)) ||
		    session_pending(session, leg) != 0)
			return;
		FAILPOINT(before_end);
		end_by_fin(worker, session, leg);
		FAILPOINT(after_end);
		return;
	case ENDING_RESET:
		end_by_reset(worker, session, leg);
		return;
	default:
		return;
	}
}

void
connection_stop_receiving(struct worker *worker, struct session *session, enum shm_leg leg)
{
	struct leg *side = &session->leg[leg];

	if (side->read != READ_RECEIVE || (side->flags & LEG_CANCELLED))
		return;
	side->flags |= LEG_CANCELLED;
	io_uring_prep_cancel64(leg_submit(worker, session, leg, COMPLETION_CANCEL),
	    leg_tag(session, leg, COMPLETION_READ), 0);
}

void
connection_stop_sending(struct worker *worker, struct session *session, enum shm_leg leg)
{
	if (session->leg[leg].flags & LEG_SENDING)
		io_uring_prep_cancel64(leg_submit(worker, session, leg, COMPLETION_CANCEL),
		    leg_tag(session, leg, COMPLETION_SEND), 0);
}

void
connection_park(struct worker *worker, struct session *session, enum shm_leg leg)
{
	struct leg *side = &session->leg[leg];

	if (side->read != READ_RECEIVE || (side->flags & LEG_CANCELLED) ||
	    session_needed(session, leg) != side->received)
		return;
	side->flags |= LEG_PARKED;
	connection_stop_receiving(worker, session, leg);
}

void
connection_cancel(struct worker *worker, struct session *session, enum shm_leg leg)
{
	struct leg *side = &session->leg[leg];

	if (side->descriptor < 0 || (side->read == READ_NONE && !(side->flags & LEG_SENDING)))
		return;
	io_uring_prep_cancel_fd(leg_submit(worker, session, leg, COMPLETION_CANCEL),
	    side->descriptor, IORING_ASYNC_CANCEL_ALL);
}

/* Nothing more can come from or go to this leg. */
static enum connection_news
leg_broken(struct session *session, enum shm_leg leg)
{
	struct leg *side = &session->leg[leg];

	if (side->flags & (LEG_RESET | LEG_RESET_ASKED))
		return NEWS_NONE;
	side->flags |= LEG_RESET;
	session->signals |= leg == SHM_CLIENT ? SIGNAL_RESET_CLIENT : SIGNAL_RESET_SERVER;
	return NEWS_INPUT;
}

static bool
is_passing(int result)
{
	return result == -ECANCELED || result == -EINTR || result == -EAGAIN;
}

/* The kernel is short of memory: later. */
static bool
is_shortage(int result)
{
	return result == -ENOMEM || result == -ENOBUFS;
}

static void
note_received(struct worker *worker, struct session *session, enum shm_leg leg, unsigned length)
{
	session->leg[leg].received += length;
	count_received(worker, leg, length);
}

static enum connection_news
complete_discard(struct worker *worker, struct session *session, enum shm_leg leg, int result)
{
	note_received(worker, session, leg, (unsigned)result);
	session->discarded += (uint32_t)result;
	if (session->discarded > SESSION_DISCARD_BYTES)
		session->leg[leg].flags |= LEG_LINGERED;
	return NEWS_OUTPUT;
}

static enum connection_news
complete_read(struct worker *worker, struct session *session, enum shm_leg leg, int result)
{
	struct leg *side = &session->leg[leg];
	uint8_t was = side->read;

	side->read = READ_NONE;
	side->flags &= (uint16_t)~LEG_CANCELLED;
	worker->receiving -= was == READ_RECEIVE;
	if (is_passing(result))
		return NEWS_OUTPUT;
	if (is_shortage(result)) {
		side->flags |= LEG_STARVED;
		waiting_for_memory(worker, session);
		return NEWS_OUTPUT;
	}
	if (result < 0 || (result == 0 && (side->flags & LEG_DEAD)))
		return leg_broken(session, leg);
	/* A stream keeps its chunk for the next bytes.  What comes in small pieces may have to wait
	 * without one: what thousands of quiet sessions held at once would stay resident afterwards. */
	if (result < READ_STREAM_MIN &&
	    (worker->receiving >= RECEIVES_MAX || worker->shedding.is_short))
		side->flags |= LEG_PARKED;
	else
		side->flags &= (uint16_t)~LEG_PARKED;
	/* What comes while the session ends does not put its end off. */
	if (session->state == SESSION_LIVE)
		session->active_ms = worker->now_ms;
	if (result == 0) {
		side->flags |= LEG_END;
		return NEWS_INPUT;
	}
	if (was == READ_DISCARD)
		return complete_discard(worker, session, leg, result);
	note_received(worker, session, leg, (unsigned)result);
	FAILPOINT(received);
	return NEWS_INPUT;
}

static enum connection_news
complete_send(struct worker *worker, struct session *session, enum shm_leg leg, int result)
{
	struct leg *side = &session->leg[leg];

	side->flags &= (uint16_t)~LEG_SENDING;
	if (is_passing(result))
		return NEWS_OUTPUT;
	if (is_shortage(result)) {
		side->flags |= LEG_SEND_STARVED;
		waiting_for_memory(worker, session);
		return NEWS_OUTPUT;
	}
	if (result < 0)
		return leg_broken(session, leg);
	FAILPOINT(after_send);
	side->sent += (uint64_t)result;
	if (!worker->release.keeps)
		side->acknowledged = side->sent;
	session->active_ms = worker->now_ms;
	counter_add(worker->counters,
	    leg == SHM_CLIENT ? COUNTER_bytes_to_clients : COUNTER_bytes_to_servers,
	    (uint64_t)result);
	return NEWS_OUTPUT;
}

enum connection_news
connection_complete(
    struct worker *worker, struct session *session, const struct completion_tag *tag, int result)
{
	enum shm_leg leg = tag->leg;

	session->under_way--;
	switch (tag->operation) {
	case COMPLETION_READ:
		return complete_read(worker, session, leg, result);
	case COMPLETION_POLL:
		session->leg[leg].read = READ_NONE;
		if (result != -ECANCELED)
			session->leg[leg].flags &= (uint16_t)~LEG_PARKED;
		return NEWS_OUTPUT;
	case COMPLETION_SEND:
		return complete_send(worker, session, leg, result);
	default:
		return NEWS_NONE;
	}
}
