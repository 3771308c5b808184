/*
 * key_command -- `failover key generate FILE`
 *
 * Works without a running gateway: the key is made before there is a pair.
 */
#ifndef CTL_KEY_COMMAND_H
#define CTL_KEY_COMMAND_H

/* word[0] and word[1] are `failover key`. Returns the sysexits status; says on stderr what was wrong. */
int key_command_run(int words, char *const *word);

#endif
