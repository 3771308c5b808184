#include "daemon/policy/edit_class_map.h"

#include "daemon/policy/edit_mode.h"

#include <stdio.h>
#include <string.h>

/* The policy that has a class of that name, or NULL. */
static const struct config_policy *
user_of(struct config *config, const char *name)
{
	for (unsigned i = 0; i < config->policies; i++) {
		if (tree_find_class(&config->policy[i], name) != NULL)
			return &config->policy[i];
	}
	return NULL;
}

static void
remove_class_map(struct edit *edit, const char *name)
{
	struct config *config = edit->config;
	struct config_class_map *map = tree_find_class_map(config, name);
	if (map == NULL) {
		edit_warn(edit, "there is no class-map %s", name);
		return;
	}
	const struct config_policy *user = user_of(config, name);
	if (user != NULL) {
		edit_refuse(edit, "class-map %s is in use by policy-map %s; remove it there first",
		    name, user->name);
		return;
	}
	tree_remove(config->class_map, &config->class_maps, sizeof(*map),
	    (unsigned)(map - config->class_map));
	edit_changed(edit);
}

static void
enter(struct edit *edit, const char *name)
{
	struct cli_place *place = edit->place;
	edit_mode_go(place, CLI_CLASS_MAP);
	snprintf(place->map, sizeof(place->map), "%s", name);
}

static bool
is_built_in(const char *name)
{
	return strcmp(name, CONFIG_DEFAULT_CLASS) == 0;
}

void
edit_class_map(struct edit *edit)
{
	struct config *config = edit->config;
	const char *name = grammar_value(edit->match, VALUE_CLASS, 0);
	if (is_built_in(name)) {
		if (edit->match->negated)
			edit_refuse(edit, "class-map %s is built in", name);
		else
			enter(edit, name);
		return;
	}
	if (edit->match->negated) {
		remove_class_map(edit, name);
		return;
	}
	if (tree_find_class_map(config, name) == NULL) {
		if (config->class_maps == CONFIG_CLASS_MAPS_MAX) {
			edit_refuse(edit, "at most %d class-maps", CONFIG_CLASS_MAPS_MAX);
			return;
		}
		struct config_class_map *map = tree_insert(
		    config->class_map, &config->class_maps, sizeof(*map), config->class_maps);
		memcpy(map->name, name, strlen(name));
		edit_changed(edit);
	}
	enter(edit, name);
}

/* What the place is about; refuses and gives NULL if it cannot be changed or is gone. */
static struct config_class_map *
current(struct edit *edit)
{
	const char *name = edit->place->map;
	struct config_class_map *map = tree_find_class_map(edit->config, name);
	if (is_built_in(name))
		edit_refuse(
		    edit, "class-map %s is built in: match default-inspection-traffic", name);
	else if (map == NULL)
		edit_refuse(edit, "class-map %s does not exist any more", name);
	return map;
}

void
edit_class_map_description(struct edit *edit)
{
	struct config_class_map *map = current(edit);
	if (map != NULL)
		edit_description(edit, map->description);
}

static void
set_match(struct edit *edit, struct config_class_map *map, enum config_class_match match,
    const char *list)
{
	map->match = match;
	memset(map->list, 0, sizeof(map->list));
	memcpy(map->list, list, strlen(list));
	edit_changed(edit);
	if (match != CONFIG_MATCH_NOTHING)
		edit_warn_exempt(edit, map->name);
}

static void
take_match(struct edit *edit, enum config_class_match match, const char *list)
{
	struct config_class_map *map = current(edit);
	if (map == NULL)
		return;
	bool same = map->match == match && strcmp(map->list, list) == 0;
	if (edit->match->negated) {
		if (same)
			set_match(edit, map, CONFIG_MATCH_NOTHING, "");
		else
			edit_warn(edit, "class-map %s has no such match", map->name);
		return;
	}
	if (same)
		return;
	if (map->match != CONFIG_MATCH_NOTHING) {
		edit_refuse(edit, "class-map %s matches %s%s; remove that first", map->name,
		    map->match == CONFIG_MATCH_ANY ? "any" : "access-list ", map->list);
		return;
	}
	set_match(edit, map, match, list);
}

void
edit_class_match_list(struct edit *edit)
{
	const char *list = grammar_value(edit->match, VALUE_ACCESS_LIST, 0);
	if (!edit->match->negated && tree_find_access_list(edit->config, list) == NULL) {
		edit_refuse(edit, "there is no access-list %s", list);
		return;
	}
	take_match(edit, CONFIG_MATCH_ACCESS_LIST, list);
}

void
edit_class_match_any(struct edit *edit)
{
	take_match(edit, CONFIG_MATCH_ANY, "");
}

void
edit_class_match_default(struct edit *edit)
{
	if (!is_built_in(edit->place->map))
		edit_refuse(edit, "only class-map %s matches default-inspection-traffic",
		    CONFIG_DEFAULT_CLASS);
}
