/*
 * settings_command -- `smtpguard-manager --settings PATH` and `--check PATH`
 *
 * Started by the supervisor as the unprivileged user: descriptor 4 is the file open for reading
 * (or /dev/null), descriptor 3 takes struct settings: if all of it holds, or what does (write_always).
 * Errors go to standard error.  Returns the exit status: 0, EX_CONFIG (78), EX_OSERR (71).
 */
#ifndef DAEMON_MANAGER_SETTINGS_COMMAND_H
#define DAEMON_MANAGER_SETTINGS_COMMAND_H

#include <stdbool.h>

#define SETTINGS_FD_RESULT 3
#define SETTINGS_FD_FILE   4

int settings_command(const char *path, bool write_always);

#endif
