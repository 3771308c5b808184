/*
 * smtpguard-gate SLOTS QUEUE
 *
 * Started by smtpguardd only, with the descriptors of enum keeper_fd inherited and with CAP_NET_ADMIN as
 * its only capability.  Exit status: 64 not started by smtpguardd, 70 the packet queue broke, 71 the
 * system refuses what it needs.
 */
#include "daemon/gate/keeper.h"
#include "worker/lockdown.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

static bool
parse_number(const char *text, unsigned long most, unsigned long *ret_number)
{
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	*ret_number = strtoul(text, &end, 10);
	return errno == 0 && *end == '\0' && *ret_number <= most;
}

static int
fail(const char *step, int error, int status)
{
	fprintf(stderr, "smtpguard-gate: %s: %s\n", step, strerror(-error));
	return status;
}

int
main(int argc, char **argv)
{
	static struct keeper keeper;
	unsigned long slots, number;
	const char *step;
	int error;

	if (argc != 3 || !parse_number(argv[1], MARK_SLOTS_MAX, &slots) ||
	    !parse_number(argv[2], UINT16_MAX - QUEUES + 1, &number)) {
		fputs("smtpguard-gate: started by smtpguardd only\n", stderr);
		return EX_USAGE;
	}
	error = keeper_open(&keeper, (uint32_t)slots, (uint16_t)number, &step);
	if (error == 0)
		error = lockdown(LOCKDOWN_GATE, &step);
	if (error < 0)
		return fail(step, error, EX_OSERR);
	error = keeper_run(&keeper, &step);
	return fail(step, error, EX_SOFTWARE);
}
