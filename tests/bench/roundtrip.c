/*
 * roundtrip -- how long a small message takes to a process of another host and back
 *
 * usage: roundtrip listen ADDRESS PORT		answers one connection, then ends
 *	  roundtrip ask ADDRESS PORT COUNT	prints the median and the 99th percentile in microseconds
 *
 * What the two sync processes of a pair cannot do without, by TCP and with a wake-up at either end.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define COUNT_MAX 100000u
#define MESSAGE	  512u /* a record, or two acknowledgements, are about as long */

static void
give_up(const char *what)
{
	fprintf(stderr, "roundtrip: %s\n", what);
	exit(1);
}

static int
make_socket(const char *address, const char *port, struct sockaddr_in *ret_address)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	*ret_address = (struct sockaddr_in){
	    .sin_family = AF_INET, .sin_port = htons((uint16_t)strtoul(port, NULL, 10))};
	if (inet_pton(AF_INET, address, &ret_address->sin_addr) != 1)
		give_up("no IPv4 address");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

/* False: the other side has ended. */
static bool
receive(int fd, uint8_t message[MESSAGE])
{
	return recv(fd, message, MESSAGE, MSG_WAITALL) == MESSAGE;
}

static void
say(int fd, const uint8_t message[MESSAGE])
{
	if (send(fd, message, MESSAGE, MSG_NOSIGNAL) != MESSAGE)
		give_up("cannot send");
}

static int
answer(const char *address, const char *port)
{
	struct sockaddr_in own;
	uint8_t message[MESSAGE];
	int listener = make_socket(address, port, &own), fd, one = 1;

	if (bind(listener, (struct sockaddr *)&own, sizeof(own)) < 0 || listen(listener, 1) < 0)
		give_up("cannot listen");
	puts("ready");
	fflush(stdout);
	fd = accept(listener, NULL, NULL);
	if (fd < 0)
		give_up("cannot accept");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	while (receive(fd, message))
		say(fd, message);
	return 0;
}

static int
compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static uint64_t
now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int
ask(const char *address, const char *port, unsigned long count)
{
	static uint64_t taken[COUNT_MAX];
	struct sockaddr_in other;
	uint8_t message[MESSAGE] = {0};
	int fd = make_socket(address, port, &other);

	if (connect(fd, (struct sockaddr *)&other, sizeof(other)) < 0)
		give_up("cannot connect");
	for (unsigned long i = 0; i < count; i++) {
		uint64_t start = now_ns();

		say(fd, message);
		if (!receive(fd, message))
			give_up("no answer");
		taken[i] = now_ns() - start;
	}
	close(fd);
	qsort(taken, count, sizeof(taken[0]), compare);
	printf(
	    "%.1f %.1f\n", (double)taken[count / 2] / 1000, (double)taken[count * 99 / 100] / 1000);
	return 0;
}

int
main(int argc, char **argv)
{
	unsigned long count = argc == 5 ? strtoul(argv[4], NULL, 10) : 0;

	if (argc == 4 && strcmp(argv[1], "listen") == 0)
		return answer(argv[2], argv[3]);
	if (count > 0 && count <= COUNT_MAX && strcmp(argv[1], "ask") == 0)
		return ask(argv[2], argv[3], count);
	fprintf(stderr, "usage: roundtrip listen ADDRESS PORT | ask ADDRESS PORT COUNT\n");
	return 64;
}
