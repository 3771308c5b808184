/*
 * match_rule -- a `match` line of an ESMTP map and its action, as text
 *
 * The rule itself is the core's (worker/inspect/policy.h); here are the words in which an
 * operator enters it and reads it again.
 */
#ifndef DAEMON_POLICY_MATCH_RULE_H
#define DAEMON_POLICY_MATCH_RULE_H

#include "worker/inspect/policy.h"

#include <stdbool.h>
#include <stddef.h>

#define MATCH_RULE_TEXT 1024

/* One in a map. */
struct match_rule {
	unsigned id; /* its own in the whole configuration, while others come and go */
	bool acts;   /* an action was given */
	struct inspect_rule rule;
};

/* "match [not] CRITERION ..." */
void match_rule_text(const struct inspect_rule *rule, char *buffer, size_t size);
/* "drop-connection log" */
void match_rule_action(const struct inspect_rule *rule, char *buffer, size_t size);
/* Looks at the same thing; the actions may differ. */
bool match_rule_same(const struct inspect_rule *one, const struct inspect_rule *other);
/* The bit of a keyword of ehlo-reply-parameter; 0: there is none. */
uint64_t match_rule_parameter(const char *word);
/* "log, reject, reset": the actions that a criterion takes. */
void match_rule_actions(unsigned criterion, char *buffer, size_t size);

#endif
