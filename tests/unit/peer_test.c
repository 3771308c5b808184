#include "daemon/manager/peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static void
test_who_may_change(void **state)
{
	const gid_t groups[] = {5, 900, 7};
	const gid_t admin = 900;
	const gid_t other = 901;

	(void)state;
	assert_true(peer_may_change(0, 0, NULL, 0, NULL));
	assert_true(peer_may_change(0, 0, NULL, 0, &admin));
	assert_true(peer_may_change(1000, 5, groups, 3, &admin));
	assert_true(peer_may_change(1000, 900, NULL, 0, &admin));
	assert_false(peer_may_change(1000, 5, groups, 3, &other));
	assert_false(peer_may_change(1000, 900, groups, 3, NULL));
	assert_false(peer_may_change(1000, 5, NULL, 0, &admin));
}

static void
test_peer_of_a_socket(void **state)
{
	struct peer peer;
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(peer_identify(pair[0], &peer), 0);
	assert_int_equal(peer.uid, geteuid());
	assert_true(peer.name[0] != '\0');
	if (geteuid() == 0)
		assert_true(peer.may_change);
	close(pair[0]);
	close(pair[1]);
	assert_true(peer_identify(pair[0], &peer) < 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_who_may_change),
	    cmocka_unit_test(test_peer_of_a_socket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
