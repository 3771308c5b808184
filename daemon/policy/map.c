#include "daemon/policy/map.h"

#include "daemon/policy/builtin_map.h"
#include "daemon/policy/tree.h"

#include <string.h>

/* A map that was entered begins without the default's match lines. */
static void
apply(const struct config_map *map, struct inspect_policy *policy)
{
	parameters_apply(&map->parameters, policy);
	policy->rules = 0;
	memset(policy->rule, 0, sizeof(policy->rule));
	for (unsigned i = 0; i < map->rules; i++) {
		if (map->rule[i].acts)
			policy->rule[policy->rules++] = map->rule[i].rule;
	}
	inspect_policy_finish(policy);
}

void
map_policy(const struct config *config, const char *name, struct inspect_policy *ret_policy)
{
	const struct config_map *map = tree_find_map((struct config *)config, name);
	const struct builtin_map *builtin = builtin_map_find(name);
	inspect_policy_default(ret_policy, config->hostname, strlen(config->hostname));
	if (map != NULL)
		apply(map, ret_policy);
	else if (builtin != NULL && builtin->compat != INSPECT_COMPAT_NONE)
		inspect_policy_compat(ret_policy, builtin->compat);
}
