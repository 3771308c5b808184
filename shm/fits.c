#include "shm/fits.h"

#include "shm/process.h"
#include "shm/region.h"

#include <stdio.h>
#include <string.h>

int
fits_main(const char *program)
{
	int fd[SHM_REGIONS];
	struct shm shm;
	int r;

	for (int i = 0; i < SHM_REGIONS; i++)
		fd[i] = INHERITED_REGIONS + i;
	r = shm_attach(&shm, fd, SHM_ROLE_WORKER);
	if (r == 0) {
		shm_detach(&shm);
		return 0;
	}
	fprintf(stderr,
	    "%s: the shared memory of the gateway that runs is not for this version: %s\n", program,
	    strerror(-r));
	return 1;
}
