#include "worker/inspect/rule.h"

#include "worker/inspect/answer.h"
#include "worker/inspect/compat.h"
#include "worker/inspect/ending.h"

#include <string.h>

#define EVENT_ACTED   108004u
#define EVENT_LOGGED  108005u
#define EVENT_REFUSED 109001u
#define EVENT_MONITOR 109007u
#define WORDS_MAX     112u /* of a match line */

/* Words in a buffer that never overflows: what has no room is left out. */
struct words {
	char text[WORDS_MAX];
	size_t length;
};

static void
add(struct words *words, const char *text, size_t length)
{
	if (length > sizeof(words->text) - words->length)
		length = sizeof(words->text) - words->length;
	memcpy(words->text + words->length, text, length);
	words->length += length;
}

static void
add_number(struct words *words, uint32_t number)
{
	char digits[10];
	size_t at = sizeof(digits);

	do
		digits[--at] = (char)('0' + number % 10);
	while (number /= 10);
	add(words, digits + at, sizeof(digits) - at);
}

static void
add_set(struct words *words, uint64_t set)
{
	for (unsigned i = 0; inspect_extension_word(i); i++) {
		const char *word = inspect_extension_word(i);
		if ((set >> i & 1) == 0)
			continue;
		add(words, " ", 1);
		add(words, word, strlen(word));
	}
	if (set & INSPECT_EXTENSION_OTHERS)
		add(words, OUTPUT_TEXT(" others"));
}

/* What stands behind `match`. */
static void
rule_words(const struct inspect_rule *rule, struct words *words)
{
	const struct criterion_row *row = criterion_table_row(rule->criterion);

	words->length = 0;
	if (rule->flags & INSPECT_RULE_NOT)
		add(words, OUTPUT_TEXT("not "));
	add(words, row->name, row->name_length);
	if (row->operand == CRITERION_NUMBER) {
		add(words, OUTPUT_TEXT(" gt "));
		add_number(words, rule->limit);
	} else {
		add_set(words, rule->set);
	}
}

bool
rule_exists(const struct inspect_policy *policy, enum inspect_criterion criterion)
{
	return policy->rules_of[criterion] != 0;
}

/* ---- saying that a rule has held ---- */

static const struct {
	const char *text;
	size_t length;
} deeds[INSPECT_ACTIONS] = {
    [INSPECT_ACTION_LOG] = {OUTPUT_TEXT("Received")},
    [INSPECT_ACTION_MASK] = {OUTPUT_TEXT("Masked header flags for")},
    [INSPECT_ACTION_REJECT] = {OUTPUT_TEXT("Rejected")},
    [INSPECT_ACTION_DROP] = {OUTPUT_TEXT("Dropped connection for")},
    [INSPECT_ACTION_RESET] = {OUTPUT_TEXT("Reset connection for")},
};

static uint32_t
event_of(const struct builder *build, const struct inspect_rule *rule)
{
	if (rule->action == INSPECT_ACTION_LOG)
		return EVENT_LOGGED;
	if (build->policy->flags & INSPECT_MONITOR_ONLY)
		return EVENT_MONITOR;
	if (rule->flags & INSPECT_RULE_LOG)
		return EVENT_ACTED;
	return rule->action == INSPECT_ACTION_MASK ? 0 : EVENT_REFUSED;
}

static void
report(struct builder *build, unsigned index)
{
	const struct inspect_rule *rule = &build->policy->rule[index];
	bool reply = criterion_table_row(rule->criterion)->where == CRITERION_REPLY;
	uint32_t id = event_of(build, rule);
	struct words words;

	if (id == 0)
		return;
	struct inspect_event *event = output_event(build, id);
	rule_words(rule, &words);
	event->rule = index + 1;
	event->number[3] = reply;
	if (id == EVENT_LOGGED || id == EVENT_ACTED) {
		output_event_text(build, event, 0, deeds[rule->action].text,
		    deeds[rule->action].length, WORDS_MAX);
		output_event_text(build, event, 1, words.text, words.length, WORDS_MAX);
		return;
	}
	if (reply)
		output_event_text(build, event, 0, OUTPUT_TEXT("ESMTP Response"), WORDS_MAX);
	else
		output_event_text(build, event, 0, OUTPUT_TEXT("ESMTP Request"), WORDS_MAX);
	output_event_text(
	    build, event, 1, deeds[rule->action].text, deeds[rule->action].length, WORDS_MAX);
	output_event_text(build, event, 2, words.text, words.length, WORDS_MAX);
}

static void
hit(struct builder *build, unsigned index)
{
	struct inspect_output *out = build->out;
	unsigned i = 0;

	while (i < out->hit_count && out->hits[i].rule != index)
		i++;
	if (i == out->hit_count)
		out->hits[out->hit_count++] = (struct inspect_hit){.rule = (uint8_t)index};
	out->hits[i].times++;
}

/* A rule holds.  True: it binds, and nothing behind it is asked. */
static bool
take(struct builder *build, unsigned index)
{
	const struct inspect_rule *rule = &build->policy->rule[index];
	bool binds = rule->action != INSPECT_ACTION_LOG &&
		     (build->policy->flags & INSPECT_MONITOR_ONLY) == 0;
	uint64_t bit = UINT64_C(1) << index;

	hit(build, index);
	/* One reply to EHLO may have many lines to mask. */
	if ((binds && rule->action != INSPECT_ACTION_MASK) || (build->state->rules_told & bit) == 0)
		report(build, index);
	build->state->rules_told |= bit;
	if (binds && rule->action != INSPECT_ACTION_MASK)
		build->state->rule = index + 1;
	return binds;
}

/* ---- asking the rules ---- */

uint8_t
rule_judge_number(struct builder *build, enum inspect_criterion criterion, uint64_t value)
{
	uint64_t left = build->policy->rules_of[criterion];

	for (unsigned i = 0; i < INSPECT_RULES_MAX && left >> i; i++) {
		const struct inspect_rule *rule = &build->policy->rule[i];
		bool negated = (rule->flags & INSPECT_RULE_NOT) != 0;
		if ((left >> i & 1) && (value > rule->limit) != negated && take(build, i))
			return (uint8_t)i;
	}
	return RULE_NONE;
}

uint8_t
rule_judge_growing(struct builder *build, enum inspect_criterion criterion, uint64_t value)
{
	uint64_t left = build->policy->rules_of[criterion];

	for (unsigned i = 0; i < INSPECT_RULES_MAX && left >> i; i++) {
		const struct inspect_rule *rule = &build->policy->rule[i];
		if ((left >> i & 1) && (rule->flags & INSPECT_RULE_NOT) == 0 &&
		    (uint64_t)rule->limit + 1 == value && take(build, i))
			return (uint8_t)i;
	}
	return RULE_NONE;
}

uint8_t
rule_judge_not(struct builder *build, enum inspect_criterion criterion, uint64_t value)
{
	uint64_t left = build->policy->rules_of[criterion];

	for (unsigned i = 0; i < INSPECT_RULES_MAX && left >> i; i++) {
		const struct inspect_rule *rule = &build->policy->rule[i];
		if ((left >> i & 1) && (rule->flags & INSPECT_RULE_NOT) != 0 &&
		    value <= rule->limit && take(build, i))
			return (uint8_t)i;
	}
	return RULE_NONE;
}

uint64_t
rule_next_value(
    const struct inspect_policy *policy, enum inspect_criterion criterion, uint64_t value)
{
	uint64_t left = policy->rules_of[criterion], next = UINT64_MAX;

	for (unsigned i = 0; i < INSPECT_RULES_MAX && left >> i; i++) {
		const struct inspect_rule *rule = &policy->rule[i];
		uint64_t at = (uint64_t)rule->limit + 1;
		if ((left >> i & 1) && (rule->flags & INSPECT_RULE_NOT) == 0 && at > value &&
		    at < next)
			next = at;
	}
	return next;
}

uint8_t
rule_judge_set(struct builder *build, enum inspect_criterion criterion, uint64_t bits)
{
	uint64_t left = build->policy->rules_of[criterion];

	for (unsigned i = 0; i < INSPECT_RULES_MAX && left >> i; i++) {
		const struct inspect_rule *rule = &build->policy->rule[i];
		bool negated = (rule->flags & INSPECT_RULE_NOT) != 0;
		if ((left >> i & 1) && ((rule->set & bits) != 0) != negated && take(build, i))
			return (uint8_t)i;
	}
	return RULE_NONE;
}

/* ---- what the client is told ---- */

void
rule_reply(const struct inspect_policy *policy, uint8_t index, struct rule_reply *ret_reply)
{
	const struct inspect_rule *rule = &policy->rule[index];
	struct words words;

	memset(ret_reply, 0, sizeof(*ret_reply));
	ret_reply->code = rule->code ? rule->code : 554;
	ret_reply->enhanced_length = 5;
	memcpy(ret_reply->enhanced, ret_reply->code / 100 == 4 ? "4.7.1" : "5.7.1", 5);
	if (rule->enhanced_length) {
		ret_reply->enhanced_length = rule->enhanced_length;
		memcpy(ret_reply->enhanced, rule->enhanced, rule->enhanced_length);
	}
	words.length = 0;
	if (rule->text_length) {
		add(&words, rule->text, rule->text_length);
	} else {
		struct words match;
		rule_words(rule, &match);
		add(&words, OUTPUT_TEXT("Refused by policy ("));
		add(&words, match.text, match.length < 56 ? match.length : 56);
		add(&words, ")", 1);
	}
	ret_reply->text_length = (uint8_t)words.length;
	memcpy(ret_reply->text, words.text, words.length);
}

enum own_reply
rule_own_reply(const struct inspect_policy *policy, uint8_t index)
{
	bool ends = index < policy->rules && (policy->rule[index].action == INSPECT_ACTION_DROP ||
						 policy->rule[index].code == 421);

	return ends ? OWN_RULE_DROP : OWN_RULE;
}

void
rule_answer(struct builder *build, unsigned verb, uint8_t rule)
{
	uint8_t action = build->policy->rule[rule].action;

	if (action == INSPECT_ACTION_RESET)
		ending_both(build, INSPECT_ABORT, INSPECT_REASON_INSPECTION);
	else if (action == INSPECT_ACTION_DROP && compat_is_silent(build->policy))
		ending_both(build, INSPECT_FIN, INSPECT_REASON_INSPECTION);
	else
		answer_rule(build, verb, rule_own_reply(build->policy, rule), rule);
}
