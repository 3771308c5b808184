/*
 * shell -- smtpguardctl without words: the interactive command line
 *
 * On a terminal with libedit: history of the session, TAB completes, `?` helps without Enter
 * (Ctrl-V ? types one).  With stdin no terminal, or without libedit: lines as they come, a
 * command that fails is reported and the next one is read.
 */
#ifndef CTL_SHELL_H
#define CTL_SHELL_H

#include "ctl/command.h"

/* Until `exit` in EXEC mode or the end of input. Returns the status of the last command. */
int shell_run(struct command_context *context);

#endif
