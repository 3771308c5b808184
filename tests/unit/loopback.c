#include "loopback.h"

#include "daemon/endpoint.h"
#include "daemon/supervisor/leg.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define WAIT_MS 10000

static void
set_up_device(void)
{
	struct ifreq request = {.ifr_name = "lo"};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_int_equal(ioctl(fd, SIOCGIFFLAGS, &request), 0);
	request.ifr_flags |= IFF_UP;
	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &request), 0);
	close(fd);
}

void
loopback_enter(void)
{
	static bool entered;

	if (entered)
		return;
	if (unshare(CLONE_NEWNET) < 0)
		skip();
	set_up_device();
	entered = true;
}

void
loopback_set_timestamps(bool on)
{
	int fd = open("/proc/sys/net/ipv4/tcp_timestamps", O_WRONLY | O_CLOEXEC);

	assert_int_equal(write(fd, on ? "1" : "0", 1), 1);
	close(fd);
}

struct shm_endpoint
loopback_address(unsigned family, uint8_t number, uint16_t port)
{
	struct shm_endpoint endpoint = {.family = (uint8_t)family, .port = port};

	if (family == 4)
		memcpy(endpoint.address, (uint8_t[]){127, 0, 0, number}, 4);
	else
		endpoint.address[15] = 1;
	return endpoint;
}

static void
take_name(int fd, struct shm_endpoint *ret_endpoint)
{
	struct sockaddr_storage address = {0};
	socklen_t length = sizeof(address);

	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
	endpoint_take(&address, ret_endpoint);
}

static int
bound_socket(const struct shm_endpoint *endpoint)
{
	struct sockaddr_storage address;
	socklen_t length = endpoint_sockaddr(endpoint, &address);
	int one = 1;
	int fd = socket(endpoint->family == 4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)), 0);
	assert_int_equal(leg_set_options(fd), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
	return fd;
}

int
loopback_listen(struct shm_endpoint *endpoint, int backlog)
{
	int fd = bound_socket(endpoint);

	assert_int_equal(listen(fd, backlog), 0);
	take_name(fd, endpoint);
	return fd;
}

struct loopback
loopback_connect(unsigned family, bool active)
{
	struct shm_endpoint from = loopback_address(family, active ? 1 : 2, 0);
	struct shm_endpoint to = loopback_address(family, active ? 2 : 1, 0);
	struct loopback link;
	struct sockaddr_storage address;
	int listener = loopback_listen(&to, 8), client = bound_socket(&from);
	socklen_t length = endpoint_sockaddr(&to, &address);
	int server;

	assert_int_equal(connect(client, (struct sockaddr *)&address, length), 0);
	server = accept(listener, NULL, NULL);
	assert_true(server >= 0);
	close(listener);
	link.ours = active ? client : server;
	link.peer = active ? server : client;
	take_name(link.ours, &link.local);
	take_name(link.peer, &link.remote);
	return link;
}

void
loopback_deafen(int fd)
{
	struct sock_filter drop = BPF_STMT(BPF_RET | BPF_K, 0);
	const struct sock_fprog program = {.len = 1, .filter = &drop};

	assert_int_equal(
	    setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)), 0);
}

void
loopback_hear(int fd)
{
	int none = 0;

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &none, sizeof(none)), 0);
}

/* ---- what the kernel says ---- */

/* Address and port as /proc/net/tcp has them. */
static void
print_end(const struct shm_endpoint *end, char *text, size_t size)
{
	uint32_t word[4];
	int n = 0;

	memcpy(word, end->address, sizeof(word));
	for (int i = 0; i < (end->family == 4 ? 1 : 4); i++)
		n += snprintf(text + n, size - (size_t)n, "%08X", word[i]);
	snprintf(text + n, size - (size_t)n, ":%04X", end->port);
}

unsigned
loopback_state(const struct shm_endpoint *local, const struct shm_endpoint *remote)
{
	char ours[48], theirs[48], both[128], line[512];
	unsigned found = 0;
	FILE *file = fopen(local->family == 4 ? "/proc/self/net/tcp" : "/proc/self/net/tcp6", "re");

	assert_non_null(file);
	print_end(local, ours, sizeof(ours));
	print_end(remote, theirs, sizeof(theirs));
	snprintf(both, sizeof(both), ": %s %s ", ours, theirs);
	while (found == 0 && fgets(line, sizeof(line), file) != NULL) {
		const char *at = strstr(line, both);

		found = at == NULL ? 0 : (unsigned)strtoul(at + strlen(both), NULL, 16);
	}
	fclose(file);
	return found;
}

void
loopback_expect_state(
    const struct shm_endpoint *local, const struct shm_endpoint *remote, unsigned state)
{
	for (int i = 0; i < WAIT_MS && loopback_state(local, remote) != state; i++)
		usleep(1000);
	assert_int_equal(loopback_state(local, remote), state);
}

/* ---- what comes ---- */

static ssize_t
receive(int fd, char *byte)
{
	struct pollfd poller = {.fd = fd, .events = POLLIN};

	assert_int_equal(poll(&poller, 1, WAIT_MS), 1);
	return recv(fd, byte, 1, 0);
}

void
loopback_expect_passes(int from, int to)
{
	static char last;
	char byte = 0;

	last = (char)(last % 100 + 1);
	assert_int_equal(send(from, &last, 1, MSG_NOSIGNAL), 1);
	assert_int_equal(receive(to, &byte), 1);
	assert_int_equal(byte, last);
}

void
loopback_expect_end(int fd)
{
	char byte;

	assert_int_equal(receive(fd, &byte), 0);
}

void
loopback_expect_reset(int fd)
{
	char byte;

	assert_int_equal(receive(fd, &byte), -1);
	assert_int_equal(errno, ECONNRESET);
}
