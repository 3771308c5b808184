/* record: an adopter finds the old or the new record whole, and takes nothing that does not hold. */
#include "shm/closed.h"
#include "shm/record.h"
#include "shm/slot.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static struct slot_session *session;

static int
setup(void **state)
{
	(void)state;
	session =
	    mmap(NULL, sizeof(*session), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return session == MAP_FAILED ? -1 : 0;
}

static int
teardown(void **state)
{
	(void)state;
	return munmap(session, sizeof(*session));
}

static void
commit(uint32_t generation, uint64_t mark)
{
	struct record *draft = record_begin(session, generation);

	draft->messages = (uint32_t)mark;
	record_publish(session, draft);
}

static void
test_first_commit(void **state)
{
	struct record record;

	(void)state;
	assert_null(record_current(session));
	assert_false(record_read(session, 5, &record));
	(void)record_begin(session, 5);
	assert_null(record_current(session));
	assert_false(record_read(session, 5, &record));
	commit(5, 1);
	assert_true(record_read(session, 5, &record));
	assert_int_equal(record.sequence, 1);
	assert_int_equal(record.generation, 5);
	assert_int_equal(record.messages, 1);
	assert_false(record_read(session, 4, &record));
	assert_false(record_read(session, 6, &record));
}

/* Whatever is done to the draft, readers have the old record until it is published. */
static void
test_draft_is_not_seen(void **state)
{
	struct record record;
	struct record *draft;

	(void)state;
	for (uint64_t sequence = 1; sequence < 6; sequence++) {
		commit(1, sequence);
		draft = record_begin(session, 1);
		assert_ptr_not_equal(draft, record_current(session));
		assert_int_equal(draft->sequence, sequence + 1);
		assert_int_equal(draft->messages, sequence);
		memset(draft, 0xa5, sizeof(*draft));
		assert_true(record_read(session, 1, &record));
		assert_int_equal(record.sequence, sequence);
		assert_int_equal(record.messages, sequence);
	}
}

static void
test_new_generation_starts_empty(void **state)
{
	struct record record;
	struct record *draft;

	(void)state;
	commit(1, 77);
	commit(1, 78);
	draft = record_begin(session, 2);
	assert_null(record_current(session));
	assert_int_equal(session->published, 0); /* sealed is not yet committed */
	assert_int_equal(draft->sequence, 1);
	assert_int_equal(draft->messages, 0);
	assert_false(record_read(session, 1, &record));
	assert_false(record_read(session, 2, &record));
	record_publish(session, draft);
	assert_true(record_read(session, 2, &record));
	assert_false(record_read(session, 1, &record));
}

/* The owner may set the generation itself, for the windows, before it begins a record. */
static void
test_old_record_is_not_current(void **state)
{
	(void)state;
	commit(1, 77);
	session->generation = 2;
	assert_null(record_current(session));
	assert_int_equal(record_begin(session, 2)->messages, 0);
}

static void
test_each_bit_is_checked(void **state)
{
	struct record record, damaged;

	(void)state;
	commit(3, 9);
	assert_true(record_read(session, 3, &record));
	for (size_t bit = 0; bit < 8 * sizeof(record); bit++) {
		damaged = record;
		((uint8_t *)&damaged)[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_false(record_check(&damaged, 3));
	}
	assert_true(record_check(&record, 3));
}

static void
test_torn_record_is_refused(void **state)
{
	struct record record;

	(void)state;
	commit(3, 1);
	commit(3, 2);
	/* The first half is of the other commit. */
	memcpy(&session->record[session->published & 1],
	    &session->record[!(session->published & 1)], sizeof(record) / 2);
	assert_false(record_read(session, 3, &record));
	session->published = UINT64_MAX;
	assert_false(record_read(session, 3, &record));
}

/* The same arithmetic word by word: other builds read what this one has written. */
static uint64_t
plain_checksum(const uint8_t *bytes, size_t length)
{
	const uint64_t odd = 0x9e3779b97f4a7c15ull, mix = 0xc2b2ae3d27d4eb4full;
	uint64_t lane[4] = {odd, mix, ~odd, ~mix};
	uint64_t sum = length / 8;

	for (size_t i = 0; i * 8 < length; i++) {
		size_t rest = length - i * 8 < 8 ? length - i * 8 : 8;
		uint64_t word = 0, value;

		memcpy(&word, bytes + i * 8, rest);
		if (rest < 8)
			word ^= (uint64_t)rest << 56;
		value = lane[i % 4] + word * mix;
		lane[i % 4] = (value << 31 | value >> 33) * odd;
	}
	for (unsigned i = 0; i < 4; i++) {
		uint64_t value = sum ^ lane[i];

		sum = (value << 27 | value >> 37) * odd + mix;
	}
	return sum ^ (sum >> 29);
}

static void
test_checksum_of_every_length(void **state)
{
	uint8_t bytes[1100];

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 167 + i / 251);
	for (size_t length = 0; length <= 1000; length++)
		for (size_t at = 0; at < 3; at++)
			assert_true(record_checksum_bytes(bytes + at, length) ==
				    plain_checksum(bytes + at, length));
}

static struct record sound;

static bool
holds(const struct record *record)
{
	struct record sealed = *record;

	sealed.check = record_checksum(&sealed);
	return record_check(&sealed, sound.generation);
}

static void
make_sound(void)
{
	memset(&sound, 0, sizeof(sound));
	sound.sequence = 12;
	sound.generation = 8;
	sound.version = RECORD_VERSION;
	sound.position[SHM_CLIENT] = sound.stored[SHM_CLIENT] = 1000;
	sound.position[SHM_SERVER] = sound.stored[SHM_SERVER] = 500;
	sound.outlet[SHM_SERVER].input = 900;
	sound.outlet[SHM_SERVER].written = 880;
	assert_true(outlet_push(&sound.outlet[SHM_SERVER], OUTLET_KEEP, 60));
	assert_true(outlet_push(&sound.outlet[SHM_SERVER], OUTLET_DROP, 40));
	assert_true(outlet_push(&sound.outlet[SHM_SERVER], OUTLET_INSERT, 7));
	sound.outlet[SHM_CLIENT].input = 500;
	sound.inspect_length = RECORD_INSPECT_SIZE;
}

static void
test_everything_is_validated(void **state)
{
	(void)state;
	make_sound();
	assert_true(holds(&sound));
#define REFUSE(change)                                                                             \
	do {                                                                                       \
		struct record bad = sound;                                                         \
		struct record *r = &bad;                                                           \
		change;                                                                            \
		assert_false(holds(r));                                                            \
	} while (0)
	REFUSE(r->version = RECORD_VERSION + 1);
	REFUSE(r->generation++);
	REFUSE(r->sequence = 0);
	REFUSE(r->sequence = UINT64_MAX);
	REFUSE(r->flags = 1 << 6);
	REFUSE(r->close_reason = CLOSE_REASON_COUNT);
	REFUSE(r->inspect_length = RECORD_INSPECT_SIZE + 1);
	REFUSE(r->end_seen[SHM_SERVER] = ENDING_SILENT + 1);
	REFUSE(r->ending[SHM_CLIENT] = 255);
	REFUSE(r->stored[SHM_CLIENT]--);
	REFUSE(r->outlet[SHM_SERVER].count = OUTLET_WORDS + 1);
	REFUSE(r->outlet[SHM_SERVER].count = UINT32_MAX);
	REFUSE(r->outlet[SHM_SERVER].count = 1);
	REFUSE(r->outlet[SHM_SERVER].word[0] = 60);			     /* no kind */
	REFUSE(r->outlet[SHM_SERVER].word[2] = OUTLET_INSERT * 0x40000000u); /* no length */
	REFUSE(r->outlet[SHM_SERVER].word[1]++);
	REFUSE(r->outlet[SHM_SERVER].input--);
	REFUSE(r->outlet[SHM_SERVER].input = 0 - 100ull);
	REFUSE(r->outlet[SHM_CLIENT].input = 501);
	REFUSE(r->outlet[SHM_SERVER].written = UINT64_MAX - 66);
	REFUSE(r->outlet[SHM_SERVER].text = UINT64_MAX - 6);
	REFUSE(r->position[SHM_SERVER] = r->stored[SHM_SERVER] = 501);
	REFUSE(r->outlet[SHM_SERVER].held = 68);
	REFUSE(r->outlet[SHM_SERVER].held = UINT32_MAX);
	REFUSE((r->outlet[SHM_SERVER].held = 1, r->ending[SHM_SERVER] = ENDING_FIN));
	REFUSE(r->extra_length = RECORD_EXTRA_SIZE + 1);
	REFUSE(r->extra_half = 2);
#undef REFUSE
	sound.outlet[SHM_SERVER].held = 67;
	assert_true(holds(&sound));
	sound.stored[SHM_CLIENT] += 10; /* stored but not yet stepped */
	assert_true(holds(&sound));
}

/* A sound record whose `messages` and `commands` belong together. */
static void
commit_pair(uint32_t value)
{
	struct record *draft = record_begin(session, 1);

	draft->messages = value;
	memset(draft->inspect, (int)(value & 0xff), sizeof(draft->inspect));
	draft->commands = ~value;
	record_publish(session, draft);
}

static void
expect_pair(const struct record *record)
{
	assert_int_equal(record->commands, ~record->messages);
	assert_int_equal(record->messages, record->sequence);
	for (size_t i = 0; i < sizeof(record->inspect); i++)
		assert_int_equal(record->inspect[i], record->messages & 0xff);
}

static pid_t
start_writer(uint32_t from, uint32_t commits)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		for (uint32_t i = 0; i < commits; i++)
			commit_pair(from + i);
		_exit(0);
	}
	return pid;
}

static void
test_reader_beside_writer(void **state)
{
	uint64_t last = 1, reads = 0;
	struct record record;
	pid_t pid;

	(void)state;
	commit_pair(1);
	pid = start_writer(2, 300000);
	while (waitpid(pid, NULL, WNOHANG) == 0) {
		if (!record_read(session, 1, &record))
			continue;
		reads++;
		assert_true(record.sequence >= last);
		last = record.sequence;
		expect_pair(&record);
	}
	assert_true(reads > 0);
	assert_true(record_read(session, 1, &record));
	assert_int_equal(record.sequence, 300001);
}

/* Killed at any instant: what is there holds, and the next worker carries it on. */
static void
test_writer_killed(void **state)
{
	struct record record;
	uint64_t before;

	(void)state;
	commit_pair(1);
	for (unsigned round = 0; round < 100; round++) {
		pid_t pid;

		assert_true(record_read(session, 1, &record));
		before = record.sequence;
		pid = start_writer((uint32_t)before + 1, UINT32_MAX);
		usleep(round * 13 % 700);
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		assert_true(record_read(session, 1, &record));
		assert_true(record.sequence >= before);
		expect_pair(&record);
		assert_int_equal(record_begin(session, 1)->sequence, record.sequence + 1);
	}
	assert_true(record.sequence > 100);
}

static void
test_outlet_push_merges_and_fills(void **state)
{
	struct outlet outlet = {0};

	(void)state;
	assert_true(outlet_push(&outlet, OUTLET_KEEP, 10));
	assert_true(outlet_push(&outlet, OUTLET_KEEP, 5));
	assert_true(outlet_push(&outlet, OUTLET_DROP, 0));
	assert_int_equal(outlet.count, 1);
	assert_true(outlet_push(&outlet, OUTLET_KEEP, OUTLET_LENGTH_MAX - 15));
	assert_int_equal(outlet.count, 1);
	assert_true(outlet_push(&outlet, OUTLET_KEEP, 1)); /* one word holds no more */
	assert_int_equal(outlet.count, 2);
	assert_int_equal(outlet_pending(&outlet), (uint64_t)OUTLET_LENGTH_MAX + 1);
	assert_false(outlet_push(&outlet, OUTLET_KEEP, OUTLET_LENGTH_MAX + 1));
	while (outlet.count < OUTLET_WORDS)
		assert_true(
		    outlet_push(&outlet, outlet.count % 2 ? OUTLET_KEEP : OUTLET_INSERT, 1));
	assert_false(outlet_push(&outlet, OUTLET_DROP, 1));
	assert_int_equal(outlet.count, OUTLET_WORDS);
}

/* The output that the words stand for, byte by byte: input is upper case, text lower case. */
static size_t
render(const struct outlet *outlet, uint64_t skip, char *out)
{
	struct outlet_piece piece[OUTLET_WORDS];
	size_t count = outlet_pieces(outlet, skip, piece, OUTLET_WORDS), length = 0;

	for (size_t i = 0; i < count; i++) {
		for (uint32_t k = 0; k < piece[i].length; k++)
			out[length++] = (char)((piece[i].kind == OUTLET_KEEP ? 'A' : 'a') +
					       (piece[i].position + k) % 26);
	}
	out[length] = '\0';
	return length;
}

static void
test_outlet_sends_what_was_committed(void **state)
{
	struct outlet outlet = {.written = 100, .input = 0, .text = 0};
	const char expected[] = "ABCabFGHIcde";
	char out[64];

	(void)state;
	assert_true(outlet_push(&outlet, OUTLET_KEEP, 3));
	assert_true(outlet_push(&outlet, OUTLET_INSERT, 2));
	assert_true(outlet_push(&outlet, OUTLET_DROP, 2));
	assert_true(outlet_push(&outlet, OUTLET_KEEP, 4));
	assert_true(outlet_push(&outlet, OUTLET_INSERT, 3));
	assert_true(outlet_push(&outlet, OUTLET_DROP, 6));
	assert_int_equal(outlet_pending(&outlet), 12);
	assert_int_equal(outlet_input_end(&outlet), 15);
	assert_int_equal(outlet_text_end(&outlet), 5);
	for (uint64_t sent = 0; sent <= 12; sent++) {
		struct outlet part = outlet;
		uint64_t input, text;

		/* An adopter skips; a worker advances: both go on at the same byte. */
		assert_int_equal(render(&outlet, sent, out), 12 - sent);
		assert_string_equal(out, expected + sent);
		outlet_advance(&part, sent);
		assert_int_equal(render(&part, 0, out), 12 - sent);
		assert_string_equal(out, expected + sent);
		assert_int_equal(part.written, 100 + sent);
		outlet_sources(&outlet, sent, &input, &text);
		assert_int_equal(input, part.input);
		assert_int_equal(text, part.text);
		assert_int_equal(outlet_pending(&part), 12 - sent);
		assert_int_equal(outlet_input_end(&part), 15);
		assert_int_equal(outlet_text_end(&part), 5);
		if (sent == 12)
			assert_int_equal(part.count, 0); /* the DROP behind it is eaten too */
	}
	assert_int_equal(render(&outlet, 13, out), 0);
	assert_int_equal(render(&outlet, UINT64_MAX, out), 0);
}

static void
test_outlet_pieces_are_bounded(void **state)
{
	struct outlet outlet;
	struct outlet_piece piece[3];
	uint64_t input, text;

	(void)state;
	memset(&outlet, 0xff, sizeof(outlet)); /* 26 INSERTs, and a count beyond them */
	assert_int_equal(outlet_pieces(&outlet, 0, piece, 3), 3);
	assert_int_equal(outlet_pending(&outlet), (uint64_t)OUTLET_WORDS * OUTLET_LENGTH_MAX);
	outlet_sources(&outlet, UINT64_MAX, &input, &text);
	outlet_advance(&outlet, UINT64_MAX);
	assert_int_equal(outlet.count, 0);
	assert_true(input == outlet.input && text == outlet.text);
}

static struct outlet
outlet_of(const uint32_t *words, uint32_t count)
{
	struct outlet outlet = {.written = 1000, .input = 5000, .text = 70};

	for (uint32_t i = 0; i < count; i++)
		assert_true(outlet_push(
		    &outlet, (enum outlet_kind)(words[i] >> 30), words[i] & OUTLET_LENGTH_MAX));
	return outlet;
}

#define WORD(kind, length) ((uint32_t)OUTLET_##kind << 30 | (length))

static void
test_held_output_is_no_piece(void **state)
{
	const uint32_t words[] = {WORD(KEEP, 100), WORD(INSERT, 10), WORD(KEEP, 50)};
	struct outlet outlet = outlet_of(words, 3);
	struct outlet_piece piece[OUTLET_WORDS];

	(void)state;
	outlet.held = 55;
	assert_int_equal(outlet_pending(&outlet), 160);
	assert_int_equal(outlet_sendable(&outlet), 105);
	assert_int_equal(outlet_pieces(&outlet, 0, piece, OUTLET_WORDS), 2);
	assert_int_equal(piece[0].length, 100);
	assert_int_equal(piece[1].kind, OUTLET_INSERT);
	assert_int_equal(piece[1].length, 5);
	assert_int_equal(outlet_pieces(&outlet, 103, piece, OUTLET_WORDS), 1);
	assert_int_equal(piece[0].position, 73);
	assert_int_equal(piece[0].length, 2);
	assert_int_equal(outlet_pieces(&outlet, 105, piece, OUTLET_WORDS), 0);
	outlet.held = 160;
	assert_int_equal(outlet_pieces(&outlet, 0, piece, OUTLET_WORDS), 0);
}

static void
test_revoke(void **state)
{
	const uint32_t words[] = {WORD(KEEP, 100), WORD(DROP, 3), WORD(INSERT, 10), WORD(KEEP, 50)};
	struct outlet outlet = outlet_of(words, 4), whole = outlet;
	struct outlet_piece piece[OUTLET_WORDS];

	(void)state;
	outlet.held = 70;
	assert_true(outlet_revoke(&outlet, 70)); /* 50 and 10, and 10 of the first */
	assert_int_equal(outlet.held, 0);
	assert_int_equal(outlet_pending(&outlet), 90);
	assert_int_equal(outlet_input_end(&outlet), outlet_input_end(&whole));
	assert_int_equal(outlet_text_end(&outlet), outlet_text_end(&whole));
	assert_int_equal(outlet.count, 4); /* KEEP 90, DROP 13, SKIP 10, DROP 50 */
	assert_int_equal(outlet.word[1], WORD(DROP, 13));
	assert_int_equal(outlet.word[2], WORD(SKIP, 10));
	assert_true(outlet_push(&outlet, OUTLET_INSERT, 6)); /* RSET */
	assert_int_equal(outlet_pieces(&outlet, 0, piece, OUTLET_WORDS), 2);
	assert_int_equal(piece[1].position, 80); /* behind the text that was taken back */
	outlet_advance(&outlet, 96);
	assert_int_equal(outlet.count, 0);
	assert_int_equal(outlet.written, 1096);
	assert_int_equal(outlet.input, 5153);
	assert_int_equal(outlet.text, 86);
	assert_false(outlet_revoke(&outlet, 1));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(test_first_commit),
	    TEST(test_draft_is_not_seen),
	    TEST(test_new_generation_starts_empty),
	    TEST(test_old_record_is_not_current),
	    TEST(test_each_bit_is_checked),
	    TEST(test_torn_record_is_refused),
	    TEST(test_checksum_of_every_length),
	    TEST(test_everything_is_validated),
	    TEST(test_reader_beside_writer),
	    TEST(test_writer_killed),
	    TEST(test_outlet_push_merges_and_fills),
	    TEST(test_outlet_sends_what_was_committed),
	    TEST(test_outlet_pieces_are_bounded),
	    cmocka_unit_test(test_held_output_is_no_piece),
	    cmocka_unit_test(test_revoke),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
