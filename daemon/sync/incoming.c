#include "daemon/sync/incoming.h"

#include "daemon/sync/bases.h"
#include "proto/sync_entry_decode.h"

#include <stdlib.h>

struct incoming {
	struct sync_entry_decoder *decoder;
	struct bases *bases;
	uint64_t history;
	uint64_t lsn;
	uint32_t sessions; /* told whole since the snapshot began */
	bool is_synced;
};

struct incoming *
incoming_create(uint32_t slots)
{
	struct incoming *incoming = calloc(1, sizeof(*incoming));

	if (incoming == NULL)
		return NULL;
	incoming->decoder = sync_entry_decoder_create();
	incoming->bases = bases_create(slots);
	if (incoming->decoder == NULL || incoming->bases == NULL) {
		incoming_destroy(incoming);
		return NULL;
	}
	return incoming;
}

void
incoming_destroy(struct incoming *incoming)
{
	if (incoming == NULL)
		return;
	sync_entry_decoder_destroy(incoming->decoder);
	bases_destroy(incoming->bases);
	free(incoming);
}

uint64_t
incoming_history(const struct incoming *incoming)
{
	return incoming->history;
}

uint64_t
incoming_lsn(const struct incoming *incoming)
{
	return incoming->lsn;
}

bool
incoming_is_synced(const struct incoming *incoming)
{
	return incoming->is_synced;
}

void
incoming_forget(struct incoming *incoming)
{
	bases_clear(incoming->bases);
	incoming->history = incoming->lsn = 0;
	incoming->sessions = 0;
	incoming->is_synced = false;
}

enum sync_reason
incoming_begin(struct incoming *incoming, const struct sync_start *start)
{
	if (!start->snapshot)
		return start->history == incoming->history && start->first == incoming->lsn + 1
			   ? SYNC_GOOD
			   : SYNC_BAD_STALE_RESUME;
	incoming_forget(incoming);
	incoming->history = start->history;
	incoming->lsn = start->first - 1;
	return SYNC_GOOD;
}

static enum sync_reason
follow_session(struct incoming *incoming, const struct sync_session *session)
{
	if (!session->whole)
		return bases_has(incoming->bases, session->slot, session->generation)
			   ? SYNC_GOOD
			   : SYNC_BAD_NO_BASE;
	if (!bases_begin(incoming->bases, session->slot, session->generation))
		return SYNC_BAD_SLOT;
	if (!incoming->is_synced)
		incoming->sessions++;
	return SYNC_GOOD;
}

/* Whether the entry may come here; keeps account of the beginnings. */
static enum sync_reason
follow(struct incoming *incoming, const struct sync_entry *entry)
{
	switch (entry->kind) {
	case SYNC_ENTRY_SESSION:
		return follow_session(incoming, &entry->session);
	case SYNC_ENTRY_ENDED:
		if (!bases_has(incoming->bases, entry->ended.slot, entry->ended.generation))
			return SYNC_BAD_NO_BASE;
		bases_end(incoming->bases, entry->ended.slot, entry->ended.generation);
		return SYNC_GOOD;
	case SYNC_ENTRY_MARK:
		return bases_has(incoming->bases, entry->mark.slot, entry->mark.generation)
			   ? SYNC_GOOD
			   : SYNC_BAD_NO_BASE;
	case SYNC_ENTRY_SNAPSHOT_END:
		if (incoming->is_synced)
			return SYNC_BAD_ORDER;
		if (entry->snapshot_end.sessions != incoming->sessions)
			return SYNC_BAD_SNAPSHOT_COUNT;
		incoming->is_synced = true;
		return SYNC_GOOD;
	default:
		return SYNC_GOOD;
	}
}

static enum sync_reason
take_entry(struct incoming *incoming, struct sync_bytes bytes, incoming_store *store, void *owner)
{
	struct sync_entry entry;
	enum sync_reason reason =
	    sync_entry_decode(incoming->decoder, bytes.data, bytes.length, &entry);

	if (reason != SYNC_GOOD)
		return reason;
	reason = follow(incoming, &entry);
	if (reason == SYNC_GOOD)
		reason = store(owner, incoming->lsn + 1, &entry);
	if (entry.kind == SYNC_ENTRY_SESSION && entry.session.secret)
		sync_entry_wipe(incoming->decoder);
	/* What was followed and not stored is in nobody's account: only a snapshot helps. */
	if (reason != SYNC_GOOD)
		incoming_forget(incoming);
	else
		incoming->lsn++;
	return reason;
}

enum sync_reason
incoming_take(
    struct incoming *incoming, const struct sync_batch *batch, incoming_store *store, void *owner)
{
	if (batch->first != incoming->lsn + 1)
		return SYNC_BAD_LSN_GAP;
	for (uint32_t i = 0; i < batch->entries; i++) {
		enum sync_reason reason = take_entry(incoming, batch->entry[i], store, owner);

		if (reason != SYNC_GOOD)
			return reason;
	}
	return SYNC_GOOD;
}
