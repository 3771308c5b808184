/*
 * pattern -- the form of one command, as a position automaton
 *
 * A form is a sequence of tokens:
 *   word          a keyword; =word is also handed over as a value
 *   'word word'   keywords, in capitals too, all with one help text
 *   TYPE          a value (types.def); NUMBER<1-100> with its bounds
 *   [ ... ]       may be left out
 *   { a | b }     one of several; [ a | b ] one or none
 *   token ...     once or several times
 *   /             from here on the `no` form may stop; a form without it has no `no` form
 *
 * Each token is a state (Glushkov); follow[t] is the set of tokens that may come after t.  No
 * heap; a form that is not well made is found by the unit test, and parses to no tokens.
 */
#ifndef DAEMON_POLICY_PATTERN_H
#define DAEMON_POLICY_PATTERN_H

#include "daemon/policy/types.h"

#define PATTERN_TOKENS_MAX 32

struct pattern_token {
	const char *text; /* a keyword; not NUL-terminated */
	const char *help;
	uint32_t least; /* NUMBER */
	uint32_t most;
	uint8_t length;
	uint8_t type;	/* enum value_type */
	bool handed_on; /* a keyword that is a value too */
};

struct pattern {
	unsigned count;
	uint32_t first;	  /* set of tokens that may begin the line */
	uint32_t last;	  /* ... that may end it */
	uint32_t last_no; /* ... that may end its `no` form; 0: there is none */
	uint32_t follow[PATTERN_TOKENS_MAX];
	struct pattern_token token[PATTERN_TOKENS_MAX];
};

/* help: one text per token, in order, NULL-terminated. false: not a form. */
bool pattern_parse(struct pattern *pattern, const char *form, const char *const *help);

#endif
