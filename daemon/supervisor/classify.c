#include "daemon/supervisor/classify.h"

#include "daemon/supervisor/address.h"

#include <string.h>

/* The two questions. */
enum question { ASKED_TREATMENT = 1 << 0, ASKED_LIMITS = 1 << 1 };

/* The first `bits` of 64. */
static uint64_t
mask_of(unsigned bits)
{
	return bits == 0 ? 0 : bits >= 64 ? UINT64_MAX : ~(UINT64_MAX >> bits);
}

static void
prepare_rule(const struct class_rule *rule, struct classify_rule *ret_rule)
{
	struct address address = address_of(&rule->client);
	unsigned prefix = rule->prefix + (rule->client.family == 4 ? ADDRESS_MAPPED_PREFIX : 0);

	*ret_rule = (struct classify_rule){
	    .family = prefix < ADDRESS_MAPPED_PREFIX ? rule->client.family : address.family,
	    .permit = rule->permit != 0,
	    .mode = rule->mode,
	    .class_index = rule->class_index,
	    .policy_slot = rule->policy_slot,
	};
	if (rule->client.family == 0)
		return;
	ret_rule->mask[0] = mask_of(prefix);
	ret_rule->mask[1] = mask_of(prefix < 64 ? 0 : prefix - 64);
	for (int i = 0; i < 2; i++)
		ret_rule->value[i] = address.half[i] & ret_rule->mask[i];
}

void
classify_prepare(struct classify_table *table, const struct listener_table *listeners)
{
	memcpy(table->class_of, listeners->class_of, sizeof(table->class_of));
	table->rules_limit = false;
	for (uint32_t i = 0; i < listeners->class_rules; i++) {
		struct classify_rule *rule = &table->rule[i];
		const struct class_entry *class;

		prepare_rule(&listeners->class_rule[i], rule);
		class = &table->class_of[rule->class_index];
		if (!class->limits_only)
			rule->answers |= ASKED_TREATMENT;
		if (class->limits_given)
			rule->answers |= ASKED_LIMITS;
		table->rules_limit |= class->limits_given;
	}
}

static bool
fits(const struct classify_rule *rule, const struct address *client)
{
	uint64_t differs = ((client->half[0] & rule->mask[0]) ^ rule->value[0]) |
			   ((client->half[1] & rule->mask[1]) ^ rule->value[1]);

	return differs == 0 && (rule->family == 0 || rule->family == client->family);
}

static void
answer(struct classify_decision *decision, const struct classify_rule *rule, uint8_t questions)
{
	if (questions & ASKED_TREATMENT) {
		decision->policy_slot = rule->policy_slot;
		decision->mode = rule->mode;
		decision->class_index = rule->class_index;
	}
	if (questions & ASKED_LIMITS)
		decision->limits_class = rule->class_index;
}

/* Asks until every question is answered or the rules are at their end. */
static void
ask(const struct classify_rule *rule, uint32_t count, const struct address *client,
    uint8_t questions, struct classify_decision *decision)
{
	for (uint32_t i = 0; i < count && questions; i++) {
		uint16_t done = rule[i].class_index;

		if (!(rule[i].answers & questions) || !fits(&rule[i], client))
			continue;
		if (rule[i].permit) {
			answer(decision, &rule[i], rule[i].answers & questions);
			questions &= (uint8_t)~rule[i].answers;
		}
		while (i + 1 < count && rule[i + 1].class_index == done)
			i++;
	}
}

/* What holds when no class with rules takes the client. */
static struct classify_decision
decision_of(const struct classify_table *table, const struct listener_entry *entry)
{
	uint16_t own = entry->class_own;

	return (struct classify_decision){
	    .policy_slot = entry->policy_slot,
	    .mode = entry->mode,
	    .class_index = CLASS_NONE,
	    .limits_class =
		own != CLASS_NONE && table->class_of[own].limits_given ? own : CLASS_NONE,
	};
}

struct classify_decision
classify(const struct classify_table *table, const struct listener_entry *entry,
    const struct shm_endpoint *client)
{
	struct classify_decision decision = decision_of(table, entry);
	uint8_t questions = ASKED_TREATMENT | (table->rules_limit ? ASKED_LIMITS : 0);
	struct address address;

	if (entry->class_count == 0)
		return decision;
	address = address_of(client);
	ask(&table->rule[entry->class_first], entry->class_count, &address, questions, &decision);
	return decision;
}

uint16_t
classify_limits(const struct classify_table *table, const struct listener_entry *entry,
    const struct shm_endpoint *client)
{
	struct classify_decision decision = decision_of(table, entry);
	struct address address;

	if (entry->class_count == 0 || !table->rules_limit)
		return decision.limits_class;
	address = address_of(client);
	ask(&table->rule[entry->class_first], entry->class_count, &address, ASKED_LIMITS,
	    &decision);
	return decision.limits_class;
}
