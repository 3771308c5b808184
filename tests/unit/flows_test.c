/* flows: what the watcher of a pair's wire takes for right and for wrong. */
#include "tests/tools/flows.h"

#include "daemon/gate/decision.h"
#include "shm/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* First octets; the peer's number wraps. */
#define OURS   5000u
#define THEIRS 0xfffffff0u

static const struct shm_endpoint gateway = {.family = 4, .port = 25, .address = {192, 0, 2, 10}};
static const struct shm_endpoint peer = {.family = 4, .port = 999, .address = {198, 51, 100, 7}};
static struct flows *flows;
static uint64_t now_ns;

static enum flow_verdict
tell(bool from_gateway, unsigned flags, uint32_t seq, uint32_t ack, uint32_t payload)
{
	const struct flow_packet packet = {
	    .when_ns = ++now_ns,
	    .gateway = gateway,
	    .peer = peer,
	    .seq = seq,
	    .ack = ack,
	    .payload = payload,
	    .flags = (uint8_t)flags,
	    .from_gateway = from_gateway,
	};

	return flows_judge(flows, &packet).verdict;
}

static enum flow_verdict
ours(unsigned flags, uint32_t written, uint32_t acknowledged)
{
	return tell(true, flags, OURS + written, THEIRS + acknowledged, 0);
}

static void
store(struct store_trace trace)
{
	trace.when_ns = ++now_ns;
	trace.local = gateway;
	trace.peer = peer;
	flows_store(flows, &trace);
}

/* A client's connection that stands. */
static int
setup(void **state)
{
	(void)state;
	flows = flows_create();
	now_ns = 0;
	tell(false, GATE_SYN, THEIRS - 1, 0, 0);
	store((struct store_trace){.kind = STORE_TRACE_EMBRYO});
	return tell(true, GATE_SYN | GATE_ACK, OURS - 1, THEIRS, 0) == FLOW_GOOD ? 0 : -1;
}

static int
teardown(void **state)
{
	(void)state;
	flows_destroy(flows);
	return 0;
}

static void
test_acknowledgements(void **state)
{
	(void)state;
	assert_int_equal(ours(GATE_ACK, 0, 0), FLOW_GOOD);
	assert_int_equal(ours(GATE_ACK, 0, 1), FLOW_AHEAD);
	store((struct store_trace){.stored = 100});
	assert_int_equal(ours(GATE_ACK, 0, 100), FLOW_GOOD);
	assert_int_equal(ours(GATE_ACK, 0, 101), FLOW_AHEAD);
	store((struct store_trace){.stored = 100, .end_seen = ENDING_FIN});
	assert_int_equal(ours(GATE_ACK, 0, 101), FLOW_GOOD);
	assert_int_equal(ours(GATE_ACK, 0, 102), FLOW_AHEAD);
	/* What was stored stays so. */
	store((struct store_trace){.stored = 50});
	assert_int_equal(ours(GATE_ACK, 0, 101), FLOW_GOOD);
}

static void
test_ends(void **state)
{
	(void)state;
	store((struct store_trace){.output_end = 60});
	assert_int_equal(ours(GATE_FIN | GATE_ACK, 60, 0), FLOW_FIN);
	assert_int_equal(ours(GATE_RST, 60, 0), FLOW_RST);
	store((struct store_trace){.output_end = 60, .ending = ENDING_FIN});
	assert_int_equal(ours(GATE_FIN | GATE_ACK, 59, 0), FLOW_FIN);
	assert_int_equal(ours(GATE_FIN | GATE_ACK, 60, 0), FLOW_GOOD);
	assert_int_equal(ours(GATE_RST, 60, 0), FLOW_RST);
	store((struct store_trace){.output_end = 60, .ending = ENDING_RESET});
	assert_int_equal(ours(GATE_RST, 60, 0), FLOW_GOOD);
	assert_int_equal(ours(GATE_RST | GATE_ACK, 60, 9), FLOW_GOOD);
	/* It was committed before, and may have been under way. */
	assert_int_equal(ours(GATE_FIN | GATE_ACK, 60, 0), FLOW_GOOD);
	assert_int_equal(ours(GATE_FIN | GATE_ACK, 59, 0), FLOW_FIN);
	assert_int_equal(ours(GATE_FIN | GATE_ACK, 60, 9), FLOW_AHEAD);
}

static void
test_a_reset_permits_no_fin(void **state)
{
	(void)state;
	store((struct store_trace){.output_end = 60, .ending = ENDING_RESET});
	assert_int_equal(ours(GATE_FIN | GATE_ACK, 60, 0), FLOW_FIN);
}

static void
test_behind_the_end(void **state)
{
	(void)state;
	store((struct store_trace){.output_end = 60, .ending = ENDING_FIN, .end_seen = ENDING_FIN});
	assert_int_equal(ours(GATE_FIN | GATE_ACK, 60, 1), FLOW_GOOD);
	assert_int_equal(ours(GATE_RST, 61, 0), FLOW_RST);
	tell(false, GATE_ACK, THEIRS + 1, OURS + 61, 0);
	assert_int_equal(ours(GATE_RST, 61, 0), FLOW_GOOD);
}

static void
test_a_session_that_is_over(void **state)
{
	(void)state;
	store((struct store_trace){.stored = 7, .ending = ENDING_FIN, .finished = 1});
	assert_int_equal(ours(GATE_ACK, 1, 8), FLOW_GOOD);
	assert_int_equal(ours(GATE_RST, 1, 0), FLOW_GOOD);
	assert_int_equal(ours(GATE_ACK, 1, 9), FLOW_AHEAD);
}

static void
test_another_connection_begins_anew(void **state)
{
	(void)state;
	store((struct store_trace){.stored = 100});
	tell(false, GATE_SYN, THEIRS - 1, 0, 0); /* the same, once more */
	assert_int_equal(ours(GATE_ACK, 0, 100), FLOW_GOOD);
	tell(false, GATE_SYN, THEIRS + 999, 0, 0);
	/* The one before is not over, and answers. */
	assert_int_equal(ours(GATE_ACK, 0, 100), FLOW_GOOD);
	assert_int_equal(ours(GATE_ACK, 0, 101), FLOW_AHEAD);
	assert_int_equal(
	    tell(true, GATE_SYN | GATE_ACK, OURS + 999, THEIRS + 1000, 0), FLOW_EMBRYO);
	assert_int_equal(ours(GATE_ACK, 1000, 1100), FLOW_AHEAD);
}

static void
test_an_unseen_beginning(void **state)
{
	(void)state;
	flows_destroy(flows);
	flows = flows_create();
	assert_int_equal(ours(GATE_ACK, 0, 0), FLOW_UNKNOWN);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_acknowledgements, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_ends, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_a_reset_permits_no_fin, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_behind_the_end, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_a_session_that_is_over, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_another_connection_begins_anew, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_an_unseen_beginning, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
