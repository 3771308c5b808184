#include "daemon/supervisor/shelf.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A worker in an attacker's hands may put more and more on its own shelf. */
#define LOOK_PACKETS 256u

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(SHELF_PACKET_FDS * sizeof(int))];
};

void
shelf_init(struct shelf *shelf)
{
	*shelf = (struct shelf){.end = {-1, -1}};
}

int
shelf_open(struct shelf *shelf)
{
	shelf_init(shelf);
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, shelf->end) < 0 ? -errno : 0;
}

void
shelf_close(struct shelf *shelf)
{
	for (int i = 0; i < 2; i++)
		if (shelf->end[i] >= 0)
			close(shelf->end[i]);
	shelf_init(shelf);
}

void
shelf_found(struct shelf *shelf, const int end[2])
{
	shelf_init(shelf);
	memcpy(shelf->end, end, sizeof(shelf->end));
}

static int
packet_put(int end, const int *fds, unsigned count)
{
	union control control = {0};
	struct iovec vector = {.iov_base = (char[]){0}, .iov_len = 1};
	struct msghdr message = {
	    .msg_iov = &vector,
	    .msg_iovlen = 1,
	    .msg_control = control.bytes,
	    .msg_controllen = CMSG_SPACE(count * sizeof(int)),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(count * sizeof(int));
	memcpy(CMSG_DATA(header), fds, count * sizeof(int));
	return sendmsg(end, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* How many descriptors it held; -1: no packet is left. */
static int
packet_take(int end, int flags, int fds[SHELF_PACKET_FDS])
{
	union control control;
	char byte;
	struct iovec vector = {.iov_base = &byte, .iov_len = 1};
	struct msghdr message = {
	    .msg_iov = &vector,
	    .msg_iovlen = 1,
	    .msg_control = control.bytes,
	    .msg_controllen = sizeof(control.bytes),
	};
	struct cmsghdr *header;
	size_t count;

	if (recvmsg(end, &message, flags | MSG_DONTWAIT | MSG_CMSG_CLOEXEC) <= 0)
		return -1;
	header = CMSG_FIRSTHDR(&message);
	if (!header || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
		return 0;
	count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	memcpy(fds, CMSG_DATA(header), count * sizeof(int));
	return (int)count;
}

static void
close_all(const int *fds, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		close(fds[i]);
}

/* The oldest packets. */
static void
drop(struct shelf *shelf, unsigned packets)
{
	int fds[SHELF_PACKET_FDS];

	for (unsigned i = 0; i < packets; i++) {
		int count = packet_take(shelf->end[1], 0, fds);

		if (count < 0)
			return;
		close_all(fds, (unsigned)count);
	}
}

int
shelf_put(struct shelf *shelf, const int *fds, unsigned count)
{
	unsigned old = shelf->packets, put = 0;
	int r = 0;

	if (shelf->end[0] < 0)
		return 0;
	/* First the new ones, so that at no instant a listener lies nowhere. */
	while (count > 0 && r == 0) {
		unsigned part = count < SHELF_PACKET_FDS ? count : SHELF_PACKET_FDS;

		r = packet_put(shelf->end[0], fds, part);
		put += r == 0;
		fds += part;
		count -= part;
	}
	drop(shelf, old);
	shelf->packets = put;
	return r;
}

void
shelf_empty(struct shelf *shelf)
{
	if (shelf->end[1] >= 0)
		drop(shelf, LOOK_PACKETS);
	shelf->packets = 0;
}

/* Peeks at one packet after the other: at no instant anything lies nowhere. */
void
shelf_each(struct shelf *shelf, shelf_take *take, void *owner)
{
	int packet[SHELF_PACKET_FDS];
	const int begin = 0, off = -1;

	shelf->packets = 0;
	if (shelf->end[1] < 0 ||
	    setsockopt(shelf->end[1], SOL_SOCKET, SO_PEEK_OFF, &begin, sizeof(begin)) < 0)
		return;
	while (shelf->packets < LOOK_PACKETS) {
		int count = packet_take(shelf->end[1], MSG_PEEK, packet);

		if (count < 0)
			break;
		shelf->packets++;
		for (int i = 0; i < count; i++)
			take(owner, packet[i]);
	}
	setsockopt(shelf->end[1], SOL_SOCKET, SO_PEEK_OFF, &off, sizeof(off));
}

struct seen {
	int *fds;
	unsigned count, most;
};

static void
see(void *owner, int fd)
{
	struct seen *seen = owner;

	if (seen->count < seen->most)
		seen->fds[seen->count++] = fd;
	else
		close(fd);
}

unsigned
shelf_look(struct shelf *shelf, int *fds, unsigned most)
{
	struct seen seen = {.fds = fds, .most = most};

	shelf_each(shelf, see, &seen);
	return seen.count;
}

int
shelf_hold(struct shelf *shelf, int fd)
{
	return packet_put(shelf->end[1], &fd, 1);
}

/* Without room for descriptors the kernel closes those of the packet. */
void
shelf_release(struct shelf *shelf)
{
	char byte;

	recv(shelf->end[0], &byte, 1, MSG_DONTWAIT);
}

int
shelf_held(struct shelf *shelf)
{
	int packet[SHELF_PACKET_FDS];
	int count = packet_take(shelf->end[0], MSG_PEEK, packet);

	if (count <= 0)
		return -1;
	close_all(packet + 1, (unsigned)count - 1);
	return packet[0];
}
