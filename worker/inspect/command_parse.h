/*
 * command_parse -- one command line, judged by its form alone
 *
 * Knows nothing of the session: what a command means now is the client machine's to say.
 */
#ifndef INSPECT_COMMAND_PARSE_H
#define INSPECT_COMMAND_PARSE_H

#include "worker/inspect/command_table.h"
#include "worker/inspect/esmtp_param.h"
#include "worker/inspect/own_reply.h"

struct command {
	uint8_t verb;	/* enum inspect_verb */
	uint8_t fault;	/* enum own_reply: what is wrong with the form, OWN_NONE if nothing */
	bool unframed;	/* ... so wrong that a server may read the line as something else */
	bool non_ascii; /* the argument holds octets above 127, valid as UTF-8 */
	struct esmtp_params params; /* of MAIL and RCPT */
	const uint8_t *argument;    /* behind the spaces, without trailing ones */
	size_t argument_length;
	const uint8_t *path; /* of MAIL and RCPT, within < and > */
	size_t path_length;
};

/* The verb with which a line begins, perhaps unfinished: for its limit only. */
unsigned command_parse_verb(const uint8_t *line, size_t length);
/* How much of an unknown command may be logged: its first word if it looks like a verb or the name of
 * a header, otherwise nothing, for it may be a credential that has lost its AUTH. */
size_t command_parse_safe_word(const uint8_t *line, size_t length);
/* Octets of the address of MAIL; of one that has no path that can be read, what a lenient server may
 * take for it. */
size_t command_parse_sender_length(const struct command *command);
/* `line` is without its line end. */
void command_parse(struct command *command, const uint8_t *line, size_t length);

#endif
