/* Real loopback connections: what the kernel says was consumed and written, in every end state. */
#include "daemon/supervisor/leg.h"

#include "daemon/endpoint.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define BASE_RECEIVED 1000
#define BASE_WRITTEN  5000

struct scene {
	bool active;	  /* the measured side has connected */
	unsigned sent;	  /* bytes the peer sends, the last urgent if `urgent` */
	unsigned taken;	  /* of these the measured side reads */
	unsigned written; /* bytes the measured side writes */
	bool urgent;
	bool peer_fin;
	bool eof_read;
	bool own_fin;
	bool own_fin_first;
	bool reset; /* by the peer, at the end */
};

struct connection {
	int ours;
	int peer;
};

static int
listen_loopback(sa_family_t family, struct sockaddr_storage *ret_address, socklen_t *ret_length)
{
	int one = 1, fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct shm_endpoint endpoint = {.family = family == AF_INET ? 4 : 6};

	if (family == AF_INET)
		memcpy(endpoint.address, &(struct in_addr){htonl(INADDR_LOOPBACK)}, 4);
	else
		memcpy(endpoint.address, &in6addr_loopback, 16);
	*ret_length = endpoint_sockaddr(&endpoint, ret_address);
	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)), 0);
	assert_int_equal(leg_set_options(fd), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)ret_address, *ret_length), 0);
	assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)ret_address, ret_length), 0);
	return fd;
}

static struct connection
connection_open(sa_family_t family, bool active)
{
	struct sockaddr_storage address;
	socklen_t length;
	struct connection connection;
	int listener = listen_loopback(family, &address, &length);
	int client = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int server;

	assert_true(client >= 0);
	assert_int_equal(leg_set_options(client), 0);
	assert_int_equal(connect(client, (struct sockaddr *)&address, length), 0);
	server = accept(listener, NULL, NULL);
	assert_true(server >= 0);
	close(listener);
	connection.ours = active ? client : server;
	connection.peer = active ? server : client;
	return connection;
}

static void
wait_for(int fd, short events)
{
	struct pollfd poller = {.fd = fd, .events = events};

	assert_int_equal(poll(&poller, 1, 20000), 1);
}

/* Until everything the peer sent lies unread here, and all we sent is acknowledged. */
static void
wait_settled(int ours, int peer, unsigned unread)
{
	for (int try = 0; try < 5000; try++) {
		int in, out, peer_out, one = 1;

		/* Pending acknowledgements leave now, not after the delay of 40 ms. */
		setsockopt(ours, IPPROTO_TCP, TCP_QUICKACK, &one, sizeof(one));
		setsockopt(peer, IPPROTO_TCP, TCP_QUICKACK, &one, sizeof(one));
		assert_int_equal(ioctl(ours, SIOCINQ, &in), 0);
		assert_int_equal(ioctl(ours, SIOCOUTQ, &out), 0);
		assert_int_equal(ioctl(peer, SIOCOUTQ, &peer_out), 0);
		if (in == (int)unread && out == 0 && peer_out == 0)
			return;
		usleep(300);
	}
	fail_msg("the connection did not settle");
}

static void
peer_send(int peer, unsigned length, bool urgent)
{
	char bytes[256] = {0};

	assert_true(length <= sizeof(bytes));
	if (urgent && length > 0) {
		assert_int_equal(send(peer, bytes, length - 1, 0), length - 1);
		assert_int_equal(send(peer, "!", 1, MSG_OOB), 1);
	} else if (length > 0) {
		assert_int_equal(send(peer, bytes, length, 0), length);
	}
}

static void
take(int ours, unsigned length)
{
	char bytes[256];

	/* A read stops before the urgent byte, even when it is in line. */
	for (unsigned done = 0; done < length;) {
		ssize_t n = recv(ours, bytes, length - done, 0);

		assert_true(n > 0);
		done += (unsigned)n;
	}
}

static void
play(const struct scene *scene, struct connection *c)
{
	char bytes[256] = {0};

	peer_send(c->peer, scene->sent, scene->urgent);
	take(c->ours, scene->taken);
	if (scene->written)
		assert_int_equal(send(c->ours, bytes, scene->written, 0), scene->written);
	wait_settled(c->ours, c->peer, scene->sent - scene->taken);
	if (scene->own_fin && scene->own_fin_first) {
		assert_int_equal(shutdown(c->ours, SHUT_WR), 0);
		wait_for(c->peer, POLLRDHUP);
	}
	if (scene->peer_fin) {
		assert_int_equal(shutdown(c->peer, SHUT_WR), 0);
		wait_for(c->ours, POLLRDHUP);
		if (scene->eof_read)
			assert_int_equal(recv(c->ours, bytes, 1, 0), 0);
	}
	if (scene->own_fin && !scene->own_fin_first) {
		assert_int_equal(shutdown(c->ours, SHUT_WR), 0);
		wait_for(c->peer, POLLRDHUP);
	}
	wait_settled(c->ours, c->peer, scene->sent - scene->taken);
	if (scene->reset) {
		struct linger linger = {.l_onoff = 1};

		assert_int_equal(
		    setsockopt(c->peer, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
		close(c->peer);
		c->peer = -1;
		wait_for(c->ours, POLLHUP);
	}
}

static uint8_t
expected_state(const struct scene *scene)
{
	if (scene->peer_fin && scene->own_fin)
		return TCP_TIME_WAIT;
	if (scene->reset)
		return TCP_CLOSE;
	if (scene->peer_fin)
		return TCP_CLOSE_WAIT;
	return scene->own_fin ? TCP_FIN_WAIT2 : TCP_ESTABLISHED;
}

static void
scene_check(sa_family_t family, const struct scene *scene)
{
	struct connection c = connection_open(family, scene->active);
	struct slot_leg leg = {.base_received = BASE_RECEIVED, .base_written = BASE_WRITTEN};
	struct leg_measure measure;
	char what[160];

	play(scene, &c);
	snprintf(what, sizeof(what),
	    "active %d sent %u taken %u written %u urgent %d fin %d eof %d own %d first %d reset "
	    "%d",
	    scene->active, scene->sent, scene->taken, scene->written, scene->urgent,
	    scene->peer_fin, scene->eof_read, scene->own_fin, scene->own_fin_first, scene->reset);
	/* Twice: measuring changes nothing. */
	for (int i = 0; i < 2; i++) {
		assert_int_equal(leg_measure(c.ours, &leg, scene->active,
				     BASE_WRITTEN + scene->written, &measure),
		    0);
		if (measure.consumed != BASE_RECEIVED + scene->taken ||
		    measure.written != BASE_WRITTEN + scene->written ||
		    measure.tcp_state != expected_state(scene) ||
		    measure.fin_seen != scene->peer_fin)
			fail_msg("%s: consumed %ju written %ju state %u fin %d", what,
			    (uintmax_t)measure.consumed - BASE_RECEIVED,
			    (uintmax_t)measure.written - BASE_WRITTEN, measure.tcp_state,
			    measure.fin_seen);
	}
	close(c.ours);
	if (c.peer >= 0)
		close(c.peer);
}

/* Every combination that can be, from the amounts at `from` on. */
static void
every_scene(sa_family_t family, size_t from)
{
	static const unsigned amounts[][2] = {{0, 0}, {1, 0}, {1, 1}, {40, 0}, {40, 17}, {40, 40}};
	unsigned checked = 0;

	for (unsigned bits = 0; bits < 1u << 8; bits++) {
		for (size_t i = from; i < sizeof(amounts) / sizeof(amounts[0]); i++) {
			struct scene scene = {
			    .active = bits & 1,
			    .sent = amounts[i][0],
			    .taken = amounts[i][1],
			    .written = bits & 2 ? 33 : 0,
			    .urgent = bits & 4,
			    .peer_fin = bits & 8,
			    .eof_read = bits & 16,
			    .own_fin = bits & 32,
			    .own_fin_first = bits & 64,
			    .reset = bits & 128,
			};

			if ((scene.urgent && !scene.sent) ||
			    (scene.own_fin_first && !scene.own_fin) ||
			    (scene.eof_read && (!scene.peer_fin || scene.taken != scene.sent)))
				continue;
			/* Both closed: there is nobody left to reset. */
			if (scene.reset && scene.peer_fin && scene.own_fin)
				continue;
			scene_check(family, &scene);
			checked++;
		}
	}
	assert_true(checked > (from == 0 ? 400 : 80));
}

static void
test_every_scene_ipv4(void **state)
{
	(void)state;
	every_scene(AF_INET, 0);
}

static void
test_every_scene_ipv6(void **state)
{
	int fd = socket(AF_INET6, SOCK_STREAM, 0);
	struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
	bool works = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0;

	(void)state;
	if (fd >= 0)
		close(fd);
	if (!works)
		skip();
	every_scene(AF_INET6, 5); /* the kernel's code is the same */
}

/* The receiver does not read: what was given to the kernel counts, acknowledged or not. */
static void
test_unacknowledged_output_counts(void **state)
{
	struct connection c = connection_open(AF_INET, true);
	struct slot_leg leg = {0};
	struct leg_measure measure;
	static char bytes[65536];
	uint64_t written = 0;
	ssize_t n;

	(void)state;
	while (written < (64u << 20) && (n = send(c.ours, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
		written += (uint64_t)n;
	assert_int_equal(leg_measure(c.ours, &leg, true, written, &measure), 0);
	assert_int_equal(measure.written, written);
	assert_false(leg_is_settled(c.ours));
	/* Our FIN waits behind the output. */
	assert_int_equal(shutdown(c.ours, SHUT_WR), 0);
	assert_int_equal(leg_measure(c.ours, &leg, true, written, &measure), 0);
	assert_int_equal(measure.written, written);
	assert_int_equal(measure.tcp_state, TCP_FIN_WAIT1);
	assert_false(leg_is_settled(c.ours));
	/* The peer resets it: what it never acknowledged was written all the same. */
	close(c.peer);
	wait_for(c.ours, POLLHUP);
	assert_int_equal(leg_measure(c.ours, &leg, true, written, &measure), 0);
	assert_int_equal(measure.written, written);
	assert_int_equal(measure.tcp_state, TCP_CLOSE);
	assert_true(leg_is_settled(c.ours));
	close(c.ours);
}

/* connect(AF_UNSPEC) ends it although another descriptor is open. */
static void
test_end_by_reset_and_silently(void **state)
{
	struct connection c = connection_open(AF_INET, false);
	int held = dup(c.ours);
	struct pollfd poller;
	char byte;

	(void)state;
	assert_int_equal(leg_end(c.ours, false), 0);
	wait_for(c.peer, POLLHUP);
	assert_int_equal(recv(c.peer, &byte, 1, 0), -1);
	assert_int_equal(errno, ECONNRESET);
	close(held);
	close(c.ours);
	close(c.peer);

	c = connection_open(AF_INET, false);
	if (leg_end(c.ours, true) == -EPERM) {
		close(c.ours);
		close(c.peer);
		skip();
	}
	poller = (struct pollfd){.fd = c.peer, .events = POLLIN | POLLRDHUP};
	assert_int_equal(poll(&poller, 1, 50), 0);
	close(c.ours);
	assert_int_equal(poll(&poller, 1, 50), 0);
	close(c.peer);
}

static void
test_dump_leaves_the_connection_alone(void **state)
{
	struct connection c = connection_open(AF_INET, true);
	struct slot_leg leg = {0};
	struct leg_measure measure;
	char bytes[8];
	int r;

	(void)state;
	peer_send(c.peer, 5, false);
	wait_settled(c.ours, c.peer, 5);
	r = leg_dump(c.ours, &leg, true, 1234);
	if (r == -EPERM)
		skip();
	assert_int_equal(r, 0);
	assert_int_equal(leg.tcp.dumped, 1);
	assert_int_equal(leg.tcp.dumped_ms, 1234);
	assert_true(leg.tcp.mss > 500);
	assert_true(leg.tcp.receive_window > 0);
	assert_int_equal(recv(c.ours, bytes, sizeof(bytes), 0), 5);
	assert_int_equal(send(c.ours, "hello", 5, 0), 5);
	assert_int_equal(recv(c.peer, bytes, 5, MSG_WAITALL), 5);
	assert_int_equal(leg_measure(c.ours, &leg, true, 5, &measure), 0);
	assert_int_equal(measure.consumed, 5);
	assert_int_equal(measure.written, 5);
	close(c.ours);
	close(c.peer);
}

/* The positions at which the streams begin are found whether or not the peer sends already. */
static void
check_sequences(bool active)
{
	struct connection c = connection_open(AF_INET, active);
	struct slot_leg fresh = {0}, later = {0}, peer = {0};

	if (leg_dump(c.ours, &fresh, active, 1) == -EPERM)
		skip();
	assert_int_equal(leg_dump(c.peer, &peer, !active, 1), 0);
	assert_int_equal(fresh.tcp.receive_sequence, peer.tcp.send_sequence);
	assert_int_equal(fresh.tcp.send_sequence, peer.tcp.receive_sequence);
	for (int i = 0; i < 3; i++)
		peer_send(c.peer, 100, false);
	assert_int_equal(send(c.ours, "hello", 5, 0), 5);
	wait_settled(c.ours, c.peer, 300);
	assert_int_equal(leg_dump(c.ours, &later, active, 2), 0);
	assert_int_equal(later.tcp.receive_sequence, fresh.tcp.receive_sequence);
	assert_int_equal(later.tcp.send_sequence, fresh.tcp.send_sequence + 5);
	close(c.ours);
	close(c.peer);
}

static void
test_dump_knows_both_ends(void **state)
{
	(void)state;
	check_sequences(true);
	check_sequences(false);
}

/* A dumped leg does not keep its address from a listener. */
static void
test_dump_leaves_the_address_free(void **state)
{
	struct connection c = connection_open(AF_INET, false);
	struct slot_leg leg = {0};
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	if (leg_dump(c.ours, &leg, false, 1) == -EPERM)
		skip();
	assert_int_equal(getsockname(c.ours, (struct sockaddr *)&address, &length), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
	assert_int_equal(listen(fd, 1), 0);
	close(fd);
	close(c.ours);
	close(c.peer);
}

static void
test_discard_input_avoids_the_reset(void **state)
{
	struct connection c = connection_open(AF_INET, false);
	char bytes[8];

	(void)state;
	peer_send(c.peer, 40, false);
	assert_int_equal(send(c.ours, "221 x\r\n", 7, 0), 7);
	wait_settled(c.ours, c.peer, 40);
	leg_discard_input(c.ours);
	close(c.ours);
	assert_int_equal(recv(c.peer, bytes, 7, MSG_WAITALL), 7);
	assert_int_equal(recv(c.peer, bytes, 1, 0), 0);
	close(c.peer);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_scene_ipv4),
	    cmocka_unit_test(test_every_scene_ipv6),
	    cmocka_unit_test(test_unacknowledged_output_counts),
	    cmocka_unit_test(test_end_by_reset_and_silently),
	    cmocka_unit_test(test_dump_leaves_the_connection_alone),
	    cmocka_unit_test(test_dump_knows_both_ends),
	    cmocka_unit_test(test_dump_leaves_the_address_free),
	    cmocka_unit_test(test_discard_input_avoids_the_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
