/*
 * log_target -- where events go: journald with fields, standard error, or RFC 5424 over UDP
 *
 * "journal" without a journal means standard error, said once.  A message that cannot be written
 * at once is given up and counted by the caller: the manager never waits for a log.
 */
#ifndef DAEMON_MANAGER_LOG_TARGET_H
#define DAEMON_MANAGER_LOG_TARGET_H

#include "shm/event_ring.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

enum log_target_kind { LOG_TARGET_STDERR, LOG_TARGET_JOURNAL, LOG_TARGET_UDP };

struct log_target {
	enum log_target_kind kind;
	int socket; /* UDP; -1 else */
	char host[65];
};

/* target: as in the settings. Falls back to standard error with a line there that says why. */
void log_target_open(struct log_target *target, const char *name);
void log_target_close(struct log_target *target);

/* message: the formatted event. False: it could not be written. */
bool log_target_write(struct log_target *target, const struct event *event,
    const struct event_description *description, const char *message);

#endif
