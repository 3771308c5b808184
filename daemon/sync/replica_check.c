#include "daemon/sync/replica_check.h"

#include "shm/slot.h"

#include <string.h>

static enum sync_reason
check_slot(
    const struct shm *shm, const struct replica_slot *slot, const struct sync_session *session)
{
	const struct slot_custody *custody = shm_custody(shm, session->slot);
	uint32_t state;

	if (custody == NULL)
		return SYNC_BAD_SLOT;
	state = atomic_load_explicit(&custody->state, memory_order_acquire);
	if (!session->whole)
		return slot->generation == session->generation && state == SLOT_REPLICA
			   ? SYNC_GOOD
			   : SYNC_BAD_NO_BASE;
	return state == (slot->generation != 0 ? SLOT_REPLICA : SLOT_FREE) ? SYNC_GOOD
									   : SYNC_BAD_BUSY_SLOT;
}

/* The record that is there; NULL: none, or it goes with what the entry is about to replace. */
static const struct record *
held_record(const struct shm *shm, const struct sync_session *session)
{
	return session->whole ? NULL : record_current(shm_session(shm, session->slot));
}

/* The second part comes with the record, or is the one that is there. */
static bool
extra_fits(
    const struct sync_session *session, const struct record *record, const struct record *held)
{
	if (session->extra.length != 0)
		return session->extra.length == record->extra_length &&
		       record_checksum_bytes(session->extra.data, session->extra.length) ==
			   record->extra_check;
	return record->extra_length == 0 ||
	       (held != NULL && held->extra_length == record->extra_length &&
		   held->extra_check == record->extra_check);
}

static enum sync_reason
check_record(const struct shm *shm, const struct sync_session *session, struct record *ret_record)
{
	const struct record *held = held_record(shm, session);

	if (session->record.length != sizeof(*ret_record))
		return SYNC_BAD_RECORD;
	memcpy(ret_record, session->record.data, sizeof(*ret_record));
	if (!record_reads(ret_record->version))
		return SYNC_BAD_NO_RECORD_VERSION;
	if (!record_convert(ret_record, session->generation) ||
	    ret_record->sequence != session->sequence)
		return SYNC_BAD_RECORD_STATE;
	if (held != NULL && held->sequence > session->sequence)
		return SYNC_BAD_RECORD_STATE;
	return extra_fits(session, ret_record, held) ? SYNC_GOOD : SYNC_BAD_EXTRA;
}

/* Each piece begins where the bytes before it end, or where a trim says that they do. */
static enum sync_reason
check_pieces(const struct replica_slot *slot, const struct sync_session *session)
{
	uint64_t end[SHM_LEGS][STREAMS] = {0};
	bool has_begun[SHM_LEGS][STREAMS] = {0};

	if (!session->whole)
		memcpy(end, slot->end, sizeof(end));
	for (uint32_t i = 0; i < session->trims; i++) {
		const struct sync_trim *trim = &session->trim[i];

		if (end[trim->leg][trim->window] < trim->position)
			end[trim->leg][trim->window] = trim->position;
	}
	for (uint32_t i = 0; i < session->pieces; i++) {
		const struct sync_piece *piece = &session->piece[i];
		bool is_first = session->whole && !has_begun[piece->leg][piece->window];

		if (!is_first && piece->position != end[piece->leg][piece->window])
			return SYNC_BAD_PIECE_GAP;
		has_begun[piece->leg][piece->window] = true;
		end[piece->leg][piece->window] = piece->position + piece->content.length;
	}
	return SYNC_GOOD;
}

enum sync_reason
replica_check(const struct shm *shm, const struct replica_slot *slot,
    const struct sync_session *session, struct record *ret_record)
{
	enum sync_reason reason = check_slot(shm, slot, session);

	if (session->whole && session->legs != SHM_LEGS)
		reason = SYNC_BAD_LEG;
	if (reason == SYNC_GOOD)
		reason = check_pieces(slot, session);
	if (reason == SYNC_GOOD && session->sequence != 0)
		reason = check_record(shm, session, ret_record);
	return reason;
}
