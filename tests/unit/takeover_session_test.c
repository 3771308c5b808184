/*
 * Sessions whose host is lost, made anew from slot and record: each state of a leg, and two that have the
 * same ends.  Their peers are real ones on the loopback device.
 */
#include "daemon/supervisor/takeover_session.h"

#include "daemon/supervisor/leg.h"
#include "daemon/supervisor/leg_kernel.h"
#include "loopback.h"
#include "shm/chunk.h"
#include "shm/region.h"
#include "takeover_scene.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define LENGTH	20000u /* of an output that is more than a first flight */
#define SEGMENT 1000u

/* ---- what sync would have written ---- */

/* So many octets of the gateway's own text to the server, which are committed and not acknowledged. */
static void
write_text(struct scene *scene, uint32_t slot, struct record *record, uint8_t text[LENGTH])
{
	struct window *window = &shm_session(&scene->shm, slot)->text[SHM_SERVER];

	for (size_t i = 0; i < LENGTH; i++)
		text[i] = (uint8_t)(i * 7 + i / 251);
	window_rebase(window, 0);
	assert_int_equal(window_append(window, &scene->shm, &scene->cache, slot), 0);
	assert_true(window_write(window, &scene->shm, 0, text, LENGTH));
	assert_true(outlet_push(&record->outlet[SHM_SERVER], OUTLET_INSERT, LENGTH));
}

static void
expect_text(int fd, const uint8_t *text, size_t length)
{
	static uint8_t bytes[LENGTH];

	if (length == 0)
		return;
	assert_int_equal(recv(fd, bytes, length, MSG_WAITALL), length);
	assert_memory_equal(bytes, text, length);
}

/* ---- each state of a leg ---- */

static void
check_live(struct scene *scene, unsigned family, uint32_t slot)
{
	struct loopback client = loopback_connect(family, false);
	struct loopback server = loopback_connect(family, true);
	struct takeover_session session = {.slot = slot};

	scene_describe(scene, slot, SHM_CLIENT, &client);
	scene_describe(scene, slot, SHM_SERVER, &server);
	scene_publish_nothing(scene, slot);
	scene_lose(&client);
	scene_lose(&server);
	assert_false(takeover_session_restore(&scene->source, &session));
	for (int i = 0; i < SHM_LEGS; i++) {
		const struct takeover_leg *leg = &session.leg[i];
		int peer = i == SHM_CLIENT ? client.peer : server.peer;

		assert_int_equal(leg->error, 0);
		assert_true(leg->fd >= 0);
		assert_false(leg->is_over);
		assert_false(leg->asks);
		loopback_expect_passes(peer, leg->fd);
		loopback_expect_passes(leg->fd, peer);
	}
	scene_end_session(&session);
	close(client.peer);
	close(server.peer);
}

static void
test_live(void **state)
{
	loopback_enter();
	check_live(*state, 4, 0);
	check_live(*state, 6, 1);
}

/* Of the other host's legs that one only which it had. */
static void
test_not_there(void **state)
{
	static const enum leg_state states[] = {LEG_NONE, LEG_CONNECTING, LEG_FAILED, LEG_ENDED};
	struct scene *scene = *state;
	struct loopback client;

	loopback_enter();
	client = loopback_connect(4, false);
	scene_describe(scene, 0, SHM_CLIENT, &client);
	scene_publish_nothing(scene, 0);
	scene_lose(&client);
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		struct takeover_session session = {.slot = 0};

		scene_set_state(scene, 0, SHM_SERVER, states[i]);
		assert_false(takeover_session_restore(&scene->source, &session));
		assert_true(session.leg[SHM_CLIENT].fd >= 0);
		assert_int_equal(session.leg[SHM_SERVER].fd, -1);
		assert_int_equal(session.leg[SHM_SERVER].error, 0);
		assert_true(takeover_leg_look(&session.leg[SHM_SERVER], 0));
		scene_end_session(&session);
	}
	close(client.peer);
}

static void
test_no_record(void **state)
{
	struct scene *scene = *state;
	struct takeover_session session = {.slot = 0};

	scene_set_state(scene, 0, SHM_CLIENT, LEG_OPEN);
	scene_set_state(scene, 0, SHM_SERVER, LEG_OPEN);
	assert_false(takeover_session_restore(&scene->source, &session));
	for (int i = 0; i < SHM_LEGS; i++) {
		assert_int_equal(session.leg[i].error, -EBADMSG);
		assert_int_equal(session.leg[i].fd, -1);
	}
	/* Somebody else's chunk. */
	scene_publish_nothing(scene, 0);
	assert_int_equal(window_append(&shm_session(&scene->shm, 0)->text[SHM_SERVER], &scene->shm,
			     &scene->cache, 1),
	    0);
	assert_false(takeover_session_restore(&scene->source, &session));
	assert_int_equal(session.leg[SHM_CLIENT].error, -EBADMSG);
}

static void
test_not_dumped(void **state)
{
	struct scene *scene = *state;
	struct takeover_session session = {.slot = 0};

	scene_set_state(scene, 0, SHM_CLIENT, LEG_OPEN);
	scene_publish_nothing(scene, 0);
	assert_false(takeover_session_restore(&scene->source, &session));
	assert_int_equal(session.leg[SHM_CLIENT].error, -EOPNOTSUPP);
	assert_int_equal(session.leg[SHM_CLIENT].fd, -1);
}

/* ---- how much of the input lies there ---- */

static bool
is_narrow(struct scene *scene, uint64_t stored)
{
	struct loopback client = loopback_connect(4, false);
	struct takeover_session session = {.slot = 0};
	struct record *record = scene_begin_record(scene, 0);
	bool narrow;

	scene_describe(scene, 0, SHM_CLIENT, &client);
	record->stored[SHM_CLIENT] = stored;
	scene_publish(scene, 0, record);
	scene_lose(&client);
	assert_false(takeover_session_restore(&scene->source, &session));
	assert_true(session.leg[SHM_CLIENT].fd >= 0);
	narrow = session.leg[SHM_CLIENT].plan.tcp.narrow;
	scene_end_session(&session);
	close(client.peer);
	return narrow;
}

/* A window with room for all that this kernel can accept needs no narrow leg. */
static void
test_full_window(void **state)
{
	struct scene *scene = *state;
	struct window *window = &shm_session(&scene->shm, 0)->input[SHM_CLIENT];

	loopback_enter();
	assert_false(is_narrow(scene, SHM_READ_MAX));
	window_rebase(window, 1000);
	while (!window_is_full(window))
		assert_int_equal(window_append(window, &scene->shm, &scene->cache, 0), 0);
	assert_false(is_narrow(scene, 1000 + SHM_READ_MAX - 1));
	assert_true(is_narrow(scene, 1000 + SHM_READ_MAX));
	assert_true(is_narrow(scene, window_end(window)));
}

/* ---- output that may have been sent ---- */

/* Of LENGTH octets the peer has `got`, and the FIN behind them if our side has ended. */
static struct loopback
open_server(struct scene *scene, uint8_t text[LENGTH], size_t got, enum ending ending)
{
	struct loopback server = loopback_connect(4, true);
	struct record *record = scene_begin_record(scene, 0);

	scene_describe(scene, 0, SHM_SERVER, &server);
	scene_leg(scene, 0, SHM_SERVER)->tcp.mss = SEGMENT;
	if (text != NULL)
		write_text(scene, 0, record, text);
	record->ending[SHM_SERVER] = (uint8_t)ending;
	scene_publish(scene, 0, record);
	if (got > 0) {
		assert_int_equal(send(server.ours, text, got, 0), got);
		expect_text(server.peer, text, got);
	}
	if (ending == ENDING_FIN) {
		assert_int_equal(shutdown(server.ours, SHUT_WR), 0);
		loopback_expect_end(server.peer);
	}
	scene_lose(&server);
	return server;
}

static void
ask_and_look(struct takeover_leg *leg)
{
	uint64_t waited_us = 0;

	takeover_leg_ask(leg);
	for (; !takeover_leg_look(leg, waited_us); waited_us += 1000)
		usleep(1000);
	assert_int_equal(leg->error, 0);
	assert_true(waited_us >= 20000 && waited_us < 3000000);
}

/* It goes on from where the peer stands, whatever that is. */
static void
test_much_output(void **state)
{
	static uint8_t text[LENGTH];
	struct scene *scene = *state;

	loopback_enter();
	for (size_t got = 0; got <= LENGTH; got += LENGTH / 2) {
		struct takeover_session session = {.slot = 0};
		struct takeover_leg *leg = &session.leg[SHM_SERVER];
		struct loopback server = open_server(scene, text, got, ENDING_NONE);

		assert_false(takeover_session_restore(&scene->source, &session));
		assert_true(leg->asks);
		assert_false(leg->ends);
		ask_and_look(leg);
		assert_int_equal(leg->plan.written, got);
		if (got < LENGTH)
			assert_int_equal(send(leg->fd, text + got, LENGTH - got, 0), LENGTH - got);
		expect_text(server.peer, text + got, LENGTH - got);
		loopback_expect_passes(server.peer, leg->fd);
		scene_end_session(&session);
		close(server.peer);
		window_release_all(&shm_session(&scene->shm, 0)->text[SHM_SERVER], &scene->shm,
		    &scene->cache, false);
	}
}

/* The peer ends its direction when it is asked: the connection cannot be made again as it stands, and goes on. */
static void
test_ended_when_asked(void **state)
{
	static uint8_t text[LENGTH];
	struct scene *scene = *state;
	struct takeover_session session = {.slot = 0};
	struct takeover_leg *leg = &session.leg[SHM_SERVER];
	struct loopback server;

	loopback_enter();
	server = open_server(scene, text, LENGTH, ENDING_NONE);
	assert_false(takeover_session_restore(&scene->source, &session));
	assert_true(leg->asks);
	takeover_leg_ask(leg);
	assert_int_equal(shutdown(server.peer, SHUT_WR), 0);
	loopback_expect_end(leg->fd);
	ask_and_look(leg);
	assert_true(leg->fd >= 0);
	loopback_expect_passes(leg->fd, server.peer);
	scene_end_session(&session);
	close(server.peer);
}

/* The peer has our FIN: it is not said again, and the other direction goes on. */
static void
test_ended_by_us(void **state)
{
	static uint8_t text[LENGTH];
	struct scene *scene = *state;
	struct takeover_session session = {.slot = 0};
	struct takeover_leg *leg = &session.leg[SHM_SERVER];
	struct loopback server;

	loopback_enter();
	server = open_server(scene, text, LENGTH, ENDING_FIN);
	assert_false(takeover_session_restore(&scene->source, &session));
	assert_false(leg->is_over);
	assert_true(leg->ends);
	ask_and_look(leg);
	loopback_expect_passes(server.peer, leg->fd);
	loopback_expect_state(&server.local, &server.remote, TCP_FIN_WAIT2);
	assert_int_equal(shutdown(server.peer, SHUT_WR), 0);
	loopback_expect_end(leg->fd);
	scene_end_session(&session);
	close(server.peer);
}

static void
test_little_output(void **state)
{
	static uint8_t text[LENGTH];
	struct scene *scene = *state;
	struct takeover_session session = {.slot = 0};
	struct takeover_leg *leg = &session.leg[SHM_SERVER];
	struct loopback server;

	loopback_enter();
	server = open_server(scene, text, 100, ENDING_NONE);
	scene_leg(scene, 0, SHM_SERVER)->tcp.mss = LENGTH / 4;
	assert_false(takeover_session_restore(&scene->source, &session));
	assert_false(leg->asks);
	takeover_leg_ask(leg);
	assert_true(takeover_leg_look(leg, 0));
	assert_int_equal(leg->plan.written, 0);
	assert_int_equal(send(leg->fd, text, LENGTH, 0), LENGTH);
	expect_text(server.peer, text + 100, LENGTH - 100);
	scene_end_session(&session);
	close(server.peer);
}

/* Little, but more than the peer's window has room for: the peer may have all of it, and says so. */
static void
test_little_window(void **state)
{
	static uint8_t text[LENGTH];
	struct scene *scene = *state;
	struct takeover_session session = {.slot = 0};
	struct takeover_leg *leg = &session.leg[SHM_SERVER];
	struct loopback server;

	loopback_enter();
	server = open_server(scene, text, LENGTH, ENDING_NONE);
	scene_leg(scene, 0, SHM_SERVER)->tcp.mss = LENGTH / 4;
	scene_leg(scene, 0, SHM_SERVER)->tcp.send_window = LENGTH - 1;
	assert_false(takeover_session_restore(&scene->source, &session));
	assert_true(leg->asks);
	ask_and_look(leg);
	assert_int_equal(leg->plan.written, LENGTH);
	loopback_expect_passes(leg->fd, server.peer);
	scene_end_session(&session);
	close(server.peer);
}

static bool
is_asked(struct scene *scene, uint8_t *text, uint64_t told_ms)
{
	struct takeover_session session = {.slot = 0};
	struct loopback server = open_server(scene, text, 0, ENDING_NONE);
	struct tcp_info before, after;

	shm_custody(&scene->shm, 0)->told_ms = told_ms;
	assert_false(takeover_session_restore(&scene->source, &session));
	assert_int_equal(leg_kernel_info(server.peer, &before), 0);
	takeover_leg_ask(&session.leg[SHM_SERVER]);
	usleep(20000);
	assert_int_equal(leg_kernel_info(server.peer, &after), 0);
	scene_end_session(&session);
	close(server.peer);
	window_release_all(
	    &shm_session(&scene->shm, 0)->text[SHM_SERVER], &scene->shm, &scene->cache, false);
	return after.tcpi_segs_in > before.tcpi_segs_in;
}

/* Who has all, and has long been silent, is left in peace. */
static void
test_at_rest(void **state)
{
	static uint8_t text[LENGTH];
	struct scene *scene = *state;
	uint64_t now_ms = 5 * TAKEOVER_REST_MS;

	loopback_enter();
	scene->source.now_ms = now_ms;
	assert_false(is_asked(scene, NULL, now_ms - TAKEOVER_REST_MS));
	assert_true(is_asked(scene, NULL, now_ms - TAKEOVER_REST_MS + 1));
	assert_true(is_asked(scene, text, now_ms - TAKEOVER_REST_MS));
	/* A clock that is not this host's. */
	assert_true(is_asked(scene, NULL, now_ms + TAKEOVER_REST_MS));
}

/* ---- legs that are over ---- */

static void
both_by_fin(struct record *record)
{
	record->end_seen[SHM_SERVER] = ENDING_FIN;
	record->ending[SHM_SERVER] = ENDING_FIN;
}

static void
stored_fin(struct record *record)
{
	record->end_stored[SHM_SERVER] = 1;
	record->ending[SHM_SERVER] = ENDING_FIN;
}

static void
reset_by_peer(struct record *record)
{
	record->end_seen[SHM_SERVER] = ENDING_RESET;
}

static void
reset_by_us(struct record *record)
{
	record->ending[SHM_SERVER] = ENDING_RESET;
}

static void
silent(struct record *record)
{
	record->ending[SHM_SERVER] = ENDING_SILENT;
}

static void
finished(struct record *record)
{
	record->flags |= RECORD_FINISHED;
}

typedef void set_record(struct record *record);

static set_record *const ways_to_end[] = {
    both_by_fin, stored_fin, reset_by_peer, reset_by_us, silent, finished};
#define WAYS (sizeof(ways_to_end) / sizeof(ways_to_end[0]))

static void
publish_ended(const struct scene *scene, uint32_t slot, set_record *set)
{
	struct record *record = scene_begin_record(scene, slot);

	set(record);
	scene_publish(scene, slot, record);
}

/* In one slot the earlier session, in the other the one that has its server's leg at the same ends. */
static void
check_earlier_session(struct scene *scene, unsigned family, set_record *set)
{
	struct loopback client = loopback_connect(family, false);
	struct loopback server = loopback_connect(family, true);
	struct takeover_session earlier = {.slot = 0}, live = {.slot = 1};

	scene_describe(scene, 0, SHM_CLIENT, &client);
	scene_describe(scene, 0, SHM_SERVER, &server);
	scene_describe(scene, 1, SHM_SERVER, &server);
	publish_ended(scene, 0, set);
	scene_publish_nothing(scene, 1);
	scene_lose(&client);
	scene_lose(&server);
	assert_true(takeover_session_restore(&scene->source, &earlier));
	assert_int_equal(earlier.leg[SHM_SERVER].fd, -1);
	assert_int_equal(earlier.leg[SHM_CLIENT].fd >= 0, set != finished);
	assert_false(takeover_session_restore(&scene->source, &live));
	assert_int_equal(live.leg[SHM_SERVER].error, 0);
	takeover_session_restore_over(&scene->source, &earlier);
	assert_true(earlier.leg[SHM_CLIENT].fd >= 0);
	assert_int_equal(earlier.leg[SHM_SERVER].fd, -1);
	assert_int_equal(earlier.leg[SHM_SERVER].error, 0);
	assert_true(earlier.leg[SHM_SERVER].is_over);
	takeover_leg_ask(&earlier.leg[SHM_SERVER]);
	assert_true(takeover_leg_look(&earlier.leg[SHM_SERVER], 0));
	loopback_expect_passes(server.peer, live.leg[SHM_SERVER].fd);
	loopback_expect_passes(live.leg[SHM_SERVER].fd, server.peer);
	loopback_expect_passes(earlier.leg[SHM_CLIENT].fd, client.peer);
	scene_end_session(&earlier);
	scene_end_session(&live);
	close(client.peer);
	close(server.peer);
}

static void
test_earlier_session(void **state)
{
	loopback_enter();
	for (size_t i = 0; i < WAYS; i++)
		check_earlier_session(*state, 4, ways_to_end[i]);
	check_earlier_session(*state, 6, both_by_fin);
}

/* Nobody else is there: what of it the peer may not have had yet, it gets. */
static void
test_over_and_alone(void **state)
{
	struct scene *scene = *state;

	loopback_enter();
	for (unsigned family = 4; family <= 6; family += 2) {
		struct loopback server = loopback_connect(family, true);
		struct takeover_session session = {.slot = 0};
		struct takeover_leg *leg = &session.leg[SHM_SERVER];

		scene_describe(scene, 0, SHM_SERVER, &server);
		publish_ended(scene, 0, both_by_fin);
		assert_int_equal(shutdown(server.peer, SHUT_WR), 0);
		loopback_expect_end(server.ours);
		scene_lose(&server);
		assert_true(takeover_session_restore(&scene->source, &session));
		assert_int_equal(leg->fd, -1);
		takeover_session_restore_over(&scene->source, &session);
		assert_int_equal(leg->error, 0);
		assert_int_equal(shutdown(leg->fd, SHUT_WR), 0);
		loopback_expect_end(server.peer);
		scene_end_session(&session);
		close(server.peer);
	}
}

/* Another error than that its ends are taken is one. */
static void
test_over_and_not_to_be_made(void **state)
{
	struct scene *scene = *state;
	struct takeover_session session = {.slot = 0};

	scene_set_state(scene, 0, SHM_SERVER, LEG_OPEN);
	publish_ended(scene, 0, both_by_fin);
	assert_true(takeover_session_restore(&scene->source, &session));
	assert_int_equal(session.leg[SHM_SERVER].error, 0);
	takeover_session_restore_over(&scene->source, &session);
	assert_int_equal(session.leg[SHM_SERVER].error, -EOPNOTSUPP);
	assert_int_equal(session.leg[SHM_SERVER].fd, -1);
}

static void
half_by_peer(struct record *record)
{
	record->end_seen[SHM_SERVER] = ENDING_FIN;
	record->end_stored[SHM_SERVER] = 1;
}

static void
half_by_us(struct record *record)
{
	record->ending[SHM_SERVER] = ENDING_FIN;
}

/* What has one end only goes on, and is made with the others. */
static void
test_half_is_not_over(void **state)
{
	static set_record *const ways[] = {half_by_peer, half_by_us};
	struct scene *scene = *state;

	loopback_enter();
	for (int i = 0; i < 2; i++) {
		struct loopback server = loopback_connect(4, true);
		struct takeover_session session = {.slot = 0};

		scene_describe(scene, 0, SHM_SERVER, &server);
		publish_ended(scene, 0, ways[i]);
		scene_lose(&server);
		assert_false(takeover_session_restore(&scene->source, &session));
		assert_true(session.leg[SHM_SERVER].fd >= 0);
		scene_end_session(&session);
		close(server.peer);
	}
}

/* ---- what is in the way ---- */

/* Two that live cannot have the same ends: the one that stands stays, whichever that is. */
static void
test_two_live_ones(void **state)
{
	struct scene *scene = *state;
	struct takeover_session session[2] = {{.slot = 0}, {.slot = 1}};
	struct loopback server;

	loopback_enter();
	server = loopback_connect(4, true);
	for (uint32_t i = 0; i < 2; i++) {
		scene_describe(scene, i, SHM_SERVER, &server);
		scene_publish_nothing(scene, i);
	}
	scene_lose(&server);
	for (int i = 0; i < 2; i++)
		assert_false(takeover_session_restore(&scene->source, &session[i]));
	assert_int_equal(session[1].leg[SHM_SERVER].error, -EADDRNOTAVAIL);
	assert_int_equal(session[1].leg[SHM_SERVER].fd, -1);
	loopback_expect_passes(session[0].leg[SHM_SERVER].fd, server.peer);
	scene_end_session(&session[0]);
	close(server.peer);
}

/* The kernel has an earlier connection between the same two in that state, and no process has it. */
static void
check_leftover(struct scene *scene, unsigned family, unsigned state)
{
	struct loopback server = loopback_connect(family, true);
	struct takeover_session session = {.slot = 0};
	struct takeover_leg *leg = &session.leg[SHM_SERVER];

	scene_describe(scene, 0, SHM_SERVER, &server);
	scene_publish_nothing(scene, 0);
	if (state == TCP_FIN_WAIT1)
		loopback_deafen(server.peer);
	close(server.ours);
	if (state == TCP_TIME_WAIT) {
		loopback_expect_end(server.peer);
		assert_int_equal(shutdown(server.peer, SHUT_WR), 0);
	}
	loopback_expect_state(&server.local, &server.remote, state);
	assert_false(takeover_session_restore(&scene->source, &session));
	assert_int_equal(leg->error, 0);
	assert_int_equal(loopback_state(&server.local, &server.remote), TCP_ESTABLISHED);
	scene_end_session(&session);
	close(server.peer);
}

static void
test_leftovers(void **state)
{
	static const unsigned states[] = {TCP_TIME_WAIT, TCP_FIN_WAIT2, TCP_FIN_WAIT1};

	loopback_enter();
	for (int stamps = 0; stamps < 2; stamps++) {
		loopback_set_timestamps(stamps);
		for (int i = 0; i < 3; i++) {
			check_leftover(*state, 4, states[i]);
			check_leftover(*state, 6, states[i]);
		}
	}
}

/* ---- without a packet ---- */

static void
test_end_is_silent(void **state)
{
	struct scene *scene = *state;
	struct takeover_session session = {.slot = 0};
	struct loopback server;
	char byte;

	loopback_enter();
	server = loopback_connect(4, true);
	scene_describe(scene, 0, SHM_SERVER, &server);
	scene_publish_nothing(scene, 0);
	scene_lose(&server);
	assert_false(takeover_session_restore(&scene->source, &session));
	takeover_leg_end(&session.leg[SHM_SERVER]);
	assert_int_equal(session.leg[SHM_SERVER].fd, -1);
	assert_int_equal(loopback_state(&server.local, &server.remote), 0);
	assert_int_equal(recv(server.peer, &byte, 1, MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
	takeover_leg_end(&session.leg[SHM_SERVER]);
	close(server.peer);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_set_up, scene_tear_down)
	const struct CMUnitTest tests[] = {
	    TEST(test_live),
	    TEST(test_not_there),
	    TEST(test_no_record),
	    TEST(test_not_dumped),
	    TEST(test_full_window),
	    TEST(test_much_output),
	    TEST(test_ended_when_asked),
	    TEST(test_ended_by_us),
	    TEST(test_little_output),
	    TEST(test_little_window),
	    TEST(test_at_rest),
	    TEST(test_earlier_session),
	    TEST(test_over_and_alone),
	    TEST(test_over_and_not_to_be_made),
	    TEST(test_half_is_not_over),
	    TEST(test_two_live_ones),
	    TEST(test_leftovers),
	    TEST(test_end_is_silent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
