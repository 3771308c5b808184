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

/* Lines of sd_notify(3): "READY=1\nSTATUS=..." */
void notify_send(const char *text);

#endif
