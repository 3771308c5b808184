/*
 * own_reply -- the replies that the gateway gives itself
 */
#ifndef INSPECT_OWN_REPLY_H
#define INSPECT_OWN_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct builder;

enum own_reply {
	OWN_NONE,
#define OWN(name, code, enhanced, weight, after, rule, text) OWN_##name,
#include "worker/inspect/own_reply.def"
#undef OWN
	OWN_COUNT,
};

struct own_reply_row {
	uint16_t code;
	bool error; /* counts against errors-max */
	bool close; /* ends the session */
	char enhanced[8];
	uint8_t enhanced_length;
	uint8_t rule_length;
	uint8_t text_length;
	const char *rule; /* that it stands for, for the log */
	const char *text;
};

/* The row; that of OWN_NONE for what is out of range. */
const struct own_reply_row *own_reply_row(unsigned reply);
/* Writes the reply to the client as it stands now; with its event and notes left to the caller.
 * `rule` is the ordinal of the rule in whose name it is given (OWN_RULE, OWN_RULE_DROP), or 0. */
void own_reply_give(struct builder *build, enum own_reply reply, uint8_t rule);
/* A note of the trail: the gateway has answered so. */
void own_reply_note(struct builder *build, enum own_reply reply, uint8_t rule);
/* The code and text that own_reply_give() would give, for the log; text stays in *ret_line. */
struct own_reply_line {
	uint16_t code;
	uint8_t enhanced_length;
	uint8_t length;
	char enhanced[8];
	char text[112];
};
void own_reply_line(const struct builder *build, enum own_reply reply, uint8_t rule,
    struct own_reply_line *ret_line);

#endif
