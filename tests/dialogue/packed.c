#include "tests/dialogue/packed.h"

#include "worker/inspect/criterion_table.h"

#include <stdbool.h>
#include <string.h>

#define LONG  63u
#define RULED 3u /* the mode: inspect, with rules */

static const uint32_t holds[4] = {INSPECT_HOLD_MAX, 0, 20, 300};

/* The acts without bytes, in the order of their number N. */
static const struct {
	enum dialogue_kind kind;
	enum inspect_leg leg;
} plain[] = {{DIALOGUE_END, INSPECT_CLIENT}, {DIALOGUE_END, INSPECT_SERVER},
    {DIALOGUE_RESET, INSPECT_CLIENT}, {DIALOGUE_RESET, INSPECT_SERVER},
    {DIALOGUE_FAILED, INSPECT_SERVER}, {DIALOGUE_SHUTDOWN, INSPECT_CLIENT},
    {DIALOGUE_CLEAR, INSPECT_CLIENT}, {DIALOGUE_TIME, INSPECT_CLIENT},
    {DIALOGUE_SHORTAGE, INSPECT_CLIENT}};
#define PLAIN (sizeof(plain) / sizeof(plain[0]))

static void
read_settings(struct dialogue *dialogue, const uint8_t *head)
{
	struct inspect_policy *policy = &dialogue->policy;

	dialogue->mode = (head[0] & 3) <= INSPECT_MODE_RAW ? (enum inspect_mode)(head[0] & 3)
							   : INSPECT_MODE_INSPECT;
	policy->banner = head[0] >> 2 & 3;
	policy->line_endings = head[0] >> 4 & 1;
	policy->nul = head[0] >> 5 & 1;
	policy->flags &= ~(uint32_t)(INSPECT_ALLOW_TLS | INSPECT_MONITOR_ONLY);
	policy->flags |= head[0] & 0x40 ? (uint32_t)INSPECT_ALLOW_TLS : 0;
	policy->flags |= head[0] & 0x80 ? (uint32_t)INSPECT_MONITOR_ONLY : 0;
	policy->errors_max = head[1];
}

static bool
is_number(unsigned criterion)
{
	return criterion_table_row(criterion)->operand == CRITERION_NUMBER;
}

static struct inspect_rule
read_rule(const uint8_t *bytes)
{
	unsigned action = bytes[1] & 7;
	uint32_t limit = (uint32_t)bytes[2] | (uint32_t)bytes[3] << 8;
	struct inspect_rule rule = {
	    .criterion = (uint8_t)(bytes[0] % CRITERION_COUNT), .flags = bytes[1] >> 3 & 3};

	if (action < INSPECT_ACTIONS &&
	    inspect_criterion_takes(rule.criterion, (enum inspect_action)action))
		rule.action = (uint8_t)action;
	if (is_number(rule.criterion))
		rule.limit = limit;
	else
		rule.set = (limit & 0x7fff) | (limit & 0x8000 ? INSPECT_EXTENSION_OTHERS : 0);
	return rule;
}

/* The rules from bytes[at]; returns where they end. */
static size_t
read_rules(struct inspect_policy *policy, const uint8_t *bytes, size_t length, size_t at)
{
	if (length - at < 2)
		return length;
	unsigned count = bytes[at] & 63;
	policy->header_hold = holds[bytes[at] >> 6];
	policy->message_size_max = bytes[at + 1] * 100u;
	policy->rules = 0;
	memset(policy->rule, 0, sizeof(policy->rule));
	for (at += 2; count && length - at >= 4; count--, at += 4)
		if (policy->rules < INSPECT_RULES_MAX)
			policy->rule[policy->rules++] = read_rule(bytes + at);
	return at;
}

/* One act from bytes[*at]; false when there is none. */
static bool
read_act(struct dialogue *dialogue, const uint8_t *bytes, size_t length, size_t *at)
{
	if (*at >= length)
		return false;
	unsigned what = bytes[*at] >> 6, number = bytes[*at] & 63;
	size_t left = length - ++*at, wide = 0;
	if (left >= 2)
		wide = (size_t)bytes[*at] | (size_t)bytes[*at + 1] << 8;
	if (what <= 1) {
		size_t part = number + 1;
		if (number == LONG) {
			part = wide;
			*at += left >= 2 ? 2 : left;
			left -= left >= 2 ? 2 : left;
		}
		part = part > left ? left : part;
		if (part)
			dialogue_add(dialogue, DIALOGUE_BYTES,
			    what ? INSPECT_SERVER : INSPECT_CLIENT, 0, bytes + *at, part);
		*at += part;
	} else if (number < PLAIN) {
		if (plain[number].kind == DIALOGUE_TIME)
			*at += left >= 2 ? 2 : left;
		dialogue_add(dialogue, plain[number].kind, plain[number].leg, wide * 1000, NULL, 0);
	}
	return true;
}

uint8_t
packed_read(struct dialogue *dialogue, const uint8_t *bytes, size_t length)
{
	size_t at = 3;

	if (length < 3)
		return 0;
	read_settings(dialogue, bytes);
	if ((bytes[0] & 3) == RULED)
		at = read_rules(&dialogue->policy, bytes, length, at);
	inspect_policy_finish(&dialogue->policy);
	while (read_act(dialogue, bytes, length, &at))
		;
	return bytes[2];
}

static void
put_byte(struct visible *bytes, size_t value)
{
	uint8_t byte = (uint8_t)value;

	visible_raw(bytes, &byte, 1);
}

static void
write_plain(const struct dialogue_act *act, struct visible *bytes)
{
	for (size_t i = 0; i < PLAIN; i++) {
		if (plain[i].kind != act->kind || plain[i].leg != act->leg)
			continue;
		put_byte(bytes, 0x80 | i);
		if (act->kind == DIALOGUE_TIME) {
			size_t seconds = act->ms / 1000 > 0xffff ? 0xffff : act->ms / 1000;
			put_byte(bytes, seconds);
			put_byte(bytes, seconds >> 8);
		}
		return;
	}
}

static void
write_bytes(const struct dialogue_act *act, struct visible *bytes)
{
	for (size_t at = 0; at < act->length;) {
		size_t part = act->length - at > 0xffff ? 0xffff : act->length - at;
		size_t head = act->leg == INSPECT_SERVER ? 0x40 : 0;
		if (part < LONG) {
			put_byte(bytes, head | (part - 1));
		} else {
			put_byte(bytes, head | LONG);
			put_byte(bytes, part);
			put_byte(bytes, part >> 8);
		}
		visible_raw(bytes, act->bytes + at, part);
		at += part;
	}
}

static void
write_rule(const struct inspect_rule *rule, struct visible *bytes)
{
	uint32_t value = rule->limit > 0xffff ? 0xffff : rule->limit;

	if (!is_number(rule->criterion))
		value = (uint32_t)(rule->set & 0x7fff) |
			(rule->set & INSPECT_EXTENSION_OTHERS ? 0x8000u : 0);
	put_byte(bytes, rule->criterion);
	put_byte(bytes, (size_t)rule->action | (size_t)rule->flags << 3);
	put_byte(bytes, value);
	put_byte(bytes, value >> 8);
}

static void
write_rules(const struct inspect_policy *policy, struct visible *bytes)
{
	size_t size = (size_t)policy->message_size_max / 100;
	unsigned hold = 0;

	while (hold < 3 && policy->header_hold < holds[hold])
		hold++;
	put_byte(bytes, (size_t)policy->rules | (size_t)hold << 6);
	put_byte(bytes, size > 255 ? 0 : size);
	for (unsigned i = 0; i < policy->rules; i++)
		write_rule(&policy->rule[i], bytes);
}

/* Whether the policy has other rules, or another hold, than the default. */
static bool
is_ruled(const struct dialogue *dialogue)
{
	const struct inspect_policy *policy = &dialogue->policy;
	struct inspect_policy usual;

	inspect_policy_default(&usual, "mx", 2);
	return dialogue->mode == INSPECT_MODE_INSPECT &&
	       (memcmp(usual.rule, policy->rule, sizeof(usual.rule)) != 0 ||
		   policy->header_hold != usual.header_hold || policy->message_size_max);
}

void
packed_write(const struct dialogue *dialogue, uint8_t cut, struct visible *bytes)
{
	const struct inspect_policy *policy = &dialogue->policy;
	bool ruled = is_ruled(dialogue);
	unsigned head = (ruled ? RULED : (unsigned)dialogue->mode) | (policy->banner & 3u) << 2 |
			(policy->line_endings & 1u) << 4 | (policy->nul & 1u) << 5 |
			(policy->flags & INSPECT_ALLOW_TLS ? 0x40u : 0) |
			(policy->flags & INSPECT_MONITOR_ONLY ? 0x80u : 0);

	put_byte(bytes, head);
	put_byte(bytes, policy->errors_max);
	put_byte(bytes, cut);
	if (ruled)
		write_rules(policy, bytes);
	for (size_t i = 0; i < dialogue->count; i++) {
		if (dialogue->acts[i].kind == DIALOGUE_BYTES)
			write_bytes(&dialogue->acts[i], bytes);
		else
			write_plain(&dialogue->acts[i], bytes);
	}
}
