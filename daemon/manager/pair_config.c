#include "daemon/manager/pair_config.h"

#include "daemon/manager/config_lines.h"
#include "daemon/manager/event_note.h"
#include "daemon/manager/store.h"
#include "daemon/pair_file.h"
#include "daemon/sync/role.h"
#include "shm/gateway_clock.h"
#include "shm/pair.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LOOK_NS 5000000

_Static_assert(LINES_BYTES_MAX <= PAIR_FILE_MAX, "a configuration can be laid out");
_Static_assert(LINES_DIGEST_SIZE == PAIR_DIGEST_SIZE, "one digest of a text");

/* ---- the pair as it stands ---- */

bool
pair_config_is_on(const struct pair_config *pair)
{
	return pair->failover != NULL && pair->failover->line != 0;
}

/* A sync process that is silent says nothing of now. */
static bool
look(const struct pair_config *pair, struct pair_status *ret_status)
{
	const struct pair_view *view = shm_pair_view(pair->shm);

	return pair_config_is_on(pair) && pair_view_is_alive(view, monotonic_now_ms()) &&
	       pair_view_read(view, ret_status);
}

const char *
pair_config_peer(struct pair_config *pair)
{
	struct pair_status status;
	const char *name = pair->failover->peer_node;

	if (pair_view_read(shm_pair_view(pair->shm), &status) && status.peer[0] != '\0')
		name = status.peer;
	snprintf(pair->name, sizeof(pair->name), "%s", name[0] != '\0' ? name : "the other host");
	return pair->name;
}

/* It follows the other host (daemon/sync/role.def). */
static bool
is_standby(uint32_t state)
{
	return state == ROLE_CATCHUP || state == ROLE_SYNCED || state == ROLE_ASKING;
}

const char *
pair_config_active(struct pair_config *pair)
{
	struct pair_status status;

	if (!look(pair, &status) || !is_standby(status.state))
		return NULL;
	return pair_config_peer(pair);
}

bool
pair_config_follows(const struct pair_config *pair)
{
	struct pair_status status;

	return pair_config_is_on(pair) && pair_view_read(shm_pair_view(pair->shm), &status) &&
	       is_standby(status.state);
}

uint64_t
pair_config_epoch(const struct pair_config *pair)
{
	struct pair_status status;

	return look(pair, &status) ? status.epoch : 0;
}

/* There is a standby that could take over, and so must know what this host does. */
static bool
has_standby(const struct pair_config *pair)
{
	struct pair_status status;

	if (!look(pair, &status) || status.state != ROLE_ACTIVE)
		return false;
	/* With `strict` that state says nothing of a standby. */
	return pair->failover->commit != SETTINGS_COMMIT_STRICT ||
	       status.channel == PAIR_CHANNEL_UP;
}

/* ---- what is laid out ---- */

void
pair_config_publish(const struct pair_config *pair)
{
	pair_texts_publish(shm_texts_own(pair->shm), &pair->own);
}

static int
write_lines(const struct pair_config *pair, enum pair_text_kind kind, struct pair_file *file,
    const struct lines *lines)
{
	struct text text;
	int result = -ENOMEM;

	text_init(&text, PAIR_FILE_MAX + 1);
	for (size_t i = 0; i < lines->count; i++) {
		text_add_string(&text, lines->line[i]);
		text_add_string(&text, "\n");
	}
	if (!text.overflow)
		result = pair_file_write(pair->directory, PAIR_FILE_OUT, kind, file,
		    (const uint8_t *)text_string(&text), text.length);
	text_free(&text);
	return result;
}

/* 0 or -errno; the number rises only with `is_new`. */
static int
lay_running(
    struct pair_config *pair, const struct config *config, struct pair_file *file, bool is_new)
{
	struct lines lines;
	int result = -EFBIG;

	lines_init(&lines);
	if (config_lines(&lines, config, NULL, false))
		result = write_lines(pair, PAIR_TEXT_RUNNING, file, &lines);
	lines_free(&lines);
	if (result < 0) {
		event_note(pair->shm, EVENT_NOTE_CONFIG_REFUSED_THERE, 0, pair_config_peer(pair),
		    strerror(-result), NULL);
		return result;
	}
	if (is_new)
		pair->own.laid[PAIR_TEXT_RUNNING]++;
	pair_config_publish(pair);
	return 0;
}

static void
lay_live(struct pair_config *pair, const struct config *config, bool is_new)
{
	struct pair_file file = {.is_live = 1};

	if (pair_config_is_on(pair) && lay_running(pair, config, &file, is_new) == 0)
		memcpy(pair->live, file.digest, sizeof(pair->live));
}

/* Told before the configuration that takes their place, should a standby come now. */
static void
keep_policies(struct pair_config *pair, const struct config *old, const struct config *config)
{
	bool pruned = !pair_config_follows(pair) && pair_policies_prune(&pair->policies, pair->shm);

	if (pair_policies_change(&pair->policies, pair->shm, old, config) || pruned)
		pair_config_lay_policies(pair);
}

void
pair_config_holds(struct pair_config *pair, const struct config *old, const struct config *config)
{
	if (pair_config_is_on(pair))
		keep_policies(pair, old, config);
	lay_live(pair, config, false);
}

void
pair_config_tell(struct pair_config *pair, const struct config *config)
{
	lay_live(pair, config, true);
}

static void
lay_startup(struct pair_config *pair, bool was_erased)
{
	struct store_entry entry;
	char why[STORE_WHY_MAX];
	struct pair_file file = {.is_erased = was_erased};
	int result = store_read(pair->directory, STORE_STARTUP, &entry, why);

	if (result < 0 && !(result == -ENOENT && was_erased))
		return;
	file.is_erased = result < 0;
	file.epoch = entry.epoch;
	file.serial = entry.serial;
	snprintf(file.saved, sizeof(file.saved), "%s", entry.saved);
	snprintf(file.by, sizeof(file.by), "%s", entry.by);
	result = write_lines(pair, PAIR_TEXT_STARTUP, &file, &entry.lines);
	store_entry_free(&entry);
	if (result < 0)
		return;
	pair->own.laid[PAIR_TEXT_STARTUP]++;
	pair_config_publish(pair);
}

void
pair_config_saved(struct pair_config *pair)
{
	if (pair_config_is_on(pair))
		lay_startup(pair, true);
}

void
pair_config_lay(struct pair_config *pair, enum pair_text_kind kind, const struct store_entry *entry)
{
	static const struct lines none;
	struct pair_file file = {.is_erased = entry == NULL};
	int result;

	if (!pair_config_is_on(pair))
		return;
	if (entry != NULL) {
		file.expires_ms = entry->expires_ms;
		memcpy(file.base, entry->base, sizeof(file.base));
		snprintf(file.saved, sizeof(file.saved), "%s", entry->saved);
		snprintf(file.by, sizeof(file.by), "%s", entry->by);
	}
	result = write_lines(pair, kind, &file, entry == NULL ? &none : &entry->lines);
	if (result < 0) {
		event_note(pair->shm, EVENT_NOTE_CONFIG_REFUSED_THERE, 0, pair_config_peer(pair),
		    strerror(-result), NULL);
		return;
	}
	pair->own.laid[kind]++;
	pair_config_publish(pair);
}

void
pair_config_lay_policies(struct pair_config *pair)
{
	struct store_entry entry = {.serial = 0};

	lines_init(&entry.lines);
	if (pair_policies_write(&pair->policies, &entry.lines))
		pair_config_lay(pair, PAIR_TEXT_POLICIES, &entry);
	else
		event_note(pair->shm, EVENT_NOTE_CONFIG_REFUSED_THERE, 0, pair_config_peer(pair),
		    strerror(EFBIG), NULL);
	store_entry_free(&entry);
}

/* Of a manager that has died. */
static void
find_policies(struct pair_config *pair)
{
	struct pair_file file;
	struct lines lines;
	uint8_t *text;

	if (pair->own.laid[PAIR_TEXT_POLICIES] == 0 ||
	    pair_file_read(pair->directory, PAIR_FILE_OUT, PAIR_TEXT_POLICIES, &file, &text) < 0)
		return;
	lines_init(&lines);
	if (lines_split(&lines, (char *)text))
		pair_policies_read(&pair->policies, &lines);
	lines_free(&lines);
	free(text);
}

void
pair_config_close(struct pair_config *pair)
{
	pair_policies_free(&pair->policies);
}

void
pair_config_open(struct pair_config *pair, const struct shm *shm,
    const struct settings_failover *failover, int directory, const struct config *running)
{
	struct pair_texts peer;

	*pair = (struct pair_config){.shm = shm, .failover = failover, .directory = directory};
	if (!pair_config_is_on(pair))
		return;
	pair_texts_read(shm_texts_own(shm), &pair->own);
	pair_texts_read(shm_texts_peer(shm), &peer);
	pair->verdicts = peer.verdicts;
	find_policies(pair);
	pair_config_tell(pair, running);
	/* A host on which nothing was ever saved takes nothing from the other one. */
	lay_startup(pair, false);
}

/* ---- the active ---- */

/* A verdict that was not looked at before. */
static bool
has_verdict(struct pair_config *pair, struct pair_texts *ret_peer)
{
	pair_texts_read(shm_texts_peer(pair->shm), ret_peer);
	if (ret_peer->verdicts == pair->verdicts)
		return false;
	pair->verdicts = ret_peer->verdicts;
	pair->is_silent = false;
	return true;
}

/* The standby's verdict of that text; NONE: not yet. */
static enum pair_verdict
verdict_of(struct pair_config *pair, const uint8_t digest[PAIR_DIGEST_SIZE], struct text *why)
{
	struct pair_texts peer;

	if (!has_verdict(pair, &peer) || memcmp(peer.digest, digest, sizeof(peer.digest)) != 0)
		return PAIR_VERDICT_NONE;
	if (peer.verdict == PAIR_VERDICT_REFUSED)
		text_printf(why, "failover: the standby %s cannot run by it: %s",
		    pair_config_peer(pair), peer.reason);
	return (enum pair_verdict)peer.verdict;
}

/* False: it is refused for want of an answer. */
static bool
go_on_unanswered(struct pair_config *pair, struct text *why)
{
	if (pair->failover->commit == SETTINGS_COMMIT_STRICT) {
		text_printf(why,
		    "failover: the standby %s does not answer, and commit = strict waits for it",
		    pair_config_peer(pair));
		return false;
	}
	if (!pair->is_silent)
		event_note(
		    pair->shm, EVENT_NOTE_CONFIG_UNANSWERED, 0, pair_config_peer(pair), NULL, NULL);
	pair->is_silent = true;
	return true;
}

static bool
await(struct pair_config *pair, const uint8_t digest[PAIR_DIGEST_SIZE], struct text *why)
{
	const struct timespec pause = {.tv_nsec = LOOK_NS};
	uint64_t end_ms = monotonic_now_ms() + (pair->is_silent ? 0 : PAIR_CONFIG_WAIT_MS);

	while (has_standby(pair)) {
		switch (verdict_of(pair, digest, why)) {
		case PAIR_VERDICT_TAKEN:
			return true;
		case PAIR_VERDICT_REFUSED:
			return false;
		default:
			break;
		}
		if (monotonic_now_ms() >= end_ms)
			return go_on_unanswered(pair, why);
		nanosleep(&pause, NULL);
	}
	return true;
}

static bool
is_same(struct pair_config *pair, const struct config *config)
{
	uint8_t digest[PAIR_DIGEST_SIZE];

	return config_digest(config, digest) && memcmp(digest, pair->live, sizeof(digest)) == 0;
}

bool
pair_config_ask(struct pair_config *pair, const struct config *next, struct text *why)
{
	struct pair_file file = {.is_live = 0};

	if (!pair_config_is_on(pair) || is_same(pair, next))
		return true;
	if (lay_running(pair, next, &file, true) < 0 || await(pair, file.digest, why))
		return true;
	return false;
}

bool
pair_config_settle(struct pair_config *pair, const struct config *running, struct text *why)
{
	struct pair_file file = {.is_live = 1};

	if (!has_standby(pair))
		return true;
	if (lay_running(pair, running, &file, true) < 0)
		return false;
	memcpy(pair->live, file.digest, sizeof(pair->live));
	return await(pair, file.digest, why);
}

/* Of what was told without a question. */
static void
look_at_verdict(struct pair_config *pair)
{
	struct pair_texts peer;

	if (has_verdict(pair, &peer) && peer.verdict == PAIR_VERDICT_REFUSED)
		event_note(pair->shm, EVENT_NOTE_CONFIG_REFUSED_THERE, 0, pair_config_peer(pair),
		    peer.reason, NULL);
}

void
pair_config_tick(struct pair_config *pair)
{
	uint64_t now_ms = monotonic_now_ms();

	if (!pair_config_is_on(pair))
		return;
	look_at_verdict(pair);
	if (now_ms - pair->pruned_ms < PAIR_CONFIG_PRUNE_MS || pair_config_follows(pair))
		return;
	pair->pruned_ms = now_ms;
	if (pair_policies_prune(&pair->policies, pair->shm))
		pair_config_lay_policies(pair);
}
