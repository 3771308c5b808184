/*
 * log_target -- where events go: journald with fields, standard error, or RFC 5424 over UDP
 *
 * "journal" without a journal means standard error, said once.  A message that cannot be written
 * at once is given up and counted by the caller: the manager never waits for a log.  Lines for
 * standard error gather until they are flushed: one system call for a pass, not one for a line.
 */
#ifndef DAEMON_MANAGER_LOG_TARGET_H
#define DAEMON_MANAGER_LOG_TARGET_H

#include "daemon/manager/text.h"
#include "shm/event_ring.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define LOG_LINE_MAX 4096 /* PIPE_BUF: taken whole when poll says so */

enum log_target_kind { LOG_TARGET_STDERR, LOG_TARGET_JOURNAL, LOG_TARGET_UDP };

struct log_target {
	enum log_target_kind kind;
	int socket; /* UDP; -1 else */
	char host[65];
	/* Lines for standard error that wait for log_target_flush(). */
	char lines[LOG_LINE_MAX];
	size_t lines_length;
	unsigned lines_count;
};

/* target: as in the settings. Falls back to standard error with a line there that says why. */
void log_target_open(struct log_target *target, const char *name);
void log_target_close(struct log_target *target);

/* message: the formatted event. How many messages were given up, this one or earlier ones. */
unsigned log_target_write(struct log_target *target, const struct event *event,
    const struct event_description *description, const struct text *message);
/* Lets out the lines that have gathered. How many were given up. */
unsigned log_target_flush(struct log_target *target);

#endif
