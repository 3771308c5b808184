/*
 * smtpguard-manager --run              the manager process, started by smtpguardd
 * smtpguard-manager --settings PATH    smtpguard.conf (descriptor 4) to struct settings (3)
 * smtpguard-manager --check PATH       the same; what is not at fault is written in any case
 * smtpguard-manager --fits             before an upgrade (shm/fits.h)
 */
#include "daemon/manager/manager.h"
#include "daemon/manager/settings_command.h"
#include "shm/fits.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

int
main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--run") == 0)
		return manager_run();
	if (argc == 2 && strcmp(argv[1], FITS_OPTION) == 0)
		return fits_main("smtpguard-manager");
	if (argc == 3 && strcmp(argv[1], "--settings") == 0)
		return settings_command(argv[2], false);
	if (argc == 3 && strcmp(argv[1], "--check") == 0)
		return settings_command(argv[2], true);
	fprintf(stderr, "smtpguard-manager is started by smtpguardd\n");
	return EX_USAGE;
}
