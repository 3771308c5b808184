/*
 * fits -- does this build go with the gateway that runs?
 *
 * Before an upgrade each program on disk is asked, as `PROGRAM --fits`, with the shared memory on the
 * descriptors of enum inherited.  It says on standard error why not.
 *
 * libc only; called by every program of the gateway.
 */
#ifndef SHM_FITS_H
#define SHM_FITS_H

#define FITS_OPTION "--fits"

/* The exit status: 0 it does. */
int fits_main(const char *program);

#endif
