#include "shm/record.h"

#include "shm/closed.h"
#include "shm/slot.h"

#include <string.h>

/* The field that later versions of test builds have. */
#define TEST_FIELD    77
#define READ_TRIES    8u
#define FLAGS_KNOWN   0x3fu
#define SEQUENCE_MAX  (UINT64_MAX >> 1)
#define KIND_SHIFT    30
#define CHECKED_WORDS ((sizeof(struct record) - sizeof(uint64_t)) / sizeof(uint64_t))

_Static_assert(sizeof(struct record) % sizeof(uint64_t) == 0, "the check reads whole words");

static enum outlet_kind
word_kind(uint32_t word)
{
	return (enum outlet_kind)(word >> KIND_SHIFT);
}

static uint32_t
word_length(uint32_t word)
{
	return word & OUTLET_LENGTH_MAX;
}

static uint32_t
make_word(enum outlet_kind kind, uint32_t length)
{
	return ((uint32_t)kind << KIND_SHIFT) | length;
}

/* An outlet may come out of another process's memory. */
static uint32_t
word_count(const struct outlet *outlet)
{
	return outlet->count < OUTLET_WORDS ? outlet->count : OUTLET_WORDS;
}

static uint64_t
rotate(uint64_t value, unsigned bits)
{
	return (value << bits) | (value >> (64 - bits));
}

#define CHECK_ODD 0x9e3779b97f4a7c15ull
#define CHECK_MIX 0xc2b2ae3d27d4eb4full

static uint64_t
word_at(const uint8_t *bytes)
{
	uint64_t word;

	memcpy(&word, bytes, sizeof(word));
	return word;
}

static uint64_t
stir(uint64_t lane, uint64_t word)
{
	return rotate(lane + word * CHECK_MIX, 31) * CHECK_ODD;
}

/*
 * Four lanes of multiply and rotate, so that the multiplications overlap: it is taken at each
 * commit.  It finds torn and damaged records; it is no defence against a forger, who could write
 * the check as well.
 */
uint64_t
record_checksum_bytes(const void *from, size_t length)
{
	uint64_t a = CHECK_ODD, b = CHECK_MIX, c = ~CHECK_ODD, d = ~CHECK_MIX;
	uint64_t word = 0, sum = length / sizeof(word);
	const uint8_t *bytes = from;

	/* Spelled out, so that the lanes stay in registers. */
	for (; length >= 4 * sizeof(word); length -= 4 * sizeof(word), bytes += 4 * sizeof(word)) {
		a = stir(a, word_at(bytes));
		b = stir(b, word_at(bytes + sizeof(word)));
		c = stir(c, word_at(bytes + 2 * sizeof(word)));
		d = stir(d, word_at(bytes + 3 * sizeof(word)));
	}

	uint64_t lane[4] = {a, b, c, d};
	unsigned last = 0;

	for (; length >= sizeof(word); length -= sizeof(word), bytes += sizeof(word), last++)
		lane[last] = stir(lane[last], word_at(bytes));
	if (length > 0) {
		memcpy(&word, bytes, length);
		lane[last] = stir(lane[last], word ^ length << 56);
	}
	for (unsigned i = 0; i < 4; i++)
		sum = rotate(sum ^ lane[i], 27) * CHECK_ODD + CHECK_MIX;
	return sum ^ (sum >> 29);
}

uint64_t
record_checksum(const struct record *record)
{
	return record_checksum_bytes(
	    (const uint8_t *)record + sizeof(uint64_t), CHECKED_WORDS * sizeof(uint64_t));
}

struct record *
record_begin(struct slot_session *session, uint32_t generation)
{
	const struct record *current = record_current(session);
	struct record *draft;

	if (current == NULL || current->generation != generation) {
		/* In this order: the last generation's record is never taken for this one's. */
		atomic_store_explicit(&session->published, 0, memory_order_release);
		atomic_store_explicit(&session->generation, generation, memory_order_release);
		draft = &session->record[0];
		atomic_thread_fence(memory_order_release);
		memset(draft, 0, sizeof(*draft));
		draft->generation = generation;
		draft->version = RECORD_VERSION;
#if SMTPGUARD_TEST_RECORD
		draft->reserved[0] = TEST_FIELD;
#endif
	} else {
		draft = &session->record[current == &session->record[0]];
		/* The publication that took this buffer out of use is seen before its change. */
		atomic_thread_fence(memory_order_release);
		memcpy(draft, current, sizeof(*draft));
	}
	draft->sequence++;
	return draft;
}

void
record_publish(struct slot_session *session, struct record *record)
{
	uint64_t which = record == &session->record[1];

	record->check = record_checksum(record);
	atomic_store_explicit(
	    &session->published, record->sequence << 1 | which, memory_order_release);
}

/* What the version before did not have says what its absence meant.  False: no program that wrote that
 * version was ever in use. */
static bool
from_previous(struct record *record)
{
#if SMTPGUARD_TEST_RECORD == 1
	record->reserved[0] = TEST_FIELD;
	record->version = RECORD_VERSION;
	record->check = record_checksum(record);
	return true;
#else
	(void)record;
	return false;
#endif
}

uint16_t
record_version(void)
{
	return RECORD_VERSION;
}

bool
record_reads(uint16_t version)
{
	struct record nothing = {.version = version};

	return version == RECORD_VERSION ||
	       (version == RECORD_VERSION - 1 && from_previous(&nothing));
}

/* Whole, of that generation, and not damaged. */
static bool
copy_published(const struct slot_session *session, uint32_t generation, struct record *ret_record)
{
	for (unsigned tries = 0; tries < READ_TRIES; tries++) {
		uint64_t published =
		    atomic_load_explicit(&session->published, memory_order_acquire);

		if (published == 0)
			return false;
		memcpy(ret_record, &session->record[published & 1], sizeof(*ret_record));
		atomic_thread_fence(memory_order_acquire);
		if (atomic_load_explicit(&session->published, memory_order_relaxed) != published)
			continue;
		return ret_record->sequence == published >> 1 &&
		       session->generation == generation && ret_record->generation == generation &&
		       ret_record->check == record_checksum(ret_record);
	}
	return false;
}

bool
record_read_any(const struct slot_session *session, uint32_t generation, struct record *ret_record)
{
	struct record copy;

	if (!copy_published(session, generation, &copy))
		return false;
	*ret_record = copy;
	return true;
}

bool
record_read(const struct slot_session *session, uint32_t generation, struct record *ret_record)
{
	struct record copy;

	if (!copy_published(session, generation, &copy) || !record_convert(&copy, generation))
		return false;
	*ret_record = copy;
	return true;
}

bool
record_convert(struct record *record, uint32_t generation)
{
	if (record->check != record_checksum(record))
		return false;
	if (record->version == RECORD_VERSION - 1 && !from_previous(record))
		return false;
	return record_check(record, generation);
}

void
record_renew(struct slot_session *session, uint32_t generation)
{
	const struct record *current = record_current(session);
	struct record copy, *next;

	if (current == NULL || current->version == RECORD_VERSION ||
	    !record_read(session, generation, &copy))
		return;
	next = &session->record[current == &session->record[0]];
	atomic_thread_fence(memory_order_release);
	*next = copy;
	next->sequence++;
	record_publish(session, next);
}

/* Adds up the words; false when one of them is none. */
static bool
add_up(const struct outlet *outlet, uint64_t *ret_input, uint64_t *ret_text, uint64_t *ret_sent)
{
	uint64_t input = 0, text = 0, sent = 0;

	if (outlet->count > OUTLET_WORDS)
		return false;
	for (uint32_t i = 0; i < outlet->count; i++) {
		uint32_t length = word_length(outlet->word[i]);

		if (length == 0)
			return false;
		switch (word_kind(outlet->word[i])) {
		case OUTLET_KEEP:
			input += length;
			sent += length;
			break;
		case OUTLET_DROP:
			input += length;
			break;
		case OUTLET_INSERT:
			text += length;
			sent += length;
			break;
		case OUTLET_SKIP:
			text += length;
			break;
		}
	}
	*ret_input = input;
	*ret_text = text;
	*ret_sent = sent;
	return true;
}

/* `consumed`: of the other leg's input; all of it is accounted for by this outlet. */
static bool
outlet_is_valid(const struct outlet *outlet, uint64_t consumed)
{
	uint64_t input, text, sent;

	if (!add_up(outlet, &input, &text, &sent) || outlet->held > sent)
		return false;
	if (outlet->written > UINT64_MAX - sent || outlet->text > UINT64_MAX - text)
		return false;
	return outlet->input <= consumed && consumed - outlet->input == input;
}

static bool
leg_is_valid(const struct record *record, unsigned leg)
{
	return record->position[leg] <= record->stored[leg] && record->end_stored[leg] <= 1 &&
	       record->end_seen[leg] <= ENDING_SILENT && record->ending[leg] <= ENDING_SILENT &&
	       (record->ending[leg] == ENDING_NONE || record->outlet[leg].held == 0) &&
	       outlet_is_valid(&record->outlet[leg], record->position[!leg]);
}

bool
record_check(const struct record *record, uint32_t generation)
{
	if (record->check != record_checksum(record) || record->version != RECORD_VERSION ||
	    record->generation != generation)
		return false;
#if SMTPGUARD_TEST_RECORD
	if (record->reserved[0] != TEST_FIELD)
		return false;
#endif
	if (record->sequence == 0 || record->sequence > SEQUENCE_MAX ||
	    (record->flags & ~FLAGS_KNOWN) != 0)
		return false;
	if (record->close_reason >= CLOSE_REASON_COUNT ||
	    record->inspect_length > RECORD_INSPECT_SIZE ||
	    record->extra_length > RECORD_EXTRA_SIZE || record->extra_half > 1)
		return false;
	return leg_is_valid(record, SHM_CLIENT) && leg_is_valid(record, SHM_SERVER);
}

bool
outlet_push(struct outlet *outlet, enum outlet_kind kind, uint32_t length)
{
	uint32_t count = word_count(outlet);
	uint32_t *last = count > 0 ? &outlet->word[count - 1] : NULL;

	if (length == 0)
		return true;
	if (length > OUTLET_LENGTH_MAX)
		return false;
	if (last != NULL && word_kind(*last) == kind &&
	    length <= OUTLET_LENGTH_MAX - word_length(*last)) {
		*last += length;
		return true;
	}
	if (count == OUTLET_WORDS)
		return false;
	outlet->word[count] = make_word(kind, length);
	outlet->count = count + 1;
	return true;
}

/* Neighbours of one kind become one word. */
static void
merge(struct outlet *outlet)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < outlet->count; i++) {
		uint32_t word = outlet->word[i];
		uint32_t *last = count > 0 ? &outlet->word[count - 1] : NULL;

		if (last != NULL && word_kind(*last) == word_kind(word) &&
		    word_length(word) <= OUTLET_LENGTH_MAX - word_length(*last))
			*last += word_length(word);
		else
			outlet->word[count++] = word;
	}
	outlet->count = count;
}

/* Splits word `index` so that its last `tail` bytes are a word of their own behind it. */
static bool
split(struct outlet *outlet, uint32_t index, uint32_t tail)
{
	uint32_t word = outlet->word[index];

	if (outlet->count == OUTLET_WORDS)
		return false;
	memmove(&outlet->word[index + 2], &outlet->word[index + 1],
	    (outlet->count - index - 1) * sizeof(word));
	outlet->word[index] = word - tail;
	outlet->word[index + 1] = make_word(word_kind(word), tail);
	outlet->count++;
	return true;
}

bool
outlet_revoke(struct outlet *outlet, uint32_t length)
{
	uint32_t left = length;

	outlet->count = word_count(outlet);
	if (length > outlet_pending(outlet))
		return false;
	for (uint32_t i = word_count(outlet); left > 0 && i-- > 0;) {
		enum outlet_kind kind = word_kind(outlet->word[i]);
		uint32_t here = word_length(outlet->word[i]);

		if (kind != OUTLET_KEEP && kind != OUTLET_INSERT)
			continue;
		if (here > left && !split(outlet, i++, left))
			return false;
		here = word_length(outlet->word[i]);
		outlet->word[i] = make_word(kind == OUTLET_KEEP ? OUTLET_DROP : OUTLET_SKIP, here);
		left -= here;
	}
	outlet->held -= length < outlet->held ? length : outlet->held;
	merge(outlet);
	return true;
}

/* Sum of the lengths of the kinds in the mask. */
static uint64_t
total(const struct outlet *outlet, unsigned kinds)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < word_count(outlet); i++) {
		if ((1u << word_kind(outlet->word[i]) & kinds) != 0)
			sum += word_length(outlet->word[i]);
	}
	return sum;
}

uint64_t
outlet_pending(const struct outlet *outlet)
{
	return total(outlet, 1u << OUTLET_KEEP | 1u << OUTLET_INSERT);
}

uint64_t
outlet_sendable(const struct outlet *outlet)
{
	uint64_t pending = outlet_pending(outlet);

	return outlet->held < pending ? pending - outlet->held : 0;
}

uint64_t
outlet_input_end(const struct outlet *outlet)
{
	return outlet->input + total(outlet, 1u << OUTLET_KEEP | 1u << OUTLET_DROP);
}

uint64_t
outlet_text_end(const struct outlet *outlet)
{
	return outlet->text + total(outlet, 1u << OUTLET_INSERT | 1u << OUTLET_SKIP);
}

/* The sources move on by `length` of a word. */
static void
pass(struct outlet *outlet, enum outlet_kind kind, uint32_t length)
{
	if (kind == OUTLET_KEEP || kind == OUTLET_DROP)
		outlet->input += length;
	if (kind == OUTLET_INSERT || kind == OUTLET_SKIP)
		outlet->text += length;
	if (kind == OUTLET_KEEP || kind == OUTLET_INSERT)
		outlet->written += length;
}

void
outlet_advance(struct outlet *outlet, uint64_t sent)
{
	uint32_t count = word_count(outlet);
	uint32_t done = 0;

	while (done < count) {
		enum outlet_kind kind = word_kind(outlet->word[done]);
		uint32_t length = word_length(outlet->word[done]);

		if (kind == OUTLET_KEEP || kind == OUTLET_INSERT) {
			if (sent < length) {
				pass(outlet, kind, (uint32_t)sent);
				outlet->word[done] = make_word(kind, length - (uint32_t)sent);
				break;
			}
			sent -= length;
		}
		pass(outlet, kind, length);
		done++;
	}
	outlet->count = count - done;
	memmove(outlet->word, outlet->word + done, outlet->count * sizeof(outlet->word[0]));
}

void
outlet_sources(const struct outlet *outlet, uint64_t sent, uint64_t *ret_input, uint64_t *ret_text)
{
	*ret_input = outlet->input;
	*ret_text = outlet->text;
	for (uint32_t i = 0; i < word_count(outlet); i++) {
		enum outlet_kind kind = word_kind(outlet->word[i]);
		uint32_t length = word_length(outlet->word[i]);
		bool is_sent = kind == OUTLET_KEEP || kind == OUTLET_INSERT;
		uint32_t part = is_sent && sent < length ? (uint32_t)sent : length;

		if (kind == OUTLET_KEEP || kind == OUTLET_DROP)
			*ret_input += part;
		else
			*ret_text += part;
		if (part < length)
			return;
		sent -= is_sent ? part : 0;
	}
}

size_t
outlet_pieces(const struct outlet *outlet, uint64_t skip, struct outlet_piece *pieces, size_t most)
{
	struct outlet at = {.input = outlet->input, .text = outlet->text};
	uint64_t left = outlet_sendable(outlet);
	uint32_t words = word_count(outlet);
	size_t count = 0;

	for (uint32_t i = 0; i < words && count < most && left > 0; i++) {
		enum outlet_kind kind = word_kind(outlet->word[i]);
		uint32_t length = word_length(outlet->word[i]);

		if (kind == OUTLET_KEEP || kind == OUTLET_INSERT) {
			uint32_t may = left < length ? (uint32_t)left : length;
			uint32_t skipped = skip < may ? (uint32_t)skip : may;

			left -= may;
			skip -= skipped;
			if (skipped < may)
				pieces[count++] = (struct outlet_piece){
				    .kind = kind,
				    .position =
					(kind == OUTLET_KEEP ? at.input : at.text) + skipped,
				    .length = may - skipped,
				};
		}
		pass(&at, kind, length);
	}
	return count;
}
