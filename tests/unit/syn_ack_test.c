/* syn_ack: what a client that waits for it takes, octet for octet. */
#include "daemon/supervisor/syn_ack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct embryo embryo = {
    .local = {.family = 4, .port = 25, .address = {192, 0, 2, 10}},
    .peer = {.family = 4, .port = 40000, .address = {192, 0, 2, 100}},
    .send_next = 0x01020304,
    .receive_next = 0xa0b0c0d0,
    .timestamp = 0x11223344,
    .peer_timestamp = 0x55667788,
    .segment_size = 1460,
    .window = 65160,
    .window_scale = 7,
    .options = EMBRYO_SACK | EMBRYO_TIMESTAMPS,
};

/* With the pseudo header and the checksum in it the sum of all words is all ones (RFC 1071). */
static uint16_t
sum_of(const struct embryo *of, const uint8_t *segment, size_t length)
{
	size_t address = of->peer.family == 6 ? 16 : 4;
	uint32_t sum = 6 + (uint32_t)length;

	for (size_t i = 0; i < address; i++)
		sum += (uint32_t)(of->local.address[i] + of->peer.address[i]) << (i % 2 ? 0 : 8);
	for (size_t i = 0; i < length; i++)
		sum += (uint32_t)segment[i] << (i % 2 ? 0 : 8);
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static void
test_ipv4(void **state)
{
	static const uint8_t address[] = {192, 0, 2, 10, 192, 0, 2, 100};
	static const uint8_t segment[] = {0x00, 25, 0x9c, 0x40, 0x01, 0x02, 0x03, 0x03, 0xa0, 0xb0,
	    0xc0, 0xd0, 0x90, 0x12, 0xfe, 0x88};
	static const uint8_t options[] = {
	    2, 4, 0x05, 0xb4, 4, 2, 8, 10, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88};
	uint8_t packet[SYN_ACK_MOST];

	(void)state;
	assert_int_equal(syn_ack_build(&embryo, packet), 56);
	assert_int_equal(packet[0], 0x45);
	assert_int_equal(packet[9], 6);
	assert_memory_equal(packet + 12, address, sizeof(address));
	assert_memory_equal(packet + 20, segment, sizeof(segment));
	assert_memory_equal(packet + 40, options, sizeof(options));
	assert_int_equal(sum_of(&embryo, packet + 20, 36), 0xffff);
}

static void
test_ipv6(void **state)
{
	struct embryo other = embryo;
	uint8_t packet[SYN_ACK_MOST];

	(void)state;
	other.local.family = other.peer.family = 6;
	other.local.address[15] = 0x10;
	other.peer.address[15] = 0x99;
	assert_int_equal(syn_ack_build(&other, packet), SYN_ACK_MOST);
	assert_int_equal(packet[0], 0x60);
	assert_int_equal(packet[5], 36);
	assert_int_equal(packet[6], 6);
	assert_memory_equal(packet + 8, other.local.address, 16);
	assert_memory_equal(packet + 24, other.peer.address, 16);
	assert_int_equal(sum_of(&other, packet + 40, 36), 0xffff);
}

static void
test_options_that_were_not_said(void **state)
{
	static const uint8_t sack[] = {4, 2, 1, 1};
	static const uint8_t stamps[] = {1, 1, 8, 10, 0x11, 0x22, 0x33, 0x44};
	struct embryo other = embryo;
	uint8_t packet[SYN_ACK_MOST];

	(void)state;
	other.options = 0;
	other.segment_size = 0;
	assert_int_equal(syn_ack_build(&other, packet), 40);
	assert_int_equal(packet[32], 0x50);
	other.options = EMBRYO_SACK;
	assert_int_equal(syn_ack_build(&other, packet), 44);
	assert_memory_equal(packet + 40, sack, sizeof(sack));
	assert_int_equal(sum_of(&other, packet + 20, 24), 0xffff);
	other.options = EMBRYO_TIMESTAMPS;
	assert_int_equal(syn_ack_build(&other, packet), 52);
	assert_memory_equal(packet + 40, stamps, sizeof(stamps));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_ipv4),
	    cmocka_unit_test(test_ipv6),
	    cmocka_unit_test(test_options_that_were_not_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
