/* The stream of blocks: what is written comes out, smaller; what is broken has a name. */
#include "proto/sync_stream.h"

#include "proto/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include <cmocka.h>

struct fixture {
	struct sync_writer *writer;
	struct sync_reader *reader;
	uint8_t frames[SYNC_STREAM_PLAIN_MAX + 1];
	uint8_t block[SYNC_STREAM_BLOCK_MAX];
	size_t length; /* of the block */
	uint64_t seed;
};

static int
setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	fixture->writer = sync_writer_create();
	fixture->reader = sync_reader_create();
	fixture->seed = 1;
	*state = fixture;
	return fixture->writer == NULL || fixture->reader == NULL;
}

static int
teardown(void **state)
{
	struct fixture *fixture = *state;

	sync_writer_destroy(fixture->writer);
	sync_reader_destroy(fixture->reader);
	free(fixture);
	return 0;
}

static uint8_t
noise(struct fixture *fixture)
{
	fixture->seed = fixture->seed * 6364136223846793005u + 1442695040888963407u;
	return (uint8_t)(fixture->seed >> 56);
}

/* Frames of 1,000 bytes: text that repeats, or noise of which so many bits are used. */
static size_t
fill(struct fixture *fixture, size_t frames, unsigned noise_bits)
{
	static const char text[] = "Received: from mx.example.org (mx.example.org [192.0.2.1])\r\n";

	for (size_t i = 0; i < frames; i++) {
		uint8_t *at = fixture->frames + i * 1000;

		frame_put_header(at, 3, 1000 - FRAME_HEADER_SIZE);
		for (size_t j = FRAME_HEADER_SIZE; j < 1000; j++)
			at[j] = noise_bits != 0
				    ? (uint8_t)(0x20 + (noise(fixture) & ((1u << noise_bits) - 1)))
				    : (uint8_t)text[(i + j) % (sizeof(text) - 1)];
	}
	return frames * 1000;
}

static void
put(struct fixture *fixture, size_t length, bool is_secret)
{
	assert_int_equal(sync_writer_put(fixture->writer, fixture->frames, length, is_secret,
			     fixture->block, &fixture->length),
	    SYNC_GOOD);
}

static enum sync_reason
take(struct fixture *fixture, const uint8_t *bytes, size_t length, struct sync_bytes *frames)
{
	enum sync_reason reason = SYNC_GOOD;
	size_t size;

	switch (sync_reader_take(fixture->reader, bytes, length, frames, &size, &reason)) {
	case SYNC_MORE:
		fail_msg("not a whole block");
		break;
	case SYNC_READY:
		assert_int_equal(size, length);
		break;
	case SYNC_REFUSED:
		assert_int_not_equal(reason, SYNC_GOOD);
		break;
	}
	return reason;
}

/* Through both; returns the type of the block. */
static unsigned
carry(struct fixture *fixture, size_t length, bool is_secret)
{
	struct sync_bytes out;

	put(fixture, length, is_secret);
	assert_int_equal(take(fixture, fixture->block, fixture->length, &out), SYNC_GOOD);
	assert_int_equal(out.length, length);
	assert_memory_equal(out.data, fixture->frames, length);
	return fixture->block[2];
}

static void
test_blocks_come_out_and_shrink(void **state)
{
	struct fixture *fixture = *state;
	size_t first;

	assert_int_equal(carry(fixture, fill(fixture, 2, 0), false), 2);
	first = fixture->length;
	assert_true(first < 1000);
	/* What was sent before helps. */
	assert_int_equal(carry(fixture, fill(fixture, 2, 0), false), 3);
	assert_true(fixture->length < first / 2);
	assert_int_equal(carry(fixture, fill(fixture, 300, 0), false), 3);
	assert_true(fixture->length < 30000);
}

static void
test_every_cut_waits_for_more(void **state)
{
	struct fixture *fixture = *state;
	struct sync_bytes out;
	enum sync_reason reason;
	size_t size;

	put(fixture, fill(fixture, 2, 0), false);
	for (size_t cut = 0; cut < fixture->length; cut++)
		assert_int_equal(
		    sync_reader_take(fixture->reader, fixture->block, cut, &out, &size, &reason),
		    SYNC_MORE);
	assert_int_equal(take(fixture, fixture->block, fixture->length, &out), SYNC_GOOD);
	assert_int_equal(out.length, 2000);
}

static void
test_largest_block(void **state)
{
	struct fixture *fixture = *state;
	size_t most = SYNC_STREAM_PLAIN_MAX / 1000;

	for (unsigned bits = 0; bits <= 8; bits += 4) {
		size_t length = fill(fixture, most, bits);
		size_t rest = SYNC_STREAM_PLAIN_MAX - length;

		frame_put_header(fixture->frames + length, 3, (uint32_t)(rest - FRAME_HEADER_SIZE));
		carry(fixture, SYNC_STREAM_PLAIN_MAX, false);
	}
	assert_int_equal(sync_writer_put(fixture->writer, fixture->frames,
			     SYNC_STREAM_PLAIN_MAX + 1, false, fixture->block, &fixture->length),
	    SYNC_BAD_FRAME_LENGTH);
	assert_int_equal(sync_writer_put(fixture->writer, fixture->frames, 0, false, fixture->block,
			     &fixture->length),
	    SYNC_BAD_FRAME_LENGTH);
}

static void
test_small_and_secret_blocks_go_plain(void **state)
{
	struct fixture *fixture = *state;

	frame_put_header(fixture->frames, 4, 20);
	assert_int_equal(carry(fixture, 28, false), 1);
	assert_int_equal(carry(fixture, fill(fixture, 2, 0), true), 1);
	assert_int_equal(carry(fixture, fill(fixture, 2, 0), false), 2);
}

static void
test_compression_follows_the_cpu(void **state)
{
	struct fixture *fixture = *state;
	size_t length = fill(fixture, 10, 0);

	assert_int_equal(carry(fixture, length, false), 2);
	sync_writer_set_cpu(fixture->writer, SYNC_CPU_SHORT);
	assert_int_equal(carry(fixture, length, false), 1);
	sync_writer_set_cpu(fixture->writer, SYNC_CPU_BUSY);
	assert_int_equal(carry(fixture, length, false), 2);
	assert_int_equal(carry(fixture, length, false), 3);
	sync_writer_set_cpu(fixture->writer, SYNC_CPU_FREE);
	assert_int_equal(carry(fixture, length, false), 2);
}

static void
test_what_was_written_is_counted(void **state)
{
	struct fixture *fixture = *state;
	size_t length = fill(fixture, 10, 0), sent;
	struct sync_written written;

	put(fixture, length, true);
	sent = fixture->length;
	put(fixture, length, false);
	sent += fixture->length;
	sync_writer_set_cpu(fixture->writer, SYNC_CPU_BUSY);
	put(fixture, length, false);
	put(fixture, length, false);
	written = sync_writer_take_written(fixture->writer);
	assert_int_equal(written.plain, length);
	assert_int_equal(written.normal, length);
	assert_int_equal(written.fast, 2 * length);
	assert_true(written.sent > sent && written.sent < 2 * length);
	written = sync_writer_take_written(fixture->writer);
	assert_int_equal(written.plain + written.normal + written.fast + written.sent, 0);
}

/* Six random bits in each byte, as base64 has them: it is left alone, and tried again later. */
static void
test_what_hardly_shrinks_is_left_alone(void **state)
{
	struct fixture *fixture = *state;
	unsigned compressed = 0, plain = 0;

	for (unsigned i = 0; i < 60; i++) {
		unsigned type = carry(fixture, fill(fixture, 100, 6), false);

		compressed += type != 1;
		plain += type == 1;
	}
	assert_in_range(compressed, 2, 6);
	assert_true(plain > 50);
	while (carry(fixture, fill(fixture, 100, 0), false) == 1)
		assert_true(++plain < 100);
	assert_int_equal(carry(fixture, fill(fixture, 100, 0), false), 3);
}

static enum sync_reason
judge(struct fixture *fixture, uint16_t type, const void *payload, size_t length)
{
	struct sync_bytes out;

	frame_put_header(fixture->block, type, (uint32_t)length);
	memmove(fixture->block + FRAME_HEADER_SIZE, payload, length);
	return take(fixture, fixture->block, FRAME_HEADER_SIZE + length, &out);
}

/* 64 MiB of nothing, in a stream with a window of so many bits. */
static enum sync_reason
explode(struct fixture *fixture, int window_log)
{
	size_t size = 64u << 20, room = 1u << 18;
	uint8_t *zeros = calloc(1, size), *bomb = malloc(room);
	ZSTD_CCtx *context = ZSTD_createCCtx();
	ZSTD_inBuffer in = {zeros, size, 0};
	ZSTD_outBuffer out = {bomb, room, 0};

	ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, window_log);
	assert_int_equal(ZSTD_compressStream2(context, &out, &in, ZSTD_e_flush), 0);
	enum sync_reason reason = judge(fixture, 2, bomb, out.pos);
	ZSTD_freeCCtx(context);
	free(bomb);
	free(zeros);
	return reason;
}

static void
test_a_bomb_is_bounded(void **state)
{
	assert_int_equal(explode(*state, 19), SYNC_BAD_EXPANSION);
}

static void
test_a_wide_window_is_refused(void **state)
{
	assert_int_equal(explode(*state, 20), SYNC_BAD_COMPRESSION);
}

static void
test_foreign_formats_are_refused(void **state)
{
	static const struct {
		const char *name;
		uint16_t type;
		const char *bytes;
		size_t length;
		enum sync_reason reason;
	} refused[] = {
	    {"skippable frame", 2, "\x50\x2a\x4d\x18\x00\x00\x00\x00", 8, SYNC_BAD_COMPRESSION},
	    {"format 0.7", 2, "\x27\xb5\x2f\xfd\x00\x00\x00\x00", 8, SYNC_BAD_COMPRESSION},
	    {"a magic and no more", 2, "\x28\xb5\x2f\xfd", 4, SYNC_BAD_FRAME_CUT},
	    {"nothing", 2, "", 0, SYNC_BAD_COMPRESSION},
	    {"going on before a start", 3, "\x28\xb5\x2f\xfd\x00\x00\x00\x00", 8,
		SYNC_BAD_COMPRESSION},
	    {"unknown block", 4, "", 0, SYNC_BAD_FRAME_KIND},
	    {"plain nothing", 1, "", 0, SYNC_BAD_FRAME_CUT},
	    {"half a header", 1, "SG\x01", 3, SYNC_BAD_FRAME_CUT},
	    {"half a frame", 1, "SG\x01\x00\x02\x00\x00\x00x", 9, SYNC_BAD_FRAME_CUT},
	    {"no frame", 1, "GET / HTTP/1.0", 14, SYNC_BAD_FRAME},
	};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		sync_reader_destroy(fixture->reader);
		fixture->reader = sync_reader_create();
		enum sync_reason reason =
		    judge(fixture, refused[i].type, refused[i].bytes, refused[i].length);
		if (reason != refused[i].reason)
			fail_msg("%s: %s", refused[i].name, sync_reason_text(reason));
	}
}

static void
test_a_length_above_the_cap_is_refused_at_the_header(void **state)
{
	struct fixture *fixture = *state;
	struct sync_bytes out;
	enum sync_reason reason = SYNC_GOOD;
	size_t size;

	frame_put_header(fixture->block, 1, SYNC_STREAM_BLOCK_MAX - FRAME_HEADER_SIZE + 1);
	assert_int_equal(sync_reader_take(fixture->reader, fixture->block, FRAME_HEADER_SIZE, &out,
			     &size, &reason),
	    SYNC_REFUSED);
	assert_int_equal(reason, SYNC_BAD_FRAME);
}

/* Any byte changed: other bytes or a named refusal, never more; and a refusal is for good. */
static void
test_flipped_bits(void **state)
{
	struct fixture *fixture = *state;
	uint8_t *damaged = malloc(SYNC_STREAM_BLOCK_MAX);
	unsigned refusals = 0;

	put(fixture, fill(fixture, 4, 3), false);
	for (size_t i = FRAME_HEADER_SIZE; i < fixture->length; i++) {
		struct sync_bytes out;
		struct sync_reader *reader = sync_reader_create();
		enum sync_reason reason = SYNC_GOOD;
		size_t size;

		memcpy(damaged, fixture->block, fixture->length);
		damaged[i] ^= (uint8_t)(1u << i % 8);
		if (sync_reader_take(reader, damaged, fixture->length, &out, &size, &reason) ==
		    SYNC_REFUSED) {
			refusals++;
			assert_int_not_equal(reason, SYNC_GOOD);
			assert_int_equal(sync_reader_take(reader, fixture->block, fixture->length,
					     &out, &size, &reason),
			    SYNC_REFUSED);
		} else {
			assert_true(out.length <= SYNC_STREAM_PLAIN_MAX);
		}
		sync_reader_destroy(reader);
	}
	assert_true(refusals > 0);
	free(damaged);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_blocks_come_out_and_shrink, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_every_cut_waits_for_more, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_largest_block, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_small_and_secret_blocks_go_plain, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_compression_follows_the_cpu, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_what_was_written_is_counted, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_what_hardly_shrinks_is_left_alone, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_a_bomb_is_bounded, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_a_wide_window_is_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_foreign_formats_are_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_a_length_above_the_cap_is_refused_at_the_header, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_flipped_bits, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
