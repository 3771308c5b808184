#include "daemon/policy/edit.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void __attribute__((format(printf, 2, 0)))
set_message(struct edit *edit, const char *format, va_list arguments)
{
	vsnprintf(edit->outcome->message, sizeof(edit->outcome->message), format, arguments);
}

void
edit_refuse(struct edit *edit, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	set_message(edit, format, arguments);
	va_end(arguments);
	edit->outcome->status = CLI_REFUSED;
}

void
edit_warn(struct edit *edit, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	set_message(edit, format, arguments);
	va_end(arguments);
}

void
edit_changed(struct edit *edit)
{
	edit->outcome->changed = true;
}

void
edit_warn_uninspected(struct edit *edit)
{
	const struct config *config = edit->config;
	unsigned count = 0;
	char first[VALUE_ADDRESS_TEXT] = "";
	for (unsigned i = 0; i < config->statics; i++) {
		const struct config_static *rule = &config->static_of[i];
		if (tree_handling_for(config, rule).treatment == CONFIG_INSPECT)
			continue;
		if (count++ == 0)
			value_address_text(&rule->listen, first);
	}
	if (count == 1)
		edit_warn(edit, "WARNING: mail to %s is relayed without inspection", first);
	else if (count > 1)
		edit_warn(edit, "WARNING: mail to %s and %u more is relayed without inspection",
		    first, count - 1);
}

void
edit_warn_exempt(struct edit *edit, const char *class_map)
{
	for (unsigned i = 0; i < edit->config->policies; i++) {
		struct config_policy *policy = &edit->config->policy[i];
		const struct config_class *class = tree_find_class(policy, class_map);
		if (class == NULL ||
		    (class->treatment != CONFIG_RELAY && class->treatment != CONFIG_RAW))
			continue;
		edit_warn(edit,
		    "WARNING: mail of class %s is relayed without inspection (policy-map %s)",
		    class_map, policy->name);
		return;
	}
}

void
edit_description(struct edit *edit, char *description)
{
	const char *text = edit->match->negated ? "" : grammar_value(edit->match, VALUE_LINE, 0);
	if (strlen(text) > CONFIG_DESCRIPTION_MAX) {
		edit_refuse(edit, "description: at most %d bytes", CONFIG_DESCRIPTION_MAX);
		return;
	}
	if (strcmp(description, text) == 0)
		return;
	memset(description, 0, CONFIG_DESCRIPTION_MAX + 1);
	memcpy(description, text, strlen(text));
	edit_changed(edit);
}

struct config_map *
edit_current_map(struct edit *edit)
{
	struct config_map *map = tree_find_map(edit->config, edit->place->map);
	if (map == NULL)
		edit_refuse(edit, "policy-map type inspect esmtp %s does not exist any more",
		    edit->place->map);
	return map;
}

struct config_policy *
edit_current_policy(struct edit *edit)
{
	struct config_policy *policy = tree_find_policy(edit->config, edit->place->map);
	if (policy == NULL)
		edit_refuse(edit, "policy-map %s does not exist any more", edit->place->map);
	return policy;
}

struct config_class *
edit_current_class(struct edit *edit)
{
	struct config_policy *policy = edit_current_policy(edit);
	if (policy == NULL)
		return NULL;
	struct config_class *class = tree_find_class(policy, edit->place->class_name);
	if (class == NULL)
		edit_refuse(edit, "policy-map %s has no class %s any more", policy->name,
		    edit->place->class_name);
	return class;
}
