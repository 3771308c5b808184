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

#define NOTIFY_FDS_MAX 128u

/* Lines of sd_notify(3): "READY=1\nSTATUS=..." */
void notify_send(const char *text);
/* With descriptors, for the store (sd_pid_notify_with_fds(3)). */
void notify_send_fds(const char *text, const int *fds, unsigned count);

#endif
