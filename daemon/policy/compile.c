#include "daemon/policy/compile.h"

#include "daemon/policy/builtin_map.h"
#include "daemon/policy/class_rules.h"
#include "daemon/policy/map.h"
#include "daemon/policy/print.h"
#include "shm/slot.h"

#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

_Static_assert(CLASS_NAME_SIZE >= CONFIG_NAME_MAX + 1, "a class has room for its name");

/* Where each class of each policy stands in the table's class_of; CLASS_NONE: it has no say. */
struct class_numbers {
	uint16_t number[CONFIG_POLICIES_MAX][CONFIG_CLASSES_MAX];
};

static void __attribute__((format(printf, 2, 3)))
add_error(struct compiled *compiled, const char *format, ...)
{
	if (compiled->errors == COMPILE_ERRORS_MAX)
		return;
	char *error = compiled->error[compiled->errors++];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(error, sizeof(compiled->error[0]), format, arguments);
	va_end(arguments);
}

static void
hash_line(void *context, const char *text)
{
	EVP_DigestUpdate(context, text, strlen(text));
	EVP_DigestUpdate(context, "\n", 1);
}

/* What the canonical text of a map says is all that its image depends on. */
static bool
hash_map(const struct config *config, const struct compiled_image *image,
    uint8_t generation[POLICY_HASH_SIZE])
{
	EVP_MD_CTX *digest = EVP_MD_CTX_new();
	if (digest == NULL)
		return false;
	bool good = EVP_DigestInit_ex(digest, EVP_sha256(), NULL) == 1;
	if (good) {
		char line[CONFIG_HOSTNAME_MAX + 16];
		struct config_writer writer = {hash_line, digest};
		snprintf(line, sizeof(line), "hostname %s", config->hostname);
		hash_line(digest, line);
		if (image->name[0] != '\0')
			print_map_whole(config, image->name, &writer);
		else
			hash_line(digest, "no inspect esmtp");
		good = EVP_DigestFinal_ex(digest, generation, NULL) == 1;
	}
	EVP_MD_CTX_free(digest);
	return good;
}

static void
fill_image(const struct config *config, const char *name, struct compiled_image *image)
{
	struct inspect_policy policy;
	snprintf(image->name, sizeof(image->name), "%s", name);
	map_policy(config, image->name, &policy);
	_Static_assert(sizeof(policy) <= sizeof(image->bytes), "a policy has room in its image");
	memcpy(image->bytes, &policy, sizeof(policy));
	image->size = sizeof(policy);
}

bool
config_compile_map(const struct config *config, const char *name, struct compiled_image *ret_image)
{
	fill_image(config, name, ret_image);
	return inspect_policy_check(ret_image->bytes, ret_image->size) &&
	       hash_map(config, ret_image, ret_image->generation);
}

void
config_print_map(const struct config *config, const char *name, const struct config_writer *writer)
{
	char line[CONFIG_HOSTNAME_MAX + 16];
	snprintf(line, sizeof(line), "hostname %s", config->hostname);
	writer->line(writer->context, line);
	/* The others cannot be changed, and so are there. */
	if (tree_find_map((struct config *)config, name) != NULL)
		print_map_whole(config, name, writer);
}

static void
check_image(const struct config *config, struct compiled *compiled, struct compiled_image *image)
{
	const char *shown = image->name[0] != '\0' ? image->name : "no inspect esmtp";
	if (!inspect_policy_check(image->bytes, image->size))
		add_error(compiled, "policy-map type inspect esmtp %s: not a policy", shown);
	else if (!hash_map(config, image, image->generation))
		add_error(compiled, "policy-map type inspect esmtp %s: cannot be hashed", shown);
}

/* The image of that map, made if there is none yet; name "" is for relayed sessions. */
static uint32_t
image_for(const struct config *config, struct compiled *compiled, const char *name)
{
	for (unsigned i = 0; i < compiled->images; i++) {
		if (strcmp(compiled->image[i].name, name) == 0)
			return i;
	}
	if (compiled->images == COMPILE_IMAGES_MAX) {
		add_error(compiled, "%s: more than %u policy-maps in use at once", name,
		    COMPILE_IMAGES_MAX);
		return 0;
	}
	struct compiled_image *image = &compiled->image[compiled->images];
	fill_image(config, name, image);
	check_image(config, compiled, image);
	return compiled->images++;
}

static uint8_t
mode_of(enum config_treatment treatment)
{
	static const uint8_t modes[] = {
	    [CONFIG_RELAY] = SLOT_RELAY, [CONFIG_RAW] = SLOT_RAW, [CONFIG_INSPECT] = SLOT_INSPECT};
	return modes[treatment];
}

/* What a class has a say about. */
enum say { SAY_TREATMENT = 1 << 0, SAY_LIMITS = 1 << 1 };

static unsigned
say_of(const struct config_class *class)
{
	return (class->treatment != CONFIG_UNTREATED ? SAY_TREATMENT : 0) |
	       (class->limits.entered != 0 ? SAY_LIMITS : 0);
}

/* Appends the rules of a class; *ret_all: they fit every client. false: no room. */
static bool
add_class(const struct config *config, struct compiled *compiled, const struct config_static *rule,
    const struct config_class *class, const struct class_rule *pattern, bool *ret_all)
{
	struct class_rule list[CONFIG_ACCESS_LINES_MAX];
	struct listener_table *table = &compiled->listeners;
	unsigned count = class_rules_list(config, rule, class->name, list);
	*ret_all = false;
	if (count == 0)
		return true;
	if (count > CLASS_RULES_MAX - table->class_rules)
		return false;
	for (unsigned i = 0; i < count; i++) {
		list[i].mode = pattern->mode;
		list[i].class_index = pattern->class_index;
		list[i].policy_slot = pattern->policy_slot;
		table->class_rule[table->class_rules++] = list[i];
	}
	*ret_all = class_rules_is_for_all(&list[count - 1]);
	return true;
}

/* What the rules of a class have in common; one that only limits leaves the rest to the listener. */
static struct class_rule
pattern_of(const struct config *config, struct compiled *compiled, const struct config_class *class,
    uint16_t number, const struct listener_entry *entry)
{
	struct class_rule pattern = {
	    .mode = entry->mode,
	    .class_index = number,
	    .policy_slot = (uint16_t)entry->policy_slot,
	};
	if (say_of(class) & SAY_TREATMENT) {
		pattern.mode = mode_of(class->treatment);
		pattern.policy_slot = (uint16_t)image_for(config, compiled, tree_map_of(class));
	}
	return pattern;
}

/* The rules that an earlier entry has are used again. */
static void
share_rules(struct listener_table *table, struct listener_entry *entry)
{
	const struct class_rule *own = &table->class_rule[entry->class_first];
	size_t size = entry->class_count * sizeof(*own);
	for (const struct listener_entry *other = table->entry; other < entry; other++) {
		if (other->class_count != entry->class_count ||
		    memcmp(&table->class_rule[other->class_first], own, size) != 0)
			continue;
		memset(&table->class_rule[entry->class_first], 0, size);
		table->class_rules = entry->class_first;
		entry->class_first = other->class_first;
		return;
	}
}

/* Its classes with rules, as long as they can answer what no earlier one has answered for all. */
static bool
add_asked(const struct config *config, struct compiled *compiled,
    const struct config_policy *policy, const uint16_t number[CONFIG_CLASSES_MAX],
    const struct config_static *rule, const struct listener_entry *entry)
{
	unsigned open = SAY_TREATMENT | SAY_LIMITS;
	for (unsigned i = 0; open != 0 && i < policy->classes; i++) {
		const struct config_class *class = &policy->class_of[i];
		bool all;
		if (tree_is_default_class(class) || !(say_of(class) & open))
			continue;
		struct class_rule pattern = pattern_of(config, compiled, class, number[i], entry);
		if (!add_class(config, compiled, rule, class, &pattern, &all))
			return false;
		if (all)
			open &= ~say_of(class);
	}
	return true;
}

static void
add_classes(const struct config *config, struct compiled *compiled,
    const struct class_numbers *numbers, const struct config_static *rule,
    struct listener_entry *entry)
{
	struct listener_table *table = &compiled->listeners;
	const struct config_policy *policy = tree_policy_for(config, rule);
	if (policy == NULL)
		return;
	const uint16_t *number = numbers->number[policy - config->policy];
	entry->class_first = table->class_rules;
	if (!add_asked(config, compiled, policy, number, rule, entry))
		add_error(compiled,
		    "policy-map %s: its classes have more than %u lines over all statics",
		    policy->name, CLASS_RULES_MAX);
	entry->class_count = table->class_rules - entry->class_first;
	if (entry->class_count > 0)
		share_rules(table, entry);
	else
		entry->class_first = 0;
	for (unsigned i = 0; i < policy->classes; i++)
		if (tree_is_default_class(&policy->class_of[i]))
			entry->class_own = number[i];
}

static void
add_listener(const struct config *config, struct compiled *compiled,
    const struct class_numbers *numbers, const struct config_static *rule)
{
	struct config_handling handling = tree_handling_for(config, rule);
	struct listener_entry *entry = &compiled->listeners.entry[compiled->listeners.count++];
	entry->listen = rule->listen;
	entry->server = rule->server;
	entry->source = rule->source;
	entry->mode = mode_of(handling.treatment);
	entry->client_address = CLIENT_HIDDEN;
	entry->connections_max = rule->connections_max;
	entry->embryonic_max = rule->embryonic_max;
	entry->class_own = CLASS_NONE;
	entry->policy_slot = image_for(config, compiled, handling.map);
	add_classes(config, compiled, numbers, rule, entry);
}

static void
fill_class(
    struct class_entry *entry, const struct config_policy *policy, const struct config_class *class)
{
	memcpy(entry->policy, policy->name, sizeof(policy->name));
	memcpy(entry->name, class->name, sizeof(class->name));
	entry->limits = class->limits.most;
	entry->limits_given = (say_of(class) & SAY_LIMITS) != 0;
	entry->limits_only = say_of(class) == SAY_LIMITS;
}

/* The classes of all policies, one behind the other; what inspection_default says about treatment is
 * its listeners' own. */
static void
number_classes(
    const struct config *config, struct compiled *compiled, struct class_numbers *ret_numbers)
{
	struct listener_table *table = &compiled->listeners;
	for (unsigned i = 0; i < config->policies; i++) {
		const struct config_policy *policy = &config->policy[i];
		for (unsigned k = 0; k < policy->classes; k++) {
			const struct config_class *class = &policy->class_of[k];
			unsigned say = say_of(class);
			ret_numbers->number[i][k] = CLASS_NONE;
			if (tree_is_default_class(class) ? !(say & SAY_LIMITS) : say == 0)
				continue;
			if (table->classes == CLASSES_MAX) {
				add_error(compiled,
				    "policy-map %s: class %s is beyond the %u classes that may be "
				    "in use",
				    policy->name, class->name, CLASSES_MAX);
				return;
			}
			ret_numbers->number[i][k] = (uint16_t)table->classes;
			fill_class(&table->class_of[table->classes++], policy, class);
		}
	}
}

static void
check_policy(
    const struct config *config, struct compiled *compiled, const struct config_policy *policy)
{
	struct config *readable = (struct config *)config;
	for (unsigned i = 0; i < policy->classes; i++) {
		const struct config_class *class = &policy->class_of[i];
		const char *map = class->map;
		if (map[0] != '\0' && builtin_map_find(map) == NULL &&
		    tree_find_map(readable, map) == NULL)
			add_error(compiled,
			    "policy-map %s: there is no policy-map type inspect esmtp %s",
			    policy->name, map);
		if (!tree_is_default_class(class) &&
		    tree_find_class_map(readable, class->name) == NULL)
			add_error(compiled, "policy-map %s: there is no class-map %s", policy->name,
			    class->name);
	}
}

static void
check_references(const struct config *config, struct compiled *compiled)
{
	struct config *readable = (struct config *)config;
	for (unsigned i = 0; i < config->services; i++) {
		if (tree_find_policy(readable, config->service[i].policy) == NULL)
			add_error(compiled, "service-policy %s: there is no such policy-map",
			    config->service[i].policy);
	}
	for (unsigned i = 0; i < config->policies; i++)
		check_policy(config, compiled, &config->policy[i]);
	for (unsigned i = 0; i < config->class_maps; i++) {
		const struct config_class_map *map = &config->class_map[i];
		if (map->match == CONFIG_MATCH_ACCESS_LIST &&
		    tree_find_access_list(readable, map->list) == NULL)
			add_error(compiled, "class-map %s: there is no access-list %s", map->name,
			    map->list);
	}
}

bool
config_compile(const struct config *config, struct compiled *ret_compiled)
{
	struct class_numbers numbers;
	memset(ret_compiled, 0, sizeof(*ret_compiled));
	check_references(config, ret_compiled);
	number_classes(config, ret_compiled, &numbers);
	for (unsigned i = 0; ret_compiled->errors == 0 && i < config->statics; i++)
		add_listener(config, ret_compiled, &numbers, &config->static_of[i]);
	return ret_compiled->errors == 0;
}
