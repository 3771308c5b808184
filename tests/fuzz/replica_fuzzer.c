/*
 * replica_fuzzer -- a hostile active: entries of the log, into a standby's memory
 *
 * The input is entries as they lie in a batch, each behind two bytes with its length.  Whatever they say:
 * each chunk in use is named by one window of the slot that owns it, each slot that is a replica is known
 * as one, and its record, if there is one, holds.  A second run seals the records first, and makes each
 * session whole that has no beginning, so that inputs get past what would stop them.
 */
#include "daemon/sync/replica.h"

#include "proto/sync_entry_decode.h"
#include "shm/chunk.h"
#include "shm/slot.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS  4u
#define CHUNKS 24u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct shm shm;
static struct sync_entry_decoder *decoder;

static void
require(bool holds)
{
	if (!holds)
		abort();
}

static void
take_text(void *owner, const struct sync_text *text)
{
	(void)owner;
	require(text->part.length == text->total && text->total <= SYNC_TEXT_MAX);
}

static uint32_t
named_chunks(const struct slot_session *session)
{
	uint32_t named = session->extension.last - session->extension.first;

	for (int leg = 0; leg < SHM_LEGS; leg++)
		named += session->input[leg].last - session->input[leg].first +
			 session->text[leg].last - session->text[leg].first;
	return named;
}

static void
check(const struct replica *replica)
{
	uint32_t named = 0, replicas = 0;

	for (uint32_t slot = 0; slot < SLOTS; slot++) {
		const struct slot_session *session = shm_session(&shm, slot);
		const struct slot_custody *custody = shm_custody(&shm, slot);
		uint32_t generation = atomic_load(&custody->generation);
		struct record record;

		require(window_check_slot(session, &shm, slot));
		named += named_chunks(session);
		if (atomic_load(&custody->state) != SLOT_REPLICA) {
			require(atomic_load(&session->published) == 0);
			continue;
		}
		replicas++;
		require(atomic_load(&session->published) == 0 ||
			record_read(session, generation, &record));
	}
	require(replicas == replica_sessions(replica));
	require(chunk_count_used(&shm, 0, CHUNKS) == named);
}

/* The record as one who means it would have sent it. */
static void
mend(struct sync_session *session, struct record *record, struct sync_identity *identity,
    struct sync_leg legs[SHM_LEGS])
{
	if (session->record.length == sizeof(*record)) {
		memcpy(record, session->record.data, sizeof(*record));
		record->generation = session->generation;
		record->version = record_version();
		record->sequence = session->sequence;
		record->check = record_checksum(record);
		session->record.data = (const uint8_t *)record;
	}
	session->slot %= SLOTS + 1;
	if (session->identity == NULL)
		session->identity = identity;
	if (session->legs != SHM_LEGS) {
		session->legs = SHM_LEGS;
		session->leg = legs;
	}
}

static void
store(struct replica *replica, uint64_t lsn, struct sync_entry *entry, bool is_mended)
{
	struct sync_identity identity = {.class_name = ""};
	struct sync_leg legs[SHM_LEGS] = {{.leg = 0}, {.leg = 1}};
	struct record record;
	enum sync_reason reason;

	if (is_mended && entry->kind == SYNC_ENTRY_SESSION)
		mend(&entry->session, &record, &identity, legs);
	reason = replica_store(replica, lsn, entry);
	if (is_mended && reason == SYNC_BAD_NO_BASE && entry->kind == SYNC_ENTRY_SESSION) {
		entry->session.whole = true;
		replica_store(replica, lsn, entry);
	}
}

static void
run(const uint8_t *data, size_t size, bool is_mended)
{
	struct replica *replica = replica_create(&(struct replica_settings){&shm, take_text, NULL});
	uint64_t lsn = 0;

	require(replica != NULL);
	replica_begin(replica);
	while (size >= 2) {
		size_t length = data[0] | (size_t)data[1] << 8;
		struct sync_entry entry;

		data += 2;
		size -= 2;
		length = length < size ? length : size;
		if (sync_entry_decode(decoder, data, length, &entry) == SYNC_GOOD)
			store(replica, ++lsn, &entry, is_mended);
		check(replica);
		data += length;
		size -= length;
	}
	replica_forget_all(replica);
	check(replica);
	require(replica_sessions(replica) == 0 && chunk_count_used(&shm, 0, CHUNKS) == 0);
	replica_destroy(replica);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (decoder == NULL) {
		struct shm_plan plan = {.slots = SLOTS, .chunks = CHUNKS, .workers = 1};

		require(shm_create(&shm, &plan) == 0);
		decoder = sync_entry_decoder_create();
		require(decoder != NULL);
	}
	run(data, size, false);
	run(data, size, true);
	return 0;
}
