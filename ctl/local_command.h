/*
 * local_command -- the commands that smtpguardctl does itself, without a running gateway
 *
 * They are words of the command line; the manager does not know them, so neither the shell nor -c has them.
 */
#ifndef CTL_LOCAL_COMMAND_H
#define CTL_LOCAL_COMMAND_H

#include <stdbool.h>

/* Whether the words begin one of them; then it has run, and *ret_status is its sysexits status. */
bool local_command_run(int words, char *const *word, int *ret_status);
/* "WORD\tHELP" on standard output for each word that may come next in the line. */
void local_command_complete(const char *line);

#endif
