/*
 * mailsource -- an SMTP client that sends messages which the sink can check, in many sessions
 *
 * Either a load (so many messages over so many connections) or sessions that are held in named
 * phases, or both.  Commands on standard input (--control), each answered with one line of JSON
 * on standard output:
 *	status		sessions by phase
 *	go [PHASE [N]]	sessions that are held go on (every N-th of them); PHASE
 *			"all": any, "own": those that the sink does not hold too
 *	reset [N]	N of 1000 sessions of reset-client are reset
 *	blow PID[,PID...] [stop]	in one instant: SIGSTOP (if wanted), urgent bytes, resets,
 *			SIGKILL.  PID 0: no kill.  Answers what was held then.
 *	established	what is held now is established
 *	doom PORT,...	sessions from these ports may be lost
 *	waiting MS	who has waited for something so long already
 *	pause, resume	no new sessions meanwhile
 *	mark [keep]	the silence of each session counts anew; keep: in the total it stays
 *	figures		so far
 *	stop		no new sessions, what is held goes on; ends when all have ended
 */
#include "tests/tools/control.h"
#include "tests/tools/ledger.h"
#include "tests/tools/loop.h"
#include "tests/tools/oracle_lines.h"
#include "tests/tools/source_pool.h"
#include "tests/tools/source_scripts.h"
#include "tests/tools/source_session.h"
#include "tests/tools/transport.h"

#include <err.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STOP_US 60000000u

static const char usage[] =
    "usage: mailsource [OPTIONS] ADDRESS:PORT\n"
    "  --messages N        of the load; 0 none, -1 until stopped (0)\n"
    "  --connections N     at once, of the load (1)\n"
    "  --per-connection N  messages in one connection; 0 any number (0)\n"
    "  --sizes SPEC        1k-16k:900,16k-1m:99,50m:1 (1k-16k)\n"
    "  --body-sizes SPEC   of messages that are held half-way (1k-1m)\n"
    "  --recipients N      of each message (1)\n"
    "  --no-pipelining     one command at a time\n"
    "  --tls               STARTTLS first\n"
    "  --rate N            messages a second\n"
    "  --slow-read N       bytes a second; --slow-write N likewise\n"
    "  --chop N            write at most N bytes at a time\n"
    "  --bdat N            N of 100 messages of the load come in chunks\n"
    "  --abrupt N          N of 1000 sessions break off somewhere\n"
    "  --mark TEXT         added to the local part of sender and recipient\n"
    "  --deadline S        a silence that long is a failure (30)\n"
    "  --seed N  --ledger FILE\n"
    "  --any-server        the server is not mailsink: its texts are not compared\n"
    "  --may-refuse        a refusal is no failure\n"
    "  --may-lose-new      nor is the loss of a session that has received nothing\n"
    "  --refusal header|line|name=\"CODE TEXT\"   what the policy says to such an offence\n"
    "  --phase NAME:COUNT[@ADDRESS:PORT]   hold so many sessions in this phase; repeatable\n"
    "  --control           take commands on standard input\n";

enum {
	OPTION_MESSAGES = 256,
	OPTION_CONNECTIONS,
	OPTION_PER_CONNECTION,
	OPTION_SIZES,
	OPTION_BODY_SIZES,
	OPTION_RECIPIENTS,
	OPTION_NO_PIPELINING,
	OPTION_TLS,
	OPTION_RATE,
	OPTION_SLOW_READ,
	OPTION_SLOW_WRITE,
	OPTION_CHOP,
	OPTION_ABRUPT,
	OPTION_BDAT,
	OPTION_MARK,
	OPTION_DEADLINE,
	OPTION_SEED,
	OPTION_LEDGER,
	OPTION_ANY_SERVER,
	OPTION_MAY_REFUSE,
	OPTION_MAY_LOSE_NEW,
	OPTION_REFUSAL,
	OPTION_PHASE,
	OPTION_CONTROL,
	OPTION_HELP,
};

static const struct option options[] = {
    {"messages", required_argument, NULL, OPTION_MESSAGES},
    {"connections", required_argument, NULL, OPTION_CONNECTIONS},
    {"per-connection", required_argument, NULL, OPTION_PER_CONNECTION},
    {"sizes", required_argument, NULL, OPTION_SIZES},
    {"body-sizes", required_argument, NULL, OPTION_BODY_SIZES},
    {"recipients", required_argument, NULL, OPTION_RECIPIENTS},
    {"no-pipelining", no_argument, NULL, OPTION_NO_PIPELINING},
    {"tls", no_argument, NULL, OPTION_TLS},
    {"rate", required_argument, NULL, OPTION_RATE},
    {"slow-read", required_argument, NULL, OPTION_SLOW_READ},
    {"slow-write", required_argument, NULL, OPTION_SLOW_WRITE},
    {"chop", required_argument, NULL, OPTION_CHOP},
    {"abrupt", required_argument, NULL, OPTION_ABRUPT},
    {"bdat", required_argument, NULL, OPTION_BDAT},
    {"mark", required_argument, NULL, OPTION_MARK},
    {"deadline", required_argument, NULL, OPTION_DEADLINE},
    {"seed", required_argument, NULL, OPTION_SEED},
    {"ledger", required_argument, NULL, OPTION_LEDGER},
    {"any-server", no_argument, NULL, OPTION_ANY_SERVER},
    {"may-refuse", no_argument, NULL, OPTION_MAY_REFUSE},
    {"may-lose-new", no_argument, NULL, OPTION_MAY_LOSE_NEW},
    {"refusal", required_argument, NULL, OPTION_REFUSAL},
    {"phase", required_argument, NULL, OPTION_PHASE},
    {"control", no_argument, NULL, OPTION_CONTROL},
    {"help", no_argument, NULL, OPTION_HELP},
    {0},
};

static const char *phases[PHASES];
static unsigned phase_count;
static bool control, stopping;
static uint64_t stop_us;

static uint64_t
number_of(const char *text)
{
	const char *end;
	uint64_t value;

	if (strcmp(text, "-1") == 0)
		return UINT64_MAX;
	if (!sizes_number(text, &end, &value) || *end != '\0')
		errx(64, "%s: not a number", text);
	return value;
}

static unsigned
small_number_of(const char *text)
{
	uint64_t value = number_of(text);

	if (value > 1000000000)
		errx(64, "%s: too large", text);
	return (unsigned)value;
}

/* OFFENCE=TEXT */
static void
refusal_take(const char *argument)
{
	size_t length = strcspn(argument, "=");

	for (unsigned offence = ORACLE_GOOD + 1; offence < ORACLE_OFFENCES; offence++)
		if (argument[length] == '=' && strlen(oracle_offences[offence]) == length &&
		    memcmp(oracle_offences[offence], argument, length) == 0) {
			source_options.refusal[offence] = argument + length + 1;
			return;
		}
	errx(64, "%s: not OFFENCE=TEXT", argument);
}

static void
option_take(int letter, const char *argument)
{
	struct source_options *o = &source_options;
	unsigned *const numbers[] = {
	    [OPTION_CONNECTIONS - OPTION_MESSAGES] = &o->connections,
	    [OPTION_PER_CONNECTION - OPTION_MESSAGES] = &o->per_connection,
	    [OPTION_RECIPIENTS - OPTION_MESSAGES] = &o->recipients,
	    [OPTION_RATE - OPTION_MESSAGES] = &o->rate,
	    [OPTION_SLOW_READ - OPTION_MESSAGES] = &o->slow_read,
	    [OPTION_SLOW_WRITE - OPTION_MESSAGES] = &o->slow_write,
	    [OPTION_CHOP - OPTION_MESSAGES] = &o->chop,
	    [OPTION_ABRUPT - OPTION_MESSAGES] = &o->abrupt,
	    [OPTION_BDAT - OPTION_MESSAGES] = &o->bdat,
	    [OPTION_HELP - OPTION_MESSAGES] = NULL,
	};

	if (letter >= OPTION_MESSAGES && letter <= OPTION_HELP &&
	    numbers[letter - OPTION_MESSAGES] != NULL) {
		*numbers[letter - OPTION_MESSAGES] = small_number_of(argument);
		return;
	}
	switch (letter) {
	case OPTION_MESSAGES:
		o->messages = number_of(argument);
		break;
	case OPTION_SIZES:
		if (!sizes_parse(argument, &o->sizes))
			errx(64, "%s: not a distribution of sizes", argument);
		break;
	case OPTION_BODY_SIZES:
		if (!sizes_parse(argument, &o->body_sizes))
			errx(64, "%s: not a distribution of sizes", argument);
		break;
	case OPTION_NO_PIPELINING:
		o->pipelining = false;
		break;
	case OPTION_TLS:
		o->tls = true;
		break;
	case OPTION_MARK:
		o->mark = argument;
		break;
	case OPTION_DEADLINE:
		o->deadline_us = small_number_of(argument) * UINT64_C(1000000);
		break;
	case OPTION_SEED:
		o->seed = number_of(argument);
		break;
	case OPTION_LEDGER:
		ledger_open(argument);
		break;
	case OPTION_ANY_SERVER:
		o->strict = false;
		break;
	case OPTION_MAY_REFUSE:
		o->may_refuse = true;
		break;
	case OPTION_MAY_LOSE_NEW:
		o->may_lose_new = true;
		break;
	case OPTION_REFUSAL:
		refusal_take(argument);
		break;
	case OPTION_PHASE:
		if (phase_count == PHASES)
			errx(64, "too many phases");
		phases[phase_count++] = argument;
		break;
	case OPTION_CONTROL:
		control = true;
		break;
	case OPTION_HELP:
		fputs(usage, stdout);
		exit(0);
	default:
		fputs(usage, stderr);
		exit(64);
	}
}

/* NAME:COUNT[@ADDRESS:PORT] */
static void
phase_want(const char *text)
{
	struct address target = source_options.target;
	const char *colon = strchr(text, ':'), *at;
	uint64_t count;
	char name[32];

	if (colon == NULL || (size_t)(colon - text) >= sizeof(name) ||
	    !sizes_number(colon + 1, &at, &count) || count > 100000 ||
	    (*at != '\0' && (*at != '@' || !address_parse(at + 1, strlen(at + 1), &target))))
		errx(64, "%s: not NAME:COUNT[@ADDRESS:PORT]", text);
	memcpy(name, text, (size_t)(colon - text));
	name[colon - text] = '\0';
	if (!source_pool_want(name, (unsigned)count, &target))
		errx(64, "%s: no such phase", name);
}

static void
stop(void)
{
	stopping = true;
	stop_us = loop_clock() + STOP_US;
	source_pool_stop();
	source_pool_go("all", 1);
}

#define BLOW_MOST 16u

/* "PID,PID..."; returns how many. */
static unsigned
pids_parse(const char *text, pid_t pids[BLOW_MOST])
{
	unsigned count = 0;
	const char *end;
	uint64_t pid;

	while (count < BLOW_MOST && sizes_number(text, &end, &pid)) {
		if (pid > 0)
			pids[count++] = (pid_t)pid;
		text = *end == ',' ? end + 1 : end;
	}
	return count;
}

/* The blow itself: all that must happen in one instant is done here, without a pause. */
static void
blow(const char *text, bool stop_first)
{
	pid_t pids[BLOW_MOST];
	unsigned count = pids_parse(text, pids);

	source_pool_status();
	for (unsigned i = 0; stop_first && i < count; i++)
		kill(pids[i], SIGSTOP);
	source_pool_urgent();
	source_pool_reset(500);
	for (unsigned i = 0; i < count; i++)
		if (kill(pids[i], SIGKILL) != 0)
			warn("kill %d", (int)pids[i]);
	source_pool_reset(1000);
}

static unsigned
go(const char *phase, const char *step)
{
	unsigned every = step != NULL ? small_number_of(step) : 1;

	return source_pool_go(phase != NULL ? phase : "all", every > 0 ? every : 1);
}

static void
command_run(char *line)
{
	char *save = NULL;
	const char *word = strtok_r(line, " ", &save);
	char *argument = strtok_r(NULL, " ", &save);
	const char *second = strtok_r(NULL, " ", &save);

	if (word == NULL)
		return;
	if (strcmp(word, "status") == 0)
		source_pool_status();
	else if (strcmp(word, "go") == 0)
		printf("{\"released\": %u}\n", go(argument, second));
	else if (strcmp(word, "reset") == 0)
		printf("{\"reset\": %u}\n",
		    source_pool_reset(argument != NULL ? small_number_of(argument) : 1000));
	else if (strcmp(word, "blow") == 0 && argument != NULL)
		blow(argument, second != NULL);
	else if (strcmp(word, "established") == 0)
		source_pool_establish(), printf("{}\n");
	else if (strcmp(word, "doom") == 0 && argument != NULL)
		printf("{\"doomed\": %u}\n", source_pool_doom(argument));
	else if (strcmp(word, "waiting") == 0 && argument != NULL)
		source_pool_waiting(small_number_of(argument));
	else if (strcmp(word, "pause") == 0 || strcmp(word, "resume") == 0)
		source_pool_pause(*word == 'p'), printf("{}\n");
	else if (strcmp(word, "mark") == 0)
		source_pool_mark(argument != NULL), printf("{}\n");
	else if (strcmp(word, "figures") == 0)
		source_pool_figures();
	else if (strcmp(word, "stop") == 0)
		stop();
	else
		printf("{\"error\": \"no such command\"}\n");
	fflush(stdout);
}

int
main(int argc, char **argv)
{
	int letter;

	source_options = (struct source_options){.connections = 1,
	    .recipients = 1,
	    .deadline_us = 30000000,
	    .pipelining = true,
	    .strict = true,
	    .seed = 1,
	    .mark = ""};
	sizes_parse("1k-16k", &source_options.sizes);
	sizes_parse("1k-1m", &source_options.body_sizes);
	while ((letter = getopt_long(argc, argv, "", options, NULL)) != -1)
		option_take(letter, optarg);
	if (optind != argc - 1) {
		fputs(usage, stderr);
		return 64;
	}
	if (source_options.recipients < 1 || source_options.recipients > 100)
		errx(64, "1 to 100 recipients");
	if (!address_parse(argv[optind], strlen(argv[optind]), &source_options.target))
		errx(64, "%s: not ADDRESS:PORT", argv[optind]);
	for (unsigned i = 0; i < phase_count; i++)
		phase_want(phases[i]);
	signal(SIGPIPE, SIG_IGN);
	transport_setup(TRANSPORT_CLIENT);
	loop_open();
	if (control)
		control_open(command_run);
	source_options.hurry = phase_count == 0;
	source_pool_start();
	while (!source_pool_idle() && (!stopping || loop_clock() < stop_us)) {
		loop_round(100);
		if (stopping)
			source_pool_go("all", 1);
	}
	if (source_figures.open > 0)
		warnx("%" PRIu64 " sessions did not end", source_figures.open);
	ledger_close();
	source_pool_figures();
	return source_figures.failed == 0 && source_figures.open == 0 ? 0 : 1;
}
