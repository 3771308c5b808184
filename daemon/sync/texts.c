#include "daemon/sync/texts.h"

#include "daemon/pair_file.h"
#include "daemon/sync/report.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(PAIR_DIGEST_SIZE == SYNC_GENERATION_SIZE, "a generation is a digest");
_Static_assert(PAIR_FILE_MAX <= SYNC_TEXT_MAX, "what is laid out can be told");
_Static_assert(PAIR_TEXT_MAX == SYNC_WHY_MAX + 1, "a reason passes whole");

static const uint32_t kinds[PAIR_TEXT_KINDS] = {
    [PAIR_TEXT_POLICIES] = SYNC_TEXT_POLICIES,
    [PAIR_TEXT_CONFIRM] = SYNC_TEXT_CONFIRM,
    [PAIR_TEXT_RUNNING] = SYNC_TEXT_RUNNING,
    [PAIR_TEXT_STARTUP] = SYNC_TEXT_STARTUP,
    [PAIR_TEXT_CANDIDATE] = SYNC_TEXT_CANDIDATE,
};

void
texts_open(struct texts *texts, const struct shm *shm, struct channel *channel, int directory)
{
	struct pair_texts own;

	pair_texts_read(shm_texts_own(shm), &own);
	*texts = (struct texts){
	    .shm = shm, .channel = channel, .directory = directory, .verdicts = own.verdicts};
	/* What an earlier sync process has laid out was perhaps not looked at yet. */
	pair_texts_read(shm_texts_peer(shm), &texts->peer);
}

static void
publish(const struct texts *texts)
{
	pair_texts_publish(shm_texts_peer(texts->shm), &texts->peer);
}

static void
complain(const struct texts *texts, const char *what, int error)
{
	report_tell(shm_events(texts->shm, SHM_WRITER_SYNC), 109084, what, strerror(-error), 0);
}

/* ---- the standby ---- */

static enum pair_text_kind
kind_of(const struct sync_text *text)
{
	unsigned kind = 0;

	while (kind < PAIR_TEXT_KINDS - 1 && kinds[kind] != text->kind)
		kind++;
	return (enum pair_text_kind)kind;
}

static uint64_t
gateway_ms(const struct texts *texts)
{
	return atomic_load_explicit(shm_clock_floor(texts->shm), memory_order_relaxed);
}

/* The other host's time as this one's.  A clock that is behind is raised to the other one by heartbeats
 * (news.c), one that is ahead stays so. */
static uint64_t
own_time(const struct texts *texts, const struct sync_text *text)
{
	uint64_t own_ms = gateway_ms(texts) + text->left_ms;

	if (text->expires_ms == 0)
		return 0;
	return own_ms > text->expires_ms ? own_ms : text->expires_ms;
}

void
texts_came(struct texts *texts, const struct sync_text *text)
{
	enum pair_text_kind kind = kind_of(text);
	struct pair_file file = {
	    .epoch = text->epoch,
	    .serial = text->serial,
	    .is_live = text->is_live,
	    .is_erased = text->is_erased,
	    .expires_ms = own_time(texts, text),
	};
	int result;

	if (text->base.length == sizeof(file.base))
		memcpy(file.base, text->base.data, sizeof(file.base));
	strncpy(file.saved, text->saved, sizeof(file.saved) - 1);
	strncpy(file.by, text->by, sizeof(file.by) - 1);
	result = pair_file_write(
	    texts->directory, PAIR_FILE_IN, kind, &file, text->part.data, text->part.length);
	if (result < 0) {
		complain(texts, "keeping the other host's configuration", result);
		return;
	}
	texts->peer.laid[kind]++;
	publish(texts);
}

/* The verdict of this host's manager. */
static void
pass_on(struct texts *texts, const struct feed *feed, const struct pair_texts *own)
{
	if (own->verdicts == texts->verdicts)
		return;
	if (own->verdict == PAIR_VERDICT_REFUSED)
		channel_not_compiled(texts->channel, own->digest, own->reason);
	else if (!channel_compiled(texts->channel, own->digest))
		return;
	texts->verdicts = own->verdicts;
	feed_find_policies(feed);
}

/* ---- the active ---- */

void
texts_decided(struct texts *texts, const struct sync_bytes *generation, const char *reason)
{
	if (memcmp(generation->data, texts->running, sizeof(texts->running)) == 0)
		texts->is_decided = true;
	pair_texts_decide(&texts->peer, generation->data,
	    reason == NULL ? PAIR_VERDICT_TAKEN : PAIR_VERDICT_REFUSED,
	    reason == NULL ? "" : reason);
	publish(texts);
}

bool
texts_are_decided(const struct texts *texts)
{
	uint64_t laid = texts->own.laid[PAIR_TEXT_RUNNING];

	return laid == 0 || (texts->told[PAIR_TEXT_RUNNING] == laid && texts->is_decided);
}

void
texts_agreed(struct texts *texts)
{
	if (!texts->is_decided)
		memset(texts->told, 0, sizeof(texts->told));
}

/* What belongs to one kind only.  Whatever the file says, the other host takes it. */
static void
add_own(const struct texts *texts, const struct pair_file *file, struct sync_text *text)
{
	uint64_t now_ms = gateway_ms(texts), expires_ms = file->expires_ms, left_ms;

	if (text->is_erased)
		return;
	if (text->kind == SYNC_TEXT_CANDIDATE)
		text->base = (struct sync_bytes){file->base, sizeof(file->base)};
	if (text->kind != SYNC_TEXT_CONFIRM)
		return;
	if (expires_ms == 0 || expires_ms > SYNC_TIME_MAX)
		expires_ms = 1;
	left_ms = expires_ms > now_ms ? expires_ms - now_ms : 0;
	text->expires_ms = expires_ms;
	text->left_ms = left_ms < SYNC_LEFT_MAX ? left_ms : SYNC_LEFT_MAX;
}

static bool
tell(struct texts *texts, struct feed *feed, enum pair_text_kind kind, uint64_t now_us)
{
	struct pair_file file;
	uint8_t *bytes;
	int result = pair_file_read(texts->directory, PAIR_FILE_OUT, kind, &file, &bytes);

	if (result < 0) {
		complain(texts, "telling the other host the configuration", result);
		return true;
	}
	struct sync_text text = {
	    .kind = kinds[kind],
	    .generation = {file.digest, sizeof(file.digest)},
	    .serial = file.serial,
	    .saved = file.saved,
	    .by = file.by,
	    .total = file.length,
	    .part = {bytes, file.length},
	    .epoch = file.epoch,
	    .is_live = file.is_live != 0,
	    .is_erased = file.is_erased != 0,
	};
	add_own(texts, &file, &text);
	if (kind == PAIR_TEXT_RUNNING) {
		memcpy(texts->running, file.digest, sizeof(texts->running));
		texts->is_decided = false;
	}
	bool told = feed_tell_text(feed, now_us, &text);
	free(bytes);
	return told;
}

static void
tell_new(struct texts *texts, struct feed *feed, const struct pair_texts *own, uint64_t now_us)
{
	if (texts->log != feed_logs(feed)) {
		memset(texts->told, 0, sizeof(texts->told));
		texts->log = feed_logs(feed);
	}
	/* In their order: none before one that has to wait. */
	for (unsigned kind = 0; kind < PAIR_TEXT_KINDS; kind++) {
		if (own->laid[kind] == texts->told[kind])
			continue;
		if (!tell(texts, feed, (enum pair_text_kind)kind, now_us))
			return;
		texts->told[kind] = own->laid[kind];
	}
}

void
texts_tick(struct texts *texts, struct feed *feed, uint64_t now_us)
{
	pair_texts_follow(shm_texts_own(texts->shm), &texts->own_seen, &texts->own);
	if (feed_is_telling(feed))
		tell_new(texts, feed, &texts->own, now_us);
	else
		pass_on(texts, feed, &texts->own);
}
