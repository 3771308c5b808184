#include "daemon/manager/show_service_policy.h"

#include "daemon/manager/config_lines.h"
#include "daemon/manager/show_json.h"
#include "daemon/policy/connection_limits.h"
#include "daemon/policy/map.h"
#include "daemon/policy/match_rule.h"
#include "shm/class_usage.h"
#include "shm/counters.h"
#include "worker/inspect/policy.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_MAP "_default_esmtp_map"
#define FIXUP_MAP   "_compat_fixup_5_1"
#define WORDS_MAX   5

/* What is counted for one map, over all slots that hold an image of it. */
struct map_counts {
	uint64_t packets;
	uint64_t drops;
	uint64_t resets;
	uint64_t banners;
	uint64_t ehlo;
	uint64_t rule[INSPECT_RULES_MAX];
};

/* The printer's own lines in words; a line that is longer is cut, none of ours is. */
struct words {
	char buffer[256];
	const char *word[WORDS_MAX];
	unsigned count;
};

struct show {
	const struct shm *shm;
	const struct config *config;
	const struct lines *lines;
	struct text *out;
	json_t *policies; /* NULL: text */
	json_t *classes;
	char policy[CLASS_NAME_SIZE]; /* that is being shown, and its class */
	char class_name[CLASS_NAME_SIZE];
};

static void
split(const char *line, struct words *words)
{
	char *save = NULL;

	*words = (struct words){0};
	snprintf(words->buffer, sizeof(words->buffer), "%s", line);
	for (char *word = strtok_r(words->buffer, " ", &save);
	     word != NULL && words->count < WORDS_MAX; word = strtok_r(NULL, " ", &save))
		words->word[words->count++] = word;
}

static bool
starts(const struct words *words, const char *first, const char *second)
{
	return words->count > 0 && strcmp(words->word[0], first) == 0 &&
	       (second == NULL || (words->count > 1 && strcmp(words->word[1], second) == 0));
}

/* What an image has counted for each match goes to the line that looks at the same thing now. */
static void
count_rules(const struct shm *shm, uint32_t slot, const struct inspect_policy *now,
    struct map_counts *counts)
{
	size_t size;
	const void *image = policy_area_image(shm_policy(shm), slot, &size);
	struct inspect_policy then;

	if (image == NULL || !inspect_policy_check(image, size))
		return;
	memcpy(&then, image, sizeof(then));
	for (unsigned i = 0; i < now->rules; i++)
		for (unsigned k = 0; k < then.rules; k++)
			if (match_rule_same(&now->rule[i], &then.rule[k]))
				counts->rule[i] += counter_total_rule(shm, slot, k);
}

static struct map_counts
count_map(const struct shm *shm, const char *map, const struct inspect_policy *now)
{
	const struct policy_area *area = shm_policy(shm);
	struct map_counts counts = {0};

	for (uint32_t i = 0; i < POLICY_SLOTS; i++) {
		if (atomic_load(&area->slot[i].state) != POLICY_READY ||
		    strncmp(area->slot[i].name, map, sizeof(area->slot[i].name)) != 0)
			continue;
		counts.packets += counter_total_rule(shm, i, COUNTER_RULE_PACKETS);
		counts.drops += counter_total_rule(shm, i, COUNTER_RULE_DROPS);
		counts.resets += counter_total_rule(shm, i, COUNTER_RULE_RESETS);
		counts.banners += counter_total_rule(shm, i, COUNTER_RULE_BANNERS);
		counts.ehlo += counter_total_rule(shm, i, COUNTER_RULE_EHLO);
		count_rules(shm, i, now, &counts);
	}
	return counts;
}

static json_t *
rules_json(const struct inspect_policy *policy, const struct map_counts *counts)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < policy->rules; i++) {
		const struct inspect_rule *rule = &policy->rule[i];
		bool log = rule->action == INSPECT_ACTION_LOG || rule->flags & INSPECT_RULE_LOG;
		char match[MATCH_RULE_TEXT], action[MATCH_RULE_TEXT];

		match_rule_text(rule, match, sizeof(match));
		match_rule_action(rule, action, sizeof(action));
		json_array_append_new(list,
		    json_pack("{s:s, s:s, s:b, s:I}", "match", match + strlen("match "), "action",
			action, "log", log, "packets", (json_int_t)counts->rule[i]));
	}
	return list;
}

static void
add_rules(struct text *out, const struct inspect_policy *policy, const struct map_counts *counts)
{
	for (unsigned i = 0; i < policy->rules; i++) {
		char match[MATCH_RULE_TEXT], action[MATCH_RULE_TEXT];

		match_rule_text(&policy->rule[i], match, sizeof(match));
		match_rule_action(&policy->rule[i], action, sizeof(action));
		text_printf(out, "        %s\n          %s, packet %" PRIu64 "\n", match, action,
		    counts->rule[i]);
	}
}

static void
add_inspect(struct show *show, const char *map)
{
	struct inspect_policy policy;

	map_policy(show->config, map, &policy);
	struct map_counts counts = count_map(show->shm, map, &policy);
	bool masks_banner = policy.banner != INSPECT_BANNER_SERVER;
	if (show->policies != NULL) {
		json_array_append_new(show->classes,
		    json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:b, s:o}", "inspect", "esmtp",
			"map", map, "packets", (json_int_t)counts.packets, "drops",
			(json_int_t)counts.drops, "resets", (json_int_t)counts.resets,
			"banners_masked", (json_int_t)counts.banners, "ehlo_lines_masked",
			(json_int_t)counts.ehlo, "mask_banner", masks_banner, "matches",
			rules_json(&policy, &counts)));
		return;
	}
	text_printf(show->out,
	    "      Inspect: esmtp %s, packet %" PRIu64 ", drop %" PRIu64 ", reset-drop %" PRIu64
	    "\n",
	    map, counts.packets, counts.drops, counts.resets);
	if (masks_banner)
		text_printf(show->out, "        mask-banner, count %" PRIu64 "\n", counts.banners);
	add_rules(show->out, &policy, &counts);
}

static void
add_relay(struct show *show, bool raw)
{
	if (show->policies == NULL)
		text_printf(show->out, "      no inspect esmtp%s\n", raw ? " raw" : "");
	else
		json_array_append_new(
		    show->classes, json_pack("{s:s, s:b}", "inspect", "none", "raw", raw));
}

/* NULL: the supervisor knows of no such class (yet). */
static const struct class_usage *
find_usage(const struct show *show)
{
	for (uint32_t i = 0; i < CLASSES_MAX; i++) {
		const struct class_usage *usage = shm_class_usage(show->shm, i);

		if (strncmp(usage->name, show->class_name, sizeof(usage->name)) == 0 &&
		    strncmp(usage->policy, show->policy, sizeof(usage->policy)) == 0)
			return usage;
	}
	return NULL;
}

/* "conn-max 50 per-client-max 5" as {"conn_max": 50, "per_client_max": 5}. */
static json_t *
limits_json(const char *limits)
{
	json_t *object = json_object();
	char words[CONNECTION_LIMITS_TEXT];
	char *save = NULL;

	snprintf(words, sizeof(words), "%s", limits);
	for (char *word = strtok_r(words, " ", &save); word != NULL;
	     word = strtok_r(NULL, " ", &save)) {
		const char *number = strtok_r(NULL, " ", &save);

		if (number == NULL)
			break;
		for (char *dash = word; (dash = strchr(dash, '-')) != NULL;)
			*dash = '_';
		json_object_set_new(
		    object, word, json_integer((json_int_t)strtoull(number, NULL, 10)));
	}
	return object;
}

/* In the ASA's form. */
static void
add_connection(struct show *show, const char *limits)
{
	static const struct class_usage nothing;
	const struct class_usage *usage = find_usage(show);

	if (usage == NULL)
		usage = &nothing;
	uint32_t connections = atomic_load(&usage->connections);
	uint32_t embryonic = atomic_load(&usage->embryonic);
	uint64_t refused = atomic_load(&usage->refused);
	if (show->policies != NULL)
		json_array_append_new(show->classes,
		    json_pack("{s:o, s:I, s:I, s:I}", "set_connection", limits_json(limits),
			"current_embryonic", (json_int_t)embryonic, "current",
			(json_int_t)connections, "drops", (json_int_t)refused));
	else
		text_printf(show->out,
		    "      Set connection policy: %s\n"
		    "        current embryonic conns %" PRIu32 ", current conns %" PRIu32
		    ", drop %" PRIu64 "\n",
		    limits, embryonic, connections, refused);
}

static void
add_class(struct show *show, const char *name)
{
	snprintf(show->class_name, sizeof(show->class_name), "%s", name);
	if (show->policies == NULL)
		text_printf(show->out, "    Class-map: %s\n", name);
	else
		json_array_append_new(show->classes, json_pack("{s:s}", "class", name));
}

/* The block of `policy-map NAME`: its classes and what each does. */
static void
add_policy(struct show *show, const char *name)
{
	static const char connection[] = "  set connection ";
	bool inside = false;

	snprintf(show->policy, sizeof(show->policy), "%s", name);
	for (size_t i = 0; i < show->lines->count; i++) {
		const char *line = show->lines->line[i];
		struct words words;

		split(line, &words);
		if (line[0] != ' ') {
			inside = starts(&words, "policy-map", name) && words.count == 2;
			continue;
		}
		if (!inside)
			continue;
		if (starts(&words, "class", NULL) && words.count > 1)
			add_class(show, words.word[1]);
		else if (starts(&words, "inspect", "esmtp"))
			add_inspect(show, words.count > 2 ? words.word[2] : DEFAULT_MAP);
		else if (starts(&words, "no", "inspect"))
			add_relay(show, words.count > 3);
		else if (strncmp(line, connection, strlen(connection)) == 0)
			add_connection(show, line + strlen(connection));
	}
}

static void
add_service(struct show *show, const char *name, bool global, const char *interface)
{
	if (show->policies == NULL) {
		if (global)
			text_add_string(show->out, "Global policy:\n");
		else
			text_printf(show->out, "Interface %s:\n", interface);
		text_printf(show->out, "  Service-policy: %s\n", name);
		add_policy(show, name);
		return;
	}
	show->classes = json_array();
	add_policy(show, name);
	json_array_append_new(
	    show->policies, json_pack("{s:s, s:s, s:o}", "policy", name, "interface",
				global ? "global" : interface, "rules", show->classes));
}

/* [no] fixup protocol smtp PORTS: in the place of inspection_default. */
static void
add_fixup(struct show *show, const char *ports, bool on, json_t *fixups)
{
	show->classes = fixups != NULL ? json_array() : NULL;
	if (fixups == NULL)
		text_printf(show->out, "Fixup protocol smtp %s:\n", ports);
	if (on)
		add_inspect(show, FIXUP_MAP);
	else
		add_relay(show, false);
	if (fixups != NULL)
		json_array_append_new(
		    fixups, json_pack("{s:s, s:o}", "ports", ports, "rules", show->classes));
}

static void
add_services(struct show *show)
{
	for (size_t i = 0; i < show->lines->count; i++) {
		struct words words;

		split(show->lines->line[i], &words);
		if (!starts(&words, "service-policy", NULL) || words.count < 3)
			continue;
		bool global = strcmp(words.word[2], "global") == 0;
		add_service(show, words.word[1], global, words.count > 3 ? words.word[3] : "");
	}
}

static void
add_fixups(struct show *show, json_t *fixups)
{
	for (size_t i = 0; i < show->lines->count; i++) {
		struct words words;

		split(show->lines->line[i], &words);
		if (starts(&words, "fixup", NULL) && words.count > 3)
			add_fixup(show, words.word[3], true, fixups);
		else if (starts(&words, "no", "fixup") && words.count > 4)
			add_fixup(show, words.word[4], false, fixups);
	}
}

void
show_service_policy(const struct shm *shm, const struct config *config, bool json, struct text *out)
{
	struct lines lines;
	struct show show = {.shm = shm,
	    .config = config,
	    .lines = &lines,
	    .out = out,
	    .policies = json ? json_array() : NULL};

	lines_init(&lines);
	config_lines(&lines, config, NULL, false);
	json_t *fixups = json ? json_array() : NULL;
	add_services(&show);
	add_fixups(&show, fixups);
	lines_free(&lines);
	if (json)
		show_json_finish(
		    out, json_pack("{s:o, s:o}", "policies", show.policies, "fixups", fixups));
}
