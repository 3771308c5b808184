#include "daemon/manager/show_config.h"

#include "daemon/manager/config_lines.h"
#include "daemon/manager/event_note.h"
#include "daemon/manager/show_json.h"
#include "daemon/manager/store.h"
#include "shm/gateway_clock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

static void
add_lines(struct text *out, const struct lines *lines)
{
	for (size_t i = 0; i < lines->count; i++) {
		text_add_string(out, lines->line[i]);
		text_add_string(out, "\n");
	}
}

static int
fail(struct text *out, const char *what, const char *why, int status)
{
	text_clear(out);
	text_printf(out, "%% %s: %s\n", what, why);
	return status;
}

int
show_running_config(
    const struct manager *manager, const char *section, bool all, bool json, struct text *out)
{
	struct lines lines;

	lines_init(&lines);
	bool whole = config_lines(&lines, manager->running.config, section, all);
	if (json)
		show_json_finish(out, json_pack("{s:o}", "lines", show_json_lines(&lines)));
	else
		add_lines(out, &lines);
	lines_free(&lines);
	return whole
		   ? EX_OK
		   : fail(out, "running configuration", "it is too long to be shown", EX_SOFTWARE);
}

int
show_fixup(const struct manager *manager, bool json, struct text *out)
{
	int status = show_running_config(manager, "fixup", false, json, out);

	if (status == EX_OK && out->length == 0)
		text_add_string(out, "No fixup: service-policies decide about inspection\n");
	return status;
}

/* Four groups of eight digits, as the ASA prints it. */
static void
add_checksum(struct text *out, const unsigned char digest[LINES_DIGEST_SIZE])
{
	char hex[65];

	lines_digest_hex(digest, hex);
	text_printf(out, "Cryptochecksum: %.8s %.8s %.8s %.8s\n", hex, hex + 8, hex + 16, hex + 24);
}

static void
add_startup_json(struct text *out, const struct store_entry *entry)
{
	char hex[65];

	lines_digest_hex(entry->digest, hex);
	show_json_finish(
	    out, json_pack("{s:i, s:i, s:s, s:s, s:s, s:o}", "serial", (int)entry->serial, "epoch",
		     (int)entry->epoch, "saved", entry->saved, "by", entry->by, "checksum", hex,
		     "lines", show_json_lines(&entry->lines)));
}

int
show_startup_config(const struct manager *manager, bool json, struct text *out)
{
	struct store_entry entry;
	char why[STORE_WHY_MAX];
	int result = store_read(manager->running.directory, STORE_STARTUP, &entry, why);

	if (result == -ENOENT)
		return fail(out, STORE_STARTUP, "nothing has been saved", EX_UNAVAILABLE);
	if (result < 0)
		return fail(out, STORE_STARTUP, why, EX_DATAERR);
	if (json) {
		add_startup_json(out, &entry);
	} else {
		text_printf(out, "! Saved %s by ", entry.saved);
		text_add_escaped(out, entry.by, strlen(entry.by), STORE_BY_MAX);
		text_printf(out, ", serial %" PRIu32 "\n", entry.serial);
		add_lines(out, &entry.lines);
		text_add_string(out, "! ");
		add_checksum(out, entry.digest);
	}
	store_entry_free(&entry);
	return EX_OK;
}

int
write_memory(struct manager *manager, const char *by, struct text *out)
{
	struct store_entry entry;
	struct lines lines;
	size_t bytes = 0;
	uint64_t begun = monotonic_now_ms();
	int result = -EFBIG;

	lines_init(&lines);
	if (config_lines(&lines, manager->running.config, NULL, false))
		result = store_save(manager->running.directory, &lines, by,
		    pair_config_epoch(&manager->pair), &entry, &bytes);
	lines_free(&lines);
	if (result < 0)
		return fail(out, "Cannot save the configuration", strerror(-result), EX_IOERR);

	event_note(&manager->shm, EVENT_NOTE_CONFIG_SAVED, entry.serial, by, NULL, NULL);
	pair_config_saved(&manager->pair);
	uint64_t took = monotonic_now_ms() - begun;
	text_add_string(out, "Building configuration...\n");
	add_checksum(out, entry.digest);
	text_printf(out, "\n%zu bytes copied in %" PRIu64 ".%03u secs\n[OK]\n", bytes, took / 1000,
	    (unsigned)(took % 1000));
	return EX_OK;
}

int
write_erase(struct manager *manager, struct text *out)
{
	int result = store_erase(manager->running.directory);

	if (result == -ENOENT)
		return fail(out, STORE_STARTUP, "nothing has been saved", EX_UNAVAILABLE);
	if (result < 0)
		return fail(
		    out, "Cannot erase the saved configuration", strerror(-result), EX_IOERR);
	pair_config_saved(&manager->pair);
	text_add_string(out, "Erase of the saved configuration: complete\n[OK]\n");
	return EX_OK;
}
