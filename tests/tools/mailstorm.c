/*
 * mailstorm -- clients that come by hundreds, and how long each waits until it knows where it stands
 *
 * A client connects and says nothing until it was greeted.  One that gets 220 is served: it stays for a while,
 * says QUIT, and must get 221.  One that gets 421 or 554, or that the network turns away, is refused; one that knows
 * nothing after PATIENCE_MS never will.  One that was served and gets no 221 is broken off.  The wait is counted from connect(2) to
 * the first line or the refusal.
 *
 * Commands on standard input (--control), each answered with one line of JSON on standard output:
 *	wave N		N more clients, at once
 *	figures		so far; "open" is how many have not come to their end yet
 *	stop		leaves all, and ends
 */
#include "tests/tools/address.h"
#include "tests/tools/control.h"
#include "tests/tools/histogram.h"
#include "tests/tools/loop.h"

#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>

#define PATIENCE_US    20000000u
#define CLIENTS_MOST   18000u /* at once, of the 20,000 descriptors that a process may have */
#define COMPLAINTS_MAX 8u

enum client_state { CLIENT_WAITS, CLIENT_STAYS, CLIENT_LEAVES };

struct client {
	struct loop_watch watch; /* first */
	struct loop_timer timer; /* of patience, or until it leaves */
	enum client_state state;
	uint64_t began_us;
	size_t length;
	char line[512];
};

static struct address target;
static uint64_t stay_us;
static bool stopping;
static struct histogram wait_us;
static struct {
	uint64_t clients, served, refused, reset, never, left, broken, foreign;
	uint32_t open;
} figures;
static unsigned complaints;

static void
client_end(struct client *client)
{
	int fd = client->watch.fd;

	figures.open--;
	loop_timer_clear(&client->timer);
	loop_unwatch(&client->watch);
	close(fd);
	free(client);
}

/* It came to something that must not be. */
static void
client_fails(struct client *client, uint64_t *count, const char *what)
{
	struct sockaddr_in own = {0};
	socklen_t length = sizeof(own);

	(*count)++;
	if (complaints++ < COMPLAINTS_MAX) {
		getsockname(client->watch.fd, (struct sockaddr *)&own, &length);
		warnx("the client at port %u, after %" PRIu64 " ms: %s: \"%.*s\"",
		    ntohs(own.sin_port), (loop_now() - client->began_us) / 1000, what,
		    (int)client->length, client->line);
	}
	client_end(client);
}

static void
client_knows(struct client *client)
{
	histogram_add(&wait_us, loop_now() - client->began_us);
}

static void
client_leaves(struct client *client)
{
	static const char quit[] = "QUIT\r\n";

	client->state = CLIENT_LEAVES;
	loop_timer_set(&client->timer, loop_now() + PATIENCE_US);
	if (write(client->watch.fd, quit, sizeof(quit) - 1) != sizeof(quit) - 1)
		client_fails(client, &figures.broken, strerror(errno));
}

static void
client_expired(struct loop_timer *timer)
{
	struct client *client = (struct client *)((char *)timer - offsetof(struct client, timer));

	if (client->state == CLIENT_STAYS)
		client_leaves(client);
	else if (client->state == CLIENT_LEAVES)
		client_fails(client, &figures.broken, "no answer to QUIT");
	else
		client_fails(client, &figures.never, "nothing");
}

static void
client_greeted(struct client *client)
{
	bool serves = memcmp(client->line, "220", 3) == 0;

	client_knows(client);
	if (!serves && memcmp(client->line, "421", 3) != 0 && memcmp(client->line, "554", 3) != 0) {
		client_fails(client, &figures.foreign, "another greeting");
		return;
	}
	if (!serves) {
		figures.refused++;
		client_end(client);
		return;
	}
	figures.served++;
	client->state = CLIENT_STAYS;
	client->length = 0;
	loop_timer_set(&client->timer, loop_now() + stay_us);
}

static void
client_line(struct client *client)
{
	if (client->state == CLIENT_WAITS) {
		client_greeted(client);
	} else if (client->state == CLIENT_LEAVES && memcmp(client->line, "221", 3) == 0) {
		figures.left++;
		client_end(client);
	} else {
		client_fails(client, &figures.broken, "another line");
	}
}

/* The connection is over, or never was. */
static void
client_cut(struct client *client, const char *why)
{
	if (client->state != CLIENT_WAITS) {
		client_fails(client, &figures.broken, why);
		return;
	}
	client_knows(client);
	client_fails(client, &figures.reset, why);
}

static void
client_ready(struct loop_watch *watch, uint32_t events)
{
	struct client *client = (struct client *)watch;
	size_t room = sizeof(client->line) - client->length;
	ssize_t got = read(watch->fd, client->line + client->length, room);

	(void)events;
	if (got < 0 && errno == EAGAIN)
		return;
	if (got <= 0) {
		client_cut(client, got == 0 ? "the end" : strerror(errno));
		return;
	}
	client->length += (size_t)got;
	if (memchr(client->line, '\n', client->length) != NULL || (size_t)got == room)
		client_line(client);
}

static void
client_begin(void)
{
	struct client *client = calloc(1, sizeof(*client));
	int fd = socket(target.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (client == NULL || fd < 0)
		err(EX_OSERR, "a client");
	if (connect(fd, (struct sockaddr *)&target.storage, target.length) < 0 &&
	    errno != EINPROGRESS)
		err(EX_OSERR, "connect");
	figures.clients++;
	figures.open++;
	client->began_us = loop_clock();
	client->watch.fd = -1;
	client->watch.ready = client_ready;
	client->timer.expired = client_expired;
	loop_timer_set(&client->timer, client->began_us + PATIENCE_US);
	loop_watch(&client->watch, fd, EPOLLIN);
}

static void
client_wave(unsigned long count)
{
	if (count > CLIENTS_MOST - figures.open)
		errx(EX_UNAVAILABLE, "more than %u clients at once", CLIENTS_MOST);
	while (count-- > 0)
		client_begin();
}

static void
print_figures(void)
{
	printf("{\"clients\": %" PRIu64 ", \"served\": %" PRIu64 ", \"refused\": %" PRIu64
	       ", \"reset\": %" PRIu64 ", \"never\": %" PRIu64 ", \"left\": %" PRIu64
	       ", \"broken\": %" PRIu64 ", \"foreign\": %" PRIu64 ", \"open\": %" PRIu32
	       ", \"wait_us\": {\"p50\": %" PRIu64 ", \"p99\": %" PRIu64 ", \"max\": %" PRIu64
	       "}}\n",
	    figures.clients, figures.served, figures.refused, figures.reset, figures.never,
	    figures.left, figures.broken, figures.foreign, figures.open,
	    histogram_quantile(&wait_us, 500), histogram_quantile(&wait_us, 990), wait_us.max);
	fflush(stdout);
}

static void
command(char *line)
{
	static const char wave[] = "wave ";

	if (strcmp(line, "stop") == 0) {
		stopping = true;
		return;
	}
	if (strncmp(line, wave, sizeof(wave) - 1) == 0)
		client_wave(strtoul(line + sizeof(wave) - 1, NULL, 10));
	print_figures();
}

int
main(int argc, char **argv)
{
	const struct rlimit descriptors = {CLIENTS_MOST + 100, CLIENTS_MOST + 100};

	if (argc != 4 || strcmp(argv[1], "--control") != 0 ||
	    !address_parse(argv[3], strlen(argv[3]), &target))
		errx(EX_USAGE, "usage: mailstorm --control STAY_MS ADDRESS:PORT");
	stay_us = strtoull(argv[2], NULL, 10) * 1000;
	if (setrlimit(RLIMIT_NOFILE, &descriptors) < 0)
		err(EX_OSERR, "descriptors");
	loop_open();
	control_open(command);
	while (!stopping)
		loop_round(1000);
	print_figures();
	return 0;
}
