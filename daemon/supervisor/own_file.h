/*
 * own_file -- small files in RUNTIME_DIR that a supervisor leaves for the next one
 *
 * A file is replaced as a whole; it is for root only, and one that others could have written is not
 * believed.
 *
 * Supervisor only.  -errno on errors.
 */
#ifndef SUPERVISOR_OWN_FILE_H
#define SUPERVISOR_OWN_FILE_H

#include <stddef.h>
#include <sys/types.h>

int own_file_write(int directory, const char *name, const void *bytes, size_t length);
/* The length. -ENOENT: there is none. -EPERM: others can write it. -EFBIG: it has `size` bytes or more. */
ssize_t own_file_read(int directory, const char *name, void *bytes, size_t size);

#endif
