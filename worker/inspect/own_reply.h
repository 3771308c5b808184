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
	char enhanced[6];
	uint8_t rule_length;
	uint8_t text_length;
	const char *rule; /* that it stands for, for the log */
	const char *text;
};

/* The row; that of OWN_NONE for what is out of range. */
const struct own_reply_row *own_reply_row(unsigned reply);
/* Writes the reply to the client as it stands now; with its event and notes left to the caller. */
void own_reply_give(struct builder *build, enum own_reply reply);
/* A note of the trail: the gateway has answered so. */
void own_reply_note(struct builder *build, enum own_reply reply);

#endif
