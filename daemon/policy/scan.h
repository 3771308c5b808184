/*
 * scan -- the words of a line, in the mode in which they make sense
 *
 * A mode knows its own commands; a line that it does not know is tried in the modes around it, one
 * after the other, out to EXEC.  EXEC tries configuration mode last.  `no` and `do` are taken off
 * here.  A scan points into itself: it is not copied.
 */
#ifndef DAEMON_POLICY_SCAN_H
#define DAEMON_POLICY_SCAN_H

#include "daemon/policy/grammar.h"

struct scan {
	enum grammar_status status;
	unsigned column;    /* where it failed; INCOMPLETE: behind the end */
	bool empty;	    /* nothing but blanks and a comment */
	bool prefixed;	    /* `no` or `do` was taken off */
	enum cli_mode mode; /* the mode that understood it; CLI_EXEC: no change of mode */
	unsigned tier;	    /* how far out it was understood */
	const struct lexer_word *words;
	char partial[CLI_LINE_MAX + 1]; /* scan_partial: the word under the cursor, as typed */
	struct lexer lexer;
	struct grammar grammar;
};

/* A whole line: true when status is GRAMMAR_GOOD. */
bool scan_line(struct scan *scan, const struct cli_place *place, const char *line);
/* All but the last word, which is `partial` ("" behind a blank), in the tier-th mode outward; the
 * grammar is then before that word. false: no such tier. status says whether the words fit. */
bool scan_partial(
    struct scan *scan, const struct cli_place *place, const char *line, unsigned tier);
/* Leaves inner modes until the place is where the line was understood. */
void scan_enter_mode(const struct scan *scan, struct cli_place *place);
bool scan_is_configuration(const struct cli_place *place);

#endif
