#include "worker/inspect/rule.h"

bool
rule_exists(const struct inspect_policy *policy, enum inspect_criterion criterion)
{
	return policy->rules_of[criterion] != 0;
}
