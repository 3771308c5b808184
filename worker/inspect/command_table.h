/*
 * command_table -- the commands the core knows, and what a policy may permit of them
 */
#ifndef INSPECT_COMMAND_TABLE_H
#define INSPECT_COMMAND_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum inspect_verb {
#define VERB(name, limit, argument, class, turn, refusal) VERB_##name,
#include "worker/inspect/command_table.def"
#undef VERB
	VERB_UNKNOWN, /* also the number of known verbs */
};

#define VERB_PERMITTED ((unsigned)VERB_BURL) /* verbs below are the policy's to permit */

#define LINE_LIMIT_DEFAULT 512u
#define LINE_LIMIT_SASL	   12288u /* RFC 4954 4 */

enum verb_argument {
	ARGUMENT_NONE,
	ARGUMENT_ANY,
	ARGUMENT_TEXT,	 /* something must be there */
	ARGUMENT_DOMAIN, /* one word */
	ARGUMENT_FROM,	 /* FROM:<path> and parameters */
	ARGUMENT_TO,	 /* TO:<path> and parameters */
	ARGUMENT_BDAT,	 /* a size, and LAST or not: judged by bdat.h */
};

enum verb_turn { VERB_TURN_GROUP, VERB_TURN_LAST, VERB_TURN_WAIT };

enum verb_class { VERB_CLASS_PASS, VERB_CLASS_ASK, VERB_CLASS_NEVER, VERB_CLASS_HTTP };

struct verb {
	const char *name;
	uint8_t name_length;
	uint8_t argument; /* enum verb_argument */
	uint8_t class;	  /* enum verb_class */
	uint8_t turn;	  /* enum verb_turn */
	uint8_t refusal;  /* enum own_reply */
	uint16_t limit;	  /* octets of the longest line, with CRLF */
};

/* The row of a verb; VERB_UNKNOWN and beyond have one too. */
const struct verb *command_table_row(unsigned verb);
/* The verb of that very name, in either case of letters; VERB_UNKNOWN if there is none. */
unsigned command_table_find(const void *name, size_t length);
/* The policy bits that are set in the factory. */
uint64_t command_table_defaults(void);

/* Equal but for the case of ASCII letters. */
bool ascii_equal(const void *left, const void *right, size_t length);

#endif
