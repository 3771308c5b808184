/*
 * mailsink -- an SMTP server that checks every byte of what it gets
 *
 * Takes any mail and keeps none.  Messages of mailsource are checked against the oracle.
 * Commands on standard input, each answered with one line on standard output:
 *	status		sessions held, by kind
 *	release [banner|mail|final|auth|rset]
 *	reset [N]	resets the connections whose sender was marked +reset
 *	figures		one JSON object
 *	stop		ends; the last line is the figures
 */
#include "tests/tools/address.h"
#include "tests/tools/control.h"
#include "tests/tools/ledger.h"
#include "tests/tools/sink_session.h"
#include "tests/tools/sizes.h"

#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define LISTENERS_MAX 32u
#define ACCEPTS_MAX   64

struct listener {
	struct loop_watch watch;
	struct sink_profile profile;
};

static struct listener listeners[LISTENERS_MAX];
static unsigned listener_count;
static volatile sig_atomic_t stopping;

static const char *const hold_names[HOLD_KINDS] = {
    "all", "banner", "mail", "final", "auth", "rset"};

static const char usage[] =
    "usage: mailsink [--quiet] [--ledger FILE] [--save FOLDER] [--control]\n"
    "                ADDRESS:PORT[,banner=MS|hold][,mail=MS|hold][,final=MS|hold]...\n"
    "  --quiet    no line per message on standard error\n"
    "  --ledger   one line per message, for mailledger\n"
    "  --save     keep the content of each message as a file\n"
    "  --control  take commands on standard input\n";

static void
listener_ready(struct loop_watch *watch, uint32_t events)
{
	struct listener *listener =
	    (struct listener *)((char *)watch - offsetof(struct listener, watch));

	(void)events;
	for (unsigned i = 0; i < ACCEPTS_MAX; i++) {
		int one = 1, fd = accept4(watch->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0) {
			if (errno == EMFILE)
				warnx("no descriptor is free");
			return;
		}
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &one, sizeof(one));
		sink_session_open(fd, &listener->profile);
	}
}

static bool
profile_parse(char *text, struct sink_profile *profile)
{
	char *save = NULL;

	for (char *part = strtok_r(text, ",", &save); part != NULL;
	     part = strtok_r(NULL, ",", &save)) {
		uint32_t *field;
		const char *value = strchr(part, '='), *end;
		uint64_t number;

		if (value == NULL)
			return false;
		value++;
		field = strncmp(part, "banner=", 7) == 0  ? &profile->banner_ms
			: strncmp(part, "mail=", 5) == 0  ? &profile->mail_ms
			: strncmp(part, "final=", 6) == 0 ? &profile->final_ms
							  : NULL;
		if (field == NULL)
			return false;
		if (strcmp(value, "hold") == 0)
			*field = SINK_HOLD_EVER;
		else if (sizes_number(value, &end, &number) && *end == '\0' &&
			 number < SINK_HOLD_EVER)
			*field = (uint32_t)number;
		else
			return false;
	}
	return true;
}

static void
listener_open(char *text)
{
	struct listener *listener = &listeners[listener_count];
	struct address address;
	char *profile = strchr(text, ',');
	int one = 1, fd;

	if (listener_count == LISTENERS_MAX)
		errx(64, "more than %u listeners", LISTENERS_MAX);
	if (profile != NULL)
		*profile++ = '\0';
	if (!address_parse(text, strlen(text), &address) ||
	    (profile != NULL && !profile_parse(profile, &listener->profile)))
		errx(64, "%s: not ADDRESS:PORT[,KEY=VALUE]", text);
	fd = socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		err(1, "socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&address.storage, address.length) != 0 ||
	    listen(fd, SOMAXCONN) != 0)
		err(1, "%s", text);
	listener->watch = (struct loop_watch){.fd = -1, .ready = listener_ready};
	loop_watch(&listener->watch, fd, EPOLLIN);
	listener_count++;
}

static void
figures_print(void)
{
	const struct sink_figures *f = &sink_figures;

	printf("{\"sessions\": %" PRIu64 ", \"open\": %" PRIu64 ", \"messages\": %" PRIu64
	       ", \"ok\": %" PRIu64 ", \"differs\": %" PRIu64 ", \"foreign\": %" PRIu64
	       ", \"partial\": %" PRIu64 ", \"rejected\": %" PRIu64 ", \"bytes\": %" PRIu64
	       ", \"tls\": %" PRIu64 ", \"resets\": %" PRIu64 ", \"unexpected_resets\": %" PRIu64
	       ", \"violations\": %" PRIu64 ", \"cut\": %" PRIu64 ", \"authenticated\": %" PRIu64
	       "}\n",
	    f->sessions, f->open, f->messages, f->ok, f->differs, f->foreign, f->partial,
	    f->rejected, f->bytes, f->tls, f->resets, f->unexpected_resets, f->violations, f->cut,
	    f->authenticated);
}

static enum sink_hold
hold_parse(const char *name)
{
	for (unsigned i = 0; i < HOLD_KINDS; i++)
		if (strcmp(hold_names[i], name) == 0)
			return i;
	return HOLD_KINDS;
}

static void
command_run(char *line)
{
	char *save = NULL;
	const char *word = strtok_r(line, " ", &save), *argument = strtok_r(NULL, " ", &save);

	if (word == NULL)
		return;
	if (strcmp(word, "status") == 0) {
		printf("{\"open\": %" PRIu64 ", \"reset\": %" PRIu64, sink_figures.open,
		    sink_figures.marked);
		for (unsigned hold = HOLD_BANNER; hold < HOLD_KINDS; hold++)
			printf(", \"%s\": %" PRIu64, hold_names[hold], sink_figures.held[hold]);
		printf("}\n");
	} else if (strcmp(word, "release") == 0) {
		enum sink_hold hold = argument != NULL ? hold_parse(argument) : HOLD_NONE;

		if (hold == HOLD_KINDS)
			printf("{\"error\": \"no such hold\"}\n");
		else
			printf("{\"released\": %u}\n", sink_release(hold));
	} else if (strcmp(word, "reset") == 0) {
		unsigned most =
		    argument != NULL ? (unsigned)strtoul(argument, NULL, 10) : UINT32_MAX;

		printf("{\"reset\": %u}\n", sink_reset_marked(most));
	} else if (strcmp(word, "figures") == 0) {
		figures_print();
	} else if (strcmp(word, "stop") == 0) {
		stopping = 1;
	} else {
		printf("{\"error\": \"no such command\"}\n");
	}
	fflush(stdout);
}

static void
signal_stop(int number)
{
	(void)number;
	stopping = 1;
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {{"quiet", no_argument, NULL, 'q'},
	    {"ledger", required_argument, NULL, 'l'}, {"save", required_argument, NULL, 's'},
	    {"control", no_argument, NULL, 'c'}, {"help", no_argument, NULL, 'h'}, {0}};
	const char *ledger = "";
	bool control = false;
	int letter;

	while ((letter = getopt_long(argc, argv, "ql:s:ch", options, NULL)) != -1) {
		switch (letter) {
		case 'q':
			sink_options.quiet = true;
			break;
		case 'l':
			ledger = optarg;
			break;
		case 's':
			sink_options.save = optarg;
			break;
		case 'c':
			control = true;
			break;
		case 'h':
			fputs(usage, stdout);
			return 0;
		default:
			fputs(usage, stderr);
			return 64;
		}
	}
	if (optind == argc) {
		fputs(usage, stderr);
		return 64;
	}
	signal(SIGPIPE, SIG_IGN);
	signal(SIGTERM, signal_stop);
	signal(SIGINT, signal_stop);
	ledger_open(ledger);
	transport_setup(TRANSPORT_SERVER);
	loop_open();
	for (int i = optind; i < argc; i++)
		listener_open(argv[i]);
	if (control)
		control_open(command_run);
	printf("{\"ready\": %u}\n", listener_count);
	fflush(stdout);
	while (!stopping)
		loop_round(1000);
	sink_close_all();
	ledger_close();
	figures_print();
	return sink_figures.differs == 0 && sink_figures.violations == 0 ? 0 : 1;
}
