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
/* The content is complete: event 108006 if it is larger than MAIL has declared (RFC 1870 6.3). */
void message_judge_size(struct builder *build);
/* Event 109100: the answer to the end of data was `code`, with that text. */
void message_report(struct builder *build, unsigned code, const void *text, size_t length);

#endif
