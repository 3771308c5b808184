#include "daemon/manager/pair_follow.h"

#include "daemon/manager/event_note.h"
#include "daemon/manager/running_load.h"
#include "daemon/manager/store.h"
#include "daemon/pair_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WHY_MAX		4096u
#define RUNNING_WORDS	"the running configuration"
#define CANDIDATE_WORDS "the candidate"
#define CONFIRM_WORDS	"the confirm timer"
#define POLICIES_WORDS	"the policies of the sessions"

static bool
follow(
    struct pair_config *pair, struct running *running, char *text, bool is_live, struct text *why)
{
	struct config *next = NULL;
	struct lines lines;

	lines_init(&lines);
	if (!lines_split(&lines, text))
		text_add_string(why, "it has lines that are too long, or too many");
	else
		next = running_load_lines(pair->shm, &lines, is_live ? NULL : why);
	lines_free(&lines);
	if (next != NULL && running_follow(running, next, is_live, why))
		return true;
	if (next != NULL)
		config_free(next);
	return false;
}

/* For an event and for the other host: one line, or the words for none. */
static void
make_reason(const struct text *why, char reason[PAIR_TEXT_MAX])
{
	snprintf(
	    reason, PAIR_TEXT_MAX, "%s", why->length > 0 ? text_string(why) : strerror(ENOMEM));
	for (char *at = reason; *at != '\0'; at++)
		if ((unsigned char)*at < 0x20 || *at == 0x7f)
			*at = ' ';
}

static void
tell(struct pair_config *pair, const char *what, const char *reason)
{
	event_note(pair->shm,
	    reason == NULL ? EVENT_NOTE_CONFIG_FOLLOWED : EVENT_NOTE_CONFIG_NOT_FOLLOWED, 0,
	    pair_config_peer(pair), what, reason);
}

static void
take_running(struct pair_config *pair, struct running *running)
{
	char reason[PAIR_TEXT_MAX] = "";
	struct pair_file file;
	struct text why;
	uint8_t *text;
	bool taken;
	int result = pair_file_read(pair->directory, PAIR_FILE_IN, PAIR_TEXT_RUNNING, &file, &text);

	if (result < 0) {
		tell(pair, RUNNING_WORDS, strerror(-result));
		return;
	}
	text_init(&why, WHY_MAX);
	bool is_same = memcmp(file.digest, pair->live, sizeof(file.digest)) == 0;
	taken = is_same || follow(pair, running, (char *)text, file.is_live != 0, &why);
	if (!taken)
		make_reason(&why, reason);
	pair_texts_decide(
	    &pair->own, file.digest, taken ? PAIR_VERDICT_TAKEN : PAIR_VERDICT_REFUSED, reason);
	if (!is_same)
		tell(pair, RUNNING_WORDS, taken ? NULL : reason);
	text_free(&why);
	free(text);
}

static int
take_saved(const struct pair_config *pair, const struct pair_file *file, char *text)
{
	struct store_entry entry = {.serial = file->serial, .epoch = (uint32_t)file->epoch};
	int result = -EFBIG;

	if (file->is_erased)
		return store_erase(pair->directory);
	if (file->epoch > INT32_MAX)
		return -EOVERFLOW;
	snprintf(entry.saved, sizeof(entry.saved), "%s", file->saved);
	snprintf(entry.by, sizeof(entry.by), "%s", file->by);
	lines_init(&entry.lines);
	if (lines_split(&entry.lines, text))
		result = store_take(pair->directory, &entry);
	store_entry_free(&entry);
	return result;
}

static void
take_startup(struct pair_config *pair)
{
	struct pair_file file;
	uint8_t *text;
	int result = pair_file_read(pair->directory, PAIR_FILE_IN, PAIR_TEXT_STARTUP, &file, &text);

	if (result == 0) {
		result = take_saved(pair, &file, (char *)text);
		free(text);
	}
	if (result < 0 && result != -EALREADY && result != -ENOENT)
		tell(pair, STORE_STARTUP, strerror(-result));
	/* As this host would tell it. */
	if (result == 0)
		pair_config_saved(pair);
}

/* -errno; *why perhaps more than that. */
static int
take_draft(struct commit *commit, enum pair_text_kind kind, const struct pair_file *file,
    char *text, struct text *why)
{
	struct store_entry entry = {.expires_ms = file->expires_ms};
	const struct store_entry *given = file->is_erased ? NULL : &entry;
	int result = -EFBIG;

	snprintf(entry.saved, sizeof(entry.saved), "%s", file->saved);
	snprintf(entry.by, sizeof(entry.by), "%s", file->by);
	memcpy(entry.base, file->base, sizeof(entry.base));
	lines_init(&entry.lines);
	if (!lines_split(&entry.lines, text))
		text_add_string(why, "it has lines that are too long, or too many");
	else if (kind == PAIR_TEXT_CONFIRM)
		result = commit_follow_confirm(commit, given);
	else
		result = commit_follow_candidate(commit, given, why);
	store_entry_free(&entry);
	return result;
}

static void
take_commit(struct pair_config *pair, struct commit *commit, enum pair_text_kind kind)
{
	char reason[PAIR_TEXT_MAX];
	struct pair_file file;
	struct text why;
	uint8_t *text;
	int result = pair_file_read(pair->directory, PAIR_FILE_IN, kind, &file, &text);

	text_init(&why, WHY_MAX);
	if (result == 0) {
		result = take_draft(commit, kind, &file, (char *)text, &why);
		free(text);
	}
	if (result < 0 && why.length == 0)
		text_add_string(&why, strerror(-result));
	if (result < 0) {
		make_reason(&why, reason);
		tell(pair, kind == PAIR_TEXT_CONFIRM ? CONFIRM_WORDS : CANDIDATE_WORDS, reason);
	}
	text_free(&why);
}

/* As this host would tell them. */
static void
take_policies(struct pair_config *pair)
{
	char reason[PAIR_TEXT_MAX];
	struct pair_file file;
	struct lines lines;
	struct text why;
	uint8_t *text;
	bool taken = false;
	int result =
	    pair_file_read(pair->directory, PAIR_FILE_IN, PAIR_TEXT_POLICIES, &file, &text);

	text_init(&why, WHY_MAX);
	lines_init(&lines);
	if (result == 0) {
		taken = lines_split(&lines, (char *)text) &&
			pair_policies_read(&pair->policies, &lines) &&
			pair_policies_place(&pair->policies, pair->shm, &why);
		pair_config_lay_policies(pair);
		free(text);
	}
	if (!taken && why.length == 0)
		text_add_string(&why, result < 0 ? strerror(-result) : "they are no such text");
	if (!taken) {
		make_reason(&why, reason);
		tell(pair, POLICIES_WORDS, reason);
	}
	lines_free(&lines);
	text_free(&why);
}

static void
take(struct pair_config *pair, struct running *running, struct commit *commit,
    enum pair_text_kind kind)
{
	switch (kind) {
	case PAIR_TEXT_RUNNING:
		take_running(pair, running);
		break;
	case PAIR_TEXT_STARTUP:
		take_startup(pair);
		break;
	case PAIR_TEXT_POLICIES:
		take_policies(pair);
		break;
	default:
		take_commit(pair, commit, kind);
		break;
	}
}

void
pair_follow_tick(struct pair_config *pair, struct running *running, struct commit *commit)
{
	struct pair_texts peer;
	uint64_t *seen = pair->own.seen;

	if (!pair_config_is_on(pair))
		return;
	pair_texts_read(shm_texts_peer(pair->shm), &peer);
	for (unsigned kind = 0; kind < PAIR_TEXT_KINDS; kind++) {
		if (peer.laid[kind] == seen[kind])
			continue;
		take(pair, running, commit, (enum pair_text_kind)kind);
		seen[kind] = peer.laid[kind];
		pair_config_publish(pair);
	}
}
