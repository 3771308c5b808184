#include "daemon/sync/outgoing.h"

#include "daemon/sync/bases.h"
#include "proto/sync_entry_encode.h"

#include <stdlib.h>
#include <string.h>

struct outgoing {
	struct outgoing_settings settings;
	struct hold *hold;
	struct bases *bases;
	bool is_open;
	uint64_t history;
	uint64_t sent; /* on this connection */
	uint64_t sent_most;
	uint64_t acknowledged;
	uint64_t snapshot_end; /* its lsn; 0: not yet in the log */
	uint32_t sessions;     /* told whole in this log, up to the snapshot's end */
	uint8_t scratch[SYNC_ENTRY_MAX];
};

struct outgoing *
outgoing_create(const struct outgoing_settings *settings)
{
	struct outgoing *outgoing = calloc(1, sizeof(*outgoing));

	if (outgoing == NULL)
		return NULL;
	outgoing->settings = *settings;
	outgoing->history = settings->history;
	outgoing->hold = hold_create(settings->hold_bytes, settings->hold_entries);
	outgoing->bases = bases_create(settings->slots);
	if (outgoing->hold == NULL || outgoing->bases == NULL) {
		outgoing_destroy(outgoing);
		return NULL;
	}
	return outgoing;
}

void
outgoing_destroy(struct outgoing *outgoing)
{
	if (outgoing == NULL)
		return;
	hold_destroy(outgoing->hold);
	bases_destroy(outgoing->bases);
	explicit_bzero(outgoing->scratch, sizeof(outgoing->scratch));
	free(outgoing);
}

uint64_t
outgoing_newest(const struct outgoing *outgoing)
{
	return hold_next(outgoing->hold) - 1;
}

void
outgoing_abandon(struct outgoing *outgoing)
{
	hold_release(outgoing->hold, outgoing_newest(outgoing));
	bases_clear(outgoing->bases);
	outgoing->is_open = false;
	outgoing->snapshot_end = 0;
}

void
outgoing_begin(struct outgoing *outgoing)
{
	outgoing_abandon(outgoing);
	if (++outgoing->history == 0)
		outgoing->history++;
	outgoing->is_open = true;
	outgoing->sessions = 0;
	outgoing->acknowledged = outgoing_newest(outgoing);
	outgoing->sent = outgoing->sent_most = outgoing->acknowledged;
}

/* Whether what happens to a session belongs into the log; keeps account of the beginnings. */
static bool
has_base(struct outgoing *outgoing, const struct sync_entry *entry)
{
	switch (entry->kind) {
	case SYNC_ENTRY_SESSION:
		return entry->session.whole ||
		       bases_has(outgoing->bases, entry->session.slot, entry->session.generation);
	case SYNC_ENTRY_ENDED:
		return bases_has(outgoing->bases, entry->ended.slot, entry->ended.generation);
	case SYNC_ENTRY_MARK:
		return bases_has(outgoing->bases, entry->mark.slot, entry->mark.generation);
	default:
		return true;
	}
}

static void
note_base(struct outgoing *outgoing, const struct sync_entry *entry, uint64_t lsn)
{
	const struct sync_session *session = &entry->session;

	if (entry->kind == SYNC_ENTRY_ENDED)
		bases_end(outgoing->bases, entry->ended.slot, entry->ended.generation);
	if (entry->kind != SYNC_ENTRY_SESSION)
		return;
	if (session->whole) {
		bases_begin(outgoing->bases, session->slot, session->generation);
		if (outgoing->snapshot_end == 0)
			outgoing->sessions++;
	}
	if (session->sequence != 0)
		bases_complete(outgoing->bases, session->slot, session->generation, lsn);
}

static enum outgoing_result
take(struct outgoing *outgoing, const struct sync_entry *entry)
{
	bool is_secret = entry->kind == SYNC_ENTRY_SESSION && entry->session.secret;
	size_t length;

	if (sync_entry_encode(entry, outgoing->scratch, sizeof(outgoing->scratch), &length) !=
	    SYNC_GOOD)
		return OUTGOING_BAD_ENTRY;
	bool is_held = hold_append(outgoing->hold, outgoing->scratch, length, is_secret);
	if (is_secret)
		explicit_bzero(outgoing->scratch, length);
	if (!is_held) {
		outgoing_abandon(outgoing);
		return OUTGOING_FULL;
	}
	note_base(outgoing, entry, outgoing_newest(outgoing));
	return OUTGOING_TAKEN;
}

enum outgoing_result
outgoing_append(struct outgoing *outgoing, const struct sync_entry *entry)
{
	if (!outgoing->is_open)
		return OUTGOING_NO_LOG;
	if (entry->kind == SYNC_ENTRY_SNAPSHOT_END ||
	    (entry->kind == SYNC_ENTRY_SESSION && entry->session.slot >= outgoing->settings.slots))
		return OUTGOING_BAD_ENTRY;
	if (!has_base(outgoing, entry))
		return OUTGOING_NO_BASE;
	return take(outgoing, entry);
}

enum outgoing_result
outgoing_end_snapshot(struct outgoing *outgoing)
{
	struct sync_entry entry = {
	    .kind = SYNC_ENTRY_SNAPSHOT_END,
	    .snapshot_end = {outgoing->sessions},
	};

	if (!outgoing->is_open || outgoing->snapshot_end != 0)
		return OUTGOING_NO_LOG;
	enum outgoing_result result = take(outgoing, &entry);
	if (result == OUTGOING_TAKEN)
		outgoing->snapshot_end = outgoing_newest(outgoing);
	return result;
}

bool
outgoing_is_open(const struct outgoing *outgoing)
{
	return outgoing->is_open;
}

bool
outgoing_is_synced(const struct outgoing *outgoing)
{
	return outgoing->snapshot_end != 0 && outgoing->acknowledged >= outgoing->snapshot_end;
}

uint64_t
outgoing_history(const struct outgoing *outgoing)
{
	return outgoing->history;
}

uint64_t
outgoing_acknowledged(const struct outgoing *outgoing)
{
	return outgoing->acknowledged;
}

size_t
outgoing_held_bytes(const struct outgoing *outgoing)
{
	return hold_bytes(outgoing->hold);
}

bool
outgoing_has_unsent(const struct outgoing *outgoing)
{
	return outgoing->is_open && outgoing->sent < outgoing_newest(outgoing);
}

bool
outgoing_is_under_way(const struct outgoing *outgoing)
{
	return outgoing->is_open && outgoing->sent > outgoing->acknowledged;
}

bool
outgoing_is_protected(const struct outgoing *outgoing, uint32_t slot, uint32_t generation)
{
	uint64_t complete = bases_complete_at(outgoing->bases, slot, generation);

	return complete != 0 && complete <= outgoing->acknowledged;
}

bool
outgoing_resume(struct outgoing *outgoing, uint64_t history, uint64_t lsn)
{
	/* Less than was acknowledged is not held any more; more than was sent was never said. */
	if (!outgoing->is_open || history != outgoing->history || lsn < outgoing->acknowledged ||
	    lsn > outgoing->sent_most)
		return false;
	outgoing->sent = lsn;
	return outgoing_acknowledge(outgoing, history, lsn) == SYNC_GOOD;
}

void
outgoing_peek(const struct outgoing *outgoing, struct outgoing_batch *batch)
{
	const struct outgoing_settings *most = &outgoing->settings;
	struct held held;

	batch->first = outgoing->sent + 1;
	batch->entries = 0;
	batch->bytes = 0;
	batch->is_full = batch->is_secret = false;
	while (
	    outgoing->is_open && hold_get(outgoing->hold, batch->first + batch->entries, &held)) {
		if (batch->entries == most->batch_entries ||
		    (batch->entries > 0 && batch->bytes + held.bytes.length > most->batch_bytes)) {
			batch->is_full = true;
			return;
		}
		batch->bytes += held.bytes.length;
		batch->is_secret = batch->is_secret || held.is_secret;
		batch->entry[batch->entries++] = held.bytes;
	}
	batch->is_full = batch->entries == most->batch_entries || batch->bytes >= most->batch_bytes;
}

void
outgoing_mark_sent(struct outgoing *outgoing, uint32_t entries)
{
	outgoing->sent += entries;
	if (outgoing->sent > outgoing->sent_most)
		outgoing->sent_most = outgoing->sent;
}

enum sync_reason
outgoing_acknowledge(struct outgoing *outgoing, uint64_t history, uint64_t lsn)
{
	if (!outgoing->is_open || history != outgoing->history)
		return SYNC_GOOD;
	if (lsn < outgoing->acknowledged || lsn > outgoing->sent)
		return SYNC_BAD_ACK;
	outgoing->acknowledged = lsn;
	hold_release(outgoing->hold, lsn);
	return SYNC_GOOD;
}
