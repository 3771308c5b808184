/*
 * command_line -- what becomes of one complete line of the client's
 */
#ifndef INSPECT_COMMAND_LINE_H
#define INSPECT_COMMAND_LINE_H

#include "worker/inspect/command_parse.h"
#include "worker/inspect/output.h"

/* Consumes the line, `length` octets up to and with its LF; there is room in the ledger. */
void command_line_take(struct builder *build, const uint8_t *line, size_t length);
/* A command goes to the server, in whatever words: what it begins, and its place in the ledger. */
void command_line_enter(struct builder *build, const struct command *command);
/* A line beyond its limit has been dropped: answers it. */
void command_line_skipped(struct builder *build);

#endif
