/*
 * Two hosts in one process, on loopback: however they find each other, one connection is left, and who
 * is not the other host is shown the door.
 */
#include "daemon/sync/peer_link.h"

#include "daemon/endpoint.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define STRANGERS 64

static uint8_t key[KEY_SIZE] = {1, 2, 3};
static uint8_t other_key[KEY_SIZE] = {1, 2, 4};

struct host {
	struct peer_link_settings settings;
	struct peer_link *link;
	unsigned ups, downs, failures;
	bool is_up;
	uint64_t got; /* number of the last message */
	char why[160];
};

struct fixture {
	struct loop loop;
	struct host a, b; /* of side 0 and 1 */
};

static uint64_t
now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void
told_up(void *owner)
{
	struct host *host = owner;

	assert_false(host->is_up);
	host->is_up = true;
	host->ups++;
}

static void
told_message(void *owner, const struct sync_message *message)
{
	struct host *host = owner;

	assert_true(host->is_up);
	host->got = message->heartbeat.lsn;
}

static void
told_down(void *owner, const char *why, enum sync_reason reason)
{
	struct host *host = owner;

	(void)reason;
	assert_true(host->is_up);
	host->is_up = false;
	host->downs++;
	snprintf(host->why, sizeof(host->why), "%s", why);
}

static void
told_failed(void *owner, const struct shm_endpoint *other, const char *why)
{
	struct host *host = owner;

	assert_int_equal(other->family, 4);
	host->failures++;
	snprintf(host->why, sizeof(host->why), "%s", why);
}

static const struct peer_link_calls calls = {told_up, told_message, told_down, told_failed};

/* A port that nobody has, of 127.0.0.`last`. */
static struct shm_endpoint
free_endpoint(uint8_t last)
{
	struct shm_endpoint endpoint = {.family = 4, .address = {127, 0, 0, last}};
	struct sockaddr_storage address;
	socklen_t length = endpoint_sockaddr(&endpoint, &address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
	close(fd);
	endpoint_take(&address, &endpoint);
	return endpoint;
}

static int
setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct shm_endpoint a = free_endpoint(1), b = free_endpoint(2);

	assert_int_equal(loop_open(&fixture->loop), 0);
	fixture->a.settings = (struct peer_link_settings){
	    &fixture->loop, "mx1", "mx2", key, a, b, 0, 1000, &calls, &fixture->a};
	fixture->b.settings = (struct peer_link_settings){
	    &fixture->loop, "mx2", "mx1", key, b, a, 1, 1000, &calls, &fixture->b};
	*state = fixture;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *fixture = *state;

	peer_link_destroy(fixture->a.link);
	peer_link_destroy(fixture->b.link);
	loop_close(&fixture->loop);
	free(fixture);
	return 0;
}

static void
start(struct host *host)
{
	host->link = peer_link_create(&host->settings);
	assert_non_null(host->link);
}

static void
stop(struct host *host)
{
	peer_link_destroy(host->link);
	host->link = NULL;
	host->is_up = false;
}

static void
turn(struct fixture *fixture)
{
	struct host *hosts[] = {&fixture->a, &fixture->b};

	assert_int_equal(loop_turn(&fixture->loop, 5000), 0);
	for (unsigned i = 0; i < 2; i++)
		if (hosts[i]->link != NULL)
			peer_link_tick(hosts[i]->link, now_us());
}

static bool
both_up(const struct fixture *fixture)
{
	return fixture->a.is_up && fixture->b.is_up;
}

#define UNTIL(condition)                                                                           \
	do {                                                                                       \
		uint64_t end_us = now_us() + 20000000;                                             \
		while (!(condition)) {                                                             \
			assert_true(now_us() < end_us);                                            \
			turn(fixture);                                                             \
		}                                                                                  \
	} while (0)

static void
turn_for(struct fixture *fixture, uint64_t us)
{
	for (uint64_t end = now_us() + us; now_us() < end;)
		turn(fixture);
}

static void
say(struct host *host, uint64_t number)
{
	struct sync_message message = {
	    .kind = SYNC_HEARTBEAT, .heartbeat = {.role = SYNC_ROLE_STANDBY, .lsn = number}};

	assert_true(peer_link_has_room(host->link));
	peer_link_put(host->link, &message, false);
	peer_link_push(host->link);
}

static void
expect_talk(struct fixture *fixture)
{
	static uint64_t number;

	say(&fixture->a, ++number);
	say(&fixture->b, ++number);
	UNTIL(fixture->a.got == number && fixture->b.got == number - 1);
}

static void
test_one_connection_is_left(void **state)
{
	struct fixture *fixture = *state;

	start(&fixture->a);
	start(&fixture->b);
	UNTIL(both_up(fixture));
	turn_for(fixture, 600000);
	assert_int_equal(fixture->a.ups - fixture->a.downs, 1);
	assert_int_equal(fixture->b.ups - fixture->b.downs, 1);
	expect_talk(fixture);
}

/* Whoever is started later, and after either has died. */
static void
test_it_is_made_again(void **state)
{
	struct fixture *fixture = *state;
	struct host *hosts[] = {&fixture->a, &fixture->b};

	start(&fixture->b);
	turn_for(fixture, 600000);
	start(&fixture->a);
	UNTIL(both_up(fixture));
	for (unsigned i = 0; i < 4; i++) {
		unsigned downs = hosts[1 - i % 2]->downs;

		stop(hosts[i % 2]);
		UNTIL(hosts[1 - i % 2]->downs == downs + 1);
		start(hosts[i % 2]);
		UNTIL(both_up(fixture));
		expect_talk(fixture);
	}
}

/* The one that ends it is not told; the other is, and both come together again. */
static void
test_an_owner_ends_it(void **state)
{
	struct fixture *fixture = *state;

	start(&fixture->a);
	start(&fixture->b);
	UNTIL(both_up(fixture));
	turn_for(fixture, 500000);
	unsigned downs = fixture->a.downs;
	say(&fixture->a, 77);
	peer_link_end(fixture->a.link, now_us(), true);
	fixture->a.is_up = false;
	UNTIL(!fixture->b.is_up);
	assert_int_equal(fixture->b.got, 77);
	assert_int_equal(fixture->a.downs, downs);
	UNTIL(both_up(fixture));
	expect_talk(fixture);
}

static void
expect_failure(struct fixture *fixture, struct host *host, const char *why)
{
	UNTIL(host->failures > 0 && strcmp(host->why, why) == 0);
	assert_int_equal(fixture->a.ups, 0);
	assert_int_equal(fixture->b.ups, 0);
}

static void
test_another_key(void **state)
{
	struct fixture *fixture = *state;

	fixture->b.settings.key = other_key;
	start(&fixture->a);
	start(&fixture->b);
	expect_failure(
	    fixture, &fixture->a, "the other host refuses the key: is it the same there?");
	expect_failure(fixture, &fixture->b, "the other host has another key");
}

static void
test_the_same_name(void **state)
{
	struct fixture *fixture = *state;

	fixture->b.settings.node = "mx1";
	fixture->b.settings.peer = "mx2";
	start(&fixture->a);
	start(&fixture->b);
	expect_failure(fixture, &fixture->b, "both hosts have the same name");
}

static int
connect_stranger(const struct shm_endpoint *to, uint8_t from)
{
	struct shm_endpoint own = {.family = 4, .address = {127, 0, 0, from}};
	struct sockaddr_storage address;
	socklen_t length = endpoint_sockaddr(&own, &address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
	length = endpoint_sockaddr(to, &address);
	connect(fd, (struct sockaddr *)&address, length);
	return fd;
}

/* Those who connect and say nothing keep nobody away, whose address they have or not. */
static void
test_half_open_handshakes(void **state)
{
	struct fixture *fixture = *state;

	for (unsigned of_peer = 0; of_peer < 2; of_peer++) {
		int fd[STRANGERS];

		start(&fixture->a);
		turn(fixture);
		for (unsigned i = 0; i < STRANGERS; i++) {
			fd[i] = connect_stranger(&fixture->a.settings.listen, of_peer ? 2 : 3);
			turn(fixture);
		}
		start(&fixture->b);
		UNTIL(both_up(fixture));
		expect_talk(fixture);
		for (unsigned i = 0; i < STRANGERS; i++)
			close(fd[i]);
		stop(&fixture->a);
		stop(&fixture->b);
		assert_true(of_peer || fixture->a.failures > 0);
	}
}

/* One who speaks another language is told so, and costs one connection. */
static void
test_a_port_scanner(void **state)
{
	struct fixture *fixture = *state;
	char answer[64];

	start(&fixture->a);
	turn(fixture);
	int fd = connect_stranger(&fixture->a.settings.listen, 3);
	turn(fixture);
	assert_int_equal(send(fd, "GET / HTTP/1.0\r\n\r\n", 18, MSG_NOSIGNAL), 18);
	UNTIL(fixture->a.failures > 0 &&
	      strcmp(fixture->a.why, "the other side does not speak TLS") == 0);
	UNTIL(recv(fd, answer, sizeof(answer), MSG_DONTWAIT) == 0);
	close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_one_connection_is_left),
	    TEST(test_it_is_made_again),
	    TEST(test_an_owner_ends_it),
	    TEST(test_another_key),
	    TEST(test_the_same_name),
	    TEST(test_half_open_handshakes),
	    TEST(test_a_port_scanner),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
