/*
 * workers_file -- RUNTIME_DIR/workers: which processes a later supervisor takes over
 *
 *	smtpguard workers 1
 *	worker INDEX PID STARTED
 *	manager 0 PID STARTED
 *	sync 0 PID STARTED
 *	gate 0 PID STARTED
 *
 * PID and start time (daemon/supervisor/process_stat.h) name a process for good, so a line of one
 * that has died does no harm.  The file is replaced before a process begins to do anything.
 *
 * Supervisor only.  0 or -errno.
 */
#ifndef SUPERVISOR_WORKERS_FILE_H
#define SUPERVISOR_WORKERS_FILE_H

#include "shm/layout.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define WORKERS_FILE_NAME    "workers"
#define WORKERS_FILE_ENTRIES (SHM_WORKERS_MAX + 3)
#define WORKERS_FILE_BYTES   4096

enum workers_file_kind {
	WORKERS_FILE_WORKER,
	WORKERS_FILE_MANAGER,
	WORKERS_FILE_SYNC,
	WORKERS_FILE_GATE,
	WORKERS_FILE_KINDS
};

struct workers_file_entry {
	enum workers_file_kind kind;
	uint32_t index;
	pid_t pid;
	uint64_t started;
};

struct workers_file {
	unsigned count;
	struct workers_file_entry entry[WORKERS_FILE_ENTRIES];
};

/* Pure. Format: the length, always below `size` WORKERS_FILE_BYTES. Parse: false, and *ret_line is
 * the line that does not hold. */
size_t workers_file_format(const struct workers_file *file, char *text, size_t size);
bool workers_file_parse(
    const char *text, size_t length, struct workers_file *ret_file, unsigned *ret_line);

int workers_file_write(int directory, const struct workers_file *file);
/* -ENOENT: there is none. -EPERM: others can write it. -EBADMSG: *ret_line does not hold. */
int workers_file_read(int directory, struct workers_file *ret_file, unsigned *ret_line);
void workers_file_remove(int directory);

#endif
