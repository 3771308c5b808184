/* The filter is loaded into the kernel and run there on packets that nobody sends. */
#include "daemon/gate/filter.h"
#include "daemon/gate/packet.h"
#include "daemon/gate/positions.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <net/ethernet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SLOTS	8u
#define PACKETS 20000u
#define ROOM	256u

struct scene {
	struct gate_filter filter;
	struct gate_positions table;
};

static struct scene scene;

static int
setup(void **state)
{
	static const struct shm_endpoint guarded4 = {4, 0, 25, {192, 0, 2, 1}};
	static const struct shm_endpoint guarded6 = {6, 0, 0, {0xfd, 0x81}};
	const char *step;
	int error = gate_filter_load(&scene.filter, SLOTS, &step);

	*state = error == 0 ? &scene : NULL;
	if (error == -EPERM)
		return 0;
	assert_int_equal(error, 0);
	assert_int_equal(gate_positions_map(&scene.table, scene.filter.positions, SLOTS, true), 0);
	assert_int_equal(gate_filter_guard(&scene.filter, &guarded4, 32), 0);
	assert_int_equal(gate_filter_guard(&scene.filter, &guarded6, 16), 0);
	return 0;
}

static int
teardown(void **state)
{
	if (*state != NULL) {
		gate_positions_unmap(&scene.table);
		gate_filter_close(&scene.filter);
	}
	return 0;
}

static bool
is_held_by_kernel(const uint8_t *packet, size_t length, uint32_t mark)
{
	uint8_t frame[ETHER_HDR_LEN + ROOM] = {0};
	struct __sk_buff context = {.mark = mark};
	struct bpf_test_run_opts run = {
	    .sz = sizeof(run),
	    .data_in = frame,
	    .data_size_in = (uint32_t)(ETHER_HDR_LEN + length),
	    .ctx_in = &context,
	    .ctx_size_in = sizeof(context),
	    .repeat = 1,
	};
	uint16_t type = htons(packet[0] >> 4 == 6 ? ETHERTYPE_IPV6 : ETHERTYPE_IP);

	memcpy(frame + 12, &type, 2);
	memcpy(frame + ETHER_HDR_LEN, packet, length);
	assert_int_equal(bpf_prog_test_run_opts(scene.filter.program, &run), 0);
	return run.retval != 0;
}

/* What a process makes of the same packet. */
static bool
is_held_by_process(const uint8_t *packet, size_t length, uint32_t mark, bool is_guarded)
{
	struct packet_headers headers;
	struct gate_packet asked;
	struct gate_place place = gate_positions_get(&scene.table, mark);

	assert_true(packet_parse(packet, length, length, &headers));
	asked = packet_to_decide(&headers, mark);
	asked.is_guarded = is_guarded;
	return gate_decide(&asked, gate_positions_is_alone(&scene.table), &place) != GATE_PASS;
}

static void
put_u32(uint8_t *to, uint32_t value)
{
	value = htonl(value);
	memcpy(to, &value, sizeof(value));
}

/* IPv4, IPv6, or IPv6 with an extension; from a guarded address or not.  Its length. */
static size_t
make_packet(uint8_t *packet, uint32_t seq, uint32_t ack, uint8_t flags, bool *ret_is_guarded)
{
	static const uint8_t extension[] = {IPPROTO_TCP, 0, 1, 4, 0, 0, 0, 0};
	unsigned kind = (unsigned)random() % 3, words = 5 + (unsigned)random() % 11;
	size_t ip = kind == 0 ? 20 : 40;

	*ret_is_guarded = random() % 2 == 0;
	memset(packet, 0, ROOM);
	if (kind == 0) {
		packet[0] = 0x45;
		packet[9] = IPPROTO_TCP;
		memcpy(packet + 12, (const uint8_t[]){192, 0, 2, *ret_is_guarded ? 1 : 2}, 4);
	} else {
		packet[0] = 0x60;
		packet[6] = kind == 1 ? IPPROTO_TCP : 0;
		memcpy(packet + 8, (const uint8_t[]){0xfd, *ret_is_guarded ? 0x81 : 0x82}, 2);
	}
	if (kind == 2) {
		memcpy(packet + ip, extension, sizeof(extension));
		ip += sizeof(extension);
	}
	packet[ip + 1] = 25;
	put_u32(packet + ip + 4, seq);
	put_u32(packet + ip + 8, ack);
	packet[ip + 12] = (uint8_t)(words << 4);
	packet[ip + 13] = flags;
	return ip + words * 4 + (unsigned)random() % 40;
}

static void
move_positions(void)
{
	uint32_t slot = (uint32_t)random() % SLOTS, number = (uint32_t)random() % 100 - 50;
	unsigned leg = (unsigned)random() % 2;

	switch (random() % 8) {
	case 0:
		gate_positions_clear(&scene.table, slot);
		break;
	case 1:
		gate_positions_pass(&scene.table, slot, leg);
		break;
	case 2:
		gate_positions_permit_end(&scene.table, slot, leg, GATE_END_BY_RST, 0);
		break;
	case 3:
	case 4:
		gate_positions_permit_end(&scene.table, slot, leg, GATE_END_BY_FIN, number);
		break;
	case 5:
		gate_positions_pass_all(&scene.table, random() % 8 == 0);
		break;
	default:
		gate_positions_protect(&scene.table, slot, leg, number);
	}
}

static uint32_t
any_mark(void)
{
	uint32_t mark = MARK_TAG(random() % 6) | (uint32_t)random() % (SLOTS + 2);

	return mark | (uint32_t)random() << 24;
}

static void
test_kernel_and_process_agree(void **state)
{
	unsigned held = 0;

	if (*state == NULL)
		skip();
	srandom(1);
	for (unsigned i = 0; i < PACKETS; i++) {
		uint32_t mark = any_mark(), ack = (uint32_t)random() % 100 - 50;
		uint8_t packet[ROOM], flags = (uint8_t)(random() & 0xff);
		bool is_guarded, by_kernel, by_process;
		size_t length;

		if (random() % 2 == 0)
			flags = GATE_ACK | (random() % 4 == 0 ? GATE_FIN : 0);
		move_positions();
		length =
		    make_packet(packet, (uint32_t)random() % 100 - 100, ack, flags, &is_guarded);
		by_kernel = is_held_by_kernel(packet, length, mark);
		by_process = is_held_by_process(packet, length, mark, is_guarded);
		if (by_kernel != by_process)
			fail_msg("packet %u: mark %06x flags %02x: kernel %d, process %d", i, mark,
			    flags, by_kernel, by_process);
		held += by_kernel;
	}
	assert_in_range(held, PACKETS / 4, PACKETS * 3 / 4);
}

static void
test_what_cannot_be_read_is_kept_if_ours(void **state)
{
	uint8_t packet[ROOM];
	bool is_guarded;

	if (*state == NULL)
		skip();
	gate_positions_pass_all(&scene.table, false);
	make_packet(packet, 1, 1, GATE_ACK, &is_guarded);
	packet[0] = 0x55;
	assert_true(is_held_by_kernel(packet, 60, mark_of_leg(0, 0)));
	assert_true(is_held_by_kernel(packet, 60, MARK_LISTENER));
	assert_false(is_held_by_kernel(packet, 60, MARK_NONE));
	assert_false(is_held_by_kernel(packet, 60, 0x8000));
	/* TCP, but too short for its header. */
	memset(packet, 0, sizeof(packet));
	packet[0] = 0x4f;
	packet[9] = IPPROTO_TCP;
	assert_true(is_held_by_kernel(packet, 61, mark_of_leg(0, 1)));
	assert_false(is_held_by_kernel(packet, 61, MARK_NONE));
	/* No TCP. */
	packet[9] = IPPROTO_UDP;
	assert_false(is_held_by_kernel(packet, 61, mark_of_leg(0, 1)));
}

static void
test_guards_are_bounded(void **state)
{
	struct shm_endpoint address = {.family = 4};

	if (*state == NULL)
		skip();
	assert_int_equal(gate_filter_guard(&scene.filter, &address, 33), -EINVAL);
	address.family = 6;
	assert_int_equal(gate_filter_guard(&scene.filter, &address, 129), -EINVAL);
	address.family = 0;
	assert_int_equal(gate_filter_guard(&scene.filter, &address, 1), -EINVAL);
}

static void
test_slots_are_bounded(void **state)
{
	struct gate_filter filter;
	const char *step;

	(void)state;
	assert_int_equal(gate_filter_load(&filter, 0, &step), -EINVAL);
	assert_int_equal(gate_filter_load(&filter, MARK_SLOTS_MAX + 1, &step), -EINVAL);
	assert_string_equal(step, "slots");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_kernel_and_process_agree),
	    cmocka_unit_test(test_what_cannot_be_read_is_kept_if_ours),
	    cmocka_unit_test(test_guards_are_bounded),
	    cmocka_unit_test(test_slots_are_bounded),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
