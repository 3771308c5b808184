/*
 * key_command -- `failover key generate FILE`
 *
 * Works without a running gateway: the key is made before there is a pair.  Only as words of the
 * command line; it is not a command of the manager's.
 */
#ifndef CTL_KEY_COMMAND_H
#define CTL_KEY_COMMAND_H

#include <stdbool.h>

/* Whether the words begin with `failover key`. */
bool key_command_is_meant(int words, char *const *word);
/* Returns the sysexits status; says on stderr what was wrong. */
int key_command_run(int words, char *const *word);

#endif
