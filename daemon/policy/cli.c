#include "daemon/policy/cli.h"

#include "daemon/policy/assist.h"
#include "daemon/policy/edit_match.h"
#include "daemon/policy/edit_mode.h"
#include "daemon/policy/edit_policy.h"
#include "daemon/policy/scan.h"
#include "daemon/policy/tree.h"

#include <stdio.h>
#include <string.h>

static const struct {
	bool writes;
	const char *help;
} actions[CLI_ACTION_COUNT] = {
#define ACTION(name, writes, help) [CLI_ACTION_##name] = {writes, help},
#include "daemon/policy/actions.def"
#undef ACTION
};

bool
cli_action_writes(enum cli_action action)
{
	return action < CLI_ACTION_COUNT && actions[action].writes;
}

const char *
cli_action_help(enum cli_action action)
{
	return action < CLI_ACTION_COUNT ? actions[action].help : "";
}

static void
fail(struct cli_outcome *outcome, enum cli_status status, unsigned column, const char *message)
{
	outcome->status = status;
	outcome->column = column;
	snprintf(outcome->message, sizeof(outcome->message), "%s", message);
}

static void
report(struct cli_outcome *outcome, const struct scan *scan)
{
	switch (scan->status) {
	case GRAMMAR_INVALID:
		fail(outcome, CLI_INVALID, scan->column, "Invalid input detected");
		break;
	case GRAMMAR_AMBIGUOUS:
		fail(outcome, CLI_AMBIGUOUS, scan->column, "Ambiguous command");
		break;
	case GRAMMAR_INCOMPLETE:
		fail(outcome, CLI_INCOMPLETE, scan->column, "Incomplete command");
		break;
	case GRAMMAR_GOOD:
		break;
	}
}

static void
add_value(
    struct cli_outcome *outcome, const struct lexer_word *word, const char *text, size_t length)
{
	if (length >= CLI_VALUE_MAX || outcome->values == CLI_VALUES_MAX) {
		fail(outcome, CLI_INVALID, word->column, "Value too long");
		return;
	}
	memcpy(outcome->value[outcome->values], text, length);
	outcome->value[outcome->values++][length] = '\0';
}

static void
take_action(struct cli_outcome *outcome, const struct grammar_match *match)
{
	outcome->status = CLI_ACTION;
	outcome->action = match->row->action;
	for (unsigned i = 0; i < match->words; i++) {
		const struct pattern_token *token = &match->token[i];
		const struct lexer_word *word = &match->word[i];
		if (token->type != VALUE_KEYWORD)
			add_value(outcome, word, word->text, strlen(word->text));
		else if (token->handed_on)
			add_value(outcome, word, token->text, token->length);
	}
}

static void
run(struct cli_place *place, struct config *config, const struct scan *scan,
    const struct grammar_match *match, struct cli_outcome *outcome)
{
	struct cli_place next = *place;
	scan_enter_mode(scan, &next);
	struct edit edit = {&next, config, match, outcome};
	match->row->run(&edit);
	if (outcome->status == CLI_DONE) {
		edit_match_left(&edit, place);
		edit_class_left(&edit, place);
	}
	/* A single line typed in EXEC leaves nobody in configuration mode. */
	bool single =
	    place->mode == CLI_EXEC && next.mode == CLI_CONFIG && scan->mode == CLI_CONFIG;
	if (outcome->status == CLI_DONE && !single)
		*place = next;
}

void
cli_execute(
    struct cli_place *place, struct config *config, const char *line, struct cli_outcome *outcome)
{
	memset(outcome, 0, sizeof(*outcome));
	struct scan scan;
	struct grammar_match match;
	if (!scan_line(&scan, place, line)) {
		report(outcome, &scan);
		return;
	}
	if (scan.empty)
		return;
	if (grammar_finish(&scan.grammar, scan.words, &match) != GRAMMAR_GOOD)
		return;
	if (match.row->run == NULL)
		take_action(outcome, &match);
	else
		run(place, config, &scan, &match, outcome);
}

unsigned
cli_complete(const struct cli_place *place, const struct config *config, const char *line,
    struct cli_candidate *candidates, unsigned most)
{
	return assist(place, config, line, false, candidates, most);
}

unsigned
cli_help(const struct cli_place *place, const struct config *config, const char *line,
    struct cli_candidate *candidates, unsigned most)
{
	return assist(place, config, line, true, candidates, most);
}

void
cli_prompt(const struct cli_place *place, const struct config *config, char *buffer, size_t size)
{
	static const char *const inner[] = {
	    [CLI_CONFIG] = "",
	    [CLI_POLICY_MAP] = "-pmap",
	    [CLI_PARAMETERS] = "-pmap-p",
	    [CLI_CLASS] = "-pmap-c",
	    [CLI_CLASS_MAP] = "-cmap",
	};

	if (place->mode == CLI_VIEW || place->mode == CLI_EXEC)
		snprintf(
		    buffer, size, "%s%s", config->hostname, place->mode == CLI_VIEW ? "> " : "# ");
	else
		snprintf(buffer, size, "%s(config%s%s)# ", config->hostname,
		    place->candidate ? "-candidate" : "", inner[place->mode]);
}
