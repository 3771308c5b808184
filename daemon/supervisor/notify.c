#include "daemon/supervisor/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* The length, 0: there is none. */
static socklen_t
find_address(struct sockaddr_un *ret_address)
{
	const char *path = getenv("NOTIFY_SOCKET");
	size_t length = path ? strlen(path) : 0;

	if (length < 2 || length >= sizeof(ret_address->sun_path) ||
	    (path[0] != '/' && path[0] != '@'))
		return 0;
	*ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
	memcpy(ret_address->sun_path, path, length);
	if (path[0] == '@') /* the abstract name space */
		ret_address->sun_path[0] = '\0';
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
}

void
notify_send(const char *text)
{
	notify_send_fds(text, NULL, 0);
}

void
notify_send_fds(const char *text, const int *fds, unsigned count)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(NOTIFY_FDS_MAX * sizeof(int))];
	} control = {0};
	struct sockaddr_un address;
	struct iovec vector = {.iov_base = (void *)(uintptr_t)text, .iov_len = strlen(text)};
	struct msghdr message = {.msg_name = &address, .msg_iov = &vector, .msg_iovlen = 1};
	struct cmsghdr *header;
	int fd;

	message.msg_namelen = find_address(&address);
	if (message.msg_namelen == 0 || count > NOTIFY_FDS_MAX)
		return;
	if (count > 0) {
		message.msg_control = control.bytes;
		message.msg_controllen = CMSG_SPACE(count * sizeof(int));
		header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(header), fds, count * sizeof(int));
	}
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
	close(fd);
}

/* A number that fills the whole variable; 0: it does not. */
static uint64_t
number_of(const char *name)
{
	const char *text = getenv(name);
	uint64_t number;
	char *end;

	if (!text || *text < '0' || *text > '9')
		return 0;
	errno = 0;
	number = strtoull(text, &end, 10);
	return errno == 0 && *end == '\0' ? number : 0;
}

void
notify_watchdog_init(struct notify_watchdog *watchdog)
{
	*watchdog = (struct notify_watchdog){0};
	if (getenv("WATCHDOG_PID") && number_of("WATCHDOG_PID") != (uint64_t)getpid())
		return;
	watchdog->every_ms = number_of("WATCHDOG_USEC") / 4000;
}

void
notify_watchdog_beat(struct notify_watchdog *watchdog, uint64_t now_ms)
{
	if (watchdog->every_ms == 0 || now_ms - watchdog->told_ms < watchdog->every_ms)
		return;
	watchdog->told_ms = now_ms;
	notify_send("WATCHDOG=1");
}
