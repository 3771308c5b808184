/*
 * sasl -- AUTH and the lines of its exchange (RFC 4954)
 *
 * They are credentials: nothing of them reaches a log or a trail, and what holds them is wiped
 * (output->secret).
 */
#ifndef INSPECT_SASL_H
#define INSPECT_SASL_H

#include "worker/inspect/command_parse.h"
#include "worker/inspect/output.h"

/* The note of an AUTH command: its mechanism, if it is one, and nothing else. */
void sasl_note(struct builder *build, const struct command *command);
/* "AUTH mechanism [initial-response]". */
bool sasl_is_formed(const struct command *command);
/* A line of the client's within an exchange, `length` octets up to and with its LF. */
void sasl_take(struct builder *build, const uint8_t *line, size_t length);
/* Cancels the exchange toward the server; its answer is replaced by `reply`. */
void sasl_cancel(struct builder *build, enum own_reply reply);

#endif
