#include "daemon/manager/store_format.h"

#include <inttypes.h>
#include <libconfig.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STORE_SCHEMA 1
#define HEX_DIGITS   "0123456789abcdef"

static void
add_string(struct text *text, const char *string)
{
	text_add_string(text, "\"");
	for (const unsigned char *at = (const unsigned char *)string; *at != '\0'; at++) {
		if (*at == '"' || *at == '\\')
			text_printf(text, "\\%c", *at);
		else if (*at < 0x20 || *at == 0x7f)
			text_printf(text, "\\x%02X", *at);
		else
			text_add(text, at, 1);
	}
	text_add_string(text, "\"");
}

void
store_format_write(struct text *text, const struct store_entry *entry, const struct lines *lines)
{
	char hex[65];

	lines_digest_hex(entry->digest, hex);
	text_add_string(text, "/* Written by smtpguard: do not edit, changes are refused. */\n");
	text_printf(text, "schema = %d;\nserial = %" PRIu32 ";\nepoch = %" PRIu32 ";\n",
	    STORE_SCHEMA, entry->serial, entry->epoch);
	if (entry->tag != 0)
		text_printf(text, "tag = \"%016" PRIx64 "\";\n", entry->tag);
	if (entry->expires_ms != 0)
		text_printf(text, "expires = \"%016" PRIx64 "\";\n", entry->expires_ms);
	if (entry->has_base) {
		char base[65];

		lines_digest_hex(entry->base, base);
		text_printf(text, "base = \"%s\";\n", base);
	}
	text_add_string(text, "saved = ");
	add_string(text, entry->saved);
	text_add_string(text, ";\nby = ");
	add_string(text, entry->by);
	text_printf(text, ";\nchecksum = \"%s\";\nlines = [", hex);
	for (size_t i = 0; i < lines->count; i++) {
		text_add_string(text, i == 0 ? "\n\t" : ",\n\t");
		add_string(text, lines->line[i]);
	}
	text_add_string(text, "\n];\n");
}

static bool
refuse(char *why, const char *reason)
{
	snprintf(why, STORE_WHY_MAX, "%s", reason);
	return false;
}

static bool
read_number(const config_t *config, const char *key, uint32_t *ret_number)
{
	int number;

	if (config_lookup_int(config, key, &number) != CONFIG_TRUE || number < 0)
		return false;
	*ret_number = (uint32_t)number;
	return true;
}

/* What smtpguard writes has none, and the other host of a pair refuses them. */
static bool
has_control(const char *string)
{
	for (const unsigned char *at = (const unsigned char *)string; *at != '\0'; at++)
		if (*at < 0x20 || *at == 0x7f)
			return true;
	return false;
}

static bool
read_string(const config_t *config, const char *key, char *to, size_t size)
{
	const char *string;

	if (config_lookup_string(config, key, &string) != CONFIG_TRUE || strlen(string) >= size ||
	    has_control(string))
		return false;
	memcpy(to, string, strlen(string) + 1);
	return true;
}

static bool
read_lines(const config_t *config, struct lines *lines)
{
	const config_setting_t *list = config_lookup(config, "lines");

	if (list == NULL || !config_setting_is_array(list))
		return false;
	for (int i = 0; i < config_setting_length(list); i++) {
		const char *line = config_setting_get_string_elem(list, i);
		if (line == NULL || !lines_add(lines, line))
			return false;
	}
	return true;
}

/* 0 when it is not there. */
static bool
read_hex(const config_t *config, const char *key, uint64_t *ret_number)
{
	char hex[17];

	*ret_number = 0;
	if (config_lookup(config, key) == NULL)
		return true;
	if (!read_string(config, key, hex, sizeof(hex)) || hex[strspn(hex, HEX_DIGITS)] != '\0')
		return false;
	*ret_number = strtoull(hex, NULL, 16);
	return true;
}

static bool
read_base(const config_t *config, struct store_entry *entry)
{
	char hex[65];

	if (config_lookup(config, "base") == NULL)
		return true;
	if (!read_string(config, "base", hex, sizeof(hex)) || !lines_digest_unhex(hex, entry->base))
		return false;
	entry->has_base = true;
	return true;
}

static bool
read_entry(const config_t *config, struct store_entry *entry, char *why)
{
	uint32_t schema;
	char checksum[65];
	char computed[65];

	if (!read_number(config, "schema", &schema))
		return refuse(why, "no schema");
	if (schema != STORE_SCHEMA)
		return refuse(why, "a schema that this version does not know");
	if (!read_number(config, "serial", &entry->serial) ||
	    !read_number(config, "epoch", &entry->epoch))
		return refuse(why, "no serial or epoch");
	if (!read_string(config, "saved", entry->saved, sizeof(entry->saved)) ||
	    !read_string(config, "by", entry->by, sizeof(entry->by)) ||
	    !read_hex(config, "tag", &entry->tag) ||
	    !read_hex(config, "expires", &entry->expires_ms) || !read_base(config, entry))
		return refuse(why, "no valid saved, by, tag, expires or base");
	if (!read_lines(config, &entry->lines))
		return refuse(why, "lines are missing, too many or too long");
	if (!read_string(config, "checksum", checksum, sizeof(checksum)))
		return refuse(why, "no checksum");
	if (!lines_digest(&entry->lines, entry->digest))
		return refuse(why, "no memory for the checksum");
	lines_digest_hex(entry->digest, computed);
	if (strcmp(checksum, computed) != 0)
		return refuse(why, "the checksum does not fit the lines");
	return true;
}

bool
store_format_read(const char *source, size_t length, struct store_entry *ret_entry, char *why)
{
	config_t config;

	*ret_entry = (struct store_entry){0};
	if (memchr(source, '\0', length) != NULL || strstr(source, "@include") != NULL)
		return refuse(why, "it holds what smtpguard never writes");
	config_init(&config);
	bool good;
	if (config_read_string(&config, source) == CONFIG_TRUE) {
		good = read_entry(&config, ret_entry, why);
	} else {
		snprintf(why, STORE_WHY_MAX, "line %d: %s", config_error_line(&config),
		    config_error_text(&config) != NULL ? config_error_text(&config)
						       : "cannot be read");
		good = false;
	}
	config_destroy(&config);
	if (!good)
		store_entry_free(ret_entry);
	return good;
}
