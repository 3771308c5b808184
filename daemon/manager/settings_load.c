#include "daemon/manager/settings_load.h"

#include "daemon/manager/present.h"
#include "daemon/manager/settings_failover.h"
#include "daemon/manager/settings_value.h"

#include <inttypes.h>
#include <libconfig.h>
#include <stdio.h>
#include <string.h>

#define FAILOVER_GROUP "failover"

/* What the walk over the parsed tree needs. */
struct load {
	struct settings *settings;
	const char *source;
	const char *file;
	struct text *errors;
};

static void
report(struct load *load, const config_setting_t *at, const char *group, const char *name,
    const char *reason)
{
	text_printf(load->errors, "%s:%u: %s%s", load->file, config_setting_source_line(at), group,
	    group[0] == '\0' ? "" : ".");
	text_add_escaped(load->errors, name, strlen(name), 128);
	text_printf(load->errors, ": %s\n", reason);
}

/* libconfig cuts integers to 32 bits in silence; only the source still shows it. */
static bool
line_has_long_number(const char *source, unsigned line)
{
	while (line > 1 && (source = strchr(source, '\n')) != NULL) {
		source++;
		line--;
	}
	if (source == NULL)
		return false;
	size_t end = strcspn(source, "\n");
	for (size_t i = 0, run = 0; i < end; i++) {
		run = source[i] >= '0' && source[i] <= '9' ? run + 1 : 0;
		if (run > 9)
			return true;
	}
	return false;
}

static const char *
take_number(struct load *load, const struct setting *setting, const config_setting_t *at)
{
	int number = config_setting_get_int(at);

	if (config_setting_type(at) == CONFIG_TYPE_INT64 || number < 0 ||
	    line_has_long_number(load->source, config_setting_source_line(at)) ||
	    (uint64_t)number < setting->least || (uint64_t)number > setting->most)
		return SETTINGS_OUT_OF_RANGE;
	settings_store(load->settings, setting, (uint64_t)number);
	return NULL;
}

/* An element is at fault: said here, as it stands on a line of its own. */
static void
report_element(struct load *load, const struct setting *setting, const config_setting_t *element,
    const char *text, const char *reason)
{
	struct text whole;

	text_init(&whole, 512);
	if (text != NULL) {
		text_add_string(&whole, "\"");
		text_add_escaped(&whole, text, strlen(text), 128);
		text_add_string(&whole, "\" ");
	}
	text_add_string(&whole, reason);
	report(load, element, setting->group, setting->name, text_string(&whole));
	text_free(&whole);
}

static void
take_address(struct load *load, const struct setting *setting, const config_setting_t *element)
{
	struct settings_failover *failover = &load->settings->failover;
	const char *text = config_setting_get_string(element);
	struct shm_endpoint address;

	if (text == NULL || !settings_parse_address(text, &address)) {
		report_element(load, setting, element, text,
		    text == NULL ? "must be a list of strings" : "is no address of one host");
		return;
	}
	for (uint32_t i = 0; i < failover->addresses; i++)
		if (present_same_address(&failover->address[i], &address)) {
			report_element(load, setting, element, text, "is there twice");
			return;
		}
	failover->address[failover->addresses++] = address;
}

static const char *
take_addresses(struct load *load, const struct setting *setting, const config_setting_t *at)
{
	int count = config_setting_length(at);

	if (!config_setting_is_array(at) && !config_setting_is_list(at))
		return "must be a list of strings, as [\"192.0.2.10\", \"2001:db8::10\"]";
	if ((uint64_t)count < setting->least || (uint64_t)count > setting->most)
		return SETTINGS_OUT_OF_RANGE;
	for (int i = 0; i < count; i++)
		take_address(load, setting, config_setting_get_elem(at, (unsigned)i));
	return NULL;
}

static const char *
take_value(struct load *load, const struct setting *setting, const config_setting_t *at)
{
	bool text_wanted = setting->type != SETTING_NUMBER;

	if (setting->type == SETTING_ADDRESSES)
		return take_addresses(load, setting, at);

	switch (config_setting_type(at)) {
	case CONFIG_TYPE_STRING:
		return settings_take(load->settings, setting, config_setting_get_string(at));
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
		if (!text_wanted)
			return take_number(load, setting, at);
		if (setting->type == SETTING_SIZE)
			return "must be a string with a unit, as \"1 GiB\"";
		if (setting->type == SETTING_TIME)
			return "must be a string with a unit, as \"10 s\"";
		return "must be a string";
	default:
		return text_wanted ? "must be a string" : "must be a whole number";
	}
}

static void
report_range(struct load *load, const struct setting *setting, const config_setting_t *at)
{
	char reason[128];

	snprintf(reason, sizeof(reason), "out of range: %" PRIu64 " to %" PRIu64 "%s",
	    setting->least, setting->most,
	    setting->type == SETTING_SIZE	 ? " bytes"
	    : setting->type == SETTING_TIME	 ? " ms"
	    : setting->type == SETTING_NUMBER	 ? ""
	    : setting->type == SETTING_ADDRESSES ? " addresses"
						 : " characters");
	report(load, at, setting->group, setting->name, reason);
}

static void
report_missing(struct load *load, const config_setting_t *group, const char *group_name)
{
	const struct setting *setting;

	for (unsigned i = 0; (setting = settings_get(i)) != NULL; i++)
		if (setting->fallback == NULL && strcmp(setting->group, group_name) == 0 &&
		    config_setting_get_member(group, setting->name) == NULL)
			report(load, group, group_name, setting->name, "missing");
}

static unsigned
line_of(const config_setting_t *group, const char *name)
{
	const config_setting_t *at = config_setting_get_member(group, name);

	return at != NULL ? config_setting_source_line(at) : 0;
}

static void
finish_failover(struct load *load, const config_setting_t *group)
{
	struct settings_failover *failover = &load->settings->failover;

	failover->line = config_setting_source_line(group);
	failover->key_line = line_of(group, "key_file");
	for (unsigned i = 0; i < SETTINGS_FAILOVER_RULES; i++) {
		const char *key;
		const char *reason = settings_failover_offends(failover, i, &key);

		if (reason != NULL)
			report(load, config_setting_get_member(group, key), FAILOVER_GROUP, key,
			    reason);
	}
}

static void
walk_group(struct load *load, const config_setting_t *group, const char *group_name)
{
	for (int i = 0; i < config_setting_length(group); i++) {
		const config_setting_t *at = config_setting_get_elem(group, (unsigned)i);
		const char *name = config_setting_name(at);
		const struct setting *setting = settings_find(group_name, name);

		if (setting != NULL) {
			const char *reason = take_value(load, setting, at);
			if (reason != NULL && strcmp(reason, SETTINGS_OUT_OF_RANGE) == 0)
				report_range(load, setting, at);
			else if (reason != NULL)
				report(load, at, group_name, name, reason);
		} else if (group_name[0] == '\0' && settings_group_exists(name)) {
			if (config_setting_is_group(at))
				walk_group(load, at, name);
			else
				report(load, at, "", name, "must be a group: { ... }");
		} else {
			report(load, at, group_name, name, "unknown key");
		}
	}
	report_missing(load, group, group_name);
	if (strcmp(group_name, FAILOVER_GROUP) == 0)
		finish_failover(load, group);
}

/* An included file would be read with whatever rights the reader has; the file stands alone. */
static bool
refuse_includes(const char *text, const char *file, struct text *errors)
{
	bool found = false;
	unsigned line = 1;

	for (const char *at = text; at != NULL; line++) {
		const char *word = at + strspn(at, " \t");
		if (strncmp(word, "@include", 8) == 0) {
			text_printf(errors, "%s:%u: @include: not supported\n", file, line);
			found = true;
		}
		at = strchr(at, '\n');
		if (at != NULL)
			at++;
	}
	return found;
}

bool
settings_load(struct settings *settings, const char *text, size_t length, const char *file,
    struct text *errors)
{
	struct load load = {settings, text, file, errors};
	config_t config;

	settings_defaults(settings);
	if (memchr(text, '\0', length) != NULL) {
		text_printf(errors, "%s:1: the file holds a NUL byte\n", file);
		return false;
	}
	if (refuse_includes(text, file, errors))
		return false;

	config_init(&config);
	if (config_read_string(&config, text) == CONFIG_TRUE)
		walk_group(&load, config_root_setting(&config), "");
	else
		text_printf(errors, "%s:%d: %s\n", file, config_error_line(&config),
		    config_error_text(&config) != NULL ? config_error_text(&config)
						       : "cannot be read");
	config_destroy(&config);
	return errors->length == 0 && !errors->overflow;
}
