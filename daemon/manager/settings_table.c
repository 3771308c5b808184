#include "daemon/manager/settings_table.h"

#include "daemon/manager/settings_value.h"
#include "daemon/manager/units.h"

#include <stdlib.h>
#include <string.h>

static const struct setting settings_table[] = {
#define SETTING(group, name, type, field, least, most, fallback, help)                             \
	{group, name, SETTING_##type, offsetof(struct settings, field),                            \
	    sizeof(((struct settings *)0)->field), least, most, fallback, help},
#include "daemon/manager/settings.def"
#undef SETTING
};

#define SETTINGS_COUNT (sizeof(settings_table) / sizeof(settings_table[0]))

const struct setting *
settings_get(unsigned index)
{
	return index < SETTINGS_COUNT ? &settings_table[index] : NULL;
}

const struct setting *
settings_find(const char *group, const char *name)
{
	for (size_t i = 0; i < SETTINGS_COUNT; i++)
		if (strcmp(settings_table[i].group, group) == 0 &&
		    strcmp(settings_table[i].name, name) == 0)
			return &settings_table[i];
	return NULL;
}

bool
settings_group_exists(const char *name)
{
	for (size_t i = 0; i < SETTINGS_COUNT; i++)
		if (strcmp(settings_table[i].group, name) == 0)
			return true;
	return false;
}

void
settings_store(struct settings *settings, const struct setting *setting, uint64_t value)
{
	uint8_t *field = (uint8_t *)settings + setting->offset;

	if (setting->size == sizeof(uint32_t)) {
		uint32_t small = (uint32_t)value;
		memcpy(field, &small, sizeof(small));
	} else {
		memcpy(field, &value, sizeof(value));
	}
}

static bool
is_text(const struct setting *setting)
{
	return setting->type == SETTING_NAME || setting->type == SETTING_PATH ||
	       setting->type == SETTING_TARGET;
}

static bool
parse_commit(const char *text, uint64_t *ret_commit)
{
	*ret_commit =
	    strcmp(text, "strict") == 0 ? SETTINGS_COMMIT_STRICT : SETTINGS_COMMIT_DEGRADE;
	return *ret_commit == SETTINGS_COMMIT_STRICT || strcmp(text, "degrade") == 0;
}

static const char *
take_endpoint(struct settings *settings, const struct setting *setting, const char *text)
{
	struct shm_endpoint endpoint = {0};
	bool may_be_none = setting->fallback != NULL && setting->fallback[0] == '\0';

	if (!(may_be_none && text[0] == '\0') &&
	    !settings_parse_endpoint(text, SETTINGS_SYNC_PORT, &endpoint))
		return "must be an address of one host, with or without a port, as "
		       "\"192.0.2.1:7925\" or \"[2001:db8::1]:7925\"";
	memcpy((uint8_t *)settings + setting->offset, &endpoint, sizeof(endpoint));
	return NULL;
}

/* What is wrong with the form of the text, NULL if nothing; the value as a number, or how long it is. */
static const char *
read_text(const struct setting *setting, const char *text, uint64_t *ret_value)
{
	*ret_value = strlen(text);
	switch (setting->type) {
	case SETTING_NUMBER:
		return "must be a whole number without quotes";
	case SETTING_SIZE:
		return units_parse_size(text, ret_value)
			   ? NULL
			   : "must be a size with a unit (B KiB MiB GiB TiB), as \"1 GiB\"";
	case SETTING_TIME:
		return units_parse_time(text, ret_value)
			   ? NULL
			   : "must be a time with a unit (ms s min h), as \"10 s\"";
	case SETTING_NAME:
		return settings_name_is_plain(text) || (setting->least == 0 && text[0] == '\0')
			   ? NULL
			   : "must be a name of letters, digits, '_', '.' and '-'";
	case SETTING_PATH:
		return settings_path_is_plain(text) || (setting->least == 0 && text[0] == '\0')
			   ? NULL
			   : "must be a path that begins with '/'";
	case SETTING_TARGET:
		return settings_target_is_valid(text)
			   ? NULL
			   : "must be \"journal\", \"stderr\" or \"udp:HOST:PORT\" "
			     "(IPv6: \"udp:[ADDRESS]:PORT\")";
	case SETTING_COMMIT:
		return parse_commit(text, ret_value) ? NULL : "must be \"degrade\" or \"strict\"";
	default:
		return "must be a list of strings, as [\"192.0.2.10\", \"2001:db8::10\"]";
	}
}

const char *
settings_take(struct settings *settings, const struct setting *setting, const char *text)
{
	uint64_t value;
	const char *reason;

	if (setting->type == SETTING_ENDPOINT)
		return take_endpoint(settings, setting, text);
	reason = read_text(setting, text, &value);
	if (reason != NULL)
		return reason;
	if (setting->type != SETTING_COMMIT && (value < setting->least || value > setting->most))
		return SETTINGS_OUT_OF_RANGE;
	if (is_text(setting))
		memcpy((uint8_t *)settings + setting->offset, text, (size_t)value + 1);
	else
		settings_store(settings, setting, value);
	return NULL;
}

void
settings_defaults(struct settings *settings)
{
	memset(settings, 0, sizeof(*settings));
	settings->magic = SETTINGS_MAGIC;
	settings->version = SETTINGS_VERSION;
	for (size_t i = 0; i < SETTINGS_COUNT; i++) {
		const struct setting *setting = &settings_table[i];

		if (setting->fallback == NULL)
			continue;
		if (setting->type == SETTING_NUMBER)
			settings_store(settings, setting, strtoull(setting->fallback, NULL, 10));
		else
			settings_take(settings, setting, setting->fallback);
	}
}
