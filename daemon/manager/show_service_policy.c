#include "daemon/manager/show_service_policy.h"

#include "daemon/manager/config_lines.h"
#include "daemon/manager/show_json.h"
#include "daemon/policy/match_rule.h"
#include "daemon/policy/print.h"
#include "shm/counters.h"
#include "worker/inspect/policy.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define DEFAULT_MAP "_default_esmtp_map"
#define WORDS_MAX   4

/* What is counted for one map, over all slots that hold an image of it. */
struct map_counts {
	bool masks_banner;
	uint64_t packets;
	uint64_t drops;
	uint64_t resets;
	uint64_t banners;
	uint64_t ehlo;
	uint64_t rule[INSPECT_RULES_MAX];
};

/* The match lines of a map in the words of the configuration, those with an action only. */
struct match_lines {
	unsigned count;
	char match[INSPECT_RULES_MAX][MATCH_RULE_TEXT];
	char action[INSPECT_RULES_MAX][MATCH_RULE_TEXT];
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

static bool
slot_masks_banner(const struct policy_area *area, uint32_t slot)
{
	size_t size;
	const void *image = policy_area_image(area, slot, &size);
	struct inspect_policy policy;

	if (image == NULL || size < sizeof(policy))
		return false;
	memcpy(&policy, image, sizeof(policy));
	return policy.banner != INSPECT_BANNER_SERVER;
}

static struct map_counts
count_map(const struct shm *shm, const char *map)
{
	const struct policy_area *area = shm_policy(shm);
	struct map_counts counts = {0};

	for (uint32_t i = 0; i < POLICY_SLOTS; i++) {
		if (atomic_load(&area->slot[i].state) != POLICY_READY ||
		    strncmp(area->slot[i].name, map, sizeof(area->slot[i].name)) != 0)
			continue;
		counts.masks_banner |= slot_masks_banner(area, i);
		counts.packets += counter_total_rule(shm, i, COUNTER_RULE_PACKETS);
		counts.drops += counter_total_rule(shm, i, COUNTER_RULE_DROPS);
		counts.resets += counter_total_rule(shm, i, COUNTER_RULE_RESETS);
		counts.banners += counter_total_rule(shm, i, COUNTER_RULE_BANNERS);
		counts.ehlo += counter_total_rule(shm, i, COUNTER_RULE_EHLO);
		for (unsigned rule = 0; rule < INSPECT_RULES_MAX; rule++)
			counts.rule[rule] += counter_total_rule(shm, i, rule);
	}
	return counts;
}

static void
keep_line(void *context, const char *text)
{
	struct match_lines *lines = context;

	if (strncmp(text, " match ", 7) == 0) {
		if (lines->count < INSPECT_RULES_MAX)
			snprintf(lines->match[lines->count], MATCH_RULE_TEXT, "%s", text + 1);
		return;
	}
	/* Behind a match a line of two blanks is its action. */
	if (strncmp(text, "  ", 2) == 0 && lines->count < INSPECT_RULES_MAX &&
	    lines->match[lines->count][0] != '\0')
		snprintf(lines->action[lines->count++], MATCH_RULE_TEXT, "%s", text + 2);
}

static json_t *
rules_json(const struct match_lines *lines, const struct map_counts *counts)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < lines->count; i++)
		json_array_append_new(
		    list, json_pack("{s:s, s:s, s:b, s:I}", "match", lines->match[i] + 6, "action",
			      lines->action[i], "log", strstr(lines->action[i], "log") != NULL,
			      "packets", (json_int_t)counts->rule[i]));
	return list;
}

static void
add_inspect(struct show *show, const char *map)
{
	struct map_counts counts = count_map(show->shm, map);
	struct match_lines lines = {0};
	const struct config_writer writer = {keep_line, &lines};

	print_map_whole(show->config, map, &writer);
	if (show->policies != NULL) {
		json_array_append_new(show->classes,
		    json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:b, s:o}", "inspect", "esmtp",
			"map", map, "packets", (json_int_t)counts.packets, "drops",
			(json_int_t)counts.drops, "resets", (json_int_t)counts.resets,
			"banners_masked", (json_int_t)counts.banners, "ehlo_lines_masked",
			(json_int_t)counts.ehlo, "mask_banner", counts.masks_banner, "matches",
			rules_json(&lines, &counts)));
		return;
	}
	text_printf(show->out,
	    "      Inspect: esmtp %s, packet %" PRIu64 ", drop %" PRIu64 ", reset-drop %" PRIu64
	    "\n",
	    map, counts.packets, counts.drops, counts.resets);
	if (counts.masks_banner)
		text_printf(show->out, "        mask-banner, count %" PRIu64 "\n", counts.banners);
	for (unsigned i = 0; i < lines.count; i++)
		text_printf(show->out, "        %s\n          %s, packet %" PRIu64 "\n",
		    lines.match[i], lines.action[i], counts.rule[i]);
}

static void
add_class(struct show *show, const char *name)
{
	if (show->policies == NULL)
		text_printf(show->out, "    Class-map: %s\n", name);
	else
		json_array_append_new(show->classes, json_pack("{s:s}", "class", name));
}

/* The block of `policy-map NAME`: its classes and what each does. */
static void
add_policy(struct show *show, const char *name)
{
	bool inside = false;

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

void
show_service_policy(const struct shm *shm, const struct config *config, bool json, struct text *out)
{
	struct lines lines;
	struct show show = {shm, config, &lines, out, json ? json_array() : NULL, NULL};

	lines_init(&lines);
	config_lines(&lines, config, NULL, false);
	for (size_t i = 0; i < lines.count; i++) {
		struct words words;

		split(lines.line[i], &words);
		if (!starts(&words, "service-policy", NULL) || words.count < 3)
			continue;
		bool global = strcmp(words.word[2], "global") == 0;
		add_service(&show, words.word[1], global, words.count > 3 ? words.word[3] : "");
	}
	lines_free(&lines);
	if (json)
		show_json_finish(out, json_pack("{s:o}", "policies", show.policies));
}
