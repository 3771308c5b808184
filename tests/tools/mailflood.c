/*
 * mailflood -- one client that opens connections as fast as it is told, and what became of them
 *
 * Each connection waits for its first line: 421 4.7.0 is a refusal, 220 an admission, anything else (no
 * line too) an accident.  An admitted one is held for a while without a word, or with --speak until
 * EHLO was answered and then, and leaves.  The attempts are paced by the clock, not by the answers.
 *
 * Commands on standard input (--control), each answered with one line of JSON on standard output:
 *	figures		so far; "held" is how many are admitted and have not left yet, "held_most" the
 *			most there were at once
 *	mark		the same; "held_most" begins anew
 *	stop		no new ones, leaves all, and ends
 */
#include "tests/tools/address.h"
#include "tests/tools/control.h"
#include "tests/tools/loop.h"

#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define TICK_US	     2000u
#define ATTEMPTS_MAX 4096u /* at once: beyond it they are put off */

static const char usage[] = "usage: mailflood [OPTIONS] ADDRESS:PORT\n"
			    "  --from ADDRESS   source address\n"
			    "  --rate N         attempts a second (1000)\n"
			    "  --hold MS        how long an admitted one stays (1000)\n"
			    "  --speak          says EHLO when it was greeted\n"
			    "  --control        take commands on standard input\n";

enum attempt_state { ATTEMPT_WAITING, ATTEMPT_ADMITTED };

struct attempt {
	struct loop_watch watch; /* first */
	struct loop_timer leave;
	enum attempt_state state;
	size_t length;
	char line[128];
};

static struct address target, source;
static uint64_t rate = 1000, hold_us = 1000000;
static bool speaks, stopping;
static struct loop_timer tick;
static uint64_t began_us, attempts;
static struct {
	uint64_t refused, admitted, accidents, left;
	uint32_t open, held, held_most;
} figures;

static struct attempt *
attempt_of_timer(struct loop_timer *timer)
{
	return (struct attempt *)((char *)timer - offsetof(struct attempt, leave));
}

static void
attempt_end(struct attempt *attempt)
{
	int fd = attempt->watch.fd;

	if (attempt->state == ATTEMPT_ADMITTED)
		figures.held--;
	figures.open--;
	loop_timer_clear(&attempt->leave);
	loop_unwatch(&attempt->watch);
	close(fd);
	free(attempt);
}

static void
attempt_leave(struct loop_timer *timer)
{
	figures.left++;
	attempt_end(attempt_of_timer(timer));
}

static void
attempt_admitted(struct attempt *attempt)
{
	static const char hello[] = "EHLO flood.test\r\n";

	attempt->state = ATTEMPT_ADMITTED;
	figures.admitted++;
	if (++figures.held > figures.held_most)
		figures.held_most = figures.held;
	if (speaks && write(attempt->watch.fd, hello, sizeof(hello) - 1) < 0)
		warn("write");
	loop_timer_set(&attempt->leave, loop_now() + hold_us);
}

static void
attempt_accident(struct attempt *attempt, const char *what)
{
	figures.accidents++;
	warnx("%s: \"%.*s\"", what, (int)attempt->length, attempt->line);
	attempt_end(attempt);
}

static void
attempt_judge(struct attempt *attempt)
{
	static const char refusal[] = "421 4.7.0 ";

	if (attempt->length >= sizeof(refusal) - 1 &&
	    memcmp(attempt->line, refusal, sizeof(refusal) - 1) == 0) {
		figures.refused++;
		attempt_end(attempt);
	} else if (memcmp(attempt->line, "220", 3) == 0) {
		attempt_admitted(attempt);
	} else {
		attempt_accident(attempt, "another greeting");
	}
}

/* Of an admitted one: what it is told does not matter, its end does. */
static void
attempt_listen(struct attempt *attempt)
{
	char rest[4096];
	ssize_t got = read(attempt->watch.fd, rest, sizeof(rest));

	if (got == 0 || (got < 0 && errno != EAGAIN))
		attempt_accident(attempt, "ended by the other side");
}

static void
attempt_ready(struct loop_watch *watch, uint32_t events)
{
	struct attempt *attempt = (struct attempt *)watch;
	size_t room = sizeof(attempt->line) - attempt->length;
	ssize_t got;

	(void)events;
	if (attempt->state == ATTEMPT_ADMITTED) {
		attempt_listen(attempt);
		return;
	}
	got = read(watch->fd, attempt->line + attempt->length, room);
	if (got < 0 && errno == EAGAIN)
		return;
	if (got <= 0) {
		attempt_accident(attempt, got == 0 ? "no greeting" : strerror(errno));
		return;
	}
	attempt->length += (size_t)got;
	if (memchr(attempt->line, '\n', attempt->length) || (size_t)got == room)
		attempt_judge(attempt);
}

static void
attempt_begin(void)
{
	struct attempt *attempt = calloc(1, sizeof(*attempt));
	int fd = socket(target.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int one = 1;

	if (!attempt || fd < 0)
		err(1, "an attempt");
	/* The port is chosen at connect. */
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
	if (source.length && bind(fd, (struct sockaddr *)&source.storage, source.length) < 0)
		err(1, "bind");
	if (connect(fd, (struct sockaddr *)&target.storage, target.length) < 0 &&
	    errno != EINPROGRESS)
		err(1, "connect");
	attempts++;
	figures.open++;
	attempt->watch.fd = -1;
	attempt->watch.ready = attempt_ready;
	attempt->leave.expired = attempt_leave;
	loop_watch(&attempt->watch, fd, EPOLLIN);
}

static void
pace(struct loop_timer *timer)
{
	uint64_t due = (loop_now() - began_us) * rate / 1000000;

	while (!stopping && attempts < due && figures.open < ATTEMPTS_MAX)
		attempt_begin();
	loop_timer_set(timer, loop_now() + TICK_US);
}

static void
print_figures(void)
{
	uint64_t ms = (loop_now() - began_us) / 1000;

	printf("{\"attempts\": %" PRIu64 ", \"refused\": %" PRIu64 ", \"admitted\": %" PRIu64
	       ", \"accidents\": %" PRIu64 ", \"left\": %" PRIu64
	       ", \"held\": %u, \"held_most\": %u, \"rate\": %" PRIu64 "}\n",
	    attempts, figures.refused, figures.admitted, figures.accidents, figures.left,
	    figures.held, figures.held_most, ms ? attempts * 1000 / ms : 0);
	fflush(stdout);
}

static void
command(char *line)
{
	if (strcmp(line, "stop") == 0) {
		stopping = true;
		return;
	}
	print_figures();
	if (strcmp(line, "mark") == 0)
		figures.held_most = figures.held;
}

static void
set_source(const char *text)
{
	char bracketed[80];

	snprintf(bracketed, sizeof(bracketed), strchr(text, ':') ? "[%s]:1" : "%s:1", text);
	if (!address_parse(bracketed, strlen(bracketed), &source))
		errx(64, "--from %s: not an address", text);
	/* Any port; it stands at the same place in both families. */
	((struct sockaddr_in *)&source.storage)->sin_port = 0;
}

static void
parse(int argc, char **argv)
{
	static const struct option options[] = {{"from", 1, NULL, 'f'}, {"rate", 1, NULL, 'r'},
	    {"hold", 1, NULL, 'h'}, {"speak", 0, NULL, 's'}, {"control", 0, NULL, 'c'}, {0}};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'f':
			set_source(optarg);
			break;
		case 'r':
			rate = strtoull(optarg, NULL, 10);
			break;
		case 'h':
			hold_us = strtoull(optarg, NULL, 10) * 1000;
			break;
		case 's':
			speaks = true;
			break;
		case 'c':
			control_open(command);
			break;
		default:
			errx(64, "%s", usage);
		}
	}
	if (argc - optind != 1 || !address_parse(argv[optind], strlen(argv[optind]), &target))
		errx(64, "%s", usage);
}

int
main(int argc, char **argv)
{
	loop_open();
	parse(argc, argv);
	began_us = loop_clock();
	tick.expired = pace;
	loop_timer_set(&tick, began_us);
	while (!stopping)
		loop_round(1000);
	print_figures();
	return 0;
}
