/*
 * rule -- the policy's match lines: which hold, and what that means
 *
 * The core asks where a value is known.  Each rule of the criterion that holds is counted (a hit)
 * and logged as its line says, in the order of the map; the first that does more than log ends
 * the evaluation and is given back: then the caller carries its action out.  Under monitor-only
 * no rule does more than log; the event says what it would have done.
 *
 * What only logs or masks is told once within a message (rules_told); its hits are all counted.
 */
#ifndef INSPECT_RULE_H
#define INSPECT_RULE_H

#include "worker/inspect/criterion_table.h"
#include "worker/inspect/output.h"
#include "worker/inspect/own_reply.h"

#define RULE_NONE 0xffu /* otherwise an index in policy->rule */

/* Whether the policy has a rule of that criterion: ask before taking any trouble. */
bool rule_exists(const struct inspect_policy *policy, enum inspect_criterion criterion);

/* A criterion of numbers has this value. */
uint8_t rule_judge_number(struct builder *build, enum inspect_criterion criterion, uint64_t value);
/* The same while a value still grows octet by octet: only rules whose limit it has just passed,
 * which are those with limit == value - 1.  `match not` is judged at the end, by
 * rule_judge_not(). */
uint8_t rule_judge_growing(struct builder *build, enum inspect_criterion criterion, uint64_t value);
/* The rules of `match not`, for a value that has come to its end. */
uint8_t rule_judge_not(struct builder *build, enum inspect_criterion criterion, uint64_t value);
/* The next value at which rule_judge_growing() is to be asked: the smallest that is greater than
 * `value` and one beyond a limit; UINT64_MAX: none. */
uint64_t rule_next_value(
    const struct inspect_policy *policy, enum inspect_criterion criterion, uint64_t value);
/* A criterion of sets: bit = extension, INSPECT_EXTENSION_OTHERS. */
uint8_t rule_judge_set(struct builder *build, enum inspect_criterion criterion, uint64_t bits);

/* What the reply of a rule that refuses is made of; see own_reply_give(). */
struct rule_reply {
	uint16_t code;
	char enhanced[8];
	uint8_t enhanced_length;
	char text[112];
	uint8_t text_length;
};
void rule_reply(const struct inspect_policy *policy, uint8_t rule, struct rule_reply *ret_reply);

/* OWN_RULE; OWN_RULE_DROP if the session ends by it: so says its action, or 421 (RFC 5321 3.8). */
enum own_reply rule_own_reply(const struct inspect_policy *policy, uint8_t rule);
/* Carries out what a rule does about a command line: nothing of it goes to the server, the client
 * gets its reply in its turn (answer.h), or the session ends. */
void rule_answer(struct builder *build, unsigned verb, uint8_t rule);

#endif
