/*
 * criterion_table -- what a rule can look at, and what it may do about it
 */
#ifndef INSPECT_CRITERION_TABLE_H
#define INSPECT_CRITERION_TABLE_H

#include "worker/inspect/policy.h"

enum inspect_criterion {
#define CRITERION(identifier, name, operand, where, actions) CRITERION_##identifier,
#include "worker/inspect/criterion_table.def"
#undef CRITERION
	CRITERION_COUNT,
};

enum criterion_operand { CRITERION_NUMBER, CRITERION_EXTENSIONS };
enum criterion_where {
	CRITERION_COMMAND,
	CRITERION_HEADER,
	CRITERION_BODY,
	CRITERION_MIME,
	CRITERION_REPLY,
};

struct criterion_row {
	const char *name; /* the words of the match line */
	uint8_t name_length;
	uint8_t operand;
	uint8_t where;
	uint8_t actions; /* bit = enum inspect_action */
};

/* The row; `criterion` must be in the table. */
const struct criterion_row *criterion_table_row(unsigned criterion);

#endif
