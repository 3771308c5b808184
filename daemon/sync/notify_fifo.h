/*
 * notify_fifo -- keepalived's word, as the role machine takes it
 *
 * keepalived writes a line for each instance and each sync group.  Once a group has spoken, the groups
 * are believed and single instances are not: theirs say nothing that the group's do not.  Lines that
 * tell of a change of priority are passed over.  DELETED counts as STOP.
 *
 * The descriptor is open for reading and writing, so that there is no end of file when keepalived is
 * restarted.  Called by sync only.
 */
#ifndef DAEMON_SYNC_NOTIFY_FIFO_H
#define DAEMON_SYNC_NOTIFY_FIFO_H

#include "daemon/loop.h"
#include "daemon/sync/notify_line.h"

struct notify_fifo;

struct notify_fifo_calls {
	/* MASTER, BACKUP, FAULT or STOP. */
	void (*word)(struct notify_fifo *fifo, const struct notify_line *line);
	/* What cannot be read, and why. */
	void (*bad)(struct notify_fifo *fifo, const char *why);
};

struct notify_fifo {
	struct loop_source source;
	struct loop *loop;
	const struct notify_fifo_calls *calls;
	struct notify_reader reader;
	bool has_groups;
};

/* 0 or -errno. The descriptor stays the caller's. */
int notify_fifo_open(
    struct notify_fifo *fifo, struct loop *loop, int fd, const struct notify_fifo_calls *calls);

#endif
