#include "daemon/policy/config.h"

#include "daemon/policy/tree.h"

#include <stdlib.h>
#include <string.h>

struct config *
config_create(void)
{
	struct config *config = calloc(1, sizeof(*config));
	if (config == NULL)
		return NULL;
	memcpy(config->hostname, CONFIG_DEFAULT_HOSTNAME, sizeof(CONFIG_DEFAULT_HOSTNAME));
	struct config_policy *policy = &config->policy[config->policies++];
	memcpy(policy->name, CONFIG_DEFAULT_POLICY, sizeof(CONFIG_DEFAULT_POLICY));
	struct config_class *class = &policy->class_of[policy->classes++];
	memcpy(class->name, CONFIG_DEFAULT_CLASS, sizeof(CONFIG_DEFAULT_CLASS));
	class->treatment = CONFIG_INSPECT;
	struct config_service *service = &config->service[config->services++];
	memcpy(service->policy, CONFIG_DEFAULT_POLICY, sizeof(CONFIG_DEFAULT_POLICY));
	return config;
}

struct config *
config_clone(const struct config *config)
{
	struct config *clone = malloc(sizeof(*clone));
	if (clone != NULL)
		memcpy(clone, config, sizeof(*clone));
	return clone;
}

void
config_free(struct config *config)
{
	free(config);
}

static bool
statics_equal(const struct config_static *one, const struct config_static *other)
{
	return strcmp(one->real, other->real) == 0 && strcmp(one->mapped, other->mapped) == 0 &&
	       one->with_ports == other->with_ports &&
	       tree_endpoint_equal(&one->listen, &other->listen) &&
	       tree_endpoint_equal(&one->server, &other->server) &&
	       tree_endpoint_equal(&one->source, &other->source) &&
	       one->connections_max == other->connections_max &&
	       one->embryonic_max == other->embryonic_max;
}

static bool
fixups_equal(const struct config_fixup *one, const struct config_fixup *other)
{
	return one->first == other->first && one->last == other->last && one->on == other->on;
}

static bool
access_lines_equal(const struct config_access_line *one, const struct config_access_line *other)
{
	return strcmp(one->list, other->list) == 0 && strcmp(one->remark, other->remark) == 0 &&
	       access_entry_equal(&one->entry, &other->entry);
}

static bool
class_maps_equal(const struct config_class_map *one, const struct config_class_map *other)
{
	return strcmp(one->name, other->name) == 0 &&
	       strcmp(one->description, other->description) == 0 && one->match == other->match &&
	       strcmp(one->list, other->list) == 0;
}

static bool
rules_equal(const struct match_rule *one, const struct match_rule *other)
{
	return one->acts == other->acts && memcmp(&one->rule, &other->rule, sizeof(one->rule)) == 0;
}

static bool
maps_equal(const struct config_map *one, const struct config_map *other)
{
	bool equal = strcmp(one->name, other->name) == 0 &&
		     strcmp(one->description, other->description) == 0 &&
		     parameters_equal(&one->parameters, &other->parameters) &&
		     one->rules == other->rules;
	for (unsigned i = 0; equal && i < one->rules; i++)
		equal = rules_equal(&one->rule[i], &other->rule[i]);
	return equal;
}

static bool
classes_equal(const struct config_class *one, const struct config_class *other)
{
	return strcmp(one->name, other->name) == 0 && one->treatment == other->treatment &&
	       strcmp(one->map, other->map) == 0 &&
	       connection_limits_equal(&one->limits, &other->limits);
}

static bool
policies_equal(const struct config_policy *one, const struct config_policy *other)
{
	bool equal = strcmp(one->name, other->name) == 0 &&
		     strcmp(one->description, other->description) == 0 &&
		     one->classes == other->classes;
	for (unsigned i = 0; equal && i < one->classes; i++)
		equal = classes_equal(&one->class_of[i], &other->class_of[i]);
	return equal;
}

static bool
services_equal(const struct config_service *one, const struct config_service *other)
{
	return strcmp(one->policy, other->policy) == 0 &&
	       strcmp(one->interface, other->interface) == 0;
}

static bool
counts_equal(const struct config *one, const struct config *other)
{
	return one->statics == other->statics && one->fixups == other->fixups &&
	       one->access_lines == other->access_lines && one->class_maps == other->class_maps &&
	       one->maps == other->maps && one->policies == other->policies &&
	       one->services == other->services;
}

bool
config_equal(const struct config *one, const struct config *other)
{
	bool equal = strcmp(one->hostname, other->hostname) == 0 && counts_equal(one, other);
	for (unsigned i = 0; equal && i < one->statics; i++)
		equal = statics_equal(&one->static_of[i], &other->static_of[i]);
	for (unsigned i = 0; equal && i < one->fixups; i++)
		equal = fixups_equal(&one->fixup[i], &other->fixup[i]);
	for (unsigned i = 0; equal && i < one->access_lines; i++)
		equal = access_lines_equal(&one->access_line[i], &other->access_line[i]);
	for (unsigned i = 0; equal && i < one->class_maps; i++)
		equal = class_maps_equal(&one->class_map[i], &other->class_map[i]);
	for (unsigned i = 0; equal && i < one->maps; i++)
		equal = maps_equal(&one->map[i], &other->map[i]);
	for (unsigned i = 0; equal && i < one->policies; i++)
		equal = policies_equal(&one->policy[i], &other->policy[i]);
	for (unsigned i = 0; equal && i < one->services; i++)
		equal = services_equal(&one->service[i], &other->service[i]);
	return equal;
}
