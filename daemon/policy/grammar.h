/*
 * grammar -- the table of all commands, and the match of a line's words against it
 *
 * grammar.def has one row per command: the levels in which it is known, its form (pattern.h),
 * what it does, and the help of each token.  The same rows serve parsing, abbreviation, `?`, TAB
 * and the error's column.  The `match` lines are rows made from the core's table of criteria.
 *
 * A match runs over all rows of a set of levels at once, word by word.  In each place an exact
 * keyword beats everything; a keyword may be abbreviated as far as only one fits; a value beats
 * an abbreviation if both lead to a complete line.  No heap, no state beyond struct grammar.
 */
#ifndef DAEMON_POLICY_GRAMMAR_H
#define DAEMON_POLICY_GRAMMAR_H

#include "daemon/policy/cli.h"
#include "daemon/policy/lexer.h"
#include "daemon/policy/pattern.h"

#define GRAMMAR_HELP_MAX  (PATTERN_TOKENS_MAX + 1)
#define GRAMMAR_ROWS_MAX  48 /* known in one set of levels */
#define GRAMMAR_PATHS_MAX 64

enum grammar_level {
	GRAMMAR_VIEW = 1 << 0,
	GRAMMAR_EXEC = 1 << 1,
	GRAMMAR_CONFIG = 1 << 2,
	GRAMMAR_POLICY = 1 << 3,
	GRAMMAR_ESMTP = 1 << 4,
	GRAMMAR_PARAMETERS = 1 << 5,
	GRAMMAR_CLASS = 1 << 6,
	GRAMMAR_INNER = 1 << 7, /* every configuration mode */
	GRAMMAR_MATCH = 1 << 8,
	GRAMMAR_CLASS_MAP = 1 << 9,
};

struct edit;

struct grammar_row {
	unsigned levels;
	enum cli_action action;		/* NONE: a configuration line or a change of mode */
	void (*run)(struct edit *edit); /* NULL for actions */
	const char *form;
	const char *help[GRAMMAR_HELP_MAX];
};

/* The table; NULL behind its end. */
const struct grammar_row *grammar_row(unsigned index);

/* One way in which the words so far can be understood. */
struct grammar_path {
	uint8_t pattern;
	uint8_t token[LEXER_WORDS_MAX];
	uint8_t rank[LEXER_WORDS_MAX];
};

struct grammar {
	bool negated;
	unsigned words;
	unsigned patterns;
	unsigned paths;
	const struct grammar_row *row[GRAMMAR_ROWS_MAX];
	struct pattern pattern[GRAMMAR_ROWS_MAX];
	struct grammar_path path[2][GRAMMAR_PATHS_MAX];
};

/* A whole line, understood. */
struct grammar_match {
	const struct grammar_row *row;
	bool negated;
	unsigned words;
	const struct lexer_word *word;
	struct pattern_token token[LEXER_WORDS_MAX];
};

enum grammar_status { GRAMMAR_GOOD, GRAMMAR_INVALID, GRAMMAR_AMBIGUOUS, GRAMMAR_INCOMPLETE };

void grammar_start(struct grammar *grammar, unsigned levels, bool negated);
enum grammar_status grammar_feed(struct grammar *grammar, const struct lexer_word *word);
/* The next word is a LINE: the rest of the line as it stands. */
bool grammar_takes_rest(const struct grammar *grammar);
/* word: the words fed, for the match. */
enum grammar_status grammar_finish(
    const struct grammar *grammar, const struct lexer_word *word, struct grammar_match *ret_match);
/* May the line end here? */
bool grammar_may_end(const struct grammar *grammar);
/* Calls visit for each token that may come next. */
void grammar_visit_next(const struct grammar *grammar,
    void (*visit)(void *context, const struct pattern_token *token), void *context);

/* Reading a match: the index-th value of that type, or NULL. */
const char *grammar_value(const struct grammar_match *match, enum value_type type, unsigned index);
/* Was that keyword typed? */
bool grammar_has(const struct grammar_match *match, const char *keyword);
/* The word behind the last occurrence of that keyword, or NULL. */
const char *grammar_behind(const struct grammar_match *match, const char *keyword);

#endif
