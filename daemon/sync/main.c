/*
 * smtpguard-sync --run [--gate]    the sync process, started by smtpguardd
 * smtpguard-sync --fits            before an upgrade (shm/fits.h)
 */
#include "daemon/sync/sync.h"
#include "shm/fits.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

int
main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--run") == 0)
		return sync_run(false);
	if (argc == 3 && strcmp(argv[1], "--run") == 0 && strcmp(argv[2], "--gate") == 0)
		return sync_run(true);
	if (argc == 2 && strcmp(argv[1], FITS_OPTION) == 0)
		return fits_main("smtpguard-sync");
	fprintf(stderr, "smtpguard-sync is started by smtpguardd\n");
	return EX_USAGE;
}
