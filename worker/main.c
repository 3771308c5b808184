/*
 * smtpguard-worker INDEX OWNER
 * smtpguard-worker --fits
 *
 * Started by smtpguardd only, with the descriptors of enum inherited (shm/process.h).  Exit status: 0
 * done, 64 not started by smtpguardd, 70 the ring broke or a hand-over could not be taken, 71 the
 * system refuses what a worker needs.
 */
#include "shm/fits.h"
#include "worker/lockdown.h"
#include "worker/worker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

static bool
parse_number(const char *text, unsigned long most, uint32_t *ret_number)
{
	unsigned long number;
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	number = strtoul(text, &end, 10);
	if (errno != 0 || *end != '\0' || number > most)
		return false;
	*ret_number = (uint32_t)number;
	return true;
}

int
main(int argc, char **argv)
{
	static struct worker worker;
	uint32_t index, owner;
	const char *step;
	int error;

	if (argc == 2 && strcmp(argv[1], FITS_OPTION) == 0)
		return fits_main("smtpguard-worker");
	if (argc != 3 || !parse_number(argv[1], SHM_WORKERS_MAX - 1, &index) ||
	    !parse_number(argv[2], UINT32_MAX, &owner)) {
		fputs("smtpguard-worker: started by smtpguardd only\n", stderr);
		return EX_USAGE;
	}
	error = worker_open(&worker, index, owner, &step);
	if (error < 0 && strcmp(step, "ring") == 0) {
		event_loop_explain(stderr, error);
		return EX_OSERR;
	}
	if (error == 0)
		error = lockdown(LOCKDOWN_WORKER, &step);
	if (error < 0) {
		fprintf(stderr, "smtpguard-worker: %s: %s\n", step, strerror(-error));
		return EX_OSERR;
	}
	error = worker_run(&worker);
	return error < 0 ? EX_SOFTWARE : 0;
}
