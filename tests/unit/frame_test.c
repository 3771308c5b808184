#include "proto/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void
test_round_trip_at_every_length(void **state)
{
	uint8_t bytes[FRAME_HEADER_SIZE + 5] = {0};
	struct frame frame;

	(void)state;
	frame_put_header(bytes, 0x1234, 5);
	memcpy(bytes + FRAME_HEADER_SIZE, "hello", 5);
	for (size_t length = 0; length < sizeof(bytes); length++)
		assert_int_equal(frame_decode(bytes, length, 64, &frame), FRAME_MORE);
	assert_int_equal(frame_decode(bytes, sizeof(bytes), 64, &frame), FRAME_READY);
	assert_int_equal(frame.type, 0x1234);
	assert_int_equal(frame.length, 5);
	assert_int_equal(frame.size, sizeof(bytes));
	assert_memory_equal(frame.payload, "hello", 5);
}

static void
test_empty_payload(void **state)
{
	uint8_t bytes[FRAME_HEADER_SIZE];
	struct frame frame;

	(void)state;
	frame_put_header(bytes, 1, 0);
	assert_int_equal(frame_decode(bytes, sizeof(bytes), 0, &frame), FRAME_READY);
	assert_int_equal(frame.length, 0);
}

static void
test_cap_is_checked_before_the_payload_is_there(void **state)
{
	uint8_t bytes[FRAME_HEADER_SIZE];
	struct frame frame;

	(void)state;
	frame_put_header(bytes, 1, 65);
	assert_int_equal(frame_decode(bytes, sizeof(bytes), 64, &frame), FRAME_BAD);
	frame_put_header(bytes, 1, UINT32_MAX);
	assert_int_equal(frame_decode(bytes, sizeof(bytes), UINT32_MAX - 1, &frame), FRAME_BAD);
}

static void
test_foreign_protocol_is_refused_at_its_first_byte(void **state)
{
	struct frame frame;

	(void)state;
	assert_int_equal(frame_decode((const uint8_t *)"G", 1, 64, &frame), FRAME_BAD);
	assert_int_equal(frame_decode((const uint8_t *)"SX", 2, 64, &frame), FRAME_BAD);
}

static void
test_type_zero_is_refused(void **state)
{
	uint8_t bytes[FRAME_HEADER_SIZE];
	struct frame frame;

	(void)state;
	frame_put_header(bytes, 0, 0);
	assert_int_equal(frame_decode(bytes, sizeof(bytes), 64, &frame), FRAME_BAD);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_round_trip_at_every_length),
	    cmocka_unit_test(test_empty_payload),
	    cmocka_unit_test(test_cap_is_checked_before_the_payload_is_there),
	    cmocka_unit_test(test_foreign_protocol_is_refused_at_its_first_byte),
	    cmocka_unit_test(test_type_zero_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
