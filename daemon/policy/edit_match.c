#include "daemon/policy/edit_match.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CRITERION_NAME_MAX 64

static struct match_rule *
find(struct config_map *map, const struct inspect_rule *rule)
{
	for (unsigned i = 0; i < map->rules; i++) {
		if (match_rule_same(&map->rule[i].rule, rule))
			return &map->rule[i];
	}
	return NULL;
}

/* The line that a place is about. */
static struct match_rule *
find_entered(struct config_map *map, const struct cli_place *place)
{
	unsigned long id = strtoul(place->class_name, NULL, 10);
	for (unsigned i = 0; i < map->rules; i++) {
		if (map->rule[i].id == id)
			return &map->rule[i];
	}
	return NULL;
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

/* The words between `match` and the operand, as the criterion's name has them. */
static unsigned
criterion_of(const struct grammar_match *match)
{
	char name[CRITERION_NAME_MAX] = "";
	unsigned criterion = inspect_criterion_find(name, 0);
	unsigned i = grammar_has(match, "not") ? 2 : 1;
	for (; i < match->words && inspect_criterion_name(criterion) == NULL; i++) {
		const struct pattern_token *token = &match->token[i];
		size_t used = strlen(name);
		snprintf(name + used, sizeof(name) - used, "%s%.*s", used != 0 ? " " : "",
		    token->length, token->text);
		criterion = inspect_criterion_find(name, strlen(name));
	}
	return criterion;
}

static struct inspect_rule
rule_of(const struct grammar_match *match)
{
	struct inspect_rule rule = {.criterion = (uint8_t)criterion_of(match)};
	const char *number = grammar_value(match, VALUE_NUMBER, 0);
	const char *word;
	if (grammar_has(match, "not"))
		rule.flags |= INSPECT_RULE_NOT;
	if (number != NULL)
		rule.limit = value_number(number);
	for (unsigned i = 0; (word = grammar_value(match, VALUE_REPLY_PARAMETER, i)) != NULL; i++)
		rule.set |= match_rule_parameter(word);
	return rule;
}

void
edit_match(struct edit *edit)
{
	struct config_map *map = edit_current_map(edit);
	if (map == NULL)
		return;
	struct inspect_rule rule = rule_of(edit->match);
	if (edit->match->negated) {
		remove_rule(edit, map, &rule);
		return;
	}
	struct match_rule *found = find(map, &rule);
	if (found == NULL) {
		if (map->rules == INSPECT_RULES_MAX) {
			edit_refuse(
			    edit, "at most %d match lines in a policy-map", INSPECT_RULES_MAX);
			return;
		}
		found = tree_insert(map->rule, &map->rules, sizeof(*found), map->rules);
		found->id = ++edit->config->last_match;
		found->rule = rule;
		edit_changed(edit);
	}
	edit->place->mode = CLI_CLASS;
	snprintf(edit->place->class_name, sizeof(edit->place->class_name), "%u", found->id);
}

void
edit_match_left(struct edit *edit, const struct cli_place *before)
{
	bool inside = before->mode == CLI_CLASS && before->esmtp;
	struct config_map *map = tree_find_map(edit->config, before->map);
	if (!inside || map == NULL || edit->outcome->message[0] != '\0' ||
	    (edit->place->mode == CLI_CLASS &&
		strcmp(edit->place->class_name, before->class_name) == 0))
		return;
	const struct match_rule *left = find_entered(map, before);
	if (left == NULL || left->acts)
		return;
	char text[MATCH_RULE_TEXT];
	match_rule_text(&left->rule, text, sizeof(text));
	edit_warn(edit, "WARNING: %s has no action yet and does nothing", text);
}

static struct match_rule *
edit_current_rule(struct edit *edit)
{
	struct config_map *map = edit_current_map(edit);
	if (map == NULL)
		return NULL;
	struct match_rule *rule = find_entered(map, edit->place);
	if (rule == NULL)
		edit_refuse(edit, "policy-map %s does not have this match any more", map->name);
	return rule;
}

static unsigned
action_of(const struct grammar_match *match)
{
	const struct pattern_token *token = &match->token[0];
	unsigned action = 0;
	const char *name;
	while ((name = inspect_action_name(action)) != NULL &&
	       (strlen(name) != token->length || memcmp(name, token->text, token->length) != 0))
		action++;
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

static void
remove_action(struct edit *edit, struct match_rule *rule, unsigned action)
{
	if (!rule->acts || rule->rule.action != action) {
		edit_warn(edit, "this match has no action %s", inspect_action_name(action));
		return;
	}
	rule->rule = without_action(&rule->rule);
	rule->acts = false;
	edit_changed(edit);
}

static void
set_action(struct edit *edit, struct match_rule *rule, const struct inspect_rule *next)
{
	if (rule->acts && memcmp(&rule->rule, next, sizeof(*next)) == 0)
		return;
	rule->rule = *next;
	rule->acts = true;
	edit_changed(edit);
}

/* The entered line with the action that is being given to it; NULL: there is nothing to set. */
static struct match_rule *
begin_action(struct edit *edit, struct inspect_rule *ret_next)
{
	struct match_rule *rule = edit_current_rule(edit);
	if (rule == NULL)
		return NULL;
	unsigned action = action_of(edit->match);
	if (edit->match->negated) {
		remove_action(edit, rule, action);
		return NULL;
	}
	unsigned criterion = rule->rule.criterion;
	if (!inspect_criterion_takes(criterion, (enum inspect_action)action)) {
		char takes[96];
		match_rule_actions(criterion, takes, sizeof(takes));
		edit_refuse(edit, "match %s does not take %s; it takes %s",
		    inspect_criterion_name(criterion), inspect_action_name(action), takes);
		return NULL;
	}
	*ret_next = without_action(&rule->rule);
	ret_next->action = (uint8_t)action;
	if (action != INSPECT_ACTION_LOG && grammar_has(edit->match, "log"))
		ret_next->flags |= INSPECT_RULE_LOG;
	return rule;
}

void
edit_match_action(struct edit *edit)
{
	struct inspect_rule next;
	struct match_rule *rule = begin_action(edit, &next);
	if (rule != NULL)
		set_action(edit, rule, &next);
}

/* RFC 3463 2: class "." subject "." detail, the latter two of one to three digits. */
static bool
is_enhanced(const char *text)
{
	if (strspn(text, "245") < 1 || text[1] != '.')
		return false;
	text += 2;
	size_t subject = strspn(text, "0123456789");
	if (subject < 1 || subject > 3 || text[subject] != '.')
		return false;
	text += subject + 1;
	size_t detail = strspn(text, "0123456789");
	return detail >= 1 && detail <= 3 && text[detail] == '\0';
}

/* RFC 2034 4: the class of the enhanced code is that of the reply's. */
static bool
read_codes(struct edit *edit, struct inspect_rule *rule)
{
	const char *code = grammar_value(edit->match, VALUE_NUMBER, 0);
	const char *enhanced = grammar_value(edit->match, VALUE_WORD, 0);
	size_t length = strlen(enhanced);
	if (!is_enhanced(enhanced) || length >= sizeof(rule->enhanced)) {
		edit_refuse(
		    edit, "reject: %s is not an enhanced code such as %c.7.1", enhanced, code[0]);
		return false;
	}
	if (enhanced[0] != code[0]) {
		edit_refuse(edit, "reject: with %s goes an enhanced code %c.y.z, not %s", code,
		    code[0], enhanced);
		return false;
	}
	rule->code = (uint16_t)value_number(code);
	rule->enhanced_length = (uint8_t)length;
	memcpy(rule->enhanced, enhanced, length);
	return true;
}

/* RFC 5321 4.2: the text of a reply is printable ASCII. */
static bool
read_text(struct edit *edit, struct inspect_rule *rule)
{
	const char *text = grammar_value(edit->match, VALUE_TEXT, 0);
	size_t length = strlen(text);
	if (length > INSPECT_REJECT_MAX) {
		edit_refuse(edit, "reject: a text of at most %d bytes", INSPECT_REJECT_MAX);
		return false;
	}
	for (size_t i = 0; i < length; i++) {
		if (text[i] < ' ' || text[i] > '~') {
			edit_refuse(edit, "reject: only printable ASCII");
			return false;
		}
	}
	rule->text_length = (uint8_t)length;
	memcpy(rule->text, text, length);
	return true;
}

void
edit_match_reject(struct edit *edit)
{
	struct inspect_rule next;
	struct match_rule *rule = begin_action(edit, &next);
	if (rule == NULL)
		return;
	bool worded = grammar_value(edit->match, VALUE_NUMBER, 0) != NULL;
	if (!worded || (read_codes(edit, &next) && read_text(edit, &next)))
		set_action(edit, rule, &next);
}
