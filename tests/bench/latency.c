/*
 * latency -- how long one mail transaction takes after another, on one connection
 *
 * usage: latency ADDRESS PORT COUNT
 *
 * MAIL, RCPT, DATA and a message of 1 KB, each sent when the reply before it has come.  Prints
 * the median and the 99th percentile of the transactions in microseconds, then those of the four
 * steps of which each consists.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define COUNT_MAX 100000u
#define WARM_UP	  100u
#define STEPS	  4u

struct client {
	int fd;
	uint64_t step[STEPS]; /* ns, of the last transaction */
	char message[1200];
	size_t message_length;
};

static void
give_up(const char *what)
{
	fprintf(stderr, "latency: %s\n", what);
	exit(1);
}

/* Waits for one reply; its code. */
static unsigned
reply(const struct client *client)
{
	char text[4096];
	size_t length = 0, line = 0;

	for (;;) {
		ssize_t n = recv(client->fd, text + length, sizeof(text) - length, 0);
		if (n <= 0 || length + (size_t)n == sizeof(text))
			give_up("no whole reply");
		length += (size_t)n;
		for (char *lf; (lf = memchr(text + line, '\n', length - line)) != NULL;) {
			if (lf - (text + line) >= 4 && text[line + 3] == ' ')
				return (unsigned)strtoul(text + line, NULL, 10);
			line = (size_t)(lf - text) + 1;
		}
	}
}

static void
ask(const struct client *client, const char *text, size_t length, unsigned code)
{
	if (send(client->fd, text, length, MSG_NOSIGNAL) != (ssize_t)length)
		give_up("cannot send");
	if (reply(client) != code)
		give_up("another reply than expected");
}

static uint64_t
now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void
transact(struct client *client)
{
	static const char mail[] = "MAIL FROM:<a@example.org>\r\n";
	static const char rcpt[] = "RCPT TO:<b@example.org>\r\n";
	static const char data[] = "DATA\r\n";
	const struct {
		const char *text;
		size_t length;
		unsigned code;
	} steps[STEPS] = {{mail, sizeof(mail) - 1, 250}, {rcpt, sizeof(rcpt) - 1, 250},
	    {data, sizeof(data) - 1, 354}, {client->message, client->message_length, 250}};

	for (unsigned i = 0; i < STEPS; i++) {
		uint64_t start = now_ns();

		ask(client, steps[i].text, steps[i].length, steps[i].code);
		client->step[i] = now_ns() - start;
	}
}

static void
client_open(struct client *client, const char *host, unsigned port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	static const char head[] = "Subject: latency\r\n\r\n", end[] = "\r\n.\r\n";
	int one = 1;

	if (inet_pton(AF_INET, host, &address.sin_addr) != 1)
		give_up("no IPv4 address");
	client->fd = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(client->fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		give_up("cannot connect");
	memcpy(client->message, head, sizeof(head) - 1);
	client->message_length = sizeof(head) - 1;
	for (int i = 0; i < 13; i++) {
		memset(client->message + client->message_length, 'x', 76);
		memcpy(client->message + client->message_length + 76, "\r\n", 2);
		client->message_length += 78;
	}
	memcpy(client->message + client->message_length - 2, end, sizeof(end) - 1);
	client->message_length += sizeof(end) - 3;
	if (reply(client) != 220)
		give_up("no greeting");
	ask(client, "EHLO latency.test\r\n", 19, 250);
}

static int
compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void
print(uint64_t *taken, size_t count)
{
	qsort(taken, count, sizeof(taken[0]), compare);
	printf(
	    "%.1f %.1f\n", (double)taken[count / 2] / 1000, (double)taken[count * 99 / 100] / 1000);
}

int
main(int argc, char **argv)
{
	static uint64_t taken[COUNT_MAX], steps[COUNT_MAX * STEPS];
	static struct client client;
	unsigned long count = argc == 4 ? strtoul(argv[3], NULL, 10) : 0;

	if (count == 0 || count > COUNT_MAX) {
		fprintf(stderr, "usage: latency ADDRESS PORT COUNT\n");
		return 64;
	}
	client_open(&client, argv[1], (unsigned)strtoul(argv[2], NULL, 10));
	for (unsigned i = 0; i < WARM_UP; i++)
		transact(&client);
	for (unsigned long i = 0; i < count; i++) {
		transact(&client);
		for (unsigned step = 0; step < STEPS; step++) {
			taken[i] += client.step[step];
			steps[i * STEPS + step] = client.step[step];
		}
	}
	ask(&client, "QUIT\r\n", 6, 221);
	print(taken, count);
	print(steps, count * STEPS);
	return 0;
}
