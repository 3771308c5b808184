#include "daemon/policy/edit_policy.h"

#include "daemon/policy/builtin_map.h"
#include "daemon/policy/edit_mode.h"

#include <stdio.h>
#include <string.h>

static const struct config_service *
service_of(const struct config *config, const char *policy)
{
	for (unsigned i = 0; i < config->services; i++) {
		if (strcmp(config->service[i].policy, policy) == 0)
			return &config->service[i];
	}
	return NULL;
}

static void
remove_policy(struct edit *edit, const char *name)
{
	struct config *config = edit->config;
	struct config_policy *policy = tree_find_policy(config, name);
	if (policy == NULL) {
		edit_warn(edit, "there is no policy-map %s", name);
		return;
	}
	if (service_of(config, name) != NULL) {
		edit_refuse(
		    edit, "policy-map %s is in use by a service-policy; remove that first", name);
		return;
	}
	tree_remove(config->policy, &config->policies, sizeof(*policy),
	    (unsigned)(policy - config->policy));
	edit_changed(edit);
}

void
edit_policy_map(struct edit *edit)
{
	struct config *config = edit->config;
	const char *name = grammar_value(edit->match, VALUE_POLICY, 0);
	if (edit->match->negated) {
		remove_policy(edit, name);
		return;
	}
	if (name[0] == '_') {
		edit_refuse(edit, "%s: names that begin with _ are built in", name);
		return;
	}
	struct config_policy *policy = tree_find_policy(config, name);
	if (policy == NULL) {
		bool first = strcmp(name, CONFIG_DEFAULT_POLICY) == 0;
		bool reserved = !first && tree_find_policy(config, CONFIG_DEFAULT_POLICY) == NULL;
		if (config->policies + reserved == CONFIG_POLICIES_MAX) {
			edit_refuse(edit, "at most %d policy-maps", CONFIG_POLICIES_MAX);
			return;
		}
		policy = tree_insert(config->policy, &config->policies, sizeof(*policy),
		    first ? 0 : config->policies);
		memcpy(policy->name, name, strlen(name));
		edit_changed(edit);
	}
	struct cli_place *place = edit->place;
	edit_mode_go(place, CLI_POLICY_MAP);
	snprintf(place->map, sizeof(place->map), "%s", name);
}

void
edit_policy_description(struct edit *edit)
{
	struct config_policy *policy = edit_current_policy(edit);
	if (policy != NULL)
		edit_description(edit, policy->description);
}

static void
remove_class(struct edit *edit, struct config_policy *policy, const char *name)
{
	struct config_class *class = tree_find_class(policy, name);
	if (class == NULL) {
		edit_warn(edit, "policy-map %s has no class %s", policy->name, name);
		return;
	}
	tree_remove(policy->class_of, &policy->classes, sizeof(*class),
	    (unsigned)(class - policy->class_of));
	edit_changed(edit);
	edit_warn_uninspected(edit);
}

/* Where a class of that name is asked: before inspection_default. */
static unsigned
place_of_class(struct config_policy *policy, const char *name)
{
	const struct config_class *last = tree_find_class(policy, CONFIG_DEFAULT_CLASS);
	bool before = last != NULL && strcmp(name, CONFIG_DEFAULT_CLASS) != 0;
	return before ? (unsigned)(last - policy->class_of) : policy->classes;
}

static bool
add_class(struct edit *edit, struct config_policy *policy, const char *name)
{
	bool specific = strcmp(name, CONFIG_DEFAULT_CLASS) != 0;
	if (specific && tree_find_class_map(edit->config, name) == NULL) {
		edit_refuse(edit, "there is no class-map %s", name);
		return false;
	}
	if (policy->classes == CONFIG_CLASSES_MAX) {
		edit_refuse(edit, "at most %d classes in a policy-map", CONFIG_CLASSES_MAX);
		return false;
	}
	struct config_class *class = tree_insert(
	    policy->class_of, &policy->classes, sizeof(*class), place_of_class(policy, name));
	memcpy(class->name, name, strlen(name));
	class->treatment = specific ? CONFIG_UNTREATED : CONFIG_RELAY;
	edit_changed(edit);
	return true;
}

void
edit_class(struct edit *edit)
{
	struct config_policy *policy = edit_current_policy(edit);
	const char *name = grammar_value(edit->match, VALUE_CLASS, 0);
	if (policy == NULL)
		return;
	if (edit->match->negated) {
		remove_class(edit, policy, name);
		return;
	}
	if (tree_find_class(policy, name) == NULL && !add_class(edit, policy, name))
		return;
	edit->place->mode = CLI_CLASS;
	snprintf(edit->place->class_name, sizeof(edit->place->class_name), "%s", name);
}

void
edit_class_left(struct edit *edit, const struct cli_place *before)
{
	if (before->mode != CLI_CLASS || before->esmtp || edit->outcome->message[0] != '\0' ||
	    (edit->place->mode == CLI_CLASS &&
		strcmp(edit->place->class_name, before->class_name) == 0))
		return;
	struct config_policy *policy = tree_find_policy(edit->config, before->map);
	const struct config_class *left =
	    policy != NULL ? tree_find_class(policy, before->class_name) : NULL;
	if (left != NULL && left->treatment == CONFIG_UNTREATED && left->limits.entered == 0)
		edit_warn(edit, "WARNING: class %s has no line yet and does nothing", left->name);
}

static void
warn_of_class(struct edit *edit, const struct config_class *class)
{
	if (tree_is_default_class(class))
		edit_warn_uninspected(edit);
	else
		edit_warn_exempt(edit, class->name);
}

static void
set_treatment(struct edit *edit, enum config_treatment treatment, const char *map)
{
	struct config_class *class = edit_current_class(edit);
	if (class == NULL)
		return;
	if (class->treatment != treatment || strcmp(class->map, map) != 0) {
		class->treatment = treatment;
		memset(class->map, 0, sizeof(class->map));
		memcpy(class->map, map, strlen(map));
		edit_changed(edit);
	}
	if (treatment != CONFIG_INSPECT)
		warn_of_class(edit, class);
}

void
edit_inspect(struct edit *edit)
{
	const char *name = grammar_value(edit->match, VALUE_MAP, 0);
	const char *map = name == NULL || strcmp(name, CONFIG_DEFAULT_MAP) == 0 ? "" : name;
	if (!edit->match->negated) {
		const struct builtin_map *builtin = builtin_map_find(map);
		if (map[0] != '\0' && builtin == NULL && tree_find_map(edit->config, map) == NULL) {
			edit_refuse(edit, "there is no policy-map type inspect esmtp %s", map);
			return;
		}
		set_treatment(edit, CONFIG_INSPECT, map);
		if (builtin != NULL && builtin->harm != NULL)
			edit_warn(edit, "WARNING: %s is harmful: %s", map, builtin->harm);
		return;
	}
	const struct config_class *class = edit_current_class(edit);
	if (class == NULL)
		return;
	if (name != NULL && (class->treatment != CONFIG_INSPECT || strcmp(class->map, map) != 0)) {
		edit_refuse(edit, "class %s does not inspect with %s", class->name, name);
		return;
	}
	set_treatment(edit, CONFIG_RELAY, "");
}

void
edit_inspect_raw(struct edit *edit)
{
	set_treatment(edit, CONFIG_RAW, "");
}

static void
remove_service(struct edit *edit, const char *policy, const char *interface)
{
	struct config *config = edit->config;
	struct config_service *service = tree_find_service(config, interface);
	if (service == NULL || strcmp(service->policy, policy) != 0) {
		edit_warn(edit, "there is no such service-policy");
		return;
	}
	tree_remove(config->service, &config->services, sizeof(*service),
	    (unsigned)(service - config->service));
	edit_changed(edit);
	edit_warn_uninspected(edit);
}

void
edit_service_policy(struct edit *edit)
{
	struct config *config = edit->config;
	const char *policy = grammar_value(edit->match, VALUE_POLICY, 0);
	const char *interface = grammar_value(edit->match, VALUE_INTERFACE, 0);
	if (interface == NULL)
		interface = "";
	if (edit->match->negated) {
		remove_service(edit, policy, interface);
		return;
	}
	if (tree_find_policy(config, policy) == NULL) {
		edit_refuse(edit, "there is no policy-map %s", policy);
		return;
	}
	struct config_service *service = tree_find_service(config, interface);
	if (service == NULL) {
		bool reserved = interface[0] != '\0' && tree_find_service(config, "") == NULL;
		if (config->services + reserved == CONFIG_SERVICES_MAX) {
			edit_refuse(edit, "at most %d service-policies", CONFIG_SERVICES_MAX);
			return;
		}
		service = tree_insert(config->service, &config->services, sizeof(*service),
		    interface[0] == '\0' ? 0 : config->services);
		memcpy(service->interface, interface, strlen(interface));
	}
	if (strcmp(service->policy, policy) != 0) {
		memset(service->policy, 0, sizeof(service->policy));
		memcpy(service->policy, policy, strlen(policy));
		edit_changed(edit);
	}
	edit_warn_uninspected(edit);
}
