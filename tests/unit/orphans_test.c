/* orphans: what a host that comes back, or takes over, finds of its kernel's earlier connections. */
#include "daemon/supervisor/orphans.h"

#include "daemon/supervisor/leg_kernel.h"
#include "loopback.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define MANY 300 /* more than are looked at in one step */

/* Ours is left to the kernel in that state, and a peer that would go on. */
static struct loopback
leave(unsigned family, unsigned state)
{
	struct loopback link = loopback_connect(family, true);

	if (state == TCP_FIN_WAIT1 || state == TCP_LAST_ACK)
		loopback_deafen(link.peer);
	if (state == TCP_LAST_ACK) {
		assert_int_equal(shutdown(link.peer, SHUT_WR), 0);
		loopback_expect_end(link.ours);
	}
	close(link.ours);
	if (state == TCP_TIME_WAIT) {
		loopback_expect_end(link.peer);
		assert_int_equal(shutdown(link.peer, SHUT_WR), 0);
	}
	loopback_expect_state(&link.local, &link.remote, state);
	return link;
}

static void
check_ends(unsigned family, unsigned state)
{
	struct loopback link = leave(family, state);

	assert_int_equal(orphans_end(&link.local, 1), 1);
	assert_int_equal(loopback_state(&link.local, &link.remote), 0);
	assert_int_equal(orphans_end(&link.local, 1), 0);
	close(link.peer);
}

static void
check_ends_one(unsigned family, unsigned state)
{
	struct loopback link = leave(family, state);

	assert_int_equal(orphans_end_one(&link.local, &link.remote), 0);
	assert_int_equal(loopback_state(&link.local, &link.remote), 0);
	assert_int_equal(orphans_end_one(&link.local, &link.remote), -ENOENT);
	close(link.peer);
}

static void
test_each_state(void **state)
{
	static const unsigned states[] = {
	    TCP_FIN_WAIT1, TCP_FIN_WAIT2, TCP_TIME_WAIT, TCP_LAST_ACK};

	(void)state;
	loopback_enter();
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		check_ends(4, states[i]);
		check_ends_one(4, states[i]);
		check_ends_one(6, states[i]);
	}
}

/* Within ::1 the peer's end has the same address. */
static void
test_ipv6(void **state)
{
	struct loopback link;

	(void)state;
	loopback_enter();
	link = leave(6, TCP_FIN_WAIT2);
	orphans_end(&link.local, 1);
	close(link.peer);
	link = leave(6, TCP_FIN_WAIT2);
	/* One of them, or both: the RST of the one may have ended the other. */
	assert_in_range(orphans_end(&link.local, 1), 1, 2);
	assert_int_equal(loopback_state(&link.local, &link.remote), 0);
	assert_int_equal(loopback_state(&link.remote, &link.local), 0);
	close(link.peer);
}

static void
test_other_addresses_and_listeners_stay(void **state)
{
	struct shm_endpoint at = loopback_address(4, 1, 0);
	struct shm_endpoint other = loopback_address(4, 3, 0);
	struct loopback link;
	int listener;

	(void)state;
	loopback_enter();
	listener = loopback_listen(&at, 8);
	link = loopback_connect(4, true);
	assert_int_equal(orphans_end(&other, 1), 0);
	assert_int_equal(orphans_end(NULL, 0), 0);
	loopback_expect_passes(link.ours, link.peer);
	/* Of this one it is all: that of a process too. */
	assert_int_equal(orphans_end((struct shm_endpoint[]){other, at}, 2), 1);
	loopback_expect_reset(link.peer);
	assert_int_equal(loopback_state(&at, &(struct shm_endpoint){.family = 4}), 10);
	close(link.ours);
	close(link.peer);
	close(listener);
}

static void
test_many(void **state)
{
	struct loopback *link = calloc(MANY, sizeof(*link));

	(void)state;
	loopback_enter();
	for (int i = 0; i < MANY; i++) {
		link[i] = loopback_connect(4, true);
		close(link[i].ours);
	}
	for (int i = 0; i < MANY; i++)
		loopback_expect_state(&link[i].local, &link[i].remote, TCP_FIN_WAIT2);
	assert_int_equal(orphans_end(&link[0].local, 1), MANY);
	for (int i = 0; i < MANY; i++) {
		assert_int_equal(loopback_state(&link[i].local, &link[i].remote), 0);
		close(link[i].peer);
	}
	free(link);
}

/* One that a process holds may be a session of this host. */
static void
test_held_stays(void **state)
{
	(void)state;
	loopback_enter();
	for (unsigned family = 4; family <= 6; family += 2) {
		struct loopback link = loopback_connect(family, true);

		assert_int_equal(orphans_end_one(&link.local, &link.remote), -EBUSY);
		loopback_expect_passes(link.ours, link.peer);
		loopback_expect_passes(link.peer, link.ours);
		close(link.ours);
		close(link.peer);
	}
}

/* The one between both ends, and no other: a listener at ours least of all. */
static void
test_one_of_several(void **state)
{
	struct shm_endpoint at = loopback_address(4, 1, 0);
	struct shm_endpoint nobody = loopback_address(4, 2, 9);
	struct loopback link, orphan;
	int listener;

	(void)state;
	loopback_enter();
	listener = loopback_listen(&at, 8);
	link = loopback_connect(4, true);
	orphan = leave(4, TCP_FIN_WAIT2);
	assert_int_equal(orphans_end_one(&at, &nobody), -ENOENT);
	assert_int_equal(orphans_end_one(&orphan.local, &link.remote), -ENOENT);
	assert_int_equal(loopback_state(&orphan.local, &orphan.remote), TCP_FIN_WAIT2);
	assert_int_equal(orphans_end_one(&orphan.local, &orphan.remote), 0);
	assert_int_equal(loopback_state(&at, &(struct shm_endpoint){.family = 4}), 10);
	loopback_expect_passes(link.ours, link.peer);
	close(link.ours);
	close(link.peer);
	close(orphan.peer);
	close(listener);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_each_state),
	    cmocka_unit_test(test_ipv6),
	    cmocka_unit_test(test_other_addresses_and_listeners_stay),
	    cmocka_unit_test(test_many),
	    cmocka_unit_test(test_held_stays),
	    cmocka_unit_test(test_one_of_several),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
