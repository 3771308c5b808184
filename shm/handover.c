#include "shm/handover.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

unsigned
handover_item_fds(const struct handover_item *item)
{
	unsigned legs = item->legs & (HANDOVER_LEG(SHM_CLIENT) | HANDOVER_LEG(SHM_SERVER));

	switch (item->kind) {
	case HANDOVER_CLIENT:
	case HANDOVER_SERVER:
	case HANDOVER_ADOPT:
		return (legs & 1u) + (legs >> 1);
	default:
		return 0;
	}
}

int
handover_send(int socket, const struct handover_item *items, unsigned count, const int *fds,
    unsigned fd_count)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int) * HANDOVER_FDS)];
	} control;
	struct iovec data = {
	    .iov_base = (void *)(uintptr_t)items, .iov_len = sizeof(*items) * count};
	struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1};

	if (count == 0 || count > HANDOVER_BATCH || fd_count > HANDOVER_FDS)
		return -EINVAL;
	if (fd_count > 0) {
		memset(&control, 0, sizeof(control));
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
		memcpy(CMSG_DATA(&control.header), fds, sizeof(int) * fd_count);
	}
	if (sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return -errno;
	return 0;
}

/* Takes every descriptor that came; those beyond HANDOVER_FDS are closed and counted. */
static unsigned
handover_take_fds(struct msghdr *message, int fds[HANDOVER_FDS], unsigned *ret_surplus)
{
	unsigned count = 0;

	*ret_surplus = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t at = 0; at + sizeof(int) <= c->cmsg_len - CMSG_LEN(0);
		     at += sizeof(int)) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + at, sizeof(fd));
			if (count < HANDOVER_FDS) {
				fds[count++] = fd;
			} else {
				close(fd);
				++*ret_surplus;
			}
		}
	}
	return count;
}

int
handover_receive(int socket, struct handover_item items[HANDOVER_BATCH], int fds[HANDOVER_FDS],
    unsigned *ret_fd_count)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int) * HANDOVER_FDS)];
	} control;
	struct iovec data = {.iov_base = items, .iov_len = sizeof(*items) * HANDOVER_BATCH};
	struct msghdr message = {.msg_iov = &data,
	    .msg_iovlen = 1,
	    .msg_control = &control,
	    .msg_controllen = sizeof(control)};
	unsigned expected = 0, surplus, count;
	ssize_t length = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (length < 0)
		return -errno;
	count = handover_take_fds(&message, fds, &surplus);
	if (length == 0 && count == 0)
		return 0;
	for (size_t i = 0; i < (size_t)length / sizeof(*items); i++)
		expected += handover_item_fds(&items[i]);
	if (length == 0 || (size_t)length % sizeof(*items) != 0 || expected != count ||
	    surplus != 0 || (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
		for (unsigned i = 0; i < count; i++)
			close(fds[i]);
		return -EPROTO;
	}
	*ret_fd_count = count;
	return (int)((size_t)length / sizeof(*items));
}
