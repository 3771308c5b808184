/*
 * role_rules -- the rules of role.def with their effects
 *
 * Pure, as all of the role machine.  Called by role.c only.
 */
#ifndef DAEMON_SYNC_ROLE_RULES_H
#define DAEMON_SYNC_ROLE_RULES_H

#include "daemon/sync/role_guards.h"

/* One input under way. */
struct role_step {
	struct role *role;
	const struct role_input *input;
	struct role_result *result;
	bool again; /* look at what the other has said last, in the new state */
};

typedef void role_effect(struct role_step *step);

struct role_rule {
	uint16_t states; /* bit n: enum role_state n */
	uint8_t input;
	uint8_t to;	 /* ROLE_STATES: it stays */
	uint8_t reason;	 /* enum role_reason */
	uint8_t refusal; /* enum role_refusal; not NONE: a denial, and effect is NULL */
	role_guard *guard;
	role_effect *effect;
};

/* NULL: no rule takes it. */
const struct role_rule *role_rule_find(const struct role *role, const struct role_input *input);
/* For tests: NULL behind the last. */
const struct role_rule *role_rule_at(unsigned index);

/* Appends one action; there is always room (ROLE_ACTIONS_MAX is checked by a test over all rules). */
struct role_action *role_add(struct role_result *result, enum role_action_kind kind);
/* Appends what a RAISING asks for: role->next is to be saved, and what there is to be restored. */
void role_add_raise(struct role *role, struct role_result *result);
/* The epoch that this host would begin now; 0: there is none left. */
uint64_t role_next_epoch(const struct role *role);

#endif
