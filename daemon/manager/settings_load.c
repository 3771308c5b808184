#include "daemon/manager/settings_load.h"

#include "daemon/manager/units.h"
#include "shm/layout.h"

#include <inttypes.h>
#include <libconfig.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum setting_type { SETTING_NUMBER, SETTING_SIZE, SETTING_TIME, SETTING_NAME, SETTING_TARGET };

struct setting {
	const char *group;
	const char *name;
	enum setting_type type;
	size_t offset;
	size_t size;
	uint64_t least;
	uint64_t most;
	const char *fallback;
	const char *help;
};

static const struct setting settings_table[] = {
#define SETTING(group, name, type, field, least, most, fallback, help)                             \
	{group, name, SETTING_##type, offsetof(struct settings, field),                            \
	    sizeof(((struct settings *)0)->field), least, most, fallback, help},
#include "daemon/manager/settings.def"
#undef SETTING
};

#define SETTINGS_COUNT (sizeof(settings_table) / sizeof(settings_table[0]))

/* What the walk over the parsed tree needs. */
struct load {
	struct settings *settings;
	const char *source;
	const char *file;
	struct text *errors;
};

const char *
settings_key(
    unsigned index, const char **ret_group, const char **ret_default, const char **ret_help)
{
	if (index >= SETTINGS_COUNT)
		return NULL;
	*ret_group = settings_table[index].group;
	*ret_default = settings_table[index].fallback;
	*ret_help = settings_table[index].help;
	return settings_table[index].name;
}

static void
report(struct load *load, const config_setting_t *at, const char *group, const char *name,
    const char *reason)
{
	text_printf(load->errors, "%s:%u: %s%s", load->file, config_setting_source_line(at), group,
	    group[0] == '\0' ? "" : ".");
	text_add_escaped(load->errors, name, strlen(name), 128);
	text_printf(load->errors, ": %s\n", reason);
}

static bool
name_is_plain(const char *name)
{
	static const char allowed[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";

	return name[0] != '-' && name[0] != '\0' && name[strspn(name, allowed)] == '\0';
}

static bool
port_is_valid(const char *port)
{
	size_t digits = strspn(port, "0123456789");

	if (digits == 0 || digits > 5 || port[digits] != '\0')
		return false;
	long number = strtol(port, NULL, 10);
	return number >= 1 && number <= 65535;
}

bool
settings_parse_udp(const char *target, char *host, size_t host_size, char *port, size_t port_size)
{
	if (strncmp(target, "udp:", 4) != 0)
		return false;
	const char *start = target + 4;
	const char *colon = strrchr(start, ':');
	if (colon == NULL || !port_is_valid(colon + 1))
		return false;

	size_t length = (size_t)(colon - start);
	bool bracket = length >= 2 && start[0] == '[' && start[length - 1] == ']';
	if (bracket) {
		start++;
		length -= 2;
	}
	if (length == 0 || length >= host_size || strlen(colon + 1) >= port_size)
		return false;
	memcpy(host, start, length);
	host[length] = '\0';
	memcpy(port, colon + 1, strlen(colon + 1) + 1);
	/* An IPv6 address without brackets would hide where the port begins. */
	if (!bracket && strchr(host, ':') != NULL)
		return false;
	return host[strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				 "0123456789.-:%_")] == '\0';
}

static bool
target_is_valid(const char *target)
{
	char host[128];
	char port[8];

	return strcmp(target, "journal") == 0 || strcmp(target, "stderr") == 0 ||
	       settings_parse_udp(target, host, sizeof(host), port, sizeof(port));
}

static void
store(struct settings *settings, const struct setting *setting, uint64_t value)
{
	uint8_t *field = (uint8_t *)settings + setting->offset;

	if (setting->size == sizeof(uint32_t)) {
		uint32_t small = (uint32_t)value;
		memcpy(field, &small, sizeof(small));
	} else {
		memcpy(field, &value, sizeof(value));
	}
}

/* NULL when the text was taken, else what is wrong with it. */
static const char *
take_string(struct settings *settings, const struct setting *setting, const char *text)
{
	uint64_t value = 0;

	switch (setting->type) {
	case SETTING_NUMBER:
		return "must be a whole number without quotes";
	case SETTING_SIZE:
		if (!units_parse_size(text, &value))
			return "must be a size with a unit (B KiB MiB GiB TiB), as \"1 GiB\"";
		break;
	case SETTING_TIME:
		if (!units_parse_time(text, &value))
			return "must be a time with a unit (ms s min h), as \"10 s\"";
		break;
	case SETTING_NAME:
		value = strlen(text);
		if (!name_is_plain(text))
			return "must be a name of letters, digits, '_', '.' and '-'";
		break;
	case SETTING_TARGET:
		value = strlen(text);
		if (!target_is_valid(text))
			return "must be \"journal\", \"stderr\" or \"udp:HOST:PORT\" "
			       "(IPv6: \"udp:[ADDRESS]:PORT\")";
		break;
	}
	if (value < setting->least || value > setting->most)
		return "out of range";

	if (setting->type == SETTING_NAME || setting->type == SETTING_TARGET)
		memcpy((uint8_t *)settings + setting->offset, text, (size_t)value + 1);
	else
		store(settings, setting, value);
	return NULL;
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
		return "out of range";
	store(load->settings, setting, (uint64_t)number);
	return NULL;
}

static const char *
take_value(struct load *load, const struct setting *setting, const config_setting_t *at)
{
	bool text_wanted = setting->type != SETTING_NUMBER;

	switch (config_setting_type(at)) {
	case CONFIG_TYPE_STRING:
		return take_string(load->settings, setting, config_setting_get_string(at));
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

static const struct setting *
find(const char *group, const char *name)
{
	for (size_t i = 0; i < SETTINGS_COUNT; i++)
		if (strcmp(settings_table[i].group, group) == 0 &&
		    strcmp(settings_table[i].name, name) == 0)
			return &settings_table[i];
	return NULL;
}

static bool
group_exists(const char *name)
{
	for (size_t i = 0; i < SETTINGS_COUNT; i++)
		if (strcmp(settings_table[i].group, name) == 0)
			return true;
	return false;
}

static void
report_range(struct load *load, const struct setting *setting, const config_setting_t *at)
{
	char reason[128];

	snprintf(reason, sizeof(reason), "out of range: %" PRIu64 " to %" PRIu64 "%s",
	    setting->least, setting->most,
	    setting->type == SETTING_SIZE     ? " bytes"
	    : setting->type == SETTING_TIME   ? " ms"
	    : setting->type == SETTING_NUMBER ? ""
					      : " characters");
	report(load, at, setting->group, setting->name, reason);
}

static void
walk_group(struct load *load, const config_setting_t *group, const char *group_name)
{
	for (int i = 0; i < config_setting_length(group); i++) {
		const config_setting_t *at = config_setting_get_elem(group, (unsigned)i);
		const char *name = config_setting_name(at);
		const struct setting *setting = find(group_name, name);

		if (setting != NULL) {
			const char *reason = take_value(load, setting, at);
			if (reason != NULL && strcmp(reason, "out of range") == 0)
				report_range(load, setting, at);
			else if (reason != NULL)
				report(load, at, group_name, name, reason);
		} else if (group_name[0] == '\0' && group_exists(name)) {
			if (config_setting_is_group(at))
				walk_group(load, at, name);
			else
				report(load, at, "", name, "must be a group: { ... }");
		} else {
			report(load, at, group_name, name, "unknown key");
		}
	}
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

void
settings_defaults(struct settings *settings)
{
	memset(settings, 0, sizeof(*settings));
	settings->magic = SETTINGS_MAGIC;
	settings->version = SETTINGS_VERSION;
	for (size_t i = 0; i < SETTINGS_COUNT; i++) {
		const struct setting *setting = &settings_table[i];

		if (setting->type == SETTING_NUMBER)
			store(settings, setting, strtoull(setting->fallback, NULL, 10));
		else
			take_string(settings, setting, setting->fallback);
	}
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
