/* A third host that answers, refuses, or is silent: asked on loopback. */
#include "daemon/sync/witness.h"

#include "daemon/endpoint.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static const struct shm_endpoint here = {.family = 4, .address = {127, 0, 0, 1}};
static unsigned told;
static bool answered;

static void
note(struct witness *witness, bool answers)
{
	(void)witness;
	told++;
	answered = answers;
}

/* One answer to a question asked at `now_us`; the second question says what the first had. */
static void
ask(struct witness *witness, struct loop *loop, uint64_t now_us)
{
	told = 0;
	witness_tick(witness, now_us);
	for (unsigned i = 0; i < 50 && told == 0; i++)
		assert_int_equal(loop_turn(loop, 10000), 0);
	if (told == 0)
		witness_tick(witness, now_us + WITNESS_ASK_US);
	assert_int_equal(told, 1);
}

static int
bound(int backlog, struct shm_endpoint *ret_endpoint)
{
	struct sockaddr_storage address;
	socklen_t length = endpoint_sockaddr(&here, &address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
	endpoint_take(&address, ret_endpoint);
	if (backlog >= 0)
		assert_int_equal(listen(fd, backlog), 0);
	return fd;
}

static void
test_a_witness(void **state)
{
	struct shm_endpoint to;
	struct witness witness;
	struct loop loop;

	(void)state;
	assert_int_equal(loop_open(&loop), 0);
	int fd = bound(8, &to);
	witness_init(&witness, &loop, &here, &to, note);
	ask(&witness, &loop, 1000000);
	assert_true(answered);
	close(fd);
	/* It refuses, so it is there. */
	ask(&witness, &loop, 3000000);
	assert_true(answered);
	witness_tick(&witness, 3000001);
	assert_int_equal(told, 1);
	witness_close(&witness);
	loop_close(&loop);
}

/* Its queue is full, so nothing comes back. */
static void
test_a_silent_witness(void **state)
{
	struct shm_endpoint to;
	struct sockaddr_storage address;
	struct witness witness;
	struct loop loop;
	int filler[4];

	(void)state;
	assert_int_equal(loop_open(&loop), 0);
	int fd = bound(0, &to);
	for (unsigned i = 0; i < 4; i++) {
		socklen_t length = endpoint_sockaddr(&to, &address);

		filler[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		connect(filler[i], (struct sockaddr *)&address, length);
	}
	witness_init(&witness, &loop, &here, &to, note);
	ask(&witness, &loop, 1000000);
	assert_false(answered);
	witness_close(&witness);
	for (unsigned i = 0; i < 4; i++)
		close(filler[i]);
	close(fd);
	loop_close(&loop);
}

static void
test_none_is_configured(void **state)
{
	struct witness witness;
	struct loop loop;

	(void)state;
	told = 0;
	assert_int_equal(loop_open(&loop), 0);
	witness_init(&witness, &loop, &here, &(struct shm_endpoint){0}, note);
	witness_tick(&witness, 1000000);
	assert_int_equal(told, 0);
	loop_close(&loop);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_witness),
	    cmocka_unit_test(test_a_silent_witness),
	    cmocka_unit_test(test_none_is_configured),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
