#include "tests/tools/ledger.h"

#include <err.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static FILE *file;

static const char *const names[LEDGER_RESULTS] = {
    [LEDGER_GIVEN] = "given",
    [LEDGER_REFUSED] = "refused",
    [LEDGER_UNKNOWN] = "unknown",
    [LEDGER_ONEWAY] = "oneway",
    [LEDGER_UNSENT] = "unsent",
    [LEDGER_OK] = "ok",
    [LEDGER_DIFFERS] = "differs",
    [LEDGER_PARTIAL] = "partial",
    [LEDGER_REJECTED] = "rejected",
};

const char *
ledger_result_name(enum ledger_result result)
{
	return result < LEDGER_RESULTS ? names[result] : "?";
}

void
ledger_open(const char *path)
{
	if (*path == '\0')
		return;
	file = fopen(path, "we");
	if (file == NULL)
		err(1, "%s", path);
}

void
ledger_escape(char *text, size_t size, const char *bytes, size_t length)
{
	size_t at = 0;

	for (size_t i = 0; i < length && at + 5 < size; i++) {
		unsigned char c = (unsigned char)bytes[i];

		if (c >= ' ' && c < 127 && c != '\\')
			text[at++] = (char)c;
		else
			at += (size_t)snprintf(text + at, size - at, "\\x%02x", c);
	}
	text[at] = '\0';
}

void
ledger_write(const struct oracle_key *key, uint64_t size, enum ledger_result result,
    const char *detail, size_t detail_length)
{
	char key_text[ORACLE_KEY_TEXT], text[160];

	if (file == NULL)
		return;
	oracle_key_print(key, key_text);
	ledger_escape(text, sizeof(text), detail, detail_length);
	fprintf(file, "%s %" PRIu64 " %s %s\n", key_text, size, names[result], text);
}

void
ledger_close(void)
{
	if (file != NULL && fclose(file) != 0)
		err(1, "ledger");
	file = NULL;
}

bool
ledger_parse(const char *line, struct ledger_entry *ret_entry)
{
	const char *at = line + ORACLE_KEY_TEXT - 2;
	char *end;
	size_t length;

	memset(ret_entry, 0, sizeof(*ret_entry));
	if (strlen(line) < ORACLE_KEY_TEXT ||
	    !oracle_key_parse(line, ORACLE_KEY_TEXT - 2, &ret_entry->key) || *at != ' ')
		return false;
	ret_entry->size = strtoull(at + 1, &end, 10);
	if (end == at + 1 || *end != ' ')
		return false;
	at = end + 1;
	length = strcspn(at, " \n");
	for (unsigned i = 0; i < LEDGER_RESULTS; i++) {
		if (strlen(names[i]) != length || memcmp(at, names[i], length) != 0)
			continue;
		ret_entry->result = i;
		at += length;
		at += *at == ' ';
		snprintf(ret_entry->detail, sizeof(ret_entry->detail), "%.*s",
		    (int)strcspn(at, "\n"), at);
		return true;
	}
	return false;
}
