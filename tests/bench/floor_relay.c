/*
 * floor_relay -- the least that a relay can do, for the bench to compare with
 *
 * usage: floor_relay LISTEN-PORT SERVER-PORT      (both on 127.0.0.1)
 *
 * Accepts, connects to the server, and moves bytes both ways through one buffer for each way:
 * one-shot recv, then send, by io_uring with SINGLE_ISSUER and DEFER_TASKRUN, completions reaped
 * and requests submitted in batches.  It looks at nothing, limits nothing, logs nothing and
 * survives nothing.  It ends by SIGTERM.
 */
#include <errno.h>
#include <liburing.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUFFER_SIZE 65536u
#define RING_SIZE   4096u
#define BATCH	    256u

enum operation { OP_ACCEPT, OP_CONNECT, OP_RECEIVE, OP_SEND };

struct pair {
	int fd[2];	/* client, server */
	unsigned waits; /* requests under way */
	unsigned ends;	/* bit: that side has said its last byte */
	int broken;
	struct pair *next; /* of the free ones */
	uint8_t buffer[2][BUFFER_SIZE];
};

struct relay {
	struct io_uring ring;
	int listener;
	struct sockaddr_in server;
	struct pair *unused;
};

static uint64_t
tag_make(const struct pair *pair, enum operation operation, unsigned side)
{
	return (uint64_t)(uintptr_t)pair | (uint64_t)operation << 1 | side;
}

static struct io_uring_sqe *
request(struct relay *relay, struct pair *pair, enum operation operation, unsigned side)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&relay->ring);

	if (!sqe) {
		io_uring_submit(&relay->ring);
		sqe = io_uring_get_sqe(&relay->ring);
	}
	if (!sqe)
		abort();
	if (pair)
		pair->waits++;
	sqe->user_data = tag_make(pair, operation, side);
	return sqe;
}

static void
prepare_accept(struct relay *relay)
{
	struct io_uring_sqe *sqe = request(relay, NULL, OP_ACCEPT, 0);
	uint64_t tag = sqe->user_data;

	io_uring_prep_multishot_accept(sqe, relay->listener, NULL, NULL, SOCK_CLOEXEC);
	sqe->user_data = tag;
}

/* Receives from `side`. */
static void
prepare_receive(struct relay *relay, struct pair *pair, unsigned side)
{
	struct io_uring_sqe *sqe = request(relay, pair, OP_RECEIVE, side);
	uint64_t tag = sqe->user_data;

	io_uring_prep_recv(sqe, pair->fd[side], pair->buffer[side], BUFFER_SIZE, 0);
	sqe->user_data = tag;
}

/* Sends what came from `side` to the other one. */
static void
prepare_send(struct relay *relay, struct pair *pair, unsigned side, size_t length)
{
	struct io_uring_sqe *sqe = request(relay, pair, OP_SEND, side);
	uint64_t tag = sqe->user_data;

	io_uring_prep_send(
	    sqe, pair->fd[!side], pair->buffer[side], length, MSG_NOSIGNAL | MSG_WAITALL);
	sqe->user_data = tag;
}

static void
pair_close(struct relay *relay, struct pair *pair)
{
	close(pair->fd[0]);
	close(pair->fd[1]);
	pair->next = relay->unused;
	relay->unused = pair;
}

static void
pair_open(struct relay *relay, int client)
{
	struct pair *pair = relay->unused;
	int one = 1;

	if (pair)
		relay->unused = pair->next;
	else if (posix_memalign((void **)&pair, 64, sizeof(*pair)) != 0)
		abort();
	pair->waits = pair->ends = 0;
	pair->broken = 0;
	pair->fd[0] = client;
	pair->fd[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (pair->fd[1] < 0)
		abort();
	setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(pair->fd[1], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));

	struct io_uring_sqe *sqe = request(relay, pair, OP_CONNECT, 0);
	uint64_t tag = sqe->user_data;
	io_uring_prep_connect(
	    sqe, pair->fd[1], (struct sockaddr *)&relay->server, sizeof(relay->server));
	sqe->user_data = tag;
}

static void
pair_break(struct pair *pair)
{
	if (!pair->broken) {
		shutdown(pair->fd[0], SHUT_RDWR);
		shutdown(pair->fd[1], SHUT_RDWR);
	}
	pair->broken = 1;
}

static void
pair_event(
    struct relay *relay, struct pair *pair, enum operation operation, unsigned side, int result)
{
	pair->waits--;
	if (result < 0)
		pair_break(pair);
	if (!pair->broken) {
		switch (operation) {
		case OP_CONNECT:
			prepare_receive(relay, pair, 0);
			prepare_receive(relay, pair, 1);
			break;
		case OP_RECEIVE:
			if (result > 0) {
				prepare_send(relay, pair, side, (size_t)result);
				break;
			}
			pair->ends |= 1u << side;
			shutdown(pair->fd[!side], SHUT_WR);
			break;
		default:
			prepare_receive(relay, pair, side);
			break;
		}
	}
	if (pair->waits == 0)
		pair_close(relay, pair);
}

static void
event(struct relay *relay, uint64_t tag, int result, unsigned flags)
{
	enum operation operation = (enum operation)(tag >> 1 & 3);
	struct pair *pair = (struct pair *)(uintptr_t)(tag & ~UINT64_C(7));

	if (operation != OP_ACCEPT) {
		pair_event(relay, pair, operation, tag & 1, result);
		return;
	}
	if (result >= 0)
		pair_open(relay, result);
	if ((flags & IORING_CQE_F_MORE) == 0)
		prepare_accept(relay);
}

static int
relay_open(struct relay *relay, unsigned port, unsigned server)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
	    .sin_port = htons((uint16_t)port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int one = 1, r;

	relay->server = address;
	relay->server.sin_port = htons((uint16_t)server);
	relay->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(relay->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(relay->listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(relay->listener, 4096) < 0)
		return -errno;
	r = io_uring_queue_init(
	    RING_SIZE, &relay->ring, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);
	return r;
}

int
main(int argc, char **argv)
{
	static struct relay relay;
	struct io_uring_cqe *cqes[BATCH];

	if (argc != 3) {
		fprintf(stderr, "usage: floor_relay LISTEN-PORT SERVER-PORT\n");
		return 64;
	}
	int r = relay_open(
	    &relay, (unsigned)strtoul(argv[1], NULL, 10), (unsigned)strtoul(argv[2], NULL, 10));
	if (r < 0) {
		fprintf(stderr, "floor_relay: error %d\n", -r);
		return 71;
	}
	prepare_accept(&relay);
	for (;;) {
		io_uring_submit_and_wait(&relay.ring, 1);
		unsigned count = io_uring_peek_batch_cqe(&relay.ring, cqes, BATCH);
		for (unsigned i = 0; i < count; i++)
			event(&relay, cqes[i]->user_data, cqes[i]->res, cqes[i]->flags);
		io_uring_cq_advance(&relay.ring, count);
	}
}
