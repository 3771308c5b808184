#include "daemon/gate/embryo.h"
#include "daemon/gate/packet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A SYN-ACK from 192.0.2.1:25 to 198.51.100.7:40000 with all options. */
static const uint8_t ipv4[] = {0x45, 0, 0, 60, 0, 0, 0x40, 0, 64, 6, 0, 0, 192, 0, 2, 1, 198, 51,
    100, 7, /* TCP */ 0, 25, 0x9c, 0x40, 0xff, 0xff, 0xff, 0xff, 0, 0, 0x10, 0x01, 0xa0, 0x12, 0xfe,
    0x88, 0, 0, 0, 0, 2, 4, 0x05, 0xb4, 4, 2, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 3, 3, 7};
/* Of IPv6, without options. */
static const uint8_t ipv6[] = {0x60, 0, 0, 0, 0, 20, 6, 64, 0xfd, 0x81, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 1, 0xfd, 0x81, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, /* TCP */ 0, 25, 0x9c,
    0x40, 0, 0, 0, 9, 0, 0, 0x10, 0x01, 0x50, 0x12, 1, 0, 0, 0, 0, 0};

static void
test_parses_syn_ack(void **state)
{
	struct embryo embryo;

	(void)state;
	assert_true(embryo_parse(ipv4, sizeof(ipv4), &embryo));
	assert_int_equal(embryo.local.family, 4);
	assert_int_equal(embryo.local.port, 25);
	assert_memory_equal(embryo.local.address, ipv4 + 12, 4);
	assert_int_equal(embryo.peer.port, 40000);
	assert_memory_equal(embryo.peer.address, ipv4 + 16, 4);
	assert_int_equal(embryo.send_next, 0);
	assert_int_equal(embryo.receive_next, 0x1001);
	assert_int_equal(embryo.window, 0xfe88);
	assert_int_equal(embryo.segment_size, 1460);
	assert_int_equal(embryo.window_scale, 7);
	assert_int_equal(embryo.options, EMBRYO_SACK | EMBRYO_TIMESTAMPS);
	assert_int_equal(embryo.timestamp, 0x01020304);
	assert_int_equal(embryo.peer_timestamp, 0x05060708);
	assert_true(embryo_parse(ipv6, sizeof(ipv6), &embryo));
	assert_int_equal(embryo.local.family, 6);
	assert_memory_equal(embryo.local.address, ipv6 + 8, 16);
	assert_memory_equal(embryo.peer.address, ipv6 + 24, 16);
	assert_int_equal(embryo.window_scale, EMBRYO_NO_SCALE);
	assert_int_equal(embryo.options, 0);
	assert_int_equal(embryo.segment_size, 0);
}

/* Each prefix lies in memory of its own size, so that the sanitizer sees a step beyond it. */
static void
test_cut_packets_are_refused(void **state)
{
	struct embryo embryo;

	(void)state;
	for (size_t length = 0; length < sizeof(ipv4); length++) {
		uint8_t *cut = malloc(length + 1);

		memcpy(cut, ipv4, length);
		assert_false(embryo_parse(cut, length, &embryo));
		memcpy(cut, ipv6, length < sizeof(ipv6) ? length : sizeof(ipv6));
		assert_false(length < sizeof(ipv6) && embryo_parse(cut, length, &embryo));
		free(cut);
	}
}

static void
test_any_change_of_an_octet_is_borne(void **state)
{
	uint8_t changed[sizeof(ipv4)];
	struct embryo embryo;

	(void)state;
	for (size_t at = 0; at < sizeof(ipv4); at++)
		for (unsigned value = 0; value < 256; value++) {
			uint8_t *copy = malloc(sizeof(changed));

			memcpy(copy, ipv4, sizeof(changed));
			copy[at] = (uint8_t)value;
			if (embryo_parse(copy, sizeof(changed), &embryo))
				assert_true(embryo.local.family == 4 || embryo.local.family == 6);
			free(copy);
		}
}

static void
test_other_packets_are_no_embryos(void **state)
{
	uint8_t changed[sizeof(ipv4)];
	struct embryo embryo;

	(void)state;
	memcpy(changed, ipv4, sizeof(changed));
	changed[33] = 0x10;
	assert_false(embryo_parse(changed, sizeof(changed), &embryo));
	changed[33] = 0x12;
	changed[9] = 17;
	assert_false(embryo_parse(changed, sizeof(changed), &embryo));
	changed[9] = 6;
	changed[0] = 0x44; /* shorter than an IPv4 header */
	assert_false(embryo_parse(changed, sizeof(changed), &embryo));
}

static void
test_packet_end_counts_all_of_it(void **state)
{
	struct packet_headers headers;
	uint8_t fin[sizeof(ipv4)], long_one[sizeof(ipv6) + 8];

	(void)state;
	memcpy(fin, ipv4, sizeof(fin));
	fin[33] = GATE_ACK | GATE_FIN;
	assert_true(packet_parse(fin, sizeof(fin), 65000, &headers));
	assert_int_equal(headers.payload, 65000 - 60);
	assert_int_equal(packet_to_decide(&headers, 0xff123456).seq_end, 65000 - 60);
	assert_int_equal(packet_to_decide(&headers, 0xff123456).mark, 0x123456);
	assert_false(packet_parse(fin, sizeof(fin), sizeof(fin) - 1, &headers));
	/* RFC 2675: its length in an extension. */
	memcpy(long_one, ipv6, 40);
	long_one[6] = 0;
	memcpy(long_one + 40, (const uint8_t[]){6, 0, 0xc2, 4, 0, 2, 0, 0}, 8);
	memcpy(long_one + 48, ipv6 + 40, 20);
	assert_true(packet_parse(long_one, sizeof(long_one), 200000, &headers));
	assert_int_equal(headers.payload, 200000 - 68);
	assert_true(headers.is_ipv6);
	long_one[41] = 255;
	assert_false(packet_parse(long_one, sizeof(long_one), 200000, &headers));
}

static void
test_ring_holds_so_many(void **state)
{
	struct embryo_ring *ring = calloc(1, sizeof(*ring));
	struct embryo embryo = {.segment_size = 1}, seen;
	uint64_t number;

	(void)state;
	assert_non_null(ring);
	assert_false(embryo_get(ring, 0, &seen));
	assert_false(embryo_get(ring, 1, &seen));
	for (number = 1; number <= EMBRYO_MOST; number++) {
		embryo.receive_next = (uint32_t)number;
		assert_int_equal(embryo_add(ring, &embryo, 0), number);
	}
	assert_int_equal(embryo_add(ring, &embryo, 0), 0);
	assert_true(embryo_get(ring, 1, &seen));
	assert_int_equal(seen.receive_next, 1);
	assert_int_equal(embryo_add(ring, &embryo, 1), number);
	assert_false(embryo_get(ring, 1, &seen));
	assert_true(embryo_get(ring, 2, &seen));
	assert_true(embryo_get(ring, number, &seen));
	assert_false(embryo_get(ring, number + 1, &seen));
	assert_int_equal(embryo_add(ring, &embryo, 1), 0);
	/* A number from elsewhere. */
	assert_int_equal(embryo_add(ring, &embryo, UINT64_MAX), number + 1);
	free(ring);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_parses_syn_ack),
	    cmocka_unit_test(test_cut_packets_are_refused),
	    cmocka_unit_test(test_any_change_of_an_octet_is_borne),
	    cmocka_unit_test(test_other_packets_are_no_embryos),
	    cmocka_unit_test(test_packet_end_counts_all_of_it),
	    cmocka_unit_test(test_ring_holds_so_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
