/*
 * message -- the mail transaction under way: envelope, counts, and the line in the log
 */
#ifndef INSPECT_MESSAGE_H
#define INSPECT_MESSAGE_H

#include "worker/inspect/command_parse.h"
#include "worker/inspect/output.h"

/* MAIL was forwarded. */
void message_begin(struct inspect *state, const struct command *command);
/* The server has said 354. */
void message_content(struct inspect *state);
/* The one way out of a transaction, whatever ended it. */
void message_clear(struct inspect *state);
/* Event 109100: the answer to the end of data was `code`, with that text. */
void message_report(struct builder *build, unsigned code, const void *text, size_t length);

#endif
