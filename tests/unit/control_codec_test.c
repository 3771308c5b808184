/* The codec and, under it, the bounded unpacking: what is refused, and that the arena holds. */
#include "proto/control_codec.h"

#include "proto/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
	struct control_decoder *decoder;
	uint8_t bytes[CONTROL_REPLY_FRAME_MAX];
};

static int
setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	fixture->decoder = control_decoder_create();
	*state = fixture;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *fixture = *state;

	control_decoder_destroy(fixture->decoder);
	free(fixture);
	return 0;
}

/* Frames `payload` as a request (type 1) or a reply (type 2). */
static size_t
put(struct fixture *fixture, uint16_t type, const void *payload, size_t length)
{
	frame_put_header(fixture->bytes, type, (uint32_t)length);
	memcpy(fixture->bytes + FRAME_HEADER_SIZE, payload, length);
	return FRAME_HEADER_SIZE + length;
}

static enum control_result
decode_request(struct fixture *fixture, const void *payload, size_t length)
{
	struct control_request request;
	size_t size = 0;

	length = put(fixture, 1, payload, length);
	return control_decode_request(fixture->decoder, fixture->bytes, length, &request, &size);
}

static void
test_request_round_trip(void **state)
{
	struct fixture *fixture = *state;
	struct control_request in = {7, CONTROL_COMPLETE, true, "show ver"};
	struct control_request out;
	size_t size = 0;
	size_t length = control_encode_request(&in, fixture->bytes, sizeof(fixture->bytes));

	assert_int_equal(length, control_request_size(&in));
	assert_int_equal(
	    control_decode_request(fixture->decoder, fixture->bytes, length - 1, &out, &size),
	    CONTROL_MORE);
	assert_int_equal(
	    control_decode_request(fixture->decoder, fixture->bytes, length, &out, &size),
	    CONTROL_READY);
	assert_int_equal(size, length);
	assert_int_equal(out.id, 7);
	assert_int_equal(out.kind, CONTROL_COMPLETE);
	assert_true(out.json);
	assert_string_equal(out.line, "show ver");
}

static void
test_reply_round_trip(void **state)
{
	struct fixture *fixture = *state;
	struct control_candidate candidate[] = {{"show", "Show things"}, {"static", ""}};
	struct control_reply in = {
	    .id = 1,
	    .status = 64,
	    .final = true,
	    .error_column = 6,
	    .text = (uint8_t *)"a\0b",
	    .text_length = 3,
	    .prompt = "mx# ",
	    .candidates = 2,
	    .candidate = candidate,
	};
	struct control_reply out;
	size_t size;
	size_t length = control_encode_reply(&in, fixture->bytes, sizeof(fixture->bytes));

	assert_int_equal(
	    control_decode_reply(fixture->decoder, fixture->bytes, length, &out, &size),
	    CONTROL_READY);
	assert_int_equal(out.status, 64);
	assert_int_equal(out.error_column, 6);
	assert_true(out.final);
	assert_int_equal(out.text_length, 3);
	assert_memory_equal(out.text, "a\0b", 3);
	assert_string_equal(out.prompt, "mx# ");
	assert_int_equal(out.candidates, 2);
	assert_string_equal(out.candidate[0].help, "Show things");
	assert_string_equal(out.candidate[1].word, "static");
}

static void
test_largest_text_fits_and_more_does_not(void **state)
{
	struct fixture *fixture = *state;
	static uint8_t text[CONTROL_REPLY_MAX + 1];
	struct control_reply reply = {.text = text, .text_length = CONTROL_TEXT_MAX, .prompt = ""};
	struct control_reply out;
	size_t size;
	size_t length = control_encode_reply(&reply, fixture->bytes, sizeof(fixture->bytes));

	assert_true(length > CONTROL_TEXT_MAX);
	assert_int_equal(
	    control_decode_reply(fixture->decoder, fixture->bytes, length, &out, &size),
	    CONTROL_READY);
	assert_int_equal(out.text_length, CONTROL_TEXT_MAX);
	reply.text_length = sizeof(text);
	assert_int_equal(control_reply_size(&reply), 0);
	assert_int_equal(control_encode_reply(&reply, fixture->bytes, sizeof(fixture->bytes)), 0);
}

static void
test_too_many_candidates_are_not_encoded(void **state)
{
	struct control_reply reply = {.prompt = "", .candidates = CONTROL_CANDIDATES_MAX + 1};

	(void)state;
	assert_int_equal(control_reply_size(&reply), 0);
}

static void
test_wrong_type_of_frame(void **state)
{
	struct fixture *fixture = *state;
	struct control_request request;
	size_t size;
	size_t length = put(fixture, 2, "", 0);

	assert_int_equal(
	    control_decode_request(fixture->decoder, fixture->bytes, length, &request, &size),
	    CONTROL_BAD_FRAME);
}

static void
test_empty_request_is_a_request(void **state)
{
	assert_int_equal(decode_request(*state, "", 0), CONTROL_READY);
}

static void
test_refusals(void **state)
{
	static const struct {
		const char *name;
		const char *bytes;
		size_t length;
	} refused[] = {
	    {"unknown field", "\x78\x01", 2},
	    {"field number 0", "\x00\x01", 2},
	    {"wrong wire type for a string", "\x18\x01", 2},
	    {"group", "\x0b\x0c", 2},
	    {"NUL in a string",
		"\x1a\x03"
		"a\0b",
		5},
	    {"length beyond the end",
		"\x1a\x05"
		"ab",
		4},
	    {"length of ten bytes", "\x1a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11},
	    {"varint that never ends", "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12},
	    {"cut varint", "\x08\x80", 2},
	    {"unknown kind", "\x10\x03", 2},
	    {"tag beyond 32 bits", "\x88\x80\x80\x80\x80\x80\x01\x00", 8},
	};

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (decode_request(*state, refused[i].bytes, refused[i].length) !=
		    CONTROL_BAD_MESSAGE)
			fail_msg("taken: %s", refused[i].name);
}

/* Two bytes on the wire, forty in memory: the arena must end it, not the machine's memory. */
static void
test_repeated_empty_candidates_are_refused(void **state)
{
	struct fixture *fixture = *state;
	static uint8_t payload[CONTROL_REPLY_MAX];
	struct control_reply reply;
	size_t size;

	for (size_t i = 0; i + 1 < sizeof(payload); i += 2)
		payload[i] = 0x3a;
	size_t length = put(fixture, 2, payload, sizeof(payload));
	assert_int_equal(
	    control_decode_reply(fixture->decoder, fixture->bytes, length, &reply, &size),
	    CONTROL_BAD_MESSAGE);
	assert_int_equal(size, length);
	/* And the decoder lives on. */
	length = put(fixture, 2, payload, 2);
	assert_int_equal(
	    control_decode_reply(fixture->decoder, fixture->bytes, length, &reply, &size),
	    CONTROL_READY);
	assert_int_equal(reply.candidates, 1);
}

static void
test_invalid_utf8_passes(void **state)
{
	assert_int_equal(decode_request(*state, "\x1a\x02\xff\xfe", 4), CONTROL_READY);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_request_round_trip, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_reply_round_trip, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_largest_text_fits_and_more_does_not, setup, teardown),
	    cmocka_unit_test(test_too_many_candidates_are_not_encoded),
	    cmocka_unit_test_setup_teardown(test_wrong_type_of_frame, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_empty_request_is_a_request, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_repeated_empty_candidates_are_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_invalid_utf8_passes, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
