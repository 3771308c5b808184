/*
 * gaterig --control PROGRAM SLOTS USER -- the gate of a pair, with the parts of supervisor and sync played by a test
 *
 * Opens the gate in its network namespace with PROGRAM as smtpguard-gate, and answers with a line of JSON:
 * {"ok": true, "gate": PID} or {"ok": false, "why": ...}.  Then it takes commands on standard input, each a
 * word and numbers, each answered by a line; at the end of input it removes the gate:
 *	protect SLOT LEG ACK, commit SLOT LEG ACK, fin SLOT LEG SEQ_END, rst SLOT LEG, pass SLOT LEG, clear SLOT
 *	alone 0|1
 *	guard FAMILY HEX BITS PORT	HEX is the address in hexadecimal digits
 *	early FAMILY HEX		what comes to this address waits
 *	early				... and passes
 *	embryos				how many were told of, and the last one
 *	know NUMBER			the standby knows embryos up to this
 *	start				smtpguard-gate, after its death
 *	check				does the rule stand?
 *	remove				only the rule
 *	figures				the board's counters
 */
#include "daemon/gate/board.h"
#include "daemon/gate/early_rule.h"
#include "daemon/gate/positions.h"
#include "daemon/gate/queue.h"
#include "daemon/supervisor/gate.h"

#include <err.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#define NUMBERS_MAX 4

static struct gate gate;
static struct gate_positions table;
static struct gate_board *board;
static uint32_t passes; /* of early packets */
static struct spawn_account account;
static const char *program;
static pid_t keeper; /* smtpguard-gate */

static int
refuse(const char *step, int error)
{
	printf("{\"ok\": false, \"why\": \"%s: %s\"}\n", step, strerror(-error));
	fflush(stdout);
	return EX_OSERR;
}

static void
say(bool is_done)
{
	printf("{\"ok\": %s, \"gate\": %d}\n", is_done ? "true" : "false", (int)keeper);
}

static void
say_figures(void)
{
	printf("{\"ok\": true, \"early_is_over\": %s",
	    passes != 0 && atomic_load(&board->early_passed) == passes ? "true" : "false");
	for (unsigned i = 0; i < GATE_COUNTER_COUNT; i++)
		printf(", \"%s\": %" PRIu64, gate_counter_name(i), atomic_load(&board->counter[i]));
	printf("}\n");
}

static void
say_embryos(void)
{
	uint64_t written = atomic_load(&board->embryos.written);
	struct embryo last = {.number = 0};

	if (written > 0 && !embryo_get(&board->embryos, written, &last))
		last.number = 0;
	printf(
	    "{\"ok\": true, \"written\": %" PRIu64 ", \"number\": %" PRIu64
	    ", \"family\": %u, \"local_port\": %u, \"peer_port\": %u, \"send_next\": %u, "
	    "\"receive_next\": %u, \"segment_size\": %u, \"window_scale\": %u, \"options\": %u}\n",
	    written, last.number, last.local.family, last.local.port, last.peer.port,
	    last.send_next, last.receive_next, last.segment_size, last.window_scale, last.options);
}

/* FAMILY HEX; what stands behind them, or NULL. */
static const char *
read_address(const char *words, struct shm_endpoint *ret_address)
{
	const char *digits = strchr(words, ' ');
	unsigned octets;

	*ret_address = (struct shm_endpoint){.family = (uint8_t)strtoul(words, NULL, 10)};
	octets = ret_address->family == 4 ? 4 : 16;
	if (digits == NULL || strlen(++digits) < (size_t)octets * 2)
		return NULL;
	for (unsigned i = 0; i < octets; i++) {
		char pair[3] = {digits[2 * i], digits[2 * i + 1], '\0'};

		ret_address->address[i] = (uint8_t)strtoul(pair, NULL, 16);
	}
	return digits + 2 * octets;
}

static bool
guard(const char *words)
{
	struct shm_endpoint address;
	const char *numbers = read_address(words, &address);
	unsigned bits;
	char *end;

	if (numbers == NULL)
		return false;
	bits = (unsigned)strtoul(numbers, &end, 10);
	address.port = (uint16_t)strtoul(end, NULL, 10);
	return gate_filter_guard(&gate.filter, &address, bits) == 0;
}

static bool
set_early(const char *words)
{
	const uint64_t one = 1;
	struct shm_endpoint address;
	bool holds = words != NULL;

	if (holds && read_address(words + 1, &address) == NULL)
		return false;
	gate_positions_let_early_pass(&table, holds ? 0 : ++passes);
	if (write(gate.wake, &one, sizeof(one)) != sizeof(one))
		return false;
	return (holds ? early_rule_hold(&address, 1, GATE_QUEUE + QUEUE_EARLY)
		      : early_rule_pass()) == 0;
}

static int
start_keeper(void)
{
	struct gate_start start;
	int pidfd, error;

	gate_start_init(&start, &gate, program, &account);
	error = spawn_start(&start.spawn, &keeper, &pidfd);
	if (error == 0)
		close(pidfd);
	return error;
}

static bool
start_again(void)
{
	waitpid(keeper, NULL, 0);
	return start_keeper() == 0;
}

static bool
is_word(const char *line, const char *word)
{
	size_t length = strlen(word);

	return strncmp(line, word, length) == 0 && (line[length] == ' ' || line[length] == '\n');
}

static bool
move(const char *line)
{
	uint64_t number[NUMBERS_MAX] = {0};
	const char *at = strchr(line, ' ');
	uint32_t slot, last;
	unsigned leg;
	char *end;

	for (unsigned i = 0; at != NULL && i < NUMBERS_MAX; i++, at = end) {
		number[i] = strtoull(at, &end, 10);
		if (end == at)
			break;
	}
	slot = (uint32_t)number[0];
	leg = (unsigned)number[1];
	last = (uint32_t)number[2];
	if (is_word(line, "protect"))
		return gate_positions_protect(&table, slot, leg, last);
	if (is_word(line, "commit"))
		return gate_positions_commit(&table, slot, leg, last);
	if (is_word(line, "fin"))
		return gate_positions_permit_end(&table, slot, leg, GATE_END_BY_FIN, last);
	if (is_word(line, "rst"))
		return gate_positions_permit_end(&table, slot, leg, GATE_END_BY_RST, 0);
	if (is_word(line, "pass"))
		return gate_positions_pass(&table, slot, leg);
	if (is_word(line, "clear"))
		return gate_positions_clear(&table, slot);
	if (is_word(line, "alone"))
		gate_positions_pass_all(&table, number[0] != 0);
	else if (is_word(line, "know"))
		gate_positions_know_embryos(&table, number[0]);
	else
		return false;
	return true;
}

static void
obey(const char *line)
{
	const char *step;

	if (is_word(line, "figures"))
		say_figures();
	else if (is_word(line, "embryos"))
		say_embryos();
	else if (is_word(line, "start"))
		say(start_again());
	else if (is_word(line, "check"))
		say(gate_filter_check(&step) == 0);
	else if (is_word(line, "remove"))
		say(gate_filter_remove(&step) == 0);
	else if (is_word(line, "guard"))
		say(guard(strchr(line, ' ') + 1));
	else if (is_word(line, "early"))
		say(set_early(strchr(line, ' ')));
	else {
		bool is_done = move(line);

		gate_wake(board, gate.wake);
		say(is_done);
	}
	fflush(stdout);
}

int
main(int argc, char **argv)
{
	char *line = NULL;
	size_t room = 0;
	const char *step;
	uint32_t slots;
	int error;

	if (argc != 5 || strcmp(argv[1], "--control") != 0)
		errx(EX_USAGE, "usage: gaterig --control PROGRAM SLOTS USER");
	program = argv[2];
	slots = (uint32_t)strtoul(argv[3], NULL, 10);
	if (spawn_find_account(argv[4], &account) < 0)
		errx(EX_USAGE, "no such user");
	error = gate_make(&gate, slots, &step);
	if (error == 0) {
		step = "smtpguard-gate";
		error = start_keeper();
	}
	if (error < 0)
		return refuse(step, error);
	if (gate_positions_map(&table, gate.filter.positions, slots, true) < 0 ||
	    gate_board_map(&board, gate.board, false) < 0)
		err(EX_OSERR, "memory of the gate");
	say(true);
	fflush(stdout);
	while (getline(&line, &room, stdin) > 0)
		obey(line);
	free(line);
	error = gate_filter_remove(&step);
	kill(keeper, SIGTERM);
	waitpid(keeper, NULL, 0);
	gate_close(&gate);
	return error < 0 ? EX_OSERR : 0;
}
