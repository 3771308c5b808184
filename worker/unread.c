#include "worker/unread.h"

#include "worker/worker.h"

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define SKIPS  (SHM_UNREAD_MAX / (2u * INSPECT_LOOKAHEAD))
#define PIECES (SKIPS + SHM_UNREAD_MAX / SHM_CHUNK_SIZE + 1u)

struct pieces {
	struct iovec piece[PIECES];
	size_t count;
};

static void
add_piece(struct pieces *pieces, void *base, size_t length)
{
	pieces->piece[pieces->count++] = (struct iovec){.iov_base = base, .iov_len = length};
}

/* What was copied before may have gone from the window by now, and goes where it does no harm. */
static void
add_skipped(struct worker *worker, uint32_t length, struct pieces *pieces)
{
	while (length > 0) {
		uint32_t part =
		    length < sizeof(worker->scratch) ? length : (uint32_t)sizeof(worker->scratch);

		add_piece(pieces, worker->scratch, part);
		length -= part;
	}
}

static bool
has_room(
    struct worker *worker, const struct session *session, struct window *window, uint64_t position)
{
	return window_end(window) != position ||
	       (waiting_may_take(worker) &&
		   window_append(window, &worker->shm, &worker->chunks, session->slot) == 0);
}

static void
add_room(struct worker *worker, struct session *session, enum shm_leg leg, uint32_t length,
    struct pieces *pieces)
{
	struct window *window = &session->shared->input[leg];
	uint64_t position = session->leg[leg].received;

	while (length > 0 && has_room(worker, session, window, position)) {
		size_t part;
		uint8_t *span = window_span(window, &worker->shm, position, length, &part);

		if (span == NULL)
			return;
		add_piece(pieces, span, part);
		position += part;
		length -= (uint32_t)part;
	}
}

/* `there`: in the kernel, more than leg.unread. */
static uint32_t
copy(struct worker *worker, struct session *session, enum shm_leg leg, uint32_t there)
{
	struct leg *side = &session->leg[leg];
	struct pieces pieces = {.count = 0};
	struct msghdr header = {.msg_iov = pieces.piece};
	ssize_t got;

	add_skipped(worker, side->unread, &pieces);
	add_room(worker, session, leg, there - side->unread, &pieces);
	header.msg_iovlen = pieces.count;
	got = recvmsg(side->descriptor, &header, MSG_PEEK | MSG_DONTWAIT);
	explicit_bzero(worker->scratch, sizeof(worker->scratch));
	if (got <= (ssize_t)side->unread)
		return 0;
	got -= (ssize_t)side->unread;
	side->unread += (uint32_t)got;
	side->received += (uint64_t)got;
	return (uint32_t)got;
}

static bool
is_ended(int fd)
{
	uint8_t state = 0;
	socklen_t length = sizeof(state);

	/* The first field of struct tcp_info. */
	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &state, &length) == 0 &&
	       (state == TCP_CLOSE_WAIT || state == TCP_LAST_ACK || state == TCP_CLOSING ||
		   state == TCP_TIME_WAIT);
}

uint32_t
unread_copy(struct worker *worker, struct session *session, enum shm_leg leg)
{
	struct leg *side = &session->leg[leg];
	/* In this order: behind the FIN nothing comes between the two. */
	bool ended = is_ended(side->descriptor);
	int there = 0;
	uint32_t got = 0;

	if (ioctl(side->descriptor, SIOCINQ, &there) < 0 || there < 0)
		return 0;
	if ((uint32_t)there > side->unread && side->unread < SHM_UNREAD_MAX)
		got = copy(worker, session, leg,
		    (uint32_t)there < SHM_UNREAD_MAX ? (uint32_t)there : SHM_UNREAD_MAX);
	if (ended && side->unread == (uint32_t)there) {
		unread_drop(side);
		side->flags |= LEG_END;
	}
	return got;
}

/* Kernels from 6.11 on derive from a small buffer the most that they offer, and keep it: a leg that was narrow would be
 * slow for ever.  It is not set where nothing is wrong: older ones may keep a window of 0 shut by it. */
static void
widen(struct leg *side)
{
	const int size = (int)SHM_RECEIVE_BUFFER, most = 2 * size;
	int offers = most;
	socklen_t length = sizeof(offers);

	setsockopt(side->descriptor, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (getsockopt(side->descriptor, IPPROTO_TCP, TCP_WINDOW_CLAMP, &offers, &length) == 0 &&
	    offers < size / 2)
		setsockopt(side->descriptor, IPPROTO_TCP, TCP_WINDOW_CLAMP, &most, sizeof(most));
	side->flags &= (uint16_t)~LEG_NARROW;
}

void
unread_drop(struct leg *side)
{
	if (side->flags & LEG_NARROW)
		widen(side);
	while (side->unread > 0) {
		struct iovec nowhere = {.iov_base = NULL, .iov_len = side->unread};
		struct msghdr header = {.msg_iov = &nowhere, .msg_iovlen = 1};
		ssize_t got = recvmsg(side->descriptor, &header, MSG_TRUNC | MSG_DONTWAIT);

		/* Gone with the connection. */
		if (got <= 0)
			side->unread = 0;
		else
			side->unread -= (uint32_t)got;
	}
}
