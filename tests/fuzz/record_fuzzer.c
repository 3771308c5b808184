/*
 * record_fuzzer -- a slot as a dead or hostile worker may leave it
 *
 * The bytes become, one after the other, a struct slot_session (published word, windows, both
 * records) and the chunks' owner words.  Whatever they say: nothing outside the mapping is
 * touched, and what the checks accept keeps what it promises.  A second run seals both records
 * first, so that inputs get past the checksum.
 */
#include "shm/chunk.h"
#include "shm/closed.h"
#include "shm/slot.h"

#include <stdlib.h>
#include <string.h>

#define SLOT 1u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct shm shm;

static void
require(bool holds)
{
	if (!holds)
		abort();
}

/* What is taken back is passed over: the sources end where they did. */
static void
try_revoke(const struct outlet *outlet, uint64_t length)
{
	struct outlet rest = *outlet;
	uint64_t pending = outlet_pending(outlet);

	if (length > UINT32_MAX || !outlet_revoke(&rest, (uint32_t)length))
		return;
	require(rest.count <= OUTLET_WORDS);
	require(outlet_pending(&rest) == pending - length);
	require(outlet_input_end(&rest) == outlet_input_end(outlet));
	require(outlet_text_end(&rest) == outlet_text_end(outlet));
}

static void
try_outlet(const struct outlet *outlet, bool checked)
{
	struct outlet_piece piece[OUTLET_WORDS];
	uint64_t pending = outlet_pending(outlet), may = outlet_sendable(outlet);
	const uint64_t skips[] = {0, 1, may / 2, may, UINT64_MAX};

	for (size_t i = 0; i < sizeof(skips) / sizeof(skips[0]); i++) {
		size_t count = outlet_pieces(outlet, skips[i], piece, OUTLET_WORDS);
		struct outlet rest = *outlet;
		uint64_t sum = 0;

		require(count <= OUTLET_WORDS);
		for (size_t k = 0; k < count; k++) {
			require(piece[k].length > 0);
			sum += piece[k].length;
		}
		require(sum == (skips[i] < may ? may - skips[i] : 0));
		outlet_advance(&rest, skips[i] < may ? skips[i] : may);
		require(rest.count <= OUTLET_WORDS);
		require(outlet_pending(&rest) == pending - (skips[i] < may ? skips[i] : may));
		require(outlet_input_end(&rest) == outlet_input_end(outlet));
		require(outlet_text_end(&rest) == outlet_text_end(outlet));
		for (unsigned k = 0; k < 2 * OUTLET_WORDS; k++)
			(void)outlet_push(&rest, 1 + k % 3, 1);
		require(rest.count <= OUTLET_WORDS);
	}
	try_revoke(outlet, pending / 3);
	try_revoke(outlet, pending);
	if (checked) {
		require(outlet->written + pending >= pending);
		require(outlet_text_end(outlet) >= outlet->text);
	}
}

static void
try_records(const struct slot_session *session)
{
	struct record record;

	for (unsigned i = 0; i < 2; i++) {
		const struct record *raw = &session->record[i];
		bool holds = record_check(raw, raw->generation);

		for (unsigned leg = 0; leg < SHM_LEGS; leg++) {
			try_outlet(&raw->outlet[leg], holds);
			if (holds)
				require(outlet_input_end(&raw->outlet[leg]) == raw->position[!leg]);
		}
	}
	if (record_read(session, session->generation, &record)) {
		require(record.inspect_length <= RECORD_INSPECT_SIZE);
		require(record.close_reason < CLOSE_REASON_COUNT);
		require(record.position[SHM_CLIENT] <= record.stored[SHM_CLIENT]);
		require(record_check(&record, session->generation));
	}
	(void)record_current(session);
}

static void
try_window(const struct window *window)
{
	uint8_t bytes[300];
	bool holds = window_check(window, &shm, SLOT);
	const uint64_t start = window_start(window), end = window_end(window);
	const uint64_t positions[] = {0, start, start - 1, start + 65500, end - 1, end, UINT64_MAX};
	size_t length;

	for (size_t i = 0; i < sizeof(positions) / sizeof(positions[0]); i++) {
		const uint8_t *span = window_span(window, &shm, positions[i], 300, &length);

		if (span != NULL) {
			require(length > 0 && length <= 300);
			require(span >= shm_chunk(&shm, 0));
			require(span + length <= shm_chunk(&shm, 0) + shm.chunks * SHM_CHUNK_SIZE);
		}
		(void)window_read(window, &shm, positions[i], bytes, sizeof(bytes));
	}
	if (holds) {
		require(end - start <= SHM_WINDOW_CHUNKS * SHM_CHUNK_SIZE);
		require(window_is_empty(window) == (start == end));
		require(window_is_empty(window) || window_read(window, &shm, end - 1, bytes, 1));
		require(window_is_empty(window) || window_read(window, &shm, start, bytes, 1));
	}
}

/* What an adopter does with windows that have been accepted. */
static void
try_adoption(struct slot_session *session)
{
	struct window *windows[] = {&session->input[0], &session->input[1], &session->text[0],
	    &session->text[1], &session->extension};
	struct chunk_cache cache;
	uint32_t others = 0, after = 0;

	for (uint32_t i = 0; i < shm.chunks; i++)
		others += shm_chunk_owners(&shm)[i] != SLOT + 1;
	chunk_cache_init(&cache, 0x100);
	if (window_check_slot(session, &shm, SLOT)) {
		(void)chunk_sweep_slot(&shm, SLOT, session);
		for (unsigned i = 0; i < 5; i++) {
			require(window_check(windows[i], &shm, SLOT));
			window_release_below(
			    windows[i], &shm, &cache, window_start(windows[i]) + 65536, false);
			window_release_all(windows[i], &shm, &cache, true);
			require(window_is_empty(windows[i]));
		}
	}
	(void)chunk_sweep_slot(&shm, SLOT, NULL);
	for (uint32_t i = 0; i < shm.chunks; i++) {
		require(shm_chunk_owners(&shm)[i] != SLOT + 1);
		after += shm_chunk_owners(&shm)[i] != CHUNK_FREE;
	}
	require(after <= others + cache.count);
}

static void
run(const uint8_t *data, size_t size, bool seal)
{
	struct slot_session *session = shm_session(&shm, SLOT);
	uint8_t *owners = (uint8_t *)shm_chunk_owners(&shm);
	size_t room = shm.chunks * sizeof(uint32_t);
	size_t first = size < sizeof(*session) ? size : sizeof(*session);
	size_t second = size - first < room ? size - first : room;
	struct trail_note notes[TRAIL_NOTES];

	memset(session, 0, sizeof(*session));
	memset(owners, 0, room);
	if (size > 0) {
		memcpy(session, data, first);
		memcpy(owners, data + first, second);
	}
	if (seal) {
		for (unsigned i = 0; i < 2; i++)
			session->record[i].check = record_checksum(&session->record[i]);
	}
	try_records(session);
	for (unsigned leg = 0; leg < SHM_LEGS; leg++) {
		try_window(&session->input[leg]);
		try_window(&session->text[leg]);
	}
	try_window(&session->extension);
	require(trail_read(&session->trail, notes) <= TRAIL_NOTES);
	try_adoption(session);
	record_publish(session, record_begin(session, session->generation));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct shm_plan plan = {.slots = 3, .chunks = 12, .workers = 1};

	if (shm.base[0] == NULL && shm_create(&shm, &plan) != 0)
		abort();
	run(data, size, false);
	run(data, size, true);
	return 0;
}
