#include "shm/record.h"

#include "shm/closed.h"
#include "shm/slot.h"

#include <string.h>

#define READ_TRIES 8

_Static_assert(offsetof(struct record, check) == 0, "the check word comes first");
_Static_assert(sizeof(struct record) % 32 == 0, "four lanes of 64 bits");

/*
 * Not cryptography: it finds torn and stray writes.  Four independent lanes keep it at a few
 * cycles for each 32 bytes.
 */
uint64_t
record_checksum(const struct record *record)
{
	const uint8_t *bytes = (const uint8_t *)record;
	uint64_t lane[4] = {
	    0x9e3779b97f4a7c15u, 0xc2b2ae3d27d4eb4fu, 0x165667b19e3779f9u, 0x85ebca77c2b2ae63u};
	uint64_t word[4];

	for (size_t at = 0; at < sizeof(*record); at += sizeof(word)) {
		memcpy(word, bytes + at, sizeof(word));
		if (at == 0)
			word[0] = 0; /* the check word itself */
		for (unsigned i = 0; i < 4; i++) {
			lane[i] = (lane[i] ^ word[i]) * 0x9fb21c651e98df25u;
			lane[i] ^= lane[i] >> 29;
		}
	}
	for (unsigned i = 1; i < 4; i++)
		lane[0] = ((lane[0] << 17 | lane[0] >> 47) ^ lane[i]) * 0x9e3779b97f4a7c15u;
	return lane[0];
}

const struct record *
record_current(const struct slot_session *session)
{
	uint64_t published = atomic_load_explicit(&session->published, memory_order_acquire);

	return published == 0 ? NULL : &session->record[published & 1];
}

struct record *
record_begin(struct slot_session *session, uint32_t generation)
{
	const struct record *current = record_current(session);
	struct record *draft;

	if (current == NULL) {
		draft = &session->record[1]; /* the first: sequence 1 lies in buffer 1 */
		memset(draft, 0, sizeof(*draft));
	} else {
		draft = &session->record[current == &session->record[0]];
		memcpy(draft, current, sizeof(*draft));
	}
	draft->sequence++;
	draft->generation = generation;
	draft->version = RECORD_VERSION;
	return draft;
}

void
record_publish(struct slot_session *session, struct record *record)
{
	uint64_t which = (uint64_t)(record - session->record);

	record->check = record_checksum(record);
	atomic_store_explicit(
	    &session->published, record->sequence << 1 | which, memory_order_release);
}

bool
record_read(const struct slot_session *session, uint32_t generation, struct record *ret_record)
{
	for (unsigned i = 0; i < READ_TRIES; i++) {
		uint64_t before = atomic_load_explicit(&session->published, memory_order_acquire);

		if (before == 0)
			return false;
		memcpy(ret_record, &session->record[before & 1], sizeof(*ret_record));
		atomic_thread_fence(memory_order_acquire);
		if (atomic_load_explicit(&session->published, memory_order_relaxed) != before)
			continue;
		return ret_record->sequence == before >> 1 && record_check(ret_record, generation);
	}
	return false;
}

/* Adds without overflow; false when it would. */
static bool
add_fits(uint64_t *sum, uint64_t part)
{
	if (*sum > UINT64_MAX - part)
		return false;
	*sum += part;
	return true;
}

static bool
outlet_check(const struct outlet *outlet, uint64_t input_end)
{
	uint64_t input = outlet->input, text = outlet->text, written = outlet->written;

	if (outlet->count > OUTLET_WORDS)
		return false;
	for (uint32_t i = 0; i < outlet->count; i++) {
		uint32_t kind = outlet->word[i] >> 30;
		uint32_t length = outlet->word[i] & OUTLET_LENGTH_MAX;

		if (kind == 0 || length == 0)
			return false;
		if (!add_fits(kind == OUTLET_INSERT ? &text : &input, length))
			return false;
		if (kind != OUTLET_DROP && !add_fits(&written, length))
			return false;
	}
	return input == input_end;
}

bool
record_check(const struct record *record, uint32_t generation)
{
	const uint8_t flags_all =
	    RECORD_OPAQUE | RECORD_SECRET | RECORD_DRAINING | RECORD_FINISHED | RECORD_TO_END;

	if (record->version != RECORD_VERSION || record->generation != generation ||
	    record->sequence == 0 || record->check != record_checksum(record))
		return false;
	if ((record->flags & ~flags_all) != 0 || record->inspect_length > RECORD_INSPECT_SIZE ||
	    record->close_reason >= CLOSE_REASON_COUNT)
		return false;
	for (unsigned leg = 0; leg < SHM_LEGS; leg++) {
		if (record->position[leg] > record->stored[leg] ||
		    record->end_seen[leg] > ENDING_SILENT || record->ending[leg] > ENDING_SILENT)
			return false;
		/* All input consumed from one leg is accounted for in the other's outlet. */
		if (!outlet_check(&record->outlet[leg], record->position[!leg]))
			return false;
	}
	return true;
}

bool
outlet_push(struct outlet *outlet, enum outlet_kind kind, uint32_t length)
{
	uint32_t *tail = outlet->count > 0 ? &outlet->word[outlet->count - 1] : NULL;

	if (length == 0)
		return true;
	if (length > OUTLET_LENGTH_MAX)
		return false;
	if (tail != NULL && *tail >> 30 == (uint32_t)kind &&
	    (*tail & OUTLET_LENGTH_MAX) <= OUTLET_LENGTH_MAX - length) {
		*tail += length;
		return true;
	}
	if (outlet->count == OUTLET_WORDS)
		return false;
	outlet->word[outlet->count++] = (uint32_t)kind << 30 | length;
	return true;
}

static uint64_t
outlet_sum(const struct outlet *outlet, unsigned kinds)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < outlet->count && i < OUTLET_WORDS; i++)
		if (kinds & 1u << (outlet->word[i] >> 30))
			sum += outlet->word[i] & OUTLET_LENGTH_MAX;
	return sum;
}

uint64_t
outlet_pending(const struct outlet *outlet)
{
	return outlet_sum(outlet, 1u << OUTLET_KEEP | 1u << OUTLET_INSERT);
}

uint64_t
outlet_input_end(const struct outlet *outlet)
{
	return outlet->input + outlet_sum(outlet, 1u << OUTLET_KEEP | 1u << OUTLET_DROP);
}

uint64_t
outlet_text_end(const struct outlet *outlet)
{
	return outlet->text + outlet_sum(outlet, 1u << OUTLET_INSERT);
}

void
outlet_advance(struct outlet *outlet, uint64_t sent)
{
	uint32_t gone = 0;

	while (gone < outlet->count) {
		uint32_t kind = outlet->word[gone] >> 30;
		uint32_t length = outlet->word[gone] & OUTLET_LENGTH_MAX;
		uint32_t part = kind == OUTLET_DROP || sent >= length ? length : (uint32_t)sent;

		if (kind != OUTLET_DROP) {
			sent -= part;
			outlet->written += part;
		}
		if (kind == OUTLET_INSERT)
			outlet->text += part;
		else
			outlet->input += part;
		if (part < length) {
			outlet->word[gone] -= part;
			break;
		}
		gone++;
	}
	outlet->count -= gone;
	memmove(outlet->word, outlet->word + gone, sizeof(outlet->word[0]) * outlet->count);
}

size_t
outlet_pieces(const struct outlet *outlet, uint64_t skip, struct outlet_piece *pieces, size_t most)
{
	uint64_t input = outlet->input, text = outlet->text;
	size_t count = 0;

	for (uint32_t i = 0; i < outlet->count && i < OUTLET_WORDS && count < most; i++) {
		uint32_t kind = outlet->word[i] >> 30;
		uint32_t length = outlet->word[i] & OUTLET_LENGTH_MAX;
		uint64_t *position = kind == OUTLET_INSERT ? &text : &input;

		if (kind != OUTLET_DROP && skip < length)
			pieces[count++] = (struct outlet_piece){.kind = kind,
			    .position = *position + skip,
			    .length = length - (uint32_t)skip};
		if (kind != OUTLET_DROP)
			skip = skip < length ? 0 : skip - length;
		*position += length;
	}
	return count;
}
