/*
 * process_stat -- what the kernel says of a process in /proc/PID/stat
 *
 * Number and start time together name one process for good: the number alone is given again.  What
 * is read belongs to the process that a pidfd holds only if that pidfd was opened before and the
 * start time is the known one.
 *
 * Supervisor only.
 */
#ifndef SUPERVISOR_PROCESS_STAT_H
#define SUPERVISOR_PROCESS_STAT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct process_stat {
	char state;	  /* R S D T Z X ... */
	uint64_t started; /* clock ticks since the host's start */
	int exit_status; /* of a dead one (Z, X), as waitpid(2) gives it; hidden without the right */
};

/* Pure: the line as the kernel writes it. */
bool process_stat_parse(const char *line, struct process_stat *ret_stat);
/* 0 or -errno; -ENOENT: there is no such process. */
int process_stat_read(pid_t pid, struct process_stat *ret_stat);

#endif
