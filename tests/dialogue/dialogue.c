#include "tests/dialogue/dialogue.h"

#include "tests/dialogue/visible.h"
#include "worker/inspect/criterion_table.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOSTNAME   "mx.example.org"
#define REPEAT_MAX 1000000u

/* The line being read; `held` is what C| lines have collected for the next act of that leg. */
struct reader {
	struct dialogue *dialogue;
	struct visible held[INSPECT_LEGS];
	char *problem;
	size_t problem_size;
};

static bool
fail(struct reader *reader, const char *what, const char *near)
{
	snprintf(reader->problem, reader->problem_size, "%s: \"%s\"", what, near);
	return false;
}

void
dialogue_init(struct dialogue *dialogue)
{
	*dialogue = (struct dialogue){.mode = INSPECT_MODE_INSPECT};
	inspect_policy_default(&dialogue->policy, HOSTNAME, strlen(HOSTNAME));
}

void
dialogue_done(struct dialogue *dialogue)
{
	for (size_t i = 0; i < dialogue->count; i++)
		free(dialogue->acts[i].bytes);
	free(dialogue->acts);
	dialogue->acts = NULL;
	dialogue->count = dialogue->capacity = 0;
}

void
dialogue_add(struct dialogue *dialogue, enum dialogue_kind kind, enum inspect_leg leg, uint64_t ms,
    const void *bytes, size_t length)
{
	if (dialogue->count == dialogue->capacity) {
		size_t capacity = dialogue->capacity ? 2 * dialogue->capacity : 32;
		dialogue->acts = realloc(dialogue->acts, capacity * sizeof(*dialogue->acts));
		if (!dialogue->acts)
			abort();
		dialogue->capacity = capacity;
	}
	struct dialogue_act *act = &dialogue->acts[dialogue->count++];
	*act = (struct dialogue_act){.kind = kind, .leg = leg, .ms = ms, .length = length};
	if (length) {
		act->bytes = malloc(length);
		if (!act->bytes)
			abort();
		memcpy(act->bytes, bytes, length);
	}
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* One character or escape at *cursor; -1 when the escape is wrong. */
static int
read_byte(const char **cursor)
{
	const char *c = *cursor;

	if (c[0] != '\\') {
		*cursor = c + 1;
		return (unsigned char)c[0];
	}
	*cursor = c + 2;
	switch (c[1]) {
	case 'r':
		return '\r';
	case 'n':
		return '\n';
	case 't':
		return '\t';
	case '0':
		return '\0';
	case '\\':
		return '\\';
	case 'x':
		if (hex_digit(c[2]) < 0 || hex_digit(c[3]) < 0)
			return -1;
		*cursor = c + 4;
		return hex_digit(c[2]) * 16 + hex_digit(c[3]);
	default:
		return -1;
	}
}

static bool
read_text(struct reader *reader, const char *text, struct visible *bytes)
{
	while (*text) {
		const char *at = text;
		unsigned long times = 1;
		if (text[0] == '\\' && text[1] == '{') {
			char *after;
			times = strtoul(text + 2, &after, 10);
			if (*after != '}' || times == 0 || times > REPEAT_MAX || !after[1])
				return fail(reader, "wrong repetition", at);
			text = after + 1;
		}
		int byte = read_byte(&text);
		if (byte < 0)
			return fail(reader, "wrong escape", at);
		char c = (char)byte;
		while (times--)
			visible_raw(bytes, &c, 1);
	}
	return true;
}

static bool
number(const char *word, uint32_t *ret)
{
	char *after;

	errno = 0;
	unsigned long value = strtoul(word, &after, 10);
	if (errno || after == word || *after || value > UINT32_MAX || word[0] == '-')
		return false;
	*ret = (uint32_t)value;
	return true;
}

/* The place of `word` in a NULL-terminated list, or -1. */
static int
choice(const char *word, const char *const *list)
{
	for (int i = 0; list[i]; i++)
		if (strcmp(list[i], word) == 0)
			return i;
	return -1;
}

static bool
set_flag(struct inspect_policy *policy, const char *name, const char *value)
{
	static const char *const names[] = {
	    "allow-tls", "log-tls", "monitor-only", "log-early", NULL};
	static const uint32_t flags[] = {
	    INSPECT_ALLOW_TLS, INSPECT_LOG_TLS, INSPECT_MONITOR_ONLY, INSPECT_LOG_EARLY};
	static const char *const answers[] = {"no", "yes", NULL};
	int flag = choice(name, names), answer = choice(value, answers);

	if (flag < 0 || answer < 0)
		return false;
	policy->flags = answer ? policy->flags | flags[flag] : policy->flags & ~flags[flag];
	return true;
}

static bool
set_number(struct inspect_policy *policy, const char *name, const char *value)
{
	static const char *const names[] = {"errors-max", "junk-max", "auth-failures-max",
	    "recipients-max", "data-rate-min", "header-hold", "greeting-delay", "greeting-timeout",
	    "command-timeout", "reply-timeout", "final-reply-timeout", "data-timeout",
	    "opaque-timeout", NULL};
	uint32_t *const fields[] = {&policy->errors_max, &policy->junk_max,
	    &policy->auth_failures_max, &policy->recipients_max, &policy->data_rate_min,
	    &policy->header_hold, &policy->greeting_delay_ms, &policy->greeting_timeout_s,
	    &policy->command_timeout_s, &policy->reply_timeout_s, &policy->final_reply_timeout_s,
	    &policy->data_timeout_s, &policy->opaque_timeout_s};
	uint32_t size;
	int field = choice(name, names);

	if (strcmp(name, "message-size-max") == 0 && number(value, &size)) {
		policy->message_size_max = size;
		return true;
	}
	return field >= 0 && number(value, fields[field]);
}

static bool
set_bit(uint64_t *bits, unsigned bit, const char *value)
{
	static const char *const answers[] = {"deny", "allow", NULL};
	int answer = choice(value, answers);

	if (answer < 0 || bit >= 64)
		return false;
	*bits = answer ? *bits | UINT64_C(1) << bit : *bits & ~(UINT64_C(1) << bit);
	return true;
}

static bool
set_banner(struct inspect_policy *policy, const char *kind, const char *text)
{
	static const char *const kinds[] = {"server", "neutral", "text", "classic", NULL};
	int banner = choice(kind, kinds);

	if (banner < 0 || strlen(text) > INSPECT_BANNER_MAX)
		return false;
	policy->banner = (uint8_t)banner;
	policy->banner_length = (uint8_t)strlen(text);
	memcpy(policy->banner_text, text, strlen(text));
	return true;
}

static bool
set_hostname(struct inspect_policy *policy, const char *name)
{
	size_t length = strlen(name);

	if (length >= INSPECT_HOSTNAME_MAX)
		return false;
	memset(policy->hostname, 0, sizeof(policy->hostname));
	memcpy(policy->hostname, name, length);
	policy->hostname_length = (uint8_t)length;
	return true;
}

/* "EXTENSION... ACTION" or "gt N ACTION": the words up to the action. */
static bool
set_operand(struct inspect_rule *rule, unsigned criterion, char **rest)
{
	char *word;

	if (criterion_table_row(criterion)->operand == CRITERION_NUMBER) {
		word = strsep(rest, " ");
		if (!word || strcmp(word, "gt") != 0 || !*rest)
			return false;
		return number(strsep(rest, " "), &rule->limit);
	}
	while (*rest) {
		unsigned bit = inspect_extension_find(*rest, strcspn(*rest, " "));
		if (!inspect_extension_name(bit))
			break;
		rule->set |= UINT64_C(1) << bit;
		strsep(rest, " ");
	}
	if (*rest && strncmp(*rest, "others", 6) == 0) {
		rule->set |= INSPECT_EXTENSION_OTHERS;
		strsep(rest, " ");
	}
	return rule->set != 0;
}

/* CODE ENHANCED "TEXT" of a reject. */
static bool
set_reject(struct inspect_rule *rule, char **rest)
{
	uint32_t code;

	if (!*rest || !number(strsep(rest, " "), &code) || !*rest)
		return false;
	const char *enhanced = strsep(rest, " ");
	if (!*rest || **rest != '"' || strlen(enhanced) >= sizeof(rule->enhanced))
		return false;
	(*rest)++;
	const char *text = strsep(rest, "\"");
	if (!*rest || strlen(text) > INSPECT_REJECT_MAX)
		return false;
	if (**rest == ' ')
		(*rest)++;
	rule->code = (uint16_t)code;
	rule->enhanced_length = (uint8_t)strlen(enhanced);
	memcpy(rule->enhanced, enhanced, strlen(enhanced));
	rule->text_length = (uint8_t)strlen(text);
	memcpy(rule->text, text, strlen(text));
	return true;
}

/* [not] CRITERION OPERAND ACTION [CODE ENHANCED "TEXT"] [log] */
static bool
set_rule(struct inspect_policy *policy, char *rest)
{
	struct inspect_rule rule = {0};
	unsigned criterion = 0, action = 0;

	if (strncmp(rest, "not ", 4) == 0) {
		rule.flags |= INSPECT_RULE_NOT;
		rest += 4;
	}
	for (;; criterion++) {
		const char *name = inspect_criterion_name(criterion);
		if (!name)
			return false;
		if (strncmp(rest, name, strlen(name)) == 0 && rest[strlen(name)] == ' ')
			break;
	}
	rest += strlen(inspect_criterion_name(criterion)) + 1;
	rule.criterion = (uint8_t)criterion;
	if (!set_operand(&rule, criterion, &rest) || !rest)
		return false;
	const char *word = strsep(&rest, " ");
	while (inspect_action_name(action) && strcmp(inspect_action_name(action), word) != 0)
		action++;
	if (!inspect_action_name(action) || policy->rules == INSPECT_RULES_MAX)
		return false;
	rule.action = (uint8_t)action;
	if (action == INSPECT_ACTION_REJECT && rest && strncmp(rest, "log", 3) != 0 && *rest &&
	    !set_reject(&rule, &rest))
		return false;
	if (rest && strcmp(rest, "log") == 0)
		rule.flags |= INSPECT_RULE_LOG;
	else if (rest && *rest)
		return false;
	policy->rule[policy->rules++] = rule;
	inspect_policy_finish(policy);
	return true;
}

static bool
set_compat(struct inspect_policy *policy, const char *name)
{
	static const char *const names[] = {
	    "none", "asa", "fixup-5.1", "fixup-4.4", "mailhost-4.0", NULL};
	int compat = choice(name, names);

	if (compat <= 0)
		return false;
	inspect_policy_compat(policy, (enum inspect_compat)compat);
	return true;
}

static bool
set_no_rules(struct inspect_policy *policy)
{
	policy->rules = 0;
	memset(policy->rule, 0, sizeof(policy->rule));
	inspect_policy_finish(policy);
	return true;
}

static bool
set_policy(struct inspect_policy *policy, const char *name, const char *value, const char *rest)
{
	static const char *const endings[] = {"normalize", "reject", NULL};
	static const char *const nuls[] = {"reject", "space", NULL};

	if (strcmp(name, "compat") == 0)
		return set_compat(policy, value);
	if (strcmp(name, "rules") == 0 && strcmp(value, "none") == 0)
		return set_no_rules(policy);
	if (strcmp(name, "hostname") == 0)
		return set_hostname(policy, value);
	if (strcmp(name, "banner") == 0)
		return set_banner(policy, value, rest);
	if (strcmp(name, "verb") == 0)
		return set_bit(&policy->verbs, inspect_verb_find(value, strlen(value)), rest);
	if (strcmp(name, "extension") == 0)
		return set_bit(
		    &policy->extensions, inspect_extension_find(value, strlen(value)), rest);
	if (strcmp(name, "line-endings") == 0 && choice(value, endings) >= 0) {
		policy->line_endings = (uint8_t)choice(value, endings);
		return true;
	}
	if (strcmp(name, "nul") == 0 && choice(value, nuls) >= 0) {
		policy->nul = (uint8_t)choice(value, nuls);
		return true;
	}
	return set_flag(policy, name, value) || set_number(policy, name, value);
}

static bool
read_policy(struct reader *reader, char *line)
{
	char empty[] = "";
	char *name = line, *value = strchr(name, ' '), *rest = empty;

	if (!value)
		return fail(reader, "a policy setting needs a value", line);
	*value++ = '\0';
	if (strcmp(name, "rule") == 0)
		return set_rule(&reader->dialogue->policy, value) ||
		       fail(reader, "not a rule", value);
	char *space = strchr(value, ' ');
	if (space) {
		*space = '\0';
		rest = space + 1;
	}
	if (!set_policy(&reader->dialogue->policy, name, value, rest))
		return fail(reader, "unknown policy setting", name);
	return true;
}

static bool
read_mode(struct reader *reader, const char *word)
{
	static const char *const modes[] = {"inspect", "relay", "raw", NULL};
	int mode = choice(word, modes);

	if (mode < 0)
		return fail(reader, "unknown mode", word);
	reader->dialogue->mode = (enum inspect_mode)mode;
	return true;
}

static bool
read_bytes(struct reader *reader, enum inspect_leg leg, char kind, const char *text)
{
	struct visible *held = &reader->held[leg];

	if (!read_text(reader, text, held))
		return false;
	if (kind != '+')
		visible_raw(held, "\r\n", 2);
	if (kind == '|')
		return true;
	dialogue_add(reader->dialogue, DIALOGUE_BYTES, leg, 0, held->data, held->length);
	visible_clear(held);
	return true;
}

static bool
read_leg(struct reader *reader, enum inspect_leg leg, const char *line)
{
	static const char *const ends[] = {" eof", " reset", " failed", NULL};
	static const enum dialogue_kind kinds[] = {DIALOGUE_END, DIALOGUE_RESET, DIALOGUE_FAILED};

	if (line[0] && strchr(":+|", line[0]))
		return read_bytes(reader, leg, line[0], line[1] == ' ' ? line + 2 : line + 1);
	int end = choice(line, ends);
	if (end < 0 || (kinds[end] == DIALOGUE_FAILED && leg != INSPECT_SERVER))
		return fail(reader, "unknown act", line);
	dialogue_add(reader->dialogue, kinds[end], leg, 0, NULL, 0);
	return true;
}

static bool
read_signal(struct reader *reader, char *line)
{
	static const struct {
		const char *name;
		enum dialogue_kind kind;
	} signals[] = {{"shutdown", DIALOGUE_SHUTDOWN}, {"clear", DIALOGUE_CLEAR},
	    {"shortage", DIALOGUE_SHORTAGE}};

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (strcmp(line + 7, signals[i].name) == 0) {
			dialogue_add(reader->dialogue, signals[i].kind, INSPECT_CLIENT, 0, NULL, 0);
			return true;
		}
	return fail(reader, "unknown signal", line);
}

static bool
read_line(struct reader *reader, char *line)
{
	struct dialogue *dialogue = reader->dialogue;
	uint32_t ms;

	if (line[0] == '\0' || line[0] == '#')
		return true;
	if (strncmp(line, "policy ", 7) == 0 && dialogue->count == 0)
		return read_policy(reader, line + 7);
	if (strncmp(line, "mode ", 5) == 0 && dialogue->count == 0)
		return read_mode(reader, line + 5);
	if (strncmp(line, "time +", 6) == 0 && number(line + 6, &ms)) {
		dialogue_add(dialogue, DIALOGUE_TIME, INSPECT_CLIENT, ms, NULL, 0);
		return true;
	}
	if (strncmp(line, "signal ", 7) == 0)
		return read_signal(reader, line);
	if (line[0] == 'C' || line[0] == 'S')
		return read_leg(reader, line[0] == 'C' ? INSPECT_CLIENT : INSPECT_SERVER, line + 1);
	return fail(reader, "unknown line", line);
}

unsigned
dialogue_parse(
    struct dialogue *dialogue, const char *text, size_t length, char *problem, size_t problem_size)
{
	struct reader reader = {dialogue, {{0}}, problem, problem_size};
	struct visible line = {0};
	unsigned row = 0;
	bool good = true;

	while (good && length) {
		const char *feed = memchr(text, '\n', length);
		size_t part = feed ? (size_t)(feed - text) : length;
		visible_clear(&line);
		visible_raw(&line, text, part);
		row++;
		good = read_line(&reader, line.data);
		text += feed ? part + 1 : part;
		length -= feed ? part + 1 : part;
	}
	if (good && (reader.held[0].length || reader.held[1].length))
		good = fail(&reader, "held bytes without an act that follows", "|");
	visible_done(&line);
	visible_done(&reader.held[0]);
	visible_done(&reader.held[1]);
	return good ? 0 : row;
}
