/*
 * setup -- the answers out of which `failover setup` makes the configuration of a pair
 *
 * setup.def lists what is asked.  Values come as words of the command line, each keyword before its
 * values, or as a line that answers one question.  A value has letters, digits and "_.-:/[]" only, so
 * that it can stand in any of the files.  Whether the answers go together is setup_check()'s.
 *
 * false or a text that says what is wrong, in `why`.  Pure but for setup_ask().
 */
#ifndef CTL_SETUP_H
#define CTL_SETUP_H

#include <stdbool.h>
#include <stdio.h>

#define SETUP_VALUES_MAX 64
#define SETUP_VALUE_MAX	 64 /* with its NUL */
#define SETUP_WHY_MAX	 200

enum setup_key {
#define SETUP(name, ...) SETUP_##name,
#include "ctl/setup.def"
#undef SETUP
	SETUP_KEYS
};

struct setup_answer {
	unsigned count; /* 0: not given */
	char value[SETUP_VALUES_MAX][SETUP_VALUE_MAX];
};

struct setup {
	struct setup_answer answer[SETUP_KEYS];
};

/* NULL: there is none with that number. */
const char *setup_word(unsigned key);
const char *setup_question(unsigned key);

bool setup_take_words(struct setup *setup, int words, char *const *word, char why[SETUP_WHY_MAX]);
/* Something is missing that has no fallback. */
bool setup_lacks(const struct setup *setup);
/* What is missing is asked on `out` and read from `in`, again until it is understood; an empty line is
 * the fallback.  false: the input has ended. */
bool setup_ask(struct setup *setup, FILE *in, FILE *out);
/* Fallbacks for what was not given; false: something has none. */
bool setup_complete(struct setup *setup, char why[SETUP_WHY_MAX]);
bool setup_check(const struct setup *setup, char why[SETUP_WHY_MAX]);

/* Of an address with a length: the address alone. */
void setup_bare_address(const char *value, char address[SETUP_VALUE_MAX]);

#endif
