/*
 * cli -- one line of the command language: parsed, helped, completed, executed
 *
 * One grammar table (grammar.def) serves parser, `?`, TAB, printer and manual.  Configuration
 * lines change the given configuration (a clone, the caller's); EXEC lines are only recognised:
 * the caller gets an action and the values, and does it.
 *
 * Abbreviations: each keyword may be cut as far as it stays unique in its place.  `do LINE` runs
 * an EXEC line from configuration modes; `exit`, `end` and `no` work as on the ASA; a line of an
 * outer mode entered in an inner one leaves the inner one first.  `!` begins a comment.
 *
 * Which lines a mode takes: its own, then those of the modes around it, out to EXEC (so `show`
 * works without `do` everywhere).  In CLI_EXEC a line whose first word EXEC does not know is tried
 * as a configuration line: `hostname mx` is applied and the place stays CLI_EXEC; a line that
 * leads into a mode (`policy-map ...`) leaves the place there, so that the lines of one connection
 * add up.  CLI_VIEW takes no configuration line.  Whether a line may change anything is known
 * afterwards: outcome.changed for configuration lines, cli_action_writes() for actions, and
 * `enable` by place.mode; the caller discards clone and place if the operator must not.
 *
 * `configure candidate` leads to the same modes as `configure terminal`, with place.candidate set until
 * they are left: which configuration the clone is of, and what becomes of it, is the caller's.
 *
 * Values of an action: names, numbers and addresses in their order, and for `show running-config`
 * the words "all" and the section ("static") in full spelling.
 *
 * Quoting: "..." with \" and \\ inside; any other backslash stands for itself.  A line is UTF-8
 * without control characters, at most CLI_LINE_MAX bytes.
 */
#ifndef DAEMON_POLICY_CLI_H
#define DAEMON_POLICY_CLI_H

#include "daemon/policy/config.h"

#define CLI_LINE_MAX	1024 /* longest line, without line end */
#define CLI_VALUES_MAX	16
#define CLI_VALUE_MAX	256
#define CLI_MESSAGE_MAX 256

enum cli_mode {
	CLI_VIEW,	/* smtpguard>  */
	CLI_EXEC,	/* smtpguard#  after `enable` */
	CLI_CONFIG,	/* (config)#   */
	CLI_POLICY_MAP, /* (config-pmap)#   policy-map NAME | policy-map type inspect esmtp NAME */
	CLI_PARAMETERS, /* (config-pmap-p)# */
	CLI_CLASS,	/* (config-pmap-c)# class or match inside a policy-map */
	CLI_CLASS_MAP,	/* (config-cmap)#   */
};

/* Where a connection stands: its mode and the names that the mode is about. */
struct cli_place {
	enum cli_mode mode;
	char map[64];
	char class_name[64];
	bool esmtp;	/* the policy-map is of type inspect esmtp */
	bool candidate; /* of the configuration modes: lines are collected for `commit` */
};

enum cli_status {
	CLI_DONE,      /* a configuration line was applied, or the mode changed, or nothing to do */
	CLI_ACTION,    /* an EXEC line: outcome.action with outcome.value[] */
	CLI_INVALID,   /* outcome.column says where */
	CLI_AMBIGUOUS, /* likewise */
	CLI_INCOMPLETE,
	CLI_REFUSED, /* well formed, but must not be: outcome.message says why */
};

enum cli_action {
#define ACTION(name, writes, help) CLI_ACTION_##name,
#include "daemon/policy/actions.def"
#undef ACTION
	CLI_ACTION_COUNT
};

struct cli_outcome {
	enum cli_status status;
	enum cli_action action;
	unsigned column; /* 1-based byte of the line */
	bool changed;	 /* the configuration was changed */
	unsigned values; /* free values of the line in order: names, numbers, addresses */
	char value[CLI_VALUES_MAX][CLI_VALUE_MAX];
	char message[CLI_MESSAGE_MAX]; /* an error, or a warning when status is CLI_DONE */
};

/* config may be changed only when the line is a configuration line. */
void cli_execute(
    struct cli_place *place, struct config *config, const char *line, struct cli_outcome *outcome);

struct cli_candidate {
	char word[64]; /* a keyword, a name, or (in help) the form of a value: <1-65535>, NAME */
	const char *help;
};
/* TAB: completions of the last word. `?`: what may come next. Returns how many (at most `most`). */
unsigned cli_complete(const struct cli_place *place, const struct config *config, const char *line,
    struct cli_candidate *candidates, unsigned most);
unsigned cli_help(const struct cli_place *place, const struct config *config, const char *line,
    struct cli_candidate *candidates, unsigned most);

/* "mx-guard(config-pmap)# ", with place.candidate "mx-guard(config-candidate-pmap)# " */
void cli_prompt(
    const struct cli_place *place, const struct config *config, char *buffer, size_t size);
bool cli_action_writes(enum cli_action action); /* needs the right to change */
const char *cli_action_help(enum cli_action action);

#endif
