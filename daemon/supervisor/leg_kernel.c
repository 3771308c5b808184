#include "daemon/supervisor/leg_kernel.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

int
leg_kernel_set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) < 0 ? -errno : 0;
}

int
leg_kernel_info(int fd, struct tcp_info *ret_info)
{
	socklen_t length = sizeof(*ret_info);

	memset(ret_info, 0, sizeof(*ret_info));
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, ret_info, &length) < 0)
		return -errno;
	return 0;
}

uint64_t
leg_kernel_cookie(int fd)
{
	uint64_t cookie = 0;
	socklen_t length = sizeof(cookie);

	return getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &length) < 0 ? 0 : cookie;
}

int
leg_kernel_sequence(int fd, uint32_t *ret_sequence)
{
	socklen_t length = sizeof(*ret_sequence);

	return getsockopt(fd, IPPROTO_TCP, TCP_QUEUE_SEQ, ret_sequence, &length) < 0 ? -errno : 0;
}

int
leg_kernel_queue(int fd, int queue, uint32_t *ret_sequence)
{
	int r = leg_kernel_set(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, queue);

	return r < 0 ? r : leg_kernel_sequence(fd, ret_sequence);
}
