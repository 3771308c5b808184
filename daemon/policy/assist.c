#include "daemon/policy/assist.h"

#include "daemon/policy/scan.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

struct collector {
	const struct config *config;
	const char *partial;
	bool help;
	struct cli_candidate *candidates;
	unsigned most;
	unsigned count;
};

static void
add(struct collector *collector, const char *word, size_t length, const char *help)
{
	struct cli_candidate *candidate = &collector->candidates[collector->count];
	if (collector->count == collector->most || length >= sizeof(candidate->word))
		return;
	memcpy(candidate->word, word, length);
	candidate->word[length] = '\0';
	candidate->help = help;
	for (unsigned i = 0; i < collector->count; i++) {
		if (strcmp(collector->candidates[i].word, candidate->word) == 0)
			return;
	}
	collector->count++;
}

static void
add_if_fits(struct collector *collector, const char *word, size_t length, const char *help)
{
	size_t typed = strlen(collector->partial);
	if (typed <= length && strncasecmp(word, collector->partial, typed) == 0)
		add(collector, word, length, help);
}

static void
add_values(struct collector *collector, const struct pattern_token *token)
{
	const char *word;
	for (unsigned i = 0; (word = value_list(token->type, collector->config, i)) != NULL; i++)
		add_if_fits(collector, word, strlen(word), token->help);
	bool fits = collector->partial[0] == '\0' ||
		    value_check(token->type, collector->partial, token->least, token->most);
	if (!collector->help || !fits)
		return;
	char form[64];
	value_form(token->type, token->least, token->most, form, sizeof(form));
	add(collector, form, strlen(form), token->help);
}

static void
visit(void *context, const struct pattern_token *token)
{
	struct collector *collector = context;
	if (token->type == VALUE_KEYWORD)
		add_if_fits(collector, token->text, token->length, token->help);
	else
		add_values(collector, token);
}

unsigned
assist(const struct cli_place *place, const struct config *config, const char *line, bool help,
    struct cli_candidate *candidates, unsigned most)
{
	struct scan scan;
	struct collector collector = {config, scan.partial, help, candidates, most, 0};
	for (unsigned tier = 0; scan_partial(&scan, place, line, tier); tier++) {
		if (scan.status != GRAMMAR_GOOD)
			continue;
		grammar_visit_next(&scan.grammar, visit, &collector);
		bool first = scan.grammar.words == 0 && !scan.prefixed;
		if (first && tier == 0 && scan_is_configuration(place)) {
			add_if_fits(&collector, "no", 2, "Undo, or back to the default");
			add_if_fits(&collector, "do", 2, "A command of the mode outside");
		}
		if (help && scan.partial[0] == '\0' && grammar_may_end(&scan.grammar))
			add(&collector, "<cr>", 4, "");
		if (collector.count > 0)
			break;
	}
	return collector.count;
}
