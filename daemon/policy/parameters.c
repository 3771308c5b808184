#include "daemon/policy/parameters.h"

#include "daemon/policy/lexer.h"

#include <stdio.h>
#include <string.h>

#define CHOICES_MAX 4
#define WRAP_COLUMN 80

static const struct {
	const char *keyword;
	enum parameter_kind kind;
	const char *choice[CHOICES_MAX];
} table[] = {
#define PARAMETER(name, keyword, kind, ...)                                                        \
	[PARAMETER_##name] = {keyword, PARAMETER_##kind, {__VA_ARGS__}},
#include "daemon/policy/parameters.def"
#undef PARAMETER
};

enum parameter
parameters_find(const char *keyword)
{
	unsigned parameter = 0;
	while (parameter < PARAMETER_COUNT && strcmp(table[parameter].keyword, keyword) != 0)
		parameter++;
	return (enum parameter)parameter;
}

enum parameter_kind
parameters_kind(enum parameter parameter)
{
	return table[parameter].kind;
}

uint32_t
parameters_choice(enum parameter parameter, const char *word)
{
	for (unsigned i = 0; i < CHOICES_MAX && table[parameter].choice[i] != NULL; i++) {
		if (strcmp(table[parameter].choice[i], word) == 0)
			return i;
	}
	return UINT32_MAX;
}

void
parameters_enter(struct parameters *parameters, enum parameter parameter, uint32_t value)
{
	parameters->entered |= 1u << parameter;
	parameters->value[parameter] = value;
}

void
parameters_forget(struct parameters *parameters, enum parameter parameter)
{
	parameters->entered &= ~(1u << parameter);
	parameters->value[parameter] = 0;
}

bool
parameters_add(struct parameter_set *set, uint64_t normal, uint64_t bits)
{
	struct parameter_set old = *set;
	set->added |= bits & ~normal;
	set->removed &= ~bits;
	return set->added != old.added || set->removed != old.removed;
}

bool
parameters_take(struct parameter_set *set, uint64_t normal, uint64_t bits)
{
	struct parameter_set old = *set;
	set->removed |= bits & normal;
	set->added &= ~bits;
	return set->added != old.added || set->removed != old.removed;
}

static bool
sets_equal(const struct parameter_set *one, const struct parameter_set *other)
{
	return one->added == other->added && one->removed == other->removed;
}

bool
parameters_equal(const struct parameters *one, const struct parameters *other)
{
	return one->entered == other->entered &&
	       memcmp(one->value, other->value, sizeof(one->value)) == 0 &&
	       strcmp(one->banner, other->banner) == 0 && sets_equal(&one->verbs, &other->verbs) &&
	       sets_equal(&one->extensions, &other->extensions);
}

static void
set_flag(struct inspect_policy *policy, uint32_t flag, bool on)
{
	policy->flags = on ? policy->flags | flag : policy->flags & ~flag;
}

static void
policy_set(struct inspect_policy *policy, enum parameter parameter, uint32_t value)
{
	switch (parameter) {
	case PARAMETER_MASK_BANNER:
		policy->banner = (uint8_t)value;
		break;
	case PARAMETER_ALLOW_TLS:
		set_flag(policy, INSPECT_ALLOW_TLS, value != TLS_REFUSED);
		set_flag(policy, INSPECT_LOG_TLS, value == TLS_LOGGED);
		break;
	case PARAMETER_LINE_ENDINGS:
		policy->line_endings = (uint8_t)value;
		break;
	case PARAMETER_NUL:
		policy->nul = (uint8_t)value;
		break;
	case PARAMETER_MONITOR_ONLY:
		set_flag(policy, INSPECT_MONITOR_ONLY, value);
		break;
	case PARAMETER_GREETING_DELAY:
		policy->greeting_delay_ms = value >> 1;
		set_flag(policy, INSPECT_LOG_EARLY, value & 1);
		break;
	case PARAMETER_COMMAND_TIMEOUT:
		policy->command_timeout_s = value;
		/* Whoever must not be slow with commands must not be with content. */
		if (policy->data_timeout_s > value)
			policy->data_timeout_s = value;
		break;
	case PARAMETER_ERRORS_MAX:
		policy->errors_max = value;
		break;
	case PARAMETER_JUNK_MAX:
		policy->junk_max = value;
		break;
	case PARAMETER_AUTH_FAILURES_MAX:
		policy->auth_failures_max = value;
		break;
	case PARAMETER_RECIPIENTS_MAX:
		policy->recipients_max = value;
		break;
	case PARAMETER_MESSAGE_SIZE_MAX:
		policy->message_size_max = value;
		break;
	case PARAMETER_DATA_RATE_MIN:
		policy->data_rate_min = value;
		break;
	case PARAMETER_HEADER_HOLD:
		policy->header_hold = value;
		break;
	case PARAMETER_COUNT:
		break;
	}
}

static uint32_t
policy_get(const struct inspect_policy *policy, enum parameter parameter)
{
	switch (parameter) {
	case PARAMETER_MASK_BANNER:
		return policy->banner;
	case PARAMETER_ALLOW_TLS:
		if (!(policy->flags & INSPECT_ALLOW_TLS))
			return TLS_REFUSED;
		return policy->flags & INSPECT_LOG_TLS ? TLS_LOGGED : TLS_ALLOWED;
	case PARAMETER_LINE_ENDINGS:
		return policy->line_endings;
	case PARAMETER_NUL:
		return policy->nul;
	case PARAMETER_MONITOR_ONLY:
		return (policy->flags & INSPECT_MONITOR_ONLY) != 0;
	case PARAMETER_GREETING_DELAY:
		return PARAMETER_DELAY(
		    policy->greeting_delay_ms, (policy->flags & INSPECT_LOG_EARLY) != 0);
	case PARAMETER_COMMAND_TIMEOUT:
		return policy->command_timeout_s;
	case PARAMETER_ERRORS_MAX:
		return policy->errors_max;
	case PARAMETER_JUNK_MAX:
		return policy->junk_max;
	case PARAMETER_AUTH_FAILURES_MAX:
		return policy->auth_failures_max;
	case PARAMETER_RECIPIENTS_MAX:
		return policy->recipients_max;
	case PARAMETER_MESSAGE_SIZE_MAX:
		return (uint32_t)policy->message_size_max;
	case PARAMETER_DATA_RATE_MIN:
		return policy->data_rate_min;
	case PARAMETER_HEADER_HOLD:
		return policy->header_hold;
	case PARAMETER_COUNT:
		break;
	}
	return 0;
}

void
parameters_apply(const struct parameters *parameters, struct inspect_policy *policy)
{
	for (unsigned i = 0; i < PARAMETER_COUNT; i++) {
		if (parameters->entered & 1u << i)
			policy_set(policy, (enum parameter)i, parameters->value[i]);
	}
	policy->verbs = (policy->verbs | parameters->verbs.added) & ~parameters->verbs.removed;
	policy->extensions =
	    (policy->extensions | parameters->extensions.added) & ~parameters->extensions.removed;
	size_t length = strlen(parameters->banner);
	if (length > 0) {
		memset(policy->banner_text, 0, sizeof(policy->banner_text));
		memcpy(policy->banner_text, parameters->banner, length);
		policy->banner_length = (uint8_t)length;
	}
}

static void
special_text(const struct parameters *parameters, enum parameter parameter, uint32_t value,
    char *buffer, size_t size)
{
	static const char *const banner[] = {
	    [INSPECT_BANNER_SERVER] = "no mask-banner",
	    [INSPECT_BANNER_NEUTRAL] = "mask-banner",
	    [INSPECT_BANNER_CLASSIC] = "mask-banner classic",
	};
	static const char *const tls[] = {
	    [TLS_REFUSED] = "no allow-tls",
	    [TLS_ALLOWED] = "allow-tls",
	    [TLS_LOGGED] = "allow-tls action log",
	};
	if (parameter == PARAMETER_ALLOW_TLS) {
		snprintf(buffer, size, "%s", tls[value]);
	} else if (parameter == PARAMETER_GREETING_DELAY) {
		if (value == 0)
			snprintf(buffer, size, "no greeting-delay");
		else
			snprintf(buffer, size, "greeting-delay %u%s", value >> 1,
			    value & 1 ? " action log" : "");
	} else if (value == INSPECT_BANNER_TEXT) {
		char text[2 * INSPECT_BANNER_MAX + 4];
		lexer_quote(text, sizeof(text), parameters->banner, true);
		snprintf(buffer, size, "mask-banner text %s", text);
	} else {
		snprintf(buffer, size, "%s", banner[value]);
	}
}

static void
parameter_text(const struct parameters *parameters, enum parameter parameter, uint32_t value,
    char *buffer, size_t size)
{
	const char *keyword = table[parameter].keyword;
	switch (table[parameter].kind) {
	case PARAMETER_SPECIAL:
		special_text(parameters, parameter, value, buffer, size);
		break;
	case PARAMETER_CHOICE:
		snprintf(buffer, size, "%s %s", keyword, table[parameter].choice[value]);
		break;
	case PARAMETER_FLAG:
		snprintf(buffer, size, "%s%s", value ? "" : "no ", keyword);
		break;
	case PARAMETER_NUMBER:
		snprintf(buffer, size, "%s %u", keyword, value);
		break;
	}
}

/* "keyword WORD WORD ...", in as many lines as that takes. */
static void
print_set(const char *keyword, uint64_t bits, const char *(*name)(unsigned),
    void (*line)(void *context, const char *text), void *context)
{
	char text[WRAP_COLUMN + 64];
	size_t used = 0;
	for (; bits != 0; bits &= bits - 1) {
		const char *word = name((unsigned)__builtin_ctzll(bits));
		if (word == NULL)
			continue;
		if (used > 0 && used + 1 + strlen(word) > WRAP_COLUMN) {
			line(context, text);
			used = 0;
		}
		if (used == 0)
			used = (size_t)snprintf(text, sizeof(text), "%s", keyword);
		int more = snprintf(text + used, sizeof(text) - used, " %s", word);
		used += (size_t)more;
	}
	if (used > 0)
		line(context, text);
}

/* STARTTLS is allow-tls's to say, and no word of these sets. */
static uint64_t
without_tls(uint64_t bits, unsigned (*find)(const char *name, size_t length))
{
	return bits & ~(1ull << find("STARTTLS", strlen("STARTTLS")));
}

void
parameters_print(const struct parameters *parameters, bool all,
    void (*line)(void *context, const char *text), void *context)
{
	struct inspect_policy policy;
	inspect_policy_default(&policy, "", 0);
	uint64_t verbs = all ? without_tls(policy.verbs, inspect_verb_find) : 0;
	uint64_t extensions = all ? without_tls(policy.extensions, inspect_extension_find) : 0;
	parameters_apply(parameters, &policy);
	for (unsigned i = 0; i < PARAMETER_COUNT; i++) {
		char text[2 * INSPECT_BANNER_MAX + 64];
		if (!all && !(parameters->entered & 1u << i))
			continue;
		parameter_text(parameters, (enum parameter)i,
		    policy_get(&policy, (enum parameter)i), text, sizeof(text));
		line(context, text);
	}
	const struct parameter_set *set = &parameters->verbs;
	print_set(
	    "allow-verb", (verbs & ~set->removed) | set->added, inspect_verb_name, line, context);
	print_set("no allow-verb", set->removed, inspect_verb_name, line, context);
	set = &parameters->extensions;
	print_set("allow-extension", (extensions & ~set->removed) | set->added,
	    inspect_extension_name, line, context);
	print_set("no allow-extension", set->removed, inspect_extension_name, line, context);
}
