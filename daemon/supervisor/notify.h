/*
 * notify -- tells systemd how the service does; without systemd (or without libsystemd) nothing
 *
 * Supervisor only.
 */
#ifndef SUPERVISOR_NOTIFY_H
#define SUPERVISOR_NOTIFY_H

/* Lines of sd_notify(3): "READY=1\nSTATUS=..." */
void notify_send(const char *text);

#endif
