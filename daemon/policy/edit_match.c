#include "daemon/policy/edit_match.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct match_rule *
find(struct config_map *map, const struct inspect_rule *rule)
{
	for (unsigned i = 0; i < map->rules; i++) {
		if (match_rule_same(&map->rule[i].rule, rule))
			return &map->rule[i];
	}
	return NULL;
}

static void
enter(struct edit *edit, const struct match_rule *rule)
{
	edit->place->mode = CLI_CLASS;
	snprintf(edit->place->class_name, sizeof(edit->place->class_name), "%u", rule->id);
}

static void
remove_rule(struct edit *edit, struct config_map *map, const struct inspect_rule *rule)
{
	struct match_rule *found = find(map, rule);
	if (found == NULL) {
		edit_warn(edit, "policy-map %s has no such match", map->name);
		return;
	}
	tree_remove(map->rule, &map->rules, sizeof(*found), (unsigned)(found - map->rule));
	edit_changed(edit);
}

static void
take(struct edit *edit, const struct inspect_rule *rule)
{
	struct config_map *map = edit_current_map(edit);
	if (map == NULL)
		return;
	if (edit->match->negated) {
		remove_rule(edit, map, rule);
		return;
	}
	struct match_rule *found = find(map, rule);
	if (found == NULL) {
		if (map->rules == INSPECT_RULES_MAX) {
			edit_refuse(
			    edit, "at most %d match lines in a policy-map", INSPECT_RULES_MAX);
			return;
		}
		found = tree_insert(map->rule, &map->rules, sizeof(*found), map->rules);
		found->id = ++map->last_id;
		found->rule = *rule;
		edit_changed(edit);
	}
	enter(edit, found);
}

/* The words between `match` and the operand, as the criterion's name has them. */
static unsigned
criterion_of(const struct grammar_match *match)
{
	char name[64] = "";
	for (unsigned i = 1; i < match->words; i++) {
		const struct pattern_token *token = &match->token[i];
		if (token->type != VALUE_KEYWORD ||
		    (token->length == 2 && memcmp(token->text, "gt", 2) == 0))
			break;
		if (token->length == 3 && memcmp(token->text, "not", 3) == 0)
			continue;
		size_t used = strlen(name);
		snprintf(name + used, sizeof(name) - used, "%s%.*s", used != 0 ? " " : "",
		    token->length, token->text);
	}
	return inspect_criterion_find(name, strlen(name));
}

static struct inspect_rule
rule_of(const struct grammar_match *match)
{
	struct inspect_rule rule = {.criterion = (uint8_t)criterion_of(match)};
	if (grammar_has(match, "not"))
		rule.flags |= INSPECT_RULE_NOT;
	return rule;
}

void
edit_match(struct edit *edit)
{
	struct inspect_rule rule = rule_of(edit->match);
	rule.limit = value_number(grammar_value(edit->match, VALUE_NUMBER, 0));
	take(edit, &rule);
}

void
edit_match_reply(struct edit *edit)
{
	struct inspect_rule rule = rule_of(edit->match);
	const char *word;
	for (unsigned i = 0; (word = grammar_value(edit->match, VALUE_REPLY_PARAMETER, i)) != NULL;
	     i++)
		rule.set |= match_rule_parameter(word);
	take(edit, &rule);
}

static struct match_rule *
current(struct edit *edit)
{
	struct config_map *map = edit_current_map(edit);
	unsigned long id = strtoul(edit->place->class_name, NULL, 10);
	if (map == NULL)
		return NULL;
	for (unsigned i = 0; i < map->rules; i++) {
		if (map->rule[i].id == id)
			return &map->rule[i];
	}
	edit_refuse(edit, "this match does not exist any more");
	return NULL;
}

/* CODE ENHANCED "TEXT": a permanent or transient refusal, and the class of its enhanced code is that
 * of its code (RFC 2034 4). */
static bool
read_reject(struct edit *edit, struct inspect_rule *rule)
{
	const char *code = grammar_value(edit->match, VALUE_NUMBER, 0);
	const char *enhanced = grammar_value(edit->match, VALUE_WORD, 0);
	const char *text = grammar_value(edit->match, VALUE_TEXT, 0);
	unsigned parts[3];
	int used = 0;
	if (code == NULL)
		return true;
	rule->code = (uint16_t)value_number(code);
	char *end = (char *)enhanced;
	for (int i = 0; i < 3; i++) {
		parts[i] = (unsigned)strtoul(end, &end, 10);
		used += *end == '.' ? 1 : 0;
		end += *end == '.' ? 1 : 0;
	}
	if (*end != '\0' || used != 2 || parts[0] != rule->code / 100u ||
	    strlen(enhanced) >= sizeof(rule->enhanced)) {
		edit_refuse(edit, "reject: %s is no enhanced code of %s", enhanced, code);
		return false;
	}
	if (strlen(text) > INSPECT_REJECT_MAX || text[0] == '\0') {
		edit_refuse(edit, "reject: a text of 1 to %d bytes", INSPECT_REJECT_MAX);
		return false;
	}
	for (const char *c = text; *c != '\0'; c++) {
		if (*c < ' ' || *c > '~') {
			edit_refuse(edit, "reject: only printable ASCII");
			return false;
		}
	}
	rule->enhanced_length = (uint8_t)strlen(enhanced);
	memcpy(rule->enhanced, enhanced, strlen(enhanced));
	rule->text_length = (uint8_t)strlen(text);
	memcpy(rule->text, text, strlen(text));
	return true;
}

static unsigned
action_of(const struct pattern_token *token)
{
	unsigned action = 0;
	for (; inspect_action_name(action) != NULL; action++) {
		if (strlen(inspect_action_name(action)) == token->length &&
		    memcmp(inspect_action_name(action), token->text, token->length) == 0)
			break;
	}
	return action;
}

/* What the rule looks at, without an action. */
static struct inspect_rule
without_action(const struct inspect_rule *rule)
{
	return (struct inspect_rule){.criterion = rule->criterion,
	    .flags = rule->flags & INSPECT_RULE_NOT,
	    .limit = rule->limit,
	    .set = rule->set};
}

void
edit_match_action(struct edit *edit)
{
	struct match_rule *found = current(edit);
	if (found == NULL)
		return;
	unsigned action = action_of(&edit->match->token[0]);
	struct inspect_rule rule = without_action(&found->rule);
	if (edit->match->negated) {
		if (!found->acts || found->rule.action != action) {
			edit_warn(edit, "this match has no such action");
			return;
		}
		found->rule = rule;
		found->acts = false;
		edit_changed(edit);
		return;
	}
	if (!inspect_criterion_takes(rule.criterion, (enum inspect_action)action)) {
		char takes[96];
		match_rule_actions(rule.criterion, takes, sizeof(takes));
		edit_refuse(
		    edit, "match %s takes %s", inspect_criterion_name(rule.criterion), takes);
		return;
	}
	rule.action = (uint8_t)action;
	if (action != INSPECT_ACTION_LOG && grammar_has(edit->match, "log"))
		rule.flags |= INSPECT_RULE_LOG;
	if (action == INSPECT_ACTION_REJECT && !read_reject(edit, &rule))
		return;
	if (found->acts && memcmp(&found->rule, &rule, sizeof(rule)) == 0)
		return;
	found->rule = rule;
	found->acts = true;
	edit_changed(edit);
}
