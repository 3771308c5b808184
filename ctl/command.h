/*
 * command -- one line asked of the manager, its answer shown
 *
 * Used by the command line, by -f files and by the shell alike.  The answer goes to stdout
 * through the line's filter; what was not understood goes to stderr with a caret under the place.
 */
#ifndef CTL_COMMAND_H
#define CTL_COMMAND_H

#include "ctl/client.h"

#include <stdio.h>

#define COMMAND_PROMPT_MAX 160
#define COMMAND_LINE_MAX   4096

struct command_context {
	struct client *client;
	bool json;
	unsigned page;	    /* lines a page, 0 no pager */
	const char *origin; /* "FILE:LINE: " before messages, or "" */
	size_t
	    caret_indent; /* columns before the line as the reader sees it; SIZE_MAX: show the line */
	char prompt[COMMAND_PROMPT_MAX]; /* of the mode after the last command */
	bool lost;			 /* the connection is: nothing more can be asked */
};

enum command_read { COMMAND_READ_LINE, COMMAND_READ_END, COMMAND_READ_REFUSED };

/* Returns the sysexits status of the command. */
int command_run(struct command_context *context, const char *line);
/* The next line of a file, without its end. REFUSED: too long or a NUL in it; it is passed over
 * whole, so that its tail is not taken for a command. */
enum command_read command_read_line(FILE *file, char line[COMMAND_LINE_MAX]);
/* Joins words to a line; a word with a blank, a quote or nothing in it is quoted. false: too long. */
bool command_join(char *line, size_t size, char *const *words, int count);

#endif
