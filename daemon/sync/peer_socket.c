#include "daemon/sync/peer_socket.h"

#include "daemon/endpoint.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#define NOT_SENT_MAX	(128 * 1024) /* bytes that wait in the kernel beside those under way */
#define KEEP_IDLE_S	2
#define KEEP_INTERVAL_S 1
#define KEEP_TIMES	3

static void
set(int fd, int level, int option, int value)
{
	/* Each of them makes things better and none is needed. */
	if (setsockopt(fd, level, option, &value, sizeof(value)) < 0)
		errno = 0;
}

static int
open_socket(const struct shm_endpoint *endpoint)
{
	bool is_six = endpoint->family == 6;
	int fd = socket(
	    is_six ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);

	if (fd < 0)
		return -errno;
	set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (is_six)
		set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	set(fd, is_six ? IPPROTO_IPV6 : IPPROTO_IP, is_six ? IPV6_FREEBIND : IP_FREEBIND, 1);
	return fd;
}

static int
bind_to(int fd, const struct shm_endpoint *endpoint)
{
	struct sockaddr_storage address;
	socklen_t length = endpoint_sockaddr(endpoint, &address);

	return bind(fd, (struct sockaddr *)&address, length) < 0 ? -errno : 0;
}

static int
given(int fd, int result)
{
	if (result == 0)
		return fd;
	close(fd);
	return result;
}

int
peer_socket_listen(const struct shm_endpoint *endpoint)
{
	int fd = open_socket(endpoint);

	if (fd < 0)
		return fd;
	int result = bind_to(fd, endpoint);
	if (result == 0 && listen(fd, PEER_SOCKET_BACKLOG) < 0)
		result = -errno;
	return given(fd, result);
}

int
peer_socket_accept(int listener, struct shm_endpoint *ret_other)
{
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);
	int fd =
	    accept4(listener, (struct sockaddr *)&address, &length, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return -errno;
	endpoint_take(&address, ret_other);
	return fd;
}

int
peer_socket_connect(const struct shm_endpoint *from, const struct shm_endpoint *to)
{
	struct shm_endpoint own = *from;
	struct sockaddr_storage address;
	socklen_t length = endpoint_sockaddr(to, &address);
	int fd = open_socket(to);

	if (fd < 0)
		return fd;
	own.port = 0;
	set(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
	int result = endpoint_is_any(&own) || own.family != to->family ? 0 : bind_to(fd, &own);
	if (result == 0 && connect(fd, (struct sockaddr *)&address, length) < 0 &&
	    errno != EINPROGRESS)
		result = -errno;
	return given(fd, result);
}

int
peer_socket_error(int fd)
{
	int error = 0;
	socklen_t length = sizeof(error);

	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0 ? -errno : -error;
}

void
peer_socket_tune(int fd, unsigned silence_ms)
{
	set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, (int)silence_ms);
	set(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, NOT_SENT_MAX);
	set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	set(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEP_IDLE_S);
	set(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEP_INTERVAL_S);
	set(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEP_TIMES);
}
