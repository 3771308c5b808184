/* Messages between two hosts: what goes in comes out, and what is refused is refused by its name. */
#include "proto/sync_codec.h"

#include "proto/frame.h"
#include "proto/sync.pb-c.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static uint8_t buffer[SYNC_FRAME_MAX];
static struct sync_decoder *decoder;

static const struct sync_hello hello = {
    .version_oldest = 1,
    .version_newest = 2,
    .record_oldest = 2,
    .record_newest = 3,
    .features = 5,
    .node = "mx1",
    .peer = "mx2.example",
    .epoch = 7,
    .role = SYNC_ROLE_STANDBY,
    .history = 99,
    .lsn = 1234,
    .abi_major = 1,
    .abi_minor = 2,
    .slots = 100,
    .chunks = 200,
    .state = 3,
    .side = 1,
    .commit = SYNC_COMMIT_STRICT,
};

static int
setup(void **state)
{
	(void)state;
	decoder = sync_decoder_create();
	return decoder == NULL;
}

static int
teardown(void **state)
{
	(void)state;
	sync_decoder_destroy(decoder);
	return 0;
}

/* Encodes, offers each shorter length, and decodes. */
static struct sync_message
carry(const struct sync_message *in)
{
	struct sync_message out;
	enum sync_reason reason;
	size_t length, size = 0;

	assert_int_equal(sync_encode(in, buffer, sizeof(buffer), &length), SYNC_GOOD);
	for (size_t cut = 0; cut < length && cut < 64; cut++)
		assert_int_equal(
		    sync_decode(decoder, buffer, cut, &out, &size, &reason), SYNC_MORE);
	assert_int_equal(sync_decode(decoder, buffer, length, &out, &size, &reason), SYNC_READY);
	assert_int_equal(size, length);
	assert_int_equal(out.kind, in->kind);
	return out;
}

static void
test_hello_round_trip(void **state)
{
	struct sync_message in = {.kind = SYNC_HELLO, .hello = hello};
	struct sync_hello out = carry(&in).hello;

	(void)state;
	assert_string_equal(out.node, "mx1");
	assert_string_equal(out.peer, "mx2.example");
	assert_int_equal(out.version_oldest, 1);
	assert_int_equal(out.version_newest, 2);
	assert_int_equal(out.record_oldest, 2);
	assert_int_equal(out.record_newest, 3);
	assert_int_equal(out.features, 5);
	assert_int_equal(out.epoch, 7);
	assert_int_equal(out.role, SYNC_ROLE_STANDBY);
	assert_int_equal(out.history, 99);
	assert_int_equal(out.lsn, 1234);
	assert_int_equal(out.abi_major, 1);
	assert_int_equal(out.abi_minor, 2);
	assert_int_equal(out.slots, 100);
	assert_int_equal(out.chunks, 200);
	assert_int_equal(out.state, 3);
	assert_int_equal(out.side, 1);
	assert_int_equal(out.commit, SYNC_COMMIT_STRICT);
}

static void
test_batch_round_trip(void **state)
{
	struct sync_bytes entry[] = {{(uint8_t *)"one", 3}, {(uint8_t *)"\0", 1}};
	struct sync_message in = {.kind = SYNC_BATCH, .batch = {7, 10, 2, entry}};
	struct sync_batch out = carry(&in).batch;

	(void)state;
	assert_int_equal(out.epoch, 7);
	assert_int_equal(out.first, 10);
	assert_int_equal(out.entries, 2);
	assert_memory_equal(out.entry[0].data, "one", 3);
	assert_int_equal(out.entry[1].length, 1);
}

static void
test_other_messages_round_trip(void **state)
{
	static uint8_t hash[SYNC_GENERATION_SIZE] = {1};
	struct sync_bytes compiled = {hash, sizeof(hash)};
	struct sync_message start = {.kind = SYNC_START, .start = {7, 8, 9, true}};
	struct sync_message ack = {
	    .kind = SYNC_ACK, .ack = {7, 8, 9, 1, &compiled, compiled, "a reason"}};
	struct sync_message beat = {
	    .kind = SYNC_HEARTBEAT, .heartbeat = {7, SYNC_ROLE_ACTIVE, true, 1000, 5, 6, 8, 9}};
	struct sync_message word = {.kind = SYNC_WORD, .word = {SYNC_SAYING_FROZEN, 7, 9}};
	struct sync_message refusal = {.kind = SYNC_REFUSAL, .refusal = {SYNC_BAD_SAME_NAME, 7}};

	(void)state;
	assert_true(carry(&start).start.snapshot);
	assert_int_equal(carry(&start).start.first, 9);
	assert_int_equal(carry(&ack).ack.lsn, 9);
	assert_memory_equal(carry(&ack).ack.generation[0].data, hash, sizeof(hash));
	assert_int_equal(carry(&ack).ack.refused.length, sizeof(hash));
	assert_string_equal(carry(&ack).ack.reason, "a reason");
	assert_int_equal(carry(&beat).heartbeat.gateway_ms, 1000);
	assert_int_equal(carry(&beat).heartbeat.tcp_clock, 5);
	assert_true(carry(&beat).heartbeat.synced);
	assert_int_equal(carry(&beat).heartbeat.sent, 8);
	assert_int_equal(carry(&beat).heartbeat.echo, 9);
	assert_int_equal(carry(&word).word.saying, SYNC_SAYING_FROZEN);
	assert_int_equal(carry(&word).word.epoch, 7);
	assert_int_equal(carry(&word).word.state, 9);
	assert_int_equal(carry(&refusal).refusal.reason, SYNC_BAD_SAME_NAME);
	assert_int_equal(carry(&refusal).refusal.epoch, 7);
}

static void
test_largest_batch_fits_and_more_does_not(void **state)
{
	static uint8_t bytes[SYNC_BATCH_BYTES_MAX + 1];
	static struct sync_bytes entry[SYNC_BATCH_ENTRIES_MAX + 1];
	struct sync_message in = {
	    .kind = SYNC_BATCH, .batch = {7, 1, SYNC_BATCH_ENTRIES_MAX, entry}};
	size_t length;

	(void)state;
	for (unsigned i = 0; i < SYNC_BATCH_ENTRIES_MAX + 1; i++)
		entry[i] = (struct sync_bytes){bytes, 1024};
	assert_int_equal(carry(&in).batch.entries, SYNC_BATCH_ENTRIES_MAX);
	entry[0].length = 1025;
	assert_int_equal(sync_encode(&in, buffer, sizeof(buffer), &length), SYNC_BAD_ENTRY_LENGTH);
	in.batch.entries++;
	assert_int_equal(sync_encode(&in, buffer, sizeof(buffer), &length), SYNC_BAD_ENTRY_COUNT);
	entry[0].length = SYNC_ENTRY_MAX;
	in.batch.entries = 1;
	assert_int_equal(carry(&in).batch.entry[0].length, SYNC_ENTRY_MAX);
}

static enum sync_reason
judge_bytes(uint16_t type, const void *payload, size_t length)
{
	struct sync_message message;
	enum sync_reason reason = SYNC_GOOD;
	size_t size;

	frame_put_header(buffer, type, (uint32_t)length);
	memcpy(buffer + FRAME_HEADER_SIZE, payload, length);
	enum sync_result result =
	    sync_decode(decoder, buffer, FRAME_HEADER_SIZE + length, &message, &size, &reason);
	assert_int_equal(result, reason == SYNC_GOOD ? SYNC_READY : SYNC_REFUSED);
	return reason;
}

static enum sync_reason
judge(uint16_t type, const ProtobufCMessage *message)
{
	static uint8_t bytes[SYNC_MESSAGE_MAX];
	size_t length = protobuf_c_message_get_packed_size(message);

	assert_true(length <= sizeof(bytes));
	protobuf_c_message_pack(message, bytes);
	return judge_bytes(type, bytes, length);
}

#define TEXT(words) ((char *)(uintptr_t)(words))

static Smtpguard__Sync__Hello
good_hello(void)
{
	Smtpguard__Sync__Hello m;

	smtpguard__sync__hello__init(&m);
	m.version_oldest = m.version_newest = m.record_oldest = m.record_newest = 1;
	m.node = TEXT("mx1");
	m.peer = TEXT("mx2");
	m.role = SMTPGUARD__SYNC__ROLE__ROLE_ACTIVE;
	m.slots = m.chunks = 1;
	m.commit = SMTPGUARD__SYNC__COMMIT__COMMIT_DEGRADE;
	return m;
}

#define HELLO_AFTER(breaking, reason)                                                              \
	do {                                                                                       \
		Smtpguard__Sync__Hello m = good_hello();                                           \
		breaking;                                                                          \
		enum sync_reason got = judge(SYNC_HELLO, &m.base);                                 \
		if (got != (reason))                                                               \
			fail_msg("%s: %s", #breaking, sync_reason_text(got));                      \
	} while (0)

static void
test_hello_out_of_range(void **state)
{
	(void)state;
	HELLO_AFTER((void)0, SYNC_GOOD);
	HELLO_AFTER(m.version_oldest = 0, SYNC_BAD_VERSION_RANGE);
	HELLO_AFTER(m.version_oldest = 2, SYNC_BAD_VERSION_RANGE);
	HELLO_AFTER(m.version_newest = 65536, SYNC_BAD_VERSION_RANGE);
	HELLO_AFTER(m.record_oldest = 2, SYNC_BAD_VERSION_RANGE);
	HELLO_AFTER(m.abi_minor = 65536, SYNC_BAD_VERSION_RANGE);
	HELLO_AFTER(m.node = TEXT(""), SYNC_BAD_NODE_NAME);
	HELLO_AFTER(m.node = TEXT("a b"), SYNC_BAD_NODE_NAME);
	HELLO_AFTER(m.peer = TEXT("m\xc3\xa9"), SYNC_BAD_NODE_NAME);
	HELLO_AFTER(
	    m.peer = TEXT("0123456789012345678901234567890123456789012345678901234567890123"),
	    SYNC_BAD_NODE_NAME);
	HELLO_AFTER(m.role = 0, SYNC_BAD_ROLE);
	HELLO_AFTER(m.role = 5, SYNC_BAD_ROLE);
	HELLO_AFTER(m.state = SYNC_STATE_MAX + 1, SYNC_BAD_STATE);
	HELLO_AFTER(m.side = 2, SYNC_BAD_SIDE);
	HELLO_AFTER(m.commit = 0, SYNC_BAD_COMMIT);
	HELLO_AFTER(m.commit = 3, SYNC_BAD_COMMIT);
	HELLO_AFTER(m.lsn = 1, SYNC_BAD_LSN);
	HELLO_AFTER(m.history = 1; m.lsn = SYNC_LSN_MAX + 1, SYNC_BAD_LSN);
	HELLO_AFTER(m.slots = 0, SYNC_BAD_ROOM);
	HELLO_AFTER(m.slots = SYNC_SLOTS_MAX + 1, SYNC_BAD_ROOM);
	HELLO_AFTER(m.chunks = UINT32_MAX, SYNC_BAD_ROOM);
}

static void
test_other_messages_out_of_range(void **state)
{
	Smtpguard__Sync__Start start = SMTPGUARD__SYNC__START__INIT;
	Smtpguard__Sync__Ack ack = SMTPGUARD__SYNC__ACK__INIT;
	Smtpguard__Sync__Heartbeat beat = SMTPGUARD__SYNC__HEARTBEAT__INIT;
	Smtpguard__Sync__Refusal refusal = SMTPGUARD__SYNC__REFUSAL__INIT;
	Smtpguard__Sync__Word word = SMTPGUARD__SYNC__WORD__INIT;
	ProtobufCBinaryData list[SYNC_COMPILED_MAX + 1] = {{31, buffer}};

	(void)state;
	assert_int_equal(judge(SYNC_START, &start.base), SYNC_BAD_LSN);
	start.history = 1;
	assert_int_equal(judge(SYNC_START, &start.base), SYNC_BAD_LSN);
	assert_int_equal(judge(SYNC_ACK, &ack.base), SYNC_BAD_LSN);
	ack.history = 1;
	ack.compiled = list;
	ack.n_compiled = 1;
	assert_int_equal(judge(SYNC_ACK, &ack.base), SYNC_BAD_GENERATION);
	ack.n_compiled = SYNC_COMPILED_MAX + 1;
	assert_int_equal(judge(SYNC_ACK, &ack.base), SYNC_BAD_GENERATION);
	assert_int_equal(judge(SYNC_HEARTBEAT, &beat.base), SYNC_BAD_ROLE);
	assert_int_equal(judge(SYNC_WORD, &word.base), SYNC_BAD_SAYING);
	word.saying = SMTPGUARD__SYNC__SAYING__SAYING_SYNCED + 1;
	assert_int_equal(judge(SYNC_WORD, &word.base), SYNC_BAD_SAYING);
	word.saying = SMTPGUARD__SYNC__SAYING__SAYING_STATE;
	word.state = SYNC_STATE_MAX + 1;
	assert_int_equal(judge(SYNC_WORD, &word.base), SYNC_BAD_STATE);
	assert_int_equal(judge(SYNC_REFUSAL, &refusal.base), SYNC_BAD_REASON);
	refusal.reason = 60000;
	assert_int_equal(judge(SYNC_REFUSAL, &refusal.base), SYNC_GOOD);
	assert_string_equal(sync_reason_text(60000), "a reason that this version does not know");
}

static void
test_batches_out_of_range(void **state)
{
	static ProtobufCBinaryData list[SYNC_BATCH_ENTRIES_MAX + 1];
	Smtpguard__Sync__Batch batch = SMTPGUARD__SYNC__BATCH__INIT;

	(void)state;
	for (unsigned i = 0; i < SYNC_BATCH_ENTRIES_MAX + 1; i++)
		list[i] = (ProtobufCBinaryData){1, buffer};
	batch.first = 1;
	assert_int_equal(judge(SYNC_BATCH, &batch.base), SYNC_BAD_ENTRY_COUNT);
	batch.entry = list;
	batch.n_entry = SYNC_BATCH_ENTRIES_MAX + 1;
	assert_int_equal(judge(SYNC_BATCH, &batch.base), SYNC_BAD_ENTRY_COUNT);
	batch.n_entry = 2;
	assert_int_equal(judge(SYNC_BATCH, &batch.base), SYNC_GOOD);
	list[1].len = 0;
	assert_int_equal(judge(SYNC_BATCH, &batch.base), SYNC_BAD_ENTRY_LENGTH);
	batch.n_entry = 1;
	batch.first = 0;
	assert_int_equal(judge(SYNC_BATCH, &batch.base), SYNC_BAD_LSN);
	batch.first = SYNC_LSN_MAX;
	assert_int_equal(judge(SYNC_BATCH, &batch.base), SYNC_BAD_LSN);
	batch.first = UINT64_MAX;
	assert_int_equal(judge(SYNC_BATCH, &batch.base), SYNC_BAD_LSN);
}

static void
test_frames_that_are_none(void **state)
{
	struct sync_message message;
	enum sync_reason reason = SYNC_GOOD;
	size_t size;

	(void)state;
	assert_int_equal(judge_bytes(SYNC_WORD + 1, "", 0), SYNC_BAD_FRAME_KIND);
	assert_int_equal(judge_bytes(SYNC_HELLO, "\xf8\x01\x01", 3), SYNC_BAD_MESSAGE);
	frame_put_header(buffer, SYNC_BATCH, SYNC_MESSAGE_MAX + 1);
	assert_int_equal(sync_decode(decoder, buffer, 8, &message, &size, &reason), SYNC_REFUSED);
	assert_int_equal(reason, SYNC_BAD_FRAME);
	reason = SYNC_GOOD;
	assert_int_equal(
	    sync_decode(decoder, (const uint8_t *)"GET / HTTP/1.0", 14, &message, &size, &reason),
	    SYNC_REFUSED);
	assert_int_equal(reason, SYNC_BAD_FRAME);
}

static void
test_a_message_above_the_buffer_is_not_encoded(void **state)
{
	struct sync_message in = {.kind = SYNC_HELLO, .hello = hello};
	size_t length;

	(void)state;
	for (size_t size = 0; size < 60; size++)
		assert_int_equal(sync_encode(&in, buffer, size, &length), SYNC_BAD_FRAME_LENGTH);
	in.hello.node = "";
	assert_int_equal(sync_encode(&in, buffer, sizeof(buffer), &length), SYNC_BAD_NODE_NAME);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_hello_round_trip),
	    cmocka_unit_test(test_batch_round_trip),
	    cmocka_unit_test(test_other_messages_round_trip),
	    cmocka_unit_test(test_largest_batch_fits_and_more_does_not),
	    cmocka_unit_test(test_hello_out_of_range),
	    cmocka_unit_test(test_other_messages_out_of_range),
	    cmocka_unit_test(test_batches_out_of_range),
	    cmocka_unit_test(test_frames_that_are_none),
	    cmocka_unit_test(test_a_message_above_the_buffer_is_not_encoded),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
