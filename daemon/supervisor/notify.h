/*
 * notify -- tells systemd how the service does; without systemd nothing
 *
 * The protocol of sd_notify(3), one datagram to $NOTIFY_SOCKET, said by hand: the privileged
 * process links no library for it.
 *
 * Supervisor only.
 */
#ifndef SUPERVISOR_NOTIFY_H
#define SUPERVISOR_NOTIFY_H

#include <stdint.h>

#define NOTIFY_FDS_MAX 128u

/* Lines of sd_notify(3): "READY=1\nSTATUS=..." */
void notify_send(const char *text);
struct notify_watchdog {
	uint64_t every_ms; /* a quarter of what systemd allows; 0: it does not watch */
	uint64_t told_ms;
};

/* What $WATCHDOG_USEC asks of this process. */
void notify_watchdog_init(struct notify_watchdog *watchdog);
/* When it is time: WATCHDOG=1. */
void notify_watchdog_beat(struct notify_watchdog *watchdog, uint64_t now_ms);
/* With descriptors, for the store (sd_pid_notify_with_fds(3)). */
void notify_send_fds(const char *text, const int *fds, unsigned count);

#endif
