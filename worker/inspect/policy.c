#include "worker/inspect/policy.h"

#include "worker/inspect/command_table.h"
#include "worker/inspect/criterion_table.h"
#include "worker/inspect/extension_table.h"

#include <string.h>

#define FLAGS_ALL (INSPECT_ALLOW_TLS | INSPECT_LOG_TLS | INSPECT_MONITOR_ONLY | INSPECT_LOG_EARLY)

static struct inspect_rule
number_rule(enum inspect_criterion criterion, uint32_t limit, enum inspect_action action)
{
	return (struct inspect_rule){.criterion = (uint8_t)criterion,
	    .action = (uint8_t)action,
	    .flags = action == INSPECT_ACTION_LOG ? 0 : INSPECT_RULE_LOG,
	    .limit = limit};
}

static const struct inspect_rule mask_others = {.criterion = CRITERION_EHLO_REPLY_PARAMETER,
    .action = INSPECT_ACTION_MASK,
    .set = INSPECT_EXTENSION_OTHERS};

void
inspect_policy_default(struct inspect_policy *policy, const char *hostname, size_t length)
{
	memset(policy, 0, sizeof(*policy));
	policy->magic = INSPECT_POLICY_MAGIC;
	policy->version = INSPECT_POLICY_VERSION;
	policy->size = sizeof(*policy);
	policy->flags = INSPECT_ALLOW_TLS;
	policy->banner = INSPECT_BANNER_NEUTRAL;
	policy->line_endings = INSPECT_LINES_NORMALIZE;
	policy->nul = INSPECT_NUL_REJECT;
	policy->verbs = command_table_defaults();
	policy->extensions = extension_table_defaults();
	policy->greeting_timeout_s = 300;    /* RFC 5321 4.5.3.2.1 */
	policy->command_timeout_s = 300;     /* 4.5.3.2.7 */
	policy->reply_timeout_s = 300;	     /* 4.5.3.2.2, 4.5.3.2.3 */
	policy->final_reply_timeout_s = 600; /* 4.5.3.2.6 */
	policy->data_timeout_s = 180;	     /* 4.5.3.2.5 */
	policy->opaque_timeout_s = 3600;
	policy->errors_max = 20;
	policy->junk_max = 100;
	policy->data_rate_min = 100;
	policy->header_hold = INSPECT_HOLD_MAX;
	if (length > INSPECT_HOSTNAME_MAX)
		length = INSPECT_HOSTNAME_MAX;
	memcpy(policy->hostname, hostname, length);
	policy->hostname_length = (uint8_t)length;
	policy->rules = 3;
	policy->rule[0] = number_rule(CRITERION_HEADER_LINE_LENGTH, 998, INSPECT_ACTION_LOG);
	policy->rule[1] = number_rule(CRITERION_MIME_FILENAME_LENGTH, 255, INSPECT_ACTION_LOG);
	policy->rule[2] = mask_others;
	inspect_policy_finish(policy);
}

/* The rules of the ASA's default map, in its order. */
static void
asa_rules(struct inspect_policy *policy)
{
	static const struct {
		uint8_t criterion, action;
		uint32_t limit;
	} rows[] = {
	    {CRITERION_CMD_LINE_LENGTH, INSPECT_ACTION_DROP, 512},
	    {CRITERION_CMD_RCPT_COUNT, INSPECT_ACTION_DROP, 100},
	    {CRITERION_BODY_LINE_LENGTH, INSPECT_ACTION_LOG, 998},
	    {CRITERION_HEADER_LINE_LENGTH, INSPECT_ACTION_DROP, 998},
	    {CRITERION_SENDER_ADDRESS_LENGTH, INSPECT_ACTION_DROP, 320},
	    {CRITERION_MIME_FILENAME_LENGTH, INSPECT_ACTION_DROP, 255},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		policy->rule[policy->rules++] =
		    number_rule((enum inspect_criterion)rows[i].criterion, rows[i].limit,
			(enum inspect_action)rows[i].action);
	policy->rule[policy->rules++] = mask_others;
}

#define BIT(verb) (UINT64_C(1) << VERB_##verb)
#define SEVEN	  (BIT(HELO) | BIT(MAIL) | BIT(RCPT) | BIT(DATA) | BIT(RSET) | BIT(NOOP) | BIT(QUIT))
#define EIGHT                                                                                      \
	(BIT(AUTH) | BIT(EHLO) | BIT(ETRN) | BIT(HELP) | BIT(SAML) | BIT(SEND) | BIT(SOML) |       \
	    BIT(VRFY))

void
inspect_policy_compat(struct inspect_policy *policy, enum inspect_compat compat)
{
	policy->compat = (uint8_t)compat;
	policy->flags &= ~(uint32_t)INSPECT_ALLOW_TLS;
	policy->banner = INSPECT_BANNER_CLASSIC;
	policy->verbs = compat == INSPECT_COMPAT_ASA ? SEVEN | EIGHT : SEVEN;
	policy->errors_max = 0;
	policy->junk_max = 0;
	policy->auth_failures_max = 0;
	policy->recipients_max = 0;
	policy->data_rate_min = 0;
	policy->greeting_delay_ms = 0;
	policy->message_size_max = 0;
	policy->rules = 0;
	memset(policy->rule, 0, sizeof(policy->rule));
	if (compat == INSPECT_COMPAT_ASA)
		asa_rules(policy);
	inspect_policy_finish(policy);
}

void
inspect_policy_finish(struct inspect_policy *policy)
{
	static const uint32_t needs[] = {
	    [CRITERION_COMMAND] = 0,
	    [CRITERION_HEADER] = INSPECT_NEED_HEADER,
	    [CRITERION_BODY] = INSPECT_NEED_LINES,
	    [CRITERION_MIME] = INSPECT_NEED_HEADER | INSPECT_NEED_MIME,
	    [CRITERION_REPLY] = 0,
	};

	policy->needs = 0;
	memset(policy->rules_of, 0, sizeof(policy->rules_of));
	for (unsigned i = 0; i < policy->rules; i++) {
		const struct inspect_rule *rule = &policy->rule[i];
		uint32_t need = needs[criterion_table_row(rule->criterion)->where];
		policy->rules_of[rule->criterion] |= UINT64_C(1) << i;
		policy->needs |= need;
		if (need && rule->action > INSPECT_ACTION_MASK &&
		    (policy->flags & INSPECT_MONITOR_ONLY) == 0)
			policy->needs |= INSPECT_NEED_HEADER | INSPECT_NEED_HOLD;
	}
}

static bool
is_printable(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (text[i] < 0x20 || text[i] > 0x7e)
			return false;
	return true;
}

static bool
is_zero(const uint8_t *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (bytes[i])
			return false;
	return true;
}

static bool
names_check(const struct inspect_policy *policy)
{
	bool needs_name = policy->banner == INSPECT_BANNER_NEUTRAL;

	if (policy->hostname_length > INSPECT_HOSTNAME_MAX ||
	    policy->banner_length > INSPECT_BANNER_MAX)
		return false;
	if ((needs_name && policy->hostname_length == 0) ||
	    (policy->banner == INSPECT_BANNER_TEXT && policy->banner_length == 0))
		return false;
	return is_printable(policy->hostname, policy->hostname_length) &&
	       is_printable(policy->banner_text, policy->banner_length);
}

/* "5.6.1": one digit that is the code's class, and twice one to three (RFC 2034 4, RFC 3463 2). */
static bool
enhanced_check(const struct inspect_rule *rule)
{
	const char *text = rule->enhanced;
	size_t at = 1;

	if (rule->enhanced_length == 0)
		return true;
	if (text[0] != (char)('0' + (rule->code ? rule->code : 554) / 100))
		return false;
	for (unsigned part = 0; part < 2; part++) {
		size_t digits = 0;
		if (at >= rule->enhanced_length || text[at++] != '.')
			return false;
		while (at < rule->enhanced_length && text[at] >= '0' && text[at] <= '9') {
			at++;
			digits++;
		}
		if (digits < 1 || digits > 3)
			return false;
	}
	return at == rule->enhanced_length;
}

/* What the client is told, which is REJECT's to say. */
static bool
reject_check(const struct inspect_rule *rule)
{
	if (rule->action != INSPECT_ACTION_REJECT)
		return rule->code == 0 && rule->enhanced_length == 0 && rule->text_length == 0;
	return (rule->code == 0 || (rule->code >= 400 && rule->code <= 599)) &&
	       rule->text_length <= sizeof(rule->text) &&
	       rule->enhanced_length <= sizeof(rule->enhanced) && enhanced_check(rule) &&
	       is_printable(rule->text, rule->text_length);
}

static bool
rule_check(const struct inspect_rule *rule)
{
	if (rule->criterion >= CRITERION_COUNT || rule->action >= INSPECT_ACTIONS ||
	    !inspect_criterion_takes(rule->criterion, (enum inspect_action)rule->action))
		return false;
	bool number = criterion_table_row(rule->criterion)->operand == CRITERION_NUMBER;
	uint64_t known = (UINT64_C(1) << EXTENSION_UNKNOWN) - 1;
	return (rule->flags & ~(INSPECT_RULE_NOT | INSPECT_RULE_LOG)) == 0 && reject_check(rule) &&
	       (number ? rule->set == 0
		       : rule->limit == 0 &&
			     (rule->set & ~(known | INSPECT_EXTENSION_OTHERS)) == 0) &&
	       is_zero(rule->reserved0, sizeof(rule->reserved0));
}

/* The rules are what they must be, and what is made from them is what would be made. */
static bool
rules_check(const struct inspect_policy *policy)
{
	struct inspect_policy again;

	if (policy->rules > INSPECT_RULES_MAX || policy->compat >= INSPECT_COMPATS)
		return false;
	for (unsigned i = 0; i < policy->rules; i++)
		if (!rule_check(&policy->rule[i]))
			return false;
	memcpy(&again, policy, sizeof(again));
	inspect_policy_finish(&again);
	return again.needs == policy->needs &&
	       memcmp(again.rules_of, policy->rules_of, sizeof(again.rules_of)) == 0;
}

bool
inspect_policy_check(const void *image, size_t size)
{
	struct inspect_policy policy;

	if (!image || size != sizeof(policy))
		return false;
	memcpy(&policy, image, sizeof(policy));
	return policy.magic == INSPECT_POLICY_MAGIC && policy.version == INSPECT_POLICY_VERSION &&
	       policy.size == sizeof(policy) && (policy.flags & ~(uint32_t)FLAGS_ALL) == 0 &&
	       policy.banner <= INSPECT_BANNER_CLASSIC &&
	       policy.line_endings <= INSPECT_LINES_REJECT && policy.nul <= INSPECT_NUL_SPACE &&
	       policy.header_hold <= INSPECT_HOLD_MAX && (policy.verbs >> VERB_PERMITTED) == 0 &&
	       (policy.extensions >> EXTENSION_PERMITTED) == 0 && names_check(&policy) &&
	       policy.greeting_delay_ms <= INSPECT_GREETING_DELAY_MAX && rules_check(&policy) &&
	       policy.reserved0 == 0 && policy.reserved1 == 0 && policy.reserved4 == 0 &&
	       is_zero(policy.reserved2, sizeof(policy.reserved2)) &&
	       is_zero(policy.reserved3, sizeof(policy.reserved3));
}
