/* Entries of the log: each kind comes out as it went in, and each field's bounds hold. */
#include "proto/sync_entry_decode.h"
#include "proto/sync_entry_encode.h"

#include "proto/sync.pb-c.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint8_t buffer[SYNC_ENTRY_MAX];
static uint8_t stream[SYNC_PIECE_MAX + 1];
static uint8_t generation[SYNC_GENERATION_SIZE + 1];
static struct sync_entry_decoder *decoder;

static int
setup(void **state)
{
	(void)state;
	decoder = sync_entry_decoder_create();
	return decoder == NULL;
}

static int
teardown(void **state)
{
	(void)state;
	sync_entry_decoder_destroy(decoder);
	return 0;
}

static struct sync_entry
carry(const struct sync_entry *entry)
{
	struct sync_entry out;
	size_t length;

	assert_int_equal(sync_entry_encode(entry, buffer, sizeof(buffer), &length), SYNC_GOOD);
	/* Of exactly that size, so that a sanitizer sees the first byte read beyond it. */
	uint8_t *exact = malloc(length);
	memcpy(exact, buffer, length);
	memset(buffer, 0xee, sizeof(buffer));
	assert_int_equal(sync_entry_decode(decoder, exact, length, &out), SYNC_GOOD);
	free(exact);
	assert_int_equal(out.kind, entry->kind);
	return out;
}

static void
test_session_round_trip(void **state)
{
	uint8_t v4[] = {192, 0, 2, 1}, v6[16] = {0x20, 1, 0xd, 0xb8};
	struct sync_identity identity = {
	    0x1122334455667788, 5, 6, 0xfedcba9876543210, 2, "inspection_default", {{v4, 4}, 25}};
	struct sync_leg leg[] = {
	    {.leg = 1,
		.state = 2,
		.error = 111,
		.local = {{v6, 16}, 65535},
		.peer = {{v4, 4}, 1},
		.base_received = 7,
		.base_written = SYNC_POSITION_MAX,
		.dumped = true,
		.tcp = {1, UINT32_MAX, 3, 4, 5, 6, 7, 65535, 14, 0, 255, 8}},
	    {.leg = 0, .state = 4},
	};
	struct sync_piece piece = {1, SYNC_OWN_TEXT, 99, {(uint8_t *)"a\0b", 3}};
	struct sync_trim trim = {0, SYNC_INPUT, 77};
	struct sync_entry in = {
	    .kind = SYNC_ENTRY_SESSION,
	    .session = {1048574, 3, true, true, &identity, 2, leg, 9, {stream, 960},
		{stream, SYNC_EXTRA_MAX}, 1, &piece, 1, &trim},
	};
	struct sync_session out = carry(&in).session;

	(void)state;
	assert_int_equal(out.slot, 1048574);
	assert_int_equal(out.generation, 3);
	assert_true(out.whole && out.secret);
	assert_int_equal(out.identity->session_id, 0x1122334455667788);
	assert_int_equal(out.identity->policy, 0xfedcba9876543210);
	assert_int_equal(out.identity->mode, 2);
	assert_string_equal(out.identity->class_name, "inspection_default");
	assert_memory_equal(out.identity->source.bytes.data, v4, 4);
	assert_int_equal(out.identity->source.port, 25);
	assert_int_equal(out.legs, 2);
	assert_true(out.leg[0].dumped && !out.leg[1].dumped);
	assert_memory_equal(&out.leg[0].tcp, &leg[0].tcp, sizeof(leg[0].tcp));
	assert_memory_equal(out.leg[0].local.bytes.data, v6, 16);
	assert_int_equal(out.leg[0].local.port, 65535);
	assert_int_equal(out.leg[0].error, 111);
	assert_int_equal(out.leg[0].base_written, SYNC_POSITION_MAX);
	assert_int_equal(out.leg[1].peer.bytes.length, 0);
	assert_int_equal(out.sequence, 9);
	assert_int_equal(out.record.length, 960);
	assert_int_equal(out.extra.length, SYNC_EXTRA_MAX);
	assert_int_equal(out.piece[0].window, SYNC_OWN_TEXT);
	assert_int_equal(out.piece[0].position, 99);
	assert_memory_equal(out.piece[0].content.data, "a\0b", 3);
	assert_int_equal(out.trim[0].position, 77);
}

static void
test_other_kinds_round_trip(void **state)
{
	struct sync_counter counter[] = {{"messages", 7}, {"sessions_opened", UINT64_MAX}};
	struct sync_entry ended = {.kind = SYNC_ENTRY_ENDED, .ended = {4, 5}};
	struct sync_entry counters = {.kind = SYNC_ENTRY_COUNTERS, .counters = {2, counter}};
	struct sync_entry limit = {
	    .kind = SYNC_ENTRY_LIMIT, .limit = {"a class", {stream, 16}, 5, 6}};
	struct sync_entry mark = {.kind = SYNC_ENTRY_MARK, .mark = {1, 2, 1, 3, 2}};
	struct sync_entry end = {.kind = SYNC_ENTRY_SNAPSHOT_END, .snapshot_end = {12}};
	struct sync_entry embryo = {
	    .kind = SYNC_ENTRY_EMBRYO,
	    .embryo = {1, {{stream, 16}, 25}, {{stream + 16, 16}, 65535}, UINT32_MAX, 3, 4, 5,
		65535, 65535, 14, 3, 6},
	};

	(void)state;
	assert_int_equal(carry(&embryo).embryo.send_next, UINT32_MAX);
	assert_int_equal(carry(&embryo).embryo.peer.port, 65535);
	assert_int_equal(carry(&embryo).embryo.local.bytes.length, 16);
	assert_int_equal(carry(&embryo).embryo.window_scale, 14);
	assert_int_equal(carry(&embryo).embryo.seen_ms, 6);
	assert_int_equal(carry(&ended).ended.generation, 5);
	assert_int_equal(carry(&counters).counters.counter[1].value, UINT64_MAX);
	assert_string_equal(carry(&counters).counters.counter[0].name, "messages");
	assert_int_equal(carry(&limit).limit.address.length, 16);
	assert_int_equal(carry(&limit).limit.expires_ms, 6);
	assert_int_equal(carry(&mark).mark.position, 3);
	assert_int_equal(carry(&end).snapshot_end.sessions, 12);
}

static void
test_text_round_trip(void **state)
{
	struct sync_entry in = {
	    .kind = SYNC_ENTRY_TEXT,
	    .text = {SYNC_TEXT_STARTUP, {generation, SYNC_GENERATION_SIZE}, 7, "now", "root", 0, 20,
		12, {(uint8_t *)"hostname", 8}, 11, true, true, {NULL, 0}, 0},
	};
	struct sync_text out = carry(&in).text;

	(void)state;
	assert_int_equal(out.kind, SYNC_TEXT_STARTUP);
	assert_int_equal(out.serial, 7);
	assert_string_equal(out.saved, "now");
	assert_string_equal(out.by, "root");
	assert_int_equal(out.offset, 12);
	assert_memory_equal(out.part.data, "hostname", 8);
	assert_int_equal(out.epoch, 11);
	assert_true(out.is_live && out.is_erased);
	in.text.kind = SYNC_TEXT_CANDIDATE;
	in.text.base = (struct sync_bytes){generation, SYNC_GENERATION_SIZE};
	out = carry(&in).text;
	assert_int_equal(out.base.length, SYNC_GENERATION_SIZE);
	assert_memory_equal(out.base.data, generation, SYNC_GENERATION_SIZE);
	in.text.kind = SYNC_TEXT_CONFIRM;
	in.text.is_erased = false;
	in.text.expires_ms = SYNC_TIME_MAX;
	in.text.left_ms = SYNC_LEFT_MAX;
	out = carry(&in).text;
	assert_int_equal(out.expires_ms, SYNC_TIME_MAX);
	assert_int_equal(out.left_ms, SYNC_LEFT_MAX);
}

/* A good one of each, as protobuf-c has it: what follows breaks one field of it. */
struct sample {
	Smtpguard__Sync__Entry entry;
	Smtpguard__Sync__Session session;
	Smtpguard__Sync__Identity identity;
	Smtpguard__Sync__Leg leg[3];
	Smtpguard__Sync__Tcp tcp;
	Smtpguard__Sync__Piece piece;
	Smtpguard__Sync__Trim trim;
	Smtpguard__Sync__Ended ended;
	Smtpguard__Sync__Counters counters;
	Smtpguard__Sync__Counter counter;
	Smtpguard__Sync__Limit limit;
	Smtpguard__Sync__Mark mark;
	Smtpguard__Sync__Text text;
	Smtpguard__Sync__SnapshotEnd end;
	Smtpguard__Sync__Embryo embryo;
	Smtpguard__Sync__Leg *legs[3];
	Smtpguard__Sync__Piece *pieces[SYNC_PIECES_MAX + 1];
	Smtpguard__Sync__Trim *trims[SYNC_TRIMS_MAX + 1];
	Smtpguard__Sync__Counter *list[SYNC_COUNTERS_MAX + 1];
};

static void
sample_session(struct sample *s)
{
	for (unsigned i = 0; i < 3; i++) {
		smtpguard__sync__leg__init(&s->leg[i]);
		s->leg[i].leg = i;
		s->legs[i] = &s->leg[i];
	}
	for (unsigned i = 0; i < SYNC_PIECES_MAX + 1; i++)
		s->pieces[i] = &s->piece;
	for (unsigned i = 0; i < SYNC_TRIMS_MAX + 1; i++)
		s->trims[i] = &s->trim;
	s->tcp.mss = 1460;
	s->leg[0].tcp = &s->tcp;
	s->piece.content = (ProtobufCBinaryData){3, stream};
	s->session.generation = 1;
	s->session.whole = true;
	s->session.identity = &s->identity;
	s->session.n_leg = 2;
	s->session.leg = s->legs;
	s->session.n_piece = 1;
	s->session.piece = s->pieces;
	s->session.n_trim = 1;
	s->session.trim = s->trims;
	s->session.sequence = 1;
	s->session.record = (ProtobufCBinaryData){960, stream};
	s->entry.session = &s->session;
}

static void
sample_init(struct sample *s)
{
	smtpguard__sync__entry__init(&s->entry);
	smtpguard__sync__session__init(&s->session);
	smtpguard__sync__identity__init(&s->identity);
	smtpguard__sync__tcp__init(&s->tcp);
	smtpguard__sync__piece__init(&s->piece);
	smtpguard__sync__trim__init(&s->trim);
	smtpguard__sync__ended__init(&s->ended);
	smtpguard__sync__counters__init(&s->counters);
	smtpguard__sync__counter__init(&s->counter);
	smtpguard__sync__limit__init(&s->limit);
	smtpguard__sync__mark__init(&s->mark);
	smtpguard__sync__embryo__init(&s->embryo);
	smtpguard__sync__text__init(&s->text);
	smtpguard__sync__snapshot_end__init(&s->end);
	sample_session(s);
	for (unsigned i = 0; i < SYNC_COUNTERS_MAX + 1; i++)
		s->list[i] = &s->counter;
	s->ended.generation = 1;
	s->counter.name = (char *)(uintptr_t) "a";
	s->counters.n_counter = 1;
	s->counters.counter = s->list;
	s->limit.name = (char *)(uintptr_t) "a";
	s->embryo.number = 1;
	s->embryo.local = s->embryo.peer = (ProtobufCBinaryData){4, (uint8_t *)(uintptr_t) "abcd"};
	s->embryo.local_port = s->embryo.peer_port = 25;
	s->mark.generation = 1;
	s->mark.marks = 1;
	s->text.kind = 1;
	s->text.generation = (ProtobufCBinaryData){SYNC_GENERATION_SIZE, generation};
	s->text.total = 10;
	s->text.part = (ProtobufCBinaryData){4, (uint8_t *)(uintptr_t) "abcd"};
}

static void
use(struct sample *s, void *part, void *place)
{
	s->entry.session = NULL;
	memcpy(place, &part, sizeof(part));
}

static enum sync_reason
judge(const struct sample *s)
{
	static uint8_t bytes[2 * SYNC_ENTRY_MAX];
	struct sync_entry entry;
	size_t length = protobuf_c_message_get_packed_size(&s->entry.base);

	assert_true(length <= sizeof(bytes));
	protobuf_c_message_pack(&s->entry.base, bytes);
	return sync_entry_decode(decoder, bytes, length, &entry);
}

/* After `breaking`, the sample is refused for `reason`. */
#define AFTER(breaking, reason)                                                                    \
	do {                                                                                       \
		struct sample s;                                                                   \
		sample_init(&s);                                                                   \
		breaking;                                                                          \
		enum sync_reason got = judge(&s);                                                  \
		if (got != (reason))                                                               \
			fail_msg("%s: %s, not %s", #breaking, sync_reason_text(got),               \
			    sync_reason_text(reason));                                             \
	} while (0)

static void
test_the_samples_are_good(void **state)
{
	(void)state;
	AFTER((void)0, SYNC_GOOD);
	AFTER(use(&s, &s.ended, &s.entry.ended), SYNC_GOOD);
	AFTER(use(&s, &s.counters, &s.entry.counters), SYNC_GOOD);
	AFTER(use(&s, &s.limit, &s.entry.limit), SYNC_GOOD);
	AFTER(use(&s, &s.mark, &s.entry.mark), SYNC_GOOD);
	AFTER(use(&s, &s.embryo, &s.entry.embryo), SYNC_GOOD);
	AFTER(use(&s, &s.text, &s.entry.text), SYNC_GOOD);
	AFTER(use(&s, &s.end, &s.entry.snapshot_end), SYNC_GOOD);
}

static void
test_an_entry_is_exactly_one_thing(void **state)
{
	(void)state;
	AFTER(s.entry.ended = &s.ended, SYNC_BAD_ENTRY_KIND);
	AFTER(use(&s, NULL, &s.entry.ended), SYNC_BAD_ENTRY_LENGTH);
}

static void
test_sessions_out_of_range(void **state)
{
	(void)state;
	AFTER(s.session.slot = SYNC_SLOTS_MAX, SYNC_BAD_SLOT);
	AFTER(s.session.generation = 0, SYNC_BAD_SLOT);
	AFTER(s.session.identity = NULL, SYNC_BAD_IDENTITY);
	AFTER(s.identity.mode = 3, SYNC_BAD_IDENTITY);
	AFTER(s.identity.class_name = (char *)(uintptr_t) "a\nb", SYNC_BAD_IDENTITY);
	AFTER(s.identity.source_port = 25, SYNC_BAD_ADDRESS);
	AFTER(s.identity.source.data = stream; s.identity.source.len = 5, SYNC_BAD_ADDRESS);
	AFTER(s.session.record.len = 0, SYNC_BAD_RECORD);
	AFTER(s.session.sequence = 0, SYNC_BAD_RECORD);
	AFTER(s.session.record.len = SYNC_RECORD_MAX + 1, SYNC_BAD_RECORD);
	AFTER(s.session.extra.data = stream;
	      s.session.extra.len = SYNC_EXTRA_MAX + 1, SYNC_BAD_RECORD);
	AFTER(s.session.n_leg = 3, SYNC_BAD_LEG);
	AFTER(s.leg[1].leg = 0, SYNC_BAD_LEG);
	AFTER(s.leg[1].leg = 2, SYNC_BAD_LEG);
	AFTER(s.leg[1].state = 5, SYNC_BAD_LEG);
	AFTER(s.leg[1].error = 4096, SYNC_BAD_LEG);
	AFTER(s.leg[1].base_received = SYNC_POSITION_MAX + 1, SYNC_BAD_LEG);
	AFTER(s.leg[1].local_port = 1, SYNC_BAD_ADDRESS);
	AFTER(s.leg[1].peer.data = stream; s.leg[1].peer.len = 17, SYNC_BAD_ADDRESS);
	AFTER(s.tcp.mss = 0, SYNC_BAD_TCP);
	AFTER(s.tcp.mss = 65536, SYNC_BAD_TCP);
	AFTER(s.tcp.send_scale = 15, SYNC_BAD_TCP);
	AFTER(s.tcp.receive_scale = 15, SYNC_BAD_TCP);
	AFTER(s.tcp.options = 256, SYNC_BAD_TCP);
}

static void
test_streams_out_of_range(void **state)
{
	(void)state;
	AFTER(s.piece.content.len = 0, SYNC_BAD_PIECE);
	AFTER(s.piece.content.len = SYNC_PIECE_MAX + 1, SYNC_BAD_PIECE);
	AFTER(s.piece.position = SYNC_POSITION_MAX - 2, SYNC_BAD_PIECE);
	AFTER(s.piece.position = UINT64_MAX, SYNC_BAD_PIECE);
	AFTER(s.piece.leg = 2, SYNC_BAD_PIECE);
	AFTER(s.piece.window = 2, SYNC_BAD_PIECE);
	AFTER(s.session.n_piece = SYNC_PIECES_MAX + 1, SYNC_BAD_PIECE);
	AFTER(s.trim.leg = 2, SYNC_BAD_TRIM);
	AFTER(s.trim.window = 2, SYNC_BAD_TRIM);
	AFTER(s.trim.position = SYNC_POSITION_MAX + 1, SYNC_BAD_TRIM);
	AFTER(s.session.n_trim = SYNC_TRIMS_MAX + 1, SYNC_BAD_TRIM);
	AFTER(s.piece.content.len = SYNC_PIECE_MAX; s.session.n_piece = 5, SYNC_BAD_ENTRY_LENGTH);
}

static void
test_other_kinds_out_of_range(void **state)
{
	(void)state;
	AFTER(use(&s, &s.ended, &s.entry.ended); s.ended.generation = 0, SYNC_BAD_SLOT);
	AFTER(use(&s, &s.counters, &s.entry.counters);
	      s.counters.n_counter = SYNC_COUNTERS_MAX + 1, SYNC_BAD_COUNTER);
	AFTER(use(&s, &s.counters, &s.entry.counters);
	      s.counter.name = (char *)(uintptr_t) "a b", SYNC_BAD_COUNTER);
	AFTER(use(&s, &s.limit, &s.entry.limit);
	      s.limit.name = (char *)(uintptr_t) "", SYNC_BAD_LIMIT);
	AFTER(use(&s, &s.limit, &s.entry.limit); s.limit.address.data = stream;
	      s.limit.address.len = 3, SYNC_BAD_ADDRESS);
	AFTER(use(&s, &s.mark, &s.entry.mark); s.mark.direction = 2, SYNC_BAD_MARK);
	AFTER(use(&s, &s.mark, &s.entry.mark); s.mark.marks = 0, SYNC_BAD_MARK);
	AFTER(use(&s, &s.mark, &s.entry.mark); s.mark.marks = 256, SYNC_BAD_MARK);
	AFTER(use(&s, &s.mark, &s.entry.mark); s.mark.slot = UINT32_MAX, SYNC_BAD_SLOT);
	AFTER(use(&s, &s.embryo, &s.entry.embryo); s.embryo.number = 0, SYNC_BAD_EMBRYO);
	AFTER(use(&s, &s.embryo, &s.entry.embryo); s.embryo.window = 65536, SYNC_BAD_EMBRYO);
	AFTER(use(&s, &s.embryo, &s.entry.embryo); s.embryo.window_scale = 15, SYNC_BAD_EMBRYO);
	AFTER(use(&s, &s.embryo, &s.entry.embryo); s.embryo.window_scale = 256, SYNC_BAD_EMBRYO);
	AFTER(use(&s, &s.embryo, &s.entry.embryo); s.embryo.options = 4, SYNC_BAD_EMBRYO);
	AFTER(use(&s, &s.embryo, &s.entry.embryo); s.embryo.segment_size = 65536, SYNC_BAD_EMBRYO);
	AFTER(use(&s, &s.embryo, &s.entry.embryo); s.embryo.peer.len = 16;
	      s.embryo.peer.data = stream, SYNC_BAD_ADDRESS);
	AFTER(use(&s, &s.embryo, &s.entry.embryo); s.embryo.peer.len = 0, SYNC_BAD_ADDRESS);
	AFTER(use(&s, &s.embryo, &s.entry.embryo); s.embryo.local_port = 65536, SYNC_BAD_ADDRESS);
	AFTER(use(&s, &s.end, &s.entry.snapshot_end);
	      s.end.sessions = SYNC_SLOTS_MAX + 1, SYNC_BAD_SLOT);
}

static void
test_texts_out_of_range(void **state)
{
	(void)state;
	AFTER(use(&s, &s.text, &s.entry.text); s.text.kind = SYNC_TEXT_KINDS, SYNC_BAD_TEXT);
	AFTER(use(&s, &s.text, &s.entry.text); s.text.kind = 0, SYNC_BAD_TEXT);
	AFTER(use(&s, &s.text, &s.entry.text); s.text.generation.len = 31, SYNC_BAD_GENERATION);
	AFTER(use(&s, &s.text, &s.entry.text); s.text.total = SYNC_TEXT_MAX + 1, SYNC_BAD_TEXT);
	AFTER(use(&s, &s.text, &s.entry.text); s.text.offset = 7, SYNC_BAD_TEXT);
	AFTER(use(&s, &s.text, &s.entry.text); s.text.offset = 11, SYNC_BAD_TEXT);
	AFTER(use(&s, &s.text, &s.entry.text); s.text.part.len = 0, SYNC_BAD_TEXT);
	AFTER(use(&s, &s.text, &s.entry.text); s.text.part.data = stream, SYNC_BAD_TEXT);
	AFTER(use(&s, &s.text, &s.entry.text);
	      s.text.by = (char *)(uintptr_t) "\x7f", SYNC_BAD_TEXT);
	AFTER(
	    use(&s, &s.text, &s.entry.text);
	    s.text.saved = (char *)(uintptr_t) "0123456789012345678901234567890123", SYNC_BAD_TEXT);
}

/* The time of a confirm timer, and what a candidate began with. */
static void
test_texts_of_a_commit_out_of_range(void **state)
{
	(void)state;
	AFTER(use(&s, &s.text, &s.entry.text); s.text.expires_ms = 1, SYNC_BAD_TEXT);
	AFTER(use(&s, &s.text, &s.entry.text); s.text.left_ms = 1, SYNC_BAD_TEXT);
	AFTER(use(&s, &s.text, &s.entry.text); s.text.kind = SYNC_TEXT_CONFIRM, SYNC_BAD_TEXT);
	AFTER(use(&s, &s.text, &s.entry.text); s.text.kind = SYNC_TEXT_CONFIRM;
	      s.text.expires_ms = SYNC_TIME_MAX + 1, SYNC_BAD_TEXT);
	AFTER(use(&s, &s.text, &s.entry.text); s.text.kind = SYNC_TEXT_CONFIRM;
	      s.text.expires_ms = 1; s.text.left_ms = SYNC_LEFT_MAX + 1, SYNC_BAD_TEXT);
	AFTER(use(&s, &s.text, &s.entry.text); s.text.kind = SYNC_TEXT_CONFIRM;
	      s.text.is_erased = true; s.text.expires_ms = 1, SYNC_BAD_TEXT);
	AFTER(use(&s, &s.text, &s.entry.text); s.text.kind = SYNC_TEXT_CANDIDATE;
	      s.text.origin = s.text.generation; s.text.origin.len = 31, SYNC_BAD_GENERATION);
}

/* The encoder refuses what the decoder would. */
static void
test_a_bad_entry_is_not_encoded(void **state)
{
	struct sync_entry bad = {.kind = SYNC_ENTRY_ENDED, .ended = {4, 0}};
	struct sync_entry none = {.kind = 0};
	struct sync_entry good = {.kind = SYNC_ENTRY_ENDED, .ended = {4, 5}};
	size_t length = 77;

	(void)state;
	assert_int_equal(sync_entry_encode(&bad, buffer, sizeof(buffer), &length), SYNC_BAD_SLOT);
	assert_int_equal(
	    sync_entry_encode(&none, buffer, sizeof(buffer), &length), SYNC_BAD_ENTRY_KIND);
	assert_int_equal(sync_entry_encode(&good, buffer, 3, &length), SYNC_BAD_ENTRY_LENGTH);
	assert_int_equal(length, 77);
}

/* Two bytes on the wire, a structure in memory: the decoder's memory must end it. */
static void
test_repeated_empty_parts_are_refused(void **state)
{
	static uint8_t bytes[SYNC_ENTRY_MAX];
	struct sync_entry entry;
	size_t inner = sizeof(bytes) - 4;

	(void)state;
	bytes[0] = 0x0a;
	bytes[1] = (uint8_t)(inner | 0x80);
	bytes[2] = (uint8_t)(inner >> 7 | 0x80);
	bytes[3] = (uint8_t)(inner >> 14);
	for (size_t i = 4; i + 1 < sizeof(bytes); i += 2)
		bytes[i] = 0x52;
	assert_int_equal(
	    sync_entry_decode(decoder, bytes, sizeof(bytes), &entry), SYNC_BAD_MESSAGE);
	assert_int_equal(sync_entry_decode(decoder, bytes, 0, &entry), SYNC_BAD_ENTRY_LENGTH);
}

static void
test_wiping_leaves_nothing(void **state)
{
	struct sync_piece piece = {0, SYNC_INPUT, 0, {(uint8_t *)"AUTH PLAIN secret", 17}};
	struct sync_entry in = {.kind = SYNC_ENTRY_SESSION,
	    .session = {.slot = 1, .generation = 1, .secret = true, .pieces = 1, .piece = &piece}};
	struct sync_entry out = carry(&in);
	const uint8_t *at = out.session.piece[0].content.data;

	(void)state;
	sync_entry_wipe(decoder);
	for (unsigned i = 0; i < 17; i++)
		assert_int_equal(at[i], 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_session_round_trip),
	    cmocka_unit_test(test_other_kinds_round_trip),
	    cmocka_unit_test(test_text_round_trip),
	    cmocka_unit_test(test_the_samples_are_good),
	    cmocka_unit_test(test_an_entry_is_exactly_one_thing),
	    cmocka_unit_test(test_sessions_out_of_range),
	    cmocka_unit_test(test_streams_out_of_range),
	    cmocka_unit_test(test_other_kinds_out_of_range),
	    cmocka_unit_test(test_texts_out_of_range),
	    cmocka_unit_test(test_texts_of_a_commit_out_of_range),
	    cmocka_unit_test(test_a_bad_entry_is_not_encoded),
	    cmocka_unit_test(test_repeated_empty_parts_are_refused),
	    cmocka_unit_test(test_wiping_leaves_nothing),
	};

	memset(generation, 7, sizeof(generation));
	return cmocka_run_group_tests(tests, setup, teardown);
}
