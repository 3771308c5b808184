/*
 * setup_command -- `failover setup FOLDER [KEYWORD VALUE...]...`
 *
 * Makes the key and the configuration of both hosts of a pair, and says what is to be done with them.
 * Works without a running gateway.  What is missing is asked when standard input is a terminal.
 */
#ifndef CTL_SETUP_COMMAND_H
#define CTL_SETUP_COMMAND_H

/* word[0] and word[1] are the command's own. Returns the sysexits status; says on stderr what was wrong. */
int setup_command_run(int words, char *const *word);

#endif
