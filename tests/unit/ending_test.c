/*
 * ending: a session that is finished after a takeover, of which a leg was closed by its peer first, on the
 * host that is lost.
 */
#include "daemon/supervisor/ending.h"

#include "daemon/supervisor/dispatch.h"
#include "daemon/supervisor/leg.h"
#include "daemon/supervisor/leg_kernel.h"
#include "daemon/supervisor/leg_restore.h"
#include "loopback.h"
#include "supervisor_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define SLOTS 2

static int
set_up(void **state)
{
	const struct shm_plan plan = {.slots = SLOTS, .chunks = 16, .workers = 1};
	struct supervisor *supervisor = calloc(1, sizeof(*supervisor));

	assert_non_null(supervisor);
	*state = supervisor;
	supervisor_fixture_open(supervisor, &plan);
	return 0;
}

static int
tear_down(void **state)
{
	struct supervisor *supervisor = *state;

	supervisor_fixture_close(supervisor);
	free(supervisor);
	return 0;
}

/* As it is found on another host: the record has seen the peer's FIN, or not. */
static int
restore(const struct loopback *link, struct slot_leg *leg, bool fin_seen)
{
	struct record record = {.end_stored = {fin_seen}};
	struct leg_plan plan;
	int fd;

	leg->local = link->local;
	leg->peer = link->remote;
	assert_int_equal(leg_dump(link->ours, leg, false, 1000), 0);
	if (fin_seen) {
		assert_int_equal(shutdown(link->peer, SHUT_WR), 0);
		loopback_expect_end(link->ours);
	}
	leg_plan_make(leg, &record, SHM_CLIENT, 0, 1000, &plan);
	assert_int_equal(leg_end(link->ours, true), 0);
	close(link->ours);
	fd = leg_restore(&plan, NULL, 0);
	assert_true(fd >= 0);
	leg->tcp = plan.tcp;
	atomic_store(&leg->state, LEG_OPEN);
	return fd;
}

static const struct record *
finish(struct supervisor *supervisor, uint32_t slot, bool fin_seen)
{
	struct slot_session *shared = shm_session(&supervisor->shm, slot);
	uint32_t generation = custody_generation(&supervisor->custody, slot);
	struct record *record;

	atomic_store(&shared->generation, generation);
	record = record_begin(shared, generation);
	record->flags |= RECORD_FINISHED;
	record->ending[SHM_CLIENT] = record->ending[SHM_SERVER] = ENDING_FIN;
	record->end_seen[SHM_CLIENT] = fin_seen ? ENDING_FIN : ENDING_NONE;
	record_publish(shared, record);
	return record_current(shared);
}

/* `at_once`: the peer has acknowledged our FIN before the session is looked at. */
static void
check(struct supervisor *supervisor, unsigned family, bool fin_seen, bool at_once)
{
	struct loopback link = loopback_connect(family, false);
	uint32_t slot = custody_take(&supervisor->custody);
	int fd = restore(&link, &shm_custody(&supervisor->shm, slot)->leg[SHM_CLIENT], fin_seen);

	custody_set_leg(&supervisor->custody, slot, SHM_CLIENT, fd);
	custody_set_state(&supervisor->custody, slot, SLOT_OPEN);
	if (!at_once)
		loopback_deafen(link.peer);
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	if (at_once)
		loopback_expect_state(&link.local, &link.remote, TCP_FIN_WAIT2);
	ending_begin(supervisor, slot, finish(supervisor, slot, fin_seen));
	if (!at_once) {
		assert_int_equal(custody_state(&supervisor->custody, slot), (int)SLOT_ENDING);
		loopback_hear(link.peer);
		loopback_expect_state(&link.local, &link.remote, TCP_FIN_WAIT2);
		ending_tick(supervisor);
	}
	assert_int_equal(custody_state(&supervisor->custody, slot), (int)SLOT_FREE);
	assert_int_equal(loopback_state(&link.local, &link.remote), fin_seen ? 0 : TCP_FIN_WAIT2);
	loopback_expect_end(link.peer);
	close(link.peer);
}

/* Nothing of it is left. */
static void
test_closed_by_both(void **state)
{
	loopback_enter();
	check(*state, 4, true, true);
	check(*state, 4, true, false);
	check(*state, 6, true, true);
}

/* The peer's FIN is still to come: the kernel waits for it, as it does for any other. */
static void
test_closed_by_us(void **state)
{
	loopback_enter();
	check(*state, 4, false, true);
	check(*state, 4, false, false);
}

/* Data that the peer has not acknowledged, and the FIN behind it, are not given up. */
static void
test_waits_for_its_end(void **state)
{
	struct supervisor *supervisor = *state;
	struct loopback link;
	uint32_t slot;
	char byte;
	int fd;

	loopback_enter();
	link = loopback_connect(4, false);
	slot = custody_take(&supervisor->custody);
	fd = restore(&link, &shm_custody(&supervisor->shm, slot)->leg[SHM_CLIENT], true);
	custody_set_leg(&supervisor->custody, slot, SHM_CLIENT, fd);
	custody_set_state(&supervisor->custody, slot, SLOT_OPEN);
	loopback_deafen(link.peer);
	assert_int_equal(send(fd, "x", 1, 0), 1);
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	ending_begin(supervisor, slot, finish(supervisor, slot, true));
	for (int i = 0; i < 20; i++)
		ending_tick(supervisor);
	assert_int_equal(custody_state(&supervisor->custody, slot), (int)SLOT_ENDING);
	assert_int_equal(loopback_state(&link.local, &link.remote), TCP_FIN_WAIT1);
	loopback_hear(link.peer);
	assert_int_equal(recv(link.peer, &byte, 1, 0), 1);
	loopback_expect_end(link.peer);
	loopback_expect_state(&link.local, &link.remote, TCP_FIN_WAIT2);
	for (int i = 0; i < 20 && custody_state(&supervisor->custody, slot) == SLOT_ENDING; i++)
		ending_tick(supervisor);
	assert_int_equal(custody_state(&supervisor->custody, slot), (int)SLOT_FREE);
	assert_int_equal(loopback_state(&link.local, &link.remote), 0);
	close(link.peer);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    TEST(test_closed_by_both),
	    TEST(test_closed_by_us),
	    TEST(test_waits_for_its_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
