#include "daemon/gate/decision.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define SLOT  7u
#define COUNT 200u

/* A packet of the client leg of SLOT. */
static struct gate_packet
packet(uint8_t flags, uint32_t ack, uint32_t seq_end)
{
	return (struct gate_packet){
	    .mark = mark_of_leg(SLOT, 0), .ack = ack, .seq_end = seq_end, .flags = flags};
}

static enum gate_verdict
decide(struct gate_packet asked, uint64_t ack, uint64_t end)
{
	struct gate_place place = {ack, end};

	return gate_decide(&asked, false, &place);
}

static void
test_ack_leaves_up_to_the_committed_position(void **state)
{
	static const uint32_t positions[] = {0, 1, 1000, 0x7fffffff, 0x80000000, 0xffffffff};

	(void)state;
	for (size_t i = 0; i < sizeof(positions) / sizeof(positions[0]); i++) {
		uint32_t ack = positions[i];
		uint64_t word = ack | GATE_ACK_PROTECTED;

		assert_int_equal(decide(packet(GATE_ACK, ack, 5), word, 0), GATE_PASS);
		assert_int_equal(decide(packet(GATE_ACK, ack - 1, 5), word, 0), GATE_PASS);
		assert_int_equal(decide(packet(GATE_ACK, ack - 0x7fffffff, 5), word, 0), GATE_PASS);
		assert_int_equal(decide(packet(GATE_ACK, ack + 1, 5), word, 0), GATE_HOLD);
		assert_int_equal(decide(packet(GATE_ACK, ack + 0x7fffffff, 5), word, 0), GATE_HOLD);
	}
}

static void
test_other_flags_do_not_help_an_ack(void **state)
{
	(void)state;
	/* PSH, URG, ECE, CWR */
	for (unsigned more = 0; more < 256; more += 8) {
		uint8_t flags = (uint8_t)(more | GATE_ACK);

		assert_int_equal(
		    decide(packet(flags, 11, 5), 10 | GATE_ACK_PROTECTED, 0), GATE_HOLD);
		assert_int_equal(
		    decide(packet(flags, 10, 5), 10 | GATE_ACK_PROTECTED, 0), GATE_PASS);
	}
}

static void
test_unknown_place_is_closed(void **state)
{
	(void)state;
	assert_int_equal(decide(packet(GATE_ACK, 0, 0), 0, 0), GATE_HOLD);
	assert_int_equal(decide(packet(GATE_ACK, 5, 0), 10, 0), GATE_HOLD);
	assert_int_equal(decide(packet(GATE_ACK | GATE_FIN, 0, 0), 0, 0), GATE_DROP);
	assert_int_equal(decide(packet(GATE_RST, 0, 0), 0, 0), GATE_DROP);
}

static void
test_fin_leaves_only_at_the_committed_end(void **state)
{
	static const uint32_t ends[] = {0, 1, 0x80000000, 0xffffffff};
	const uint64_t ack = 10 | GATE_ACK_PROTECTED;

	(void)state;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		uint32_t end = ends[i];
		uint64_t word = end | GATE_END_FIN;

		assert_int_equal(
		    decide(packet(GATE_ACK | GATE_FIN, 10, end), ack, word), GATE_PASS);
		assert_int_equal(
		    decide(packet(GATE_ACK | GATE_FIN, 10, end - 1), ack, word), GATE_DROP);
		assert_int_equal(
		    decide(packet(GATE_ACK | GATE_FIN, 10, end + 1), ack, word), GATE_DROP);
		assert_int_equal(decide(packet(GATE_ACK | GATE_FIN, 10, end), ack, end), GATE_DROP);
		/* Payload before it passes as ever. */
		assert_int_equal(decide(packet(GATE_ACK, 10, end - 1), ack, word), GATE_PASS);
	}
	assert_int_equal(
	    decide(packet(GATE_ACK | GATE_FIN, 10, 5), ack, 5 | GATE_END_RST), GATE_DROP);
}

static void
test_committed_fin_waits_for_its_ack(void **state)
{
	(void)state;
	assert_int_equal(
	    decide(packet(GATE_ACK | GATE_FIN, 11, 5), 10 | GATE_ACK_PROTECTED, 5 | GATE_END_FIN),
	    GATE_HOLD);
}

static void
test_rst_leaves_only_if_committed(void **state)
{
	const uint64_t ack = 10 | GATE_ACK_PROTECTED;

	(void)state;
	assert_int_equal(decide(packet(GATE_RST | GATE_ACK, 10, 5), ack, 0), GATE_DROP);
	assert_int_equal(decide(packet(GATE_RST, 0, 5), ack, 5 | GATE_END_FIN), GATE_DROP);
	assert_int_equal(decide(packet(GATE_RST | GATE_ACK, 99, 5), ack, GATE_END_RST), GATE_PASS);
	assert_int_equal(
	    decide(packet(GATE_RST, 0, 5), ack, 9 | GATE_END_FIN | GATE_END_RST), GATE_PASS);
	/* Whatever stands beside it. */
	assert_int_equal(
	    decide(packet(GATE_RST | GATE_SYN | GATE_FIN, 0, 5), ack, 5 | GATE_END_FIN), GATE_DROP);
}

/* A server that still has another connection from that port answers the SYN as one of those. */
static void
test_rst_of_a_server_leg_that_is_connecting_leaves(void **state)
{
	struct gate_packet asked = packet(GATE_RST, 0, 5);

	(void)state;
	asked.mark = mark_of_leg(SLOT, 1);
	assert_int_equal(decide(asked, 0, 0), GATE_PASS);
	/* Once it has acknowledged anything, it is connected. */
	assert_int_equal(decide(asked, 10 | GATE_ACK_PROTECTED, 0), GATE_DROP);
	assert_int_equal(decide(asked, 0 | GATE_ACK_PROTECTED, 0), GATE_DROP);
	/* A close says so too: that is no answer. */
	asked.flags = GATE_RST | GATE_ACK;
	assert_int_equal(decide(asked, 0, 0), GATE_DROP);
	asked.flags = GATE_RST | GATE_FIN;
	assert_int_equal(decide(asked, 0, 0), GATE_DROP);
	/* A client is never connected to. */
	assert_int_equal(decide(packet(GATE_RST, 0, 5), 0, 0), GATE_DROP);
}

static void
test_syn_of_a_server_leg_leaves(void **state)
{
	(void)state;
	assert_int_equal(decide(packet(GATE_SYN, 0, 5), 0, 0), GATE_PASS);
	assert_int_equal(decide(packet(GATE_SYN | GATE_ACK, 5, 5), 0, 0), GATE_HOLD);
	assert_int_equal(decide(packet(0, 0, 5), 0, 0), GATE_DROP);
}

static void
test_listener_sends_nothing_but_embryos(void **state)
{
	struct gate_packet asked = packet(0, 5, 5);

	(void)state;
	for (unsigned flags = 0; flags < 256; flags++) {
		bool is_embryo =
		    (flags & (GATE_SYN | GATE_ACK | GATE_RST | GATE_FIN)) == (GATE_SYN | GATE_ACK);

		asked.mark = MARK_LISTENER;
		asked.flags = (uint8_t)flags;
		assert_int_equal(decide(asked, 99 | GATE_ACK_PROTECTED, 5 | GATE_END_FIN),
		    is_embryo ? GATE_HOLD : GATE_DROP);
	}
}

static void
test_refusals_and_strangers_pass(void **state)
{
	static const uint32_t marks[] = {
	    MARK_FREE, MARK_FREE | 12, MARK_NONE, 0x8000, MARK_TAG(5), MARK_TAG(15) | 3};
	struct gate_packet asked = packet(0, 5, 5);

	(void)state;
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
		for (unsigned flags = 0; flags < 256; flags++) {
			asked.mark = marks[i];
			asked.flags = (uint8_t)flags;
			assert_int_equal(decide(asked, 0, 0), GATE_PASS);
		}
}

static void
test_rst_of_a_guarded_address_is_dropped(void **state)
{
	struct gate_packet asked = packet(GATE_RST | GATE_ACK, 5, 5);

	(void)state;
	asked.is_guarded = true;
	asked.mark = MARK_NONE;
	assert_int_equal(decide(asked, 0, 0), GATE_DROP);
	asked.mark = 0x8000;
	assert_int_equal(decide(asked, 0, 0), GATE_DROP);
	asked.flags = GATE_ACK;
	assert_int_equal(decide(asked, 0, 0), GATE_PASS);
}

static void
test_alone_everything_passes(void **state)
{
	static const uint32_t marks[] = {MARK_NONE, MARK_LISTENER, MARK_FREE};
	struct gate_packet asked = packet(0, 5, 5);
	struct gate_place place = {0, 0};

	(void)state;
	asked.is_guarded = true;
	for (unsigned flags = 0; flags < 256; flags++) {
		asked.flags = (uint8_t)flags;
		asked.mark = mark_of_leg(SLOT, 1);
		place.ack = 0;
		assert_int_equal(gate_decide(&asked, true, &place), GATE_PASS);
		place.ack = GATE_ACK_ALONE;
		assert_int_equal(gate_decide(&asked, false, &place), GATE_PASS);
		place.ack = 0;
		for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
			asked.mark = marks[i];
			assert_int_equal(gate_decide(&asked, true, &place), GATE_PASS);
		}
	}
}

static void
test_mark_without_slot_is_closed(void **state)
{
	struct gate_packet asked = packet(GATE_ACK, 5, 5);

	(void)state;
	asked.mark = MARK_CLIENT;
	assert_int_equal(decide(asked, 99 | GATE_ACK_PROTECTED, 0), GATE_DROP);
	asked.mark = MARK_SERVER;
	assert_int_equal(decide(asked, 99 | GATE_ACK_PROTECTED, 0), GATE_DROP);
}

static void
test_each_leg_has_its_place(void **state)
{
	(void)state;
	for (uint32_t slot = 0; slot < COUNT; slot++)
		for (unsigned leg = 0; leg < 2; leg++)
			assert_int_equal(
			    gate_place_of(mark_of_leg(slot, leg)), 2 * (slot + 1) + leg);
	assert_int_equal(gate_place_of(mark_of_leg(MARK_SLOTS_MAX - 1, 1)), 2 * MARK_SLOTS_MAX + 1);
	assert_int_equal(mark_of_leg(MARK_SLOTS_MAX - 1, 1) & ~MARK_MASK, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_ack_leaves_up_to_the_committed_position),
	    cmocka_unit_test(test_other_flags_do_not_help_an_ack),
	    cmocka_unit_test(test_unknown_place_is_closed),
	    cmocka_unit_test(test_fin_leaves_only_at_the_committed_end),
	    cmocka_unit_test(test_committed_fin_waits_for_its_ack),
	    cmocka_unit_test(test_rst_leaves_only_if_committed),
	    cmocka_unit_test(test_rst_of_a_server_leg_that_is_connecting_leaves),
	    cmocka_unit_test(test_syn_of_a_server_leg_leaves),
	    cmocka_unit_test(test_listener_sends_nothing_but_embryos),
	    cmocka_unit_test(test_refusals_and_strangers_pass),
	    cmocka_unit_test(test_rst_of_a_guarded_address_is_dropped),
	    cmocka_unit_test(test_alone_everything_passes),
	    cmocka_unit_test(test_mark_without_slot_is_closed),
	    cmocka_unit_test(test_each_leg_has_its_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
