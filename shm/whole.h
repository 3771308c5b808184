/*
 * whole -- a struct in shared memory that one process writes and others read as of one moment
 *
 * Its sequence word is odd while it is being written and 0 until it was for the first time.  A writer
 * that died within leaves it odd: nobody reads it until the next one has written it.
 */
#ifndef SHM_WHOLE_H
#define SHM_WHOLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void whole_write(_Atomic uint64_t *sequence, void *place, const void *from, size_t size);
/* False: it was never written, its writer died within, or it is written without a pause. */
bool whole_read(const _Atomic uint64_t *sequence, const void *place, void *to, size_t size);

#endif
