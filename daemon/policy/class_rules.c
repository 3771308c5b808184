#include "daemon/policy/class_rules.h"

#include <string.h>

/* Real address and real port, or mapped address and mapped port. */
static bool
is_destination(const struct access_entry *entry, const struct shm_endpoint *endpoint)
{
	return access_network_holds(&entry->destination, endpoint) &&
	       (entry->port == 0 || entry->port == endpoint->port);
}

static bool
fits_static(const struct access_entry *entry, const struct config_static *rule)
{
	uint8_t client = entry->source.family;
	return (client == 0 || client == rule->listen.family) &&
	       (is_destination(entry, &rule->server) || is_destination(entry, &rule->listen));
}

static struct class_rule
rule_of(const struct access_entry *entry)
{
	struct class_rule rule = {.permit = entry->permit, .prefix = entry->source.prefix};
	rule.client.family = entry->source.family;
	memcpy(rule.client.address, entry->source.address, sizeof(rule.client.address));
	return rule;
}

/* The family of its clients is the static's already. */
bool
class_rules_is_for_all(const struct class_rule *rule)
{
	return rule->prefix == 0;
}

static unsigned
list_entries(const struct config *config, const struct config_static *rule, const char *name,
    struct class_rule list[CONFIG_ACCESS_LINES_MAX])
{
	unsigned count = 0, permitted = 0;
	for (unsigned i = 0; i < config->access_lines; i++) {
		const struct config_access_line *line = &config->access_line[i];
		if (strcmp(line->list, name) != 0 || line->remark[0] != '\0' ||
		    !fits_static(&line->entry, rule))
			continue;
		list[count++] = rule_of(&line->entry);
		if (line->entry.permit)
			permitted = count;
		if (class_rules_is_for_all(&list[count - 1]))
			break;
	}
	return permitted;
}

unsigned
class_rules_list(const struct config *config, const struct config_static *rule,
    const char *class_map, struct class_rule list[CONFIG_ACCESS_LINES_MAX])
{
	const struct config_class_map *map =
	    tree_find_class_map((struct config *)config, class_map);
	if (map == NULL || map->match == CONFIG_MATCH_NOTHING)
		return 0;
	if (map->match == CONFIG_MATCH_ACCESS_LIST)
		return list_entries(config, rule, map->list, list);
	list[0] = (struct class_rule){.permit = 1};
	return 1;
}
