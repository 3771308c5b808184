/*
 * command_line -- what becomes of one complete line of the client's
 */
#ifndef INSPECT_COMMAND_LINE_H
#define INSPECT_COMMAND_LINE_H

#include "worker/inspect/command_parse.h"
#include "worker/inspect/output.h"

#define COMMAND_LINE_SKIP_MAX 65536u /* octets of a line that is dropped as it comes */

/* Consumes the line, `length` octets up to and with its LF; there is room in the ledger. */
void command_line_take(struct builder *build, const uint8_t *line, size_t length);
/* A command goes to the server, in whatever words: what it begins, and its place in the ledger. */
void command_line_enter(struct builder *build, const struct command *command);
/* A line beyond its limit has been dropped: answers it. `crlf`: it ended so. */
void command_line_skipped(struct builder *build, bool crlf);
/* It is longer than COMMAND_LINE_SKIP_MAX, `length` octets so far: the session ends. */
void command_line_endless(struct builder *build, size_t length);

#endif
