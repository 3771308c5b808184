/*
 * Real loopback connections that are lost without a packet and made anew: each state in which the other
 * host may have left one.  What the lost host's kernel still received it drops, so that it acknowledges
 * nothing that no record has, as the gate sees to.
 */
#include "daemon/supervisor/leg_restore.h"

#include "daemon/endpoint.h"
#include "daemon/supervisor/leg.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define BASE_RECEIVED 1000u
#define BASE_WRITTEN  5000u
#define WAIT_MS	      20000
#define MOST	      (200u << 10)
#define NARROW_MOST   70000u /* one segment as a kernel gathers them, and a small one before it */

struct link {
	int ours; /* of the lost host, then the one that was made */
	int peer;
	bool active;
	enum shm_leg which;
	struct slot_leg leg;
	struct record record;
	struct leg_plan plan;
	uint8_t output[MOST]; /* that we have written, all of it */
	size_t written;
};

/* ---- the connection ---- */

static void
take_endpoints(struct link *link)
{
	struct sockaddr_storage address = {0};
	socklen_t length = sizeof(address);

	assert_int_equal(getsockname(link->ours, (struct sockaddr *)&address, &length), 0);
	endpoint_take(&address, &link->leg.local);
	length = sizeof(address);
	assert_int_equal(getpeername(link->ours, (struct sockaddr *)&address, &length), 0);
	endpoint_take(&address, &link->leg.peer);
}

static struct sockaddr_storage
loopback(sa_family_t family, socklen_t *ret_length)
{
	struct shm_endpoint endpoint = {.family = family == AF_INET ? 4 : 6};
	struct sockaddr_storage address;

	if (family == AF_INET)
		memcpy(endpoint.address, &(struct in_addr){htonl(INADDR_LOOPBACK)}, 4);
	else
		memcpy(endpoint.address, &in6addr_loopback, 16);
	*ret_length = endpoint_sockaddr(&endpoint, &address);
	return address;
}

static void
connect_both(struct link *link, sa_family_t family)
{
	socklen_t length;
	struct sockaddr_storage address = loopback(family, &length);
	int listener = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
	int client = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0), server;

	if (bind(listener, (struct sockaddr *)&address, length) < 0)
		skip();
	assert_int_equal(setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)), 0);
	assert_int_equal(leg_set_options(listener), 0);
	assert_int_equal(leg_set_options(client), 0);
	assert_int_equal(listen(listener, 8), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &length), 0);
	assert_int_equal(connect(client, (struct sockaddr *)&address, length), 0);
	server = accept(listener, NULL, NULL);
	assert_true(server >= 0);
	close(listener);
	link->ours = link->active ? client : server;
	link->peer = link->active ? server : client;
}

/* Dumped, as at its opening. */
static struct link *
open_link(sa_family_t family, bool active)
{
	struct link *link = calloc(1, sizeof(*link));
	int r;

	assert_non_null(link);
	link->active = active;
	link->which = active ? SHM_SERVER : SHM_CLIENT;
	link->leg.base_received = BASE_RECEIVED;
	link->leg.base_written = BASE_WRITTEN;
	link->record.stored[link->which] = BASE_RECEIVED;
	link->record.outlet[link->which].written = BASE_WRITTEN;
	connect_both(link, family);
	take_endpoints(link);
	r = leg_dump(link->ours, &link->leg, active, 1000);
	if (r == -EPERM) {
		close(link->ours);
		close(link->peer);
		free(link);
		skip();
	}
	assert_int_equal(r, 0);
	return link;
}

static void
close_link(struct link *link)
{
	if (link->ours >= 0)
		close(link->ours);
	close(link->peer);
	free(link);
}

static void
deafen(int fd)
{
	struct sock_filter drop = BPF_STMT(BPF_RET | BPF_K, 0);
	const struct sock_fprog program = {.len = 1, .filter = &drop};

	assert_int_equal(
	    setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)), 0);
}

/* ---- what goes over it ---- */

static uint8_t
octet(size_t position)
{
	return (uint8_t)(position * 7 + position / 251);
}

/* By the host that is lost, as committed output. */
static void
write_output(struct link *link, size_t length)
{
	for (size_t i = 0; i < length; i++)
		link->output[link->written + i] = octet(link->written + i);
	assert_int_equal(
	    send(link->ours, link->output + link->written, length, 0), (ssize_t)length);
	link->written += length;
}

static void
expect(int fd, size_t from, size_t length)
{
	static uint8_t bytes[MOST];
	struct pollfd poller = {.fd = fd, .events = POLLIN};

	for (size_t done = 0; done < length;) {
		ssize_t n;

		assert_int_equal(poll(&poller, 1, WAIT_MS), 1);
		n = recv(fd, bytes, length - done, 0);
		assert_true(n > 0);
		for (ssize_t i = 0; i < n; i++)
			assert_int_equal(bytes[i], octet(from + done + (size_t)i));
		done += (size_t)n;
	}
}

static void
expect_end(int fd)
{
	struct pollfd poller = {.fd = fd, .events = POLLIN};
	char byte;

	assert_int_equal(poll(&poller, 1, WAIT_MS), 1);
	assert_int_equal(recv(fd, &byte, 1, 0), 0);
}

static void
say(int fd, size_t from, size_t length)
{
	static uint8_t bytes[MOST];

	for (size_t i = 0; i < length; i++)
		bytes[i] = octet(from + i);
	assert_int_equal(send(fd, bytes, length, 0), (ssize_t)length);
}

/* ---- loss and restoration ---- */

static void
lose(struct link *link)
{
	assert_int_equal(leg_end(link->ours, true), 0);
	close(link->ours);
	leg_plan_make(&link->leg, &link->record, link->which, 0, 3000, &link->plan);
}

/* By its plan; `sent` octets of the output, from the last acknowledged one that is known on, count as sent. */
static void
make(struct link *link, size_t sent)
{
	size_t from = link->record.outlet[link->which].written - BASE_WRITTEN;
	const struct iovec output = {link->output + from, sent};

	link->ours = leg_restore(&link->plan, &output, 1);
	if (link->ours < 0)
		fail_msg("restore: %s", strerror(-link->ours));
}

static void
restore(struct link *link, size_t sent)
{
	lose(link);
	make(link, sent);
}

static struct leg_answer
answer_of(struct link *link)
{
	struct leg_answer answer = {0};

	leg_probe(link->ours);
	for (int i = 0; i < WAIT_MS && !answer.has_come; i++) {
		assert_int_equal(leg_answer(link->ours, &answer), 0);
		usleep(1000);
	}
	assert_true(answer.has_come);
	return answer;
}

/* The slot as it is then. */
static void
measure(struct link *link, uint64_t consumed, uint64_t written)
{
	struct slot_leg leg = link->leg;
	struct leg_measure measure;

	leg.base_received = link->plan.received;
	leg.base_written = link->plan.written;
	leg.tcp = link->plan.tcp;
	assert_int_equal(
	    leg_measure(link->ours, &leg, link->active, leg.base_written, &measure), 0);
	assert_int_equal(measure.consumed, BASE_RECEIVED + consumed);
	assert_int_equal(measure.written, BASE_WRITTEN + written);
}

/* Both directions, and the end of both; `said`, `heard`: what has passed before. */
static void
check_goes_on(struct link *link, size_t said, size_t heard)
{
	say(link->peer, said, 3000);
	expect(link->ours, said, 3000);
	say(link->ours, heard, 3000);
	expect(link->peer, heard, 3000);
	assert_int_equal(shutdown(link->peer, SHUT_WR), 0);
	expect_end(link->ours);
	assert_int_equal(shutdown(link->ours, SHUT_WR), 0);
	expect_end(link->peer);
}

static void
check_idle(sa_family_t family, bool active)
{
	struct link *link = open_link(family, active);

	say(link->peer, 0, 500);
	expect(link->ours, 0, 500);
	write_output(link, 700);
	expect(link->peer, 0, 700);
	link->record.stored[link->which] += 500;
	link->record.outlet[link->which].written += 700;
	restore(link, 0);
	measure(link, 500, 700);
	answer_of(link);
	measure(link, 500, 700);
	check_goes_on(link, 500, 700);
	close_link(link);
}

static void
test_idle(void **state)
{
	(void)state;
	check_idle(AF_INET, false);
	check_idle(AF_INET, true);
}

static void
test_idle_ipv6(void **state)
{
	(void)state;
	check_idle(AF_INET6, false);
	check_idle(AF_INET6, true);
}

/* And once more, of the connection that was made: what it notes of itself is enough. */
static void
test_twice(void **state)
{
	struct link *link = open_link(AF_INET, true);

	(void)state;
	say(link->peer, 0, 500);
	expect(link->ours, 0, 500);
	link->record.stored[SHM_SERVER] += 500;
	restore(link, 0);
	answer_of(link);
	link->leg.base_received = link->plan.received;
	link->leg.base_written = link->plan.written;
	link->leg.tcp = link->plan.tcp;
	say(link->peer, 500, 100);
	expect(link->ours, 500, 100);
	link->record.stored[SHM_SERVER] += 100;
	/* Asked again so soon the peer would not answer. */
	restore(link, 0);
	check_goes_on(link, 600, 0);
	close_link(link);
}

/* Of `length` octets that have not been acknowledged as far as is known the peer has `got`. */
static void
check_unacknowledged(size_t got, size_t length)
{
	struct link *link = open_link(AF_INET, true);

	if (got > 0) {
		write_output(link, got);
		expect(link->peer, 0, got);
	}
	deafen(link->peer);
	if (length > got)
		write_output(link, length - got);
	assert_int_equal(leg_end(link->ours, true), 0);
	assert_int_equal(setsockopt(link->peer, SOL_SOCKET, SO_DETACH_FILTER, &(int){0}, 4), 0);
	restore(link, length);
	measure(link, 0, length);
	answer_of(link);
	assert_int_equal(leg_restore_again(&link->ours, &link->plan), 0);
	measure(link, 0, got);
	/* As whoever adopts it does. */
	assert_int_equal(send(link->ours, link->output + got, length - got, 0), length - got);
	expect(link->peer, got, length - got);
	check_goes_on(link, 0, length);
	close_link(link);
}

static void
test_unacknowledged_output(void **state)
{
	(void)state;
	check_unacknowledged(0, 100);
	check_unacknowledged(0, 60000);
	check_unacknowledged(30000, 60000);
	check_unacknowledged(60000, 60000);
}

/* What was never acknowledged the peer sends again. */
static void
test_input_that_no_record_has(void **state)
{
	struct link *link = open_link(AF_INET, false);

	(void)state;
	deafen(link->ours);
	say(link->peer, 0, 20000);
	restore(link, 0);
	answer_of(link);
	expect(link->ours, 0, 20000);
	check_goes_on(link, 20000, 0);
	close_link(link);
}

static size_t
unread(int fd)
{
	int length = 0;

	assert_int_equal(ioctl(fd, SIOCINQ, &length), 0);
	return (size_t)length;
}

/* A peer that goes on as it was let by the lost host; is_early: before it hears of the other one. */
static void
check_narrow(sa_family_t family, bool is_early)
{
	struct link *link = open_link(family, false);

	lose(link);
	link->plan.tcp.narrow = 1;
	make(link, 0);
	if (is_early)
		say(link->peer, 0, MOST);
	answer_of(link);
	if (!is_early)
		say(link->peer, 0, MOST);
	usleep(500000);
	assert_in_range(unread(link->ours), 0, NARROW_MOST);
	assert_int_equal(leg_restore_again(&link->ours, &link->plan), 0);
	usleep(500000);
	assert_in_range(unread(link->ours), 0, NARROW_MOST);
	/* As its worker does. */
	assert_int_equal(leg_bound_input(link->ours), 0);
	expect(link->ours, 0, MOST);
	check_goes_on(link, MOST, 0);
	close_link(link);
}

static void
test_narrow(void **state)
{
	(void)state;
	check_narrow(AF_INET, true);
	check_narrow(AF_INET, false);
	check_narrow(AF_INET6, true);
}

/* What has come meanwhile is acknowledged: it is in the second connection too. */
static void
test_input_while_the_peer_is_asked(void **state)
{
	struct link *link = open_link(AF_INET, false);

	(void)state;
	deafen(link->peer);
	write_output(link, 5000);
	assert_int_equal(leg_end(link->ours, true), 0);
	assert_int_equal(setsockopt(link->peer, SOL_SOCKET, SO_DETACH_FILTER, &(int){0}, 4), 0);
	restore(link, 5000);
	answer_of(link);
	say(link->peer, 0, 40000);
	for (int i = 0; i < WAIT_MS && unread(link->ours) < 40000; i++)
		usleep(1000);
	assert_int_equal(leg_restore_again(&link->ours, &link->plan), 0);
	measure(link, 0, 0);
	expect(link->ours, 0, 40000);
	assert_int_equal(send(link->ours, link->output, 5000, 0), 5000);
	expect(link->peer, 0, 5000);
	check_goes_on(link, 40000, 5000);
	close_link(link);
}

/* The peer has ended its side: nothing tells so any more, but the record. */
static void
test_ended_by_the_peer(void **state)
{
	struct link *link = open_link(AF_INET, false);

	(void)state;
	say(link->peer, 0, 500);
	assert_int_equal(shutdown(link->peer, SHUT_WR), 0);
	expect(link->ours, 0, 500);
	expect_end(link->ours);
	link->record.stored[SHM_CLIENT] += 500;
	link->record.end_stored[SHM_CLIENT] = 1;
	restore(link, 0);
	measure(link, 500, 0);
	answer_of(link);
	say(link->ours, 0, 3000);
	expect(link->peer, 0, 3000);
	assert_int_equal(shutdown(link->ours, SHUT_WR), 0);
	expect_end(link->peer);
	close_link(link);
}

/* We have ended ours, and of that and of all before it the peer has everything, which no record says. */
static void
check_ended_by_us(size_t length)
{
	struct link *link = open_link(AF_INET, true);
	struct leg_answer answer;

	if (length > 0) {
		write_output(link, length);
		expect(link->peer, 0, length);
	}
	assert_int_equal(shutdown(link->ours, SHUT_WR), 0);
	expect_end(link->peer);
	link->leg.tcp.send_window = 0;
	restore(link, length);
	answer = answer_of(link);
	assert_int_equal(answer.send_window, 0);
	leg_restore_end(link->ours);
	measure(link, 0, length);
	say(link->peer, 0, 3000);
	expect(link->ours, 0, 3000);
	assert_int_equal(shutdown(link->peer, SHUT_WR), 0);
	expect_end(link->ours);
	close_link(link);
}

static void
test_ended_by_us(void **state)
{
	(void)state;
	check_ended_by_us(0);
	check_ended_by_us(60000);
}

/* Likewise, but the end was lost: the peer's answer is taken. */
static void
test_end_was_lost(void **state)
{
	struct link *link = open_link(AF_INET, true);

	(void)state;
	write_output(link, 60000);
	expect(link->peer, 0, 60000);
	link->leg.tcp.send_window = 0;
	restore(link, 60000);
	assert_int_not_equal(answer_of(link).send_window, 0);
	assert_int_equal(leg_restore_again(&link->ours, &link->plan), 0);
	assert_int_equal(shutdown(link->ours, SHUT_WR), 0);
	expect_end(link->peer);
	close_link(link);
}

/* A listener can be opened at the address of a leg that was made. */
static void
test_address_stays_free(void **state)
{
	struct link *link = open_link(AF_INET, false);
	struct sockaddr_storage address;
	unsigned length = endpoint_sockaddr(&link->leg.local, &address);
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	restore(link, 0);
	answer_of(link);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
	assert_int_equal(listen(fd, 1), 0);
	close(fd);
	close_link(link);
}

/* ---- the plan ---- */

static void
test_plan(void **state)
{
	struct slot_leg leg = {
	    .base_received = 100,
	    .base_written = 200,
	    .tcp = {.receive_sequence = UINT32_MAX - 9,
		.send_sequence = 50,
		.timestamp = 7000,
		.dumped_ms = 1000},
	};
	struct record record = {0};
	struct leg_plan plan;

	(void)state;
	record.stored[SHM_CLIENT] = 130;
	record.outlet[SHM_CLIENT].written = 205;
	leg_plan_make(&leg, &record, SHM_CLIENT, 0, 1501, &plan);
	assert_int_equal(plan.received, 130);
	assert_int_equal(plan.written, 205);
	assert_int_equal(plan.tcp.receive_sequence, 20);
	assert_int_equal(plan.receive_next, 20);
	assert_int_equal(plan.tcp.send_sequence, 55);
	assert_int_equal(plan.tcp.timestamp, 7000 + 500 + LEG_AHEAD_MS);
	assert_int_equal(plan.tcp.restored, 1);
	record.end_stored[SHM_CLIENT] = 1;
	leg.tcp.timestamp = 7001; /* microseconds */
	leg_plan_make(&leg, &record, SHM_CLIENT, 7, 1501, &plan);
	assert_int_equal(plan.written, 212);
	assert_int_equal(plan.tcp.send_sequence, 62);
	assert_int_equal(plan.tcp.receive_sequence, 20);
	assert_int_equal(plan.receive_next, 21);
	assert_int_equal(plan.tcp.timestamp, 7001 + (501 + LEG_AHEAD_MS) * 1000);
	/* A clock that is behind sets nothing back. */
	leg_plan_make(&leg, &record, SHM_CLIENT, 0, 500, &plan);
	assert_int_equal(plan.tcp.timestamp, 7001 + LEG_AHEAD_MS * 1000);
}

/* What was made by an earlier plan is met by a later one, until one of the two clocks has left the other. */
static void
test_plan_is_met(void **state)
{
	struct slot_leg leg = {.tcp = {.timestamp = 7000, .dumped_ms = 1000}};
	struct record record = {0};
	struct leg_plan made, plan;

	(void)state;
	for (uint32_t unit = 1; unit <= 1000; unit += 999) {
		leg.tcp.timestamp = unit == 1 ? 7000 : 7001;
		leg_plan_make(&leg, &record, SHM_CLIENT, 0, 5000, &made);
		leg_plan_make(&leg, &record, SHM_CLIENT, 0, 5000 + 1000, &plan);
		assert_true(leg_plan_is_met(&plan, &made, 1100));
		assert_int_equal(plan.tcp.timestamp, made.tcp.timestamp + 1100 * unit);
		assert_int_equal(plan.tcp.dumped_ms, 6000);
		/* Hours later. */
		leg_plan_make(&leg, &record, SHM_CLIENT, 0, 5000 + 100000000, &plan);
		assert_true(leg_plan_is_met(&plan, &made, 100000000 + LEG_AHEAD_MS / 2));
		leg_plan_make(&leg, &record, SHM_CLIENT, 0, 5000 + 100000000, &plan);
		assert_false(leg_plan_is_met(&plan, &made, 100000002 + LEG_AHEAD_MS / 2));
		assert_false(leg_plan_is_met(&plan, &made, 99999998 - LEG_AHEAD_MS / 2));
		/* The stamp has come round. */
		assert_false(leg_plan_is_met(&plan, &made, 100000000 + (1ull << 32)));
		plan = made;
		assert_true(leg_plan_is_met(&plan, &made, 0));
		plan.tcp.narrow = 1;
		assert_false(leg_plan_is_met(&plan, &made, 0));
		plan = made;
		plan.written++;
		assert_false(leg_plan_is_met(&plan, &made, 100000000));
	}
}

/* First as one whose scale nobody knows; the window of the answer counts by the right one then. */
static void
test_scale_comes_later(void **state)
{
	struct link *link = open_link(AF_INET, false);
	uint8_t scale = link->leg.tcp.send_scale;
	struct leg_answer answer;
	uint32_t unscaled;

	(void)state;
	assert_true(scale > 0);
	link->leg.tcp.send_scale = 0;
	restore(link, 0);
	unscaled = answer_of(link).send_window;
	assert_true(unscaled > 0);
	link->plan.tcp.send_scale = scale;
	assert_int_equal(leg_restore_again(&link->ours, &link->plan), 0);
	assert_int_equal(leg_answer(link->ours, &answer), 0);
	assert_int_equal(answer.send_window, unscaled << scale);
	check_goes_on(link, 0, 0);
	close_link(link);
}

static void
test_nonsense_is_refused(void **state)
{
	struct link *link = open_link(AF_INET, false);
	struct leg_plan plan;

	(void)state;
	assert_int_equal(leg_end(link->ours, true), 0);
	leg_plan_make(&link->leg, &link->record, SHM_CLIENT, 0, 0, &plan);
	plan.local.family = 0;
	assert_int_equal(leg_restore(&plan, NULL, 0), -EAFNOSUPPORT);
	plan.local.family = 6;
	assert_int_equal(leg_restore(&plan, NULL, 0), -EAFNOSUPPORT);
	plan.local.family = 4;
	plan.tcp.send_scale = 15;
	assert_int_equal(leg_restore(&plan, NULL, 0), -EINVAL);
	close_link(link);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_plan),
	    cmocka_unit_test(test_plan_is_met),
	    cmocka_unit_test(test_nonsense_is_refused),
	    cmocka_unit_test(test_idle),
	    cmocka_unit_test(test_idle_ipv6),
	    cmocka_unit_test(test_twice),
	    cmocka_unit_test(test_unacknowledged_output),
	    cmocka_unit_test(test_scale_comes_later),
	    cmocka_unit_test(test_input_that_no_record_has),
	    cmocka_unit_test(test_narrow),
	    cmocka_unit_test(test_input_while_the_peer_is_asked),
	    cmocka_unit_test(test_ended_by_the_peer),
	    cmocka_unit_test(test_ended_by_us),
	    cmocka_unit_test(test_end_was_lost),
	    cmocka_unit_test(test_address_stays_free),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
