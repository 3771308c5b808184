/*
 * mailledger SOURCE.LEDGER... SINK.LEDGER -- do both ends tell the same story?
 *
 * Each 250 given must be exactly one identical message at the sink; nothing that was not sent
 * whole may be complete there; nothing may be there that nobody sent.  Ends with one line of
 * figures; exit 0 only when everything agrees.
 */
#include "tests/tools/ledger.h"

#include <err.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define COMPLAINTS_MAX 50
#define LINE_SIZE      512

/* Of a line: what is compared.  What was said is read again for a complaint. */
struct entry {
	struct oracle_key key;
	uint64_t size;
	enum ledger_result result;
	uint32_t file; /* index of argv */
	long place;    /* of the line in it */
};

struct entries {
	struct entry *entry;
	size_t count;
	size_t size;
};

static char **paths;

static unsigned long complaints;

static void
complain(const struct entry *entry, const char *what)
{
	struct ledger_entry said = {0};
	char key[ORACLE_KEY_TEXT], line[LINE_SIZE];
	FILE *file;

	if (complaints++ >= COMPLAINTS_MAX)
		return;
	file = fopen(paths[entry->file], "re");
	if (file == NULL || fseek(file, entry->place, SEEK_SET) != 0 ||
	    fgets(line, sizeof(line), file) == NULL || !ledger_parse(line, &said))
		errx(2, "%s: has changed", paths[entry->file]);
	fclose(file);
	oracle_key_print(&entry->key, key);
	printf("%s %" PRIu64 " %s: %s (%s)\n", key, entry->size, ledger_result_name(entry->result),
	    what, said.detail);
}

static void
entry_add(struct entries *entries, const struct entry *entry)
{
	if (entries->count == entries->size) {
		entries->size = entries->size == 0 ? 4096 : entries->size * 2;
		entries->entry = realloc(entries->entry, entries->size * sizeof(struct entry));
		if (entries->entry == NULL)
			err(2, "%s", paths[entry->file]);
	}
	entries->entry[entries->count++] = *entry;
}

static void
entries_read(struct entries *entries, uint32_t index)
{
	FILE *file = fopen(paths[index], "re");
	char line[LINE_SIZE];
	long place = 0;

	if (file == NULL)
		err(2, "%s", paths[index]);
	while (fgets(line, sizeof(line), file) != NULL) {
		struct ledger_entry said;

		if (!ledger_parse(line, &said))
			errx(2, "%s: not a ledger line at %ld", paths[index], place);
		entry_add(entries, &(struct entry){said.key, said.size, said.result, index, place});
		place += (long)strlen(line);
	}
	fclose(file);
}

static int
key_compare(const struct oracle_key *one, const struct oracle_key *other)
{
	if (one->seed != other->seed)
		return one->seed < other->seed ? -1 : 1;
	if (one->connection != other->connection)
		return one->connection < other->connection ? -1 : 1;
	if (one->message != other->message)
		return one->message < other->message ? -1 : 1;
	return 0;
}

static int
entry_compare(const void *one, const void *other)
{
	const struct entry *a = one, *b = other;

	return key_compare(&a->key, &b->key);
}

/* What the sink may hold of one attempt. */
static void
attempt_judge(const struct entry *attempt, const struct entry *sink, size_t count)
{
	size_t complete = 0;

	for (size_t i = 0; i < count; i++) {
		if (sink[i].result == LEDGER_DIFFERS)
			complain(&sink[i], "arrived altered");
		if (sink[i].result == LEDGER_OK && sink[i].size != attempt->size)
			complain(&sink[i], "has another size at the source");
		complete += sink[i].result == LEDGER_OK;
	}
	switch (attempt->result) {
	case LEDGER_GIVEN:
	case LEDGER_ONEWAY:
		if (complete == 0)
			complain(attempt, "LOST: is not at the sink");
		break;
	case LEDGER_REFUSED:
	case LEDGER_UNSENT:
		if (complete > 0)
			complain(attempt, "is complete at the sink");
		break;
	default:
		break;
	}
	if (complete > 1)
		complain(attempt, "DUPLICATE: is at the sink more than once");
}

int
main(int argc, char **argv)
{
	struct entries source = {0}, sink = {0};
	size_t totals[LEDGER_RESULTS] = {0}, at = 0;

	if (argc < 3) {
		fputs("usage: mailledger SOURCE.LEDGER... SINK.LEDGER\n", stderr);
		return 64;
	}
	paths = argv;
	for (int i = 1; i < argc - 1; i++)
		entries_read(&source, (uint32_t)i);
	entries_read(&sink, (uint32_t)argc - 1);
	if (source.count > 0)
		qsort(source.entry, source.count, sizeof(struct entry), entry_compare);
	if (sink.count > 0)
		qsort(sink.entry, sink.count, sizeof(struct entry), entry_compare);

	for (size_t i = 0; i < source.count; i++) {
		struct entry *attempt = &source.entry[i];
		size_t first;

		if (i > 0 && key_compare(&attempt->key, &source.entry[i - 1].key) == 0)
			complain(attempt, "attempted twice under one key");
		for (; at < sink.count && key_compare(&sink.entry[at].key, &attempt->key) < 0; at++)
			complain(&sink.entry[at], "nobody sent it");
		first = at;
		while (at < sink.count && key_compare(&sink.entry[at].key, &attempt->key) == 0)
			at++;
		attempt_judge(attempt, &sink.entry[first], at - first);
		totals[attempt->result]++;
	}
	for (; at < sink.count; at++)
		complain(&sink.entry[at], "nobody sent it");
	for (size_t i = 0; i < sink.count; i++)
		totals[sink.entry[i].result]++;

	printf("ledger: source %zu given, %zu refused, %zu one way, %zu unknown, %zu unsent; "
	       "sink %zu ok, %zu differing, %zu partial, %zu rejected; %lu complaints\n",
	    totals[LEDGER_GIVEN], totals[LEDGER_REFUSED], totals[LEDGER_ONEWAY],
	    totals[LEDGER_UNKNOWN], totals[LEDGER_UNSENT], totals[LEDGER_OK],
	    totals[LEDGER_DIFFERS], totals[LEDGER_PARTIAL], totals[LEDGER_REJECTED], complaints);
	free(source.entry);
	free(sink.entry);
	return complaints == 0 ? 0 : 1;
}
