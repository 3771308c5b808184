#include "daemon/policy/match_rule.h"

#include "daemon/policy/lexer.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static void
add(char *buffer, size_t size, const char *text)
{
	size_t used = strlen(buffer);
	if (used < size)
		snprintf(buffer + used, size - used, "%s", text);
}

uint64_t
match_rule_parameter(const char *word)
{
	if (strcasecmp(word, "others") == 0)
		return INSPECT_EXTENSION_OTHERS;
	unsigned bit = inspect_extension_find(word, strlen(word));
	return inspect_extension_name(bit) != NULL ? 1ull << bit : 0;
}

static void
add_parameters(uint64_t set, char *buffer, size_t size)
{
	for (unsigned i = 0; inspect_extension_word(i) != NULL; i++) {
		if (!(set >> i & 1))
			continue;
		add(buffer, size, " ");
		add(buffer, size, inspect_extension_word(i));
	}
	if (set & INSPECT_EXTENSION_OTHERS)
		add(buffer, size, " others");
}

void
match_rule_text(const struct inspect_rule *rule, char *buffer, size_t size)
{
	snprintf(buffer, size, "match %s%s", rule->flags & INSPECT_RULE_NOT ? "not " : "",
	    inspect_criterion_name(rule->criterion));
	if (rule->set != 0) {
		add_parameters(rule->set, buffer, size);
		return;
	}
	char number[16];
	snprintf(number, sizeof(number), " gt %u", rule->limit);
	add(buffer, size, number);
}

void
match_rule_action(const struct inspect_rule *rule, char *buffer, size_t size)
{
	snprintf(buffer, size, "%s", inspect_action_name(rule->action));
	if (rule->action == INSPECT_ACTION_REJECT && rule->code != 0) {
		char text[INSPECT_REJECT_MAX + 1], quoted[2 * INSPECT_REJECT_MAX + 4], code[32];
		snprintf(text, sizeof(text), "%.*s", rule->text_length, rule->text);
		lexer_quote(quoted, sizeof(quoted), text, true);
		snprintf(code, sizeof(code), " %u %.*s ", rule->code, rule->enhanced_length,
		    rule->enhanced);
		add(buffer, size, code);
		add(buffer, size, quoted);
	}
	if (rule->action != INSPECT_ACTION_LOG && rule->flags & INSPECT_RULE_LOG)
		add(buffer, size, " log");
}

bool
match_rule_same(const struct inspect_rule *one, const struct inspect_rule *other)
{
	return one->criterion == other->criterion && one->limit == other->limit &&
	       one->set == other->set &&
	       (one->flags & INSPECT_RULE_NOT) == (other->flags & INSPECT_RULE_NOT);
}

void
match_rule_actions(unsigned criterion, char *buffer, size_t size)
{
	buffer[0] = '\0';
	for (unsigned i = 0; i < INSPECT_ACTIONS; i++) {
		if (!inspect_criterion_takes(criterion, (enum inspect_action)i))
			continue;
		add(buffer, size, buffer[0] != '\0' ? ", " : "");
		add(buffer, size, inspect_action_name(i));
	}
}
