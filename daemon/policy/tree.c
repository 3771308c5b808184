#include "daemon/policy/tree.h"

#include <string.h>

/* The lists have their name as first member. */
static void *
find(void *list, unsigned count, size_t size, const char *name)
{
	for (unsigned i = 0; i < count; i++) {
		char *element = (char *)list + i * size;
		if (strcmp(element, name) == 0)
			return element;
	}
	return NULL;
}

struct config_map *
tree_find_map(struct config *config, const char *name)
{
	return find(config->map, config->maps, sizeof(config->map[0]), name);
}

struct config_policy *
tree_find_policy(struct config *config, const char *name)
{
	return find(config->policy, config->policies, sizeof(config->policy[0]), name);
}

struct config_class *
tree_find_class(struct config_policy *policy, const char *name)
{
	return find(policy->class_of, policy->classes, sizeof(policy->class_of[0]), name);
}

struct config_class_map *
tree_find_class_map(struct config *config, const char *name)
{
	return find(config->class_map, config->class_maps, sizeof(config->class_map[0]), name);
}

struct config_access_line *
tree_find_access_list(struct config *config, const char *name)
{
	return find(
	    config->access_line, config->access_lines, sizeof(config->access_line[0]), name);
}

struct config_service *
tree_find_service(struct config *config, const char *interface)
{
	for (unsigned i = 0; i < config->services; i++) {
		if (strcmp(config->service[i].interface, interface) == 0)
			return &config->service[i];
	}
	return NULL;
}

bool
tree_endpoint_equal(const struct shm_endpoint *one, const struct shm_endpoint *other)
{
	return one->family == other->family && one->port == other->port &&
	       memcmp(one->address, other->address, sizeof(one->address)) == 0;
}

struct config_static *
tree_find_static(struct config *config, const struct shm_endpoint *listen)
{
	for (unsigned i = 0; i < config->statics; i++) {
		if (tree_endpoint_equal(&config->static_of[i].listen, listen))
			return &config->static_of[i];
	}
	return NULL;
}

static const struct config_service *
service_for(struct config *config, const struct config_static *rule)
{
	const struct config_service *service = tree_find_service(config, rule->mapped);
	if (service == NULL)
		service = tree_find_service(config, rule->real);
	if (service == NULL)
		service = tree_find_service(config, "");
	return service;
}

const struct config_policy *
tree_policy_for(const struct config *config, const struct config_static *rule)
{
	struct config *readable = (struct config *)config;
	const struct config_service *service = service_for(readable, rule);
	return service != NULL ? tree_find_policy(readable, service->policy) : NULL;
}

static const struct config_fixup *
fixup_of(const struct config *config, uint16_t port)
{
	for (unsigned i = config->fixups; i > 0; i--) {
		const struct config_fixup *fixup = &config->fixup[i - 1];
		if (fixup->first <= port && port <= fixup->last)
			return fixup;
	}
	return NULL;
}

struct config_handling
tree_handling_for(const struct config *config, const struct config_static *rule)
{
	const struct config_fixup *fixup = fixup_of(config, rule->listen.port);
	const struct config_policy *policy = tree_policy_for(config, rule);
	const struct config_class *class = NULL;
	if (fixup != NULL && fixup->on)
		return (struct config_handling){CONFIG_INSPECT, CONFIG_FIXUP_MAP};
	if (fixup == NULL && policy != NULL)
		class = tree_find_class((struct config_policy *)policy, CONFIG_DEFAULT_CLASS);
	if (class == NULL)
		return (struct config_handling){CONFIG_RELAY, ""};
	return (struct config_handling){class->treatment, tree_map_of(class)};
}

const char *
tree_map_of(const struct config_class *class)
{
	if (class->treatment != CONFIG_INSPECT)
		return "";
	return class->map[0] != '\0' ? class->map : CONFIG_DEFAULT_MAP;
}

bool
tree_is_default_class(const struct config_class *class)
{
	return strcmp(class->name, CONFIG_DEFAULT_CLASS) == 0;
}

void *
tree_insert(void *list, unsigned *count, size_t size, unsigned index)
{
	char *element = (char *)list + index * size;
	memmove(element + size, element, (*count - index) * size);
	memset(element, 0, size);
	(*count)++;
	return element;
}

void
tree_remove(void *list, unsigned *count, size_t size, unsigned index)
{
	char *element = (char *)list + index * size;
	(*count)--;
	memmove(element, element + size, (*count - index) * size);
	memset((char *)list + *count * size, 0, size);
}
