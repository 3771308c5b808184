/*
 * settings_table -- which keys smtpguard.conf has, and how one value is taken
 *
 * The table is settings.def.  Pure.
 */
#ifndef DAEMON_MANAGER_SETTINGS_TABLE_H
#define DAEMON_MANAGER_SETTINGS_TABLE_H

#include "daemon/settings.h"

#include <stdbool.h>
#include <stddef.h>

#define SETTINGS_OUT_OF_RANGE "out of range"

enum setting_type {
	SETTING_NUMBER,
	SETTING_SIZE,
	SETTING_TIME,
	SETTING_NAME,
	SETTING_PATH,
	SETTING_TARGET,
	SETTING_COMMIT,
	SETTING_ENDPOINT,
	SETTING_ADDRESSES,
};

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

/* NULL beyond the table. */
const struct setting *settings_get(unsigned index);
/* NULL: there is no such key. */
const struct setting *settings_find(const char *group, const char *name);
bool settings_group_exists(const char *name);

void settings_defaults(struct settings *settings);
/* NULL when the text was taken, else what is wrong with it. */
const char *settings_take(
    struct settings *settings, const struct setting *setting, const char *text);
void settings_store(struct settings *settings, const struct setting *setting, uint64_t value);

#endif
