#include "shm/handover.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Room for more than a packet may carry, so that too many are seen and closed here. */
#define FDS_ROOM 256u

_Static_assert(HANDOVER_FDS <= FDS_ROOM, "all that a packet may carry");

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(FDS_ROOM * sizeof(int))];
};

struct received_fds {
	unsigned count;
	bool too_many;
	int fd[FDS_ROOM];
};

unsigned
handover_item_fds(const struct handover_item *item)
{
	switch (item->kind) {
	case HANDOVER_CLIENT:
	case HANDOVER_SERVER:
	case HANDOVER_GREETING:
		return 1;
	case HANDOVER_ADOPT:
		return ((item->legs & HANDOVER_LEG(SHM_CLIENT)) != 0) +
		       ((item->legs & HANDOVER_LEG(SHM_SERVER)) != 0);
	default:
		return 0;
	}
}

static unsigned
sum_fds(const struct handover_item *items, unsigned count)
{
	unsigned sum = 0;

	for (unsigned i = 0; i < count; i++)
		sum += handover_item_fds(&items[i]);
	return sum;
}

int
handover_send(int socket, const struct handover_item *items, unsigned count, const int *fds,
    unsigned fd_count)
{
	union control control;
	struct iovec vector = {.iov_base = (void *)items, .iov_len = count * sizeof(*items)};
	struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
	struct cmsghdr *header;
	ssize_t sent;

	if (count == 0 || count > HANDOVER_BATCH || fd_count != sum_fds(items, count))
		return -EINVAL;
	if (fd_count > 0) {
		memset(&control, 0, sizeof(control));
		message.msg_control = control.bytes;
		message.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
		header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
		memcpy(CMSG_DATA(header), fds, fd_count * sizeof(int));
	}
	do {
		sent = sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : 0;
}

static void
close_all(const struct received_fds *received)
{
	for (unsigned i = 0; i < received->count; i++)
		close(received->fd[i]);
}

/* All descriptors of all SCM_RIGHTS messages: whatever came is open in this process now, and what
 * is not collected here would stay open for ever. */
static void
collect_fds(struct msghdr *message, struct received_fds *received)
{
	struct cmsghdr *header;

	received->count = 0;
	received->too_many = false;
	for (header = CMSG_FIRSTHDR(message); header != NULL;
	     header = CMSG_NXTHDR(message, header)) {
		size_t fds;

		if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS ||
		    header->cmsg_len < CMSG_LEN(0))
			continue;
		fds = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < fds; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(fd));
			if (received->count < FDS_ROOM) {
				received->fd[received->count++] = fd;
			} else {
				close(fd);
				received->too_many = true;
			}
		}
	}
}

static bool
packet_is_valid(const struct msghdr *message, size_t length, const struct handover_item *items,
    const struct received_fds *received)
{
	size_t count = length / sizeof(*items);

	if ((message->msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 || received->too_many)
		return false;
	if (length == 0 || length % sizeof(*items) != 0 || count > HANDOVER_BATCH)
		return false;
	return received->count == sum_fds(items, (unsigned)count);
}

int
handover_receive(int socket, struct handover_item items[HANDOVER_BATCH], int fds[HANDOVER_FDS],
    unsigned *ret_fd_count)
{
	union control control;
	struct iovec vector = {.iov_base = items, .iov_len = HANDOVER_BATCH * sizeof(*items)};
	struct msghdr message = {
	    .msg_iov = &vector,
	    .msg_iovlen = 1,
	    .msg_control = control.bytes,
	    .msg_controllen = sizeof(control.bytes),
	};
	struct received_fds received;
	ssize_t length;

	do {
		length = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	} while (length < 0 && errno == EINTR);
	if (length < 0)
		return -errno;
	collect_fds(&message, &received);
	if (length == 0 && received.count == 0)
		return 0;
	if (!packet_is_valid(&message, (size_t)length, items, &received)) {
		close_all(&received);
		return -EPROTO;
	}
	memcpy(fds, received.fd, received.count * sizeof(int));
	*ret_fd_count = received.count;
	return (int)((size_t)length / sizeof(*items));
}
