/*
 * Legs made ahead: they are used if nothing has changed, ended silently else, and are no noise to anybody.
 * Their peers are real ones on the loopback device.
 */
#include "daemon/supervisor/takeover_ahead.h"

#include "daemon/supervisor/leg_kernel.h"
#include "loopback.h"
#include "takeover_scene.h"

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define NOW_MS	 100000u
#define RESTS_MS (NOW_MS - TAKEOVER_AHEAD_REST_MS)
#define SLOT	 2u

/* A session of the other host that is lost without a packet, and what is made of it ahead. */
struct resting {
	struct scene *scene;
	struct takeover_ahead ahead;
	struct loopback link[SHM_LEGS];
};

static struct slot_custody *
custody_of(const struct resting *resting)
{
	return shm_custody(&resting->scene->shm, SLOT);
}

static struct resting
begin(struct scene *scene, unsigned family)
{
	struct resting resting = {.scene = scene};

	loopback_enter();
	scene->source.now_ms = NOW_MS;
	assert_int_equal(takeover_ahead_init(&resting.ahead, SCENE_SLOTS), 0);
	for (int i = 0; i < SHM_LEGS; i++) {
		resting.link[i] = loopback_connect(family, i == SHM_SERVER);
		scene_describe(scene, SLOT, (enum shm_leg)i, &resting.link[i]);
		scene_lose(&resting.link[i]);
	}
	scene_publish_nothing(scene, SLOT);
	custody_of(&resting)->told_ms = RESTS_MS;
	atomic_store(&custody_of(&resting)->state, SLOT_REPLICA);
	return resting;
}

static void
finish(struct resting *resting)
{
	takeover_ahead_fini(&resting->ahead);
	for (int i = 0; i < SHM_LEGS; i++)
		close(resting->link[i].peer);
}

static void
work(struct resting *resting, uint32_t legs)
{
	takeover_ahead_work(&resting->ahead, &resting->scene->source);
	assert_int_equal(resting->ahead.legs, legs);
}

static unsigned
state_of(const struct resting *resting, enum shm_leg leg)
{
	return loopback_state(&resting->link[leg].local, &resting->link[leg].remote);
}

static uint32_t
segments_in(int fd)
{
	struct tcp_info info;

	assert_int_equal(leg_kernel_info(fd, &info), 0);
	assert_int_equal(info.tcpi_state, TCP_ESTABLISHED);
	return info.tcpi_segs_in;
}

static int
option(int fd, int which)
{
	int value = -1;
	socklen_t length = sizeof(value);

	assert_int_equal(getsockopt(fd, SOL_SOCKET, which, &value, &length), 0);
	return value;
}

static void
take(struct resting *resting, struct takeover_session *session)
{
	takeover_session_take_ahead(&resting->scene->source, &resting->ahead, session);
	assert_false(takeover_ahead_has(&resting->ahead, SLOT));
	assert_false(takeover_session_restore(&resting->scene->source, session));
}

static void
check_goes_on(const struct resting *resting, const struct takeover_session *session)
{
	for (int i = 0; i < SHM_LEGS; i++) {
		const struct takeover_leg *leg = &session->leg[i];
		uint64_t cookie = 0;
		socklen_t length = sizeof(cookie);

		assert_int_equal(leg->error, 0);
		assert_true(leg->fd >= 0);
		assert_int_equal(getsockopt(leg->fd, SOL_SOCKET, SO_COOKIE, &cookie, &length), 0);
		assert_int_equal(leg->cookie, cookie);
		assert_int_equal(option(leg->fd, SO_KEEPALIVE), i == SHM_CLIENT);
		loopback_expect_passes(resting->link[i].peer, leg->fd);
		loopback_expect_passes(leg->fd, resting->link[i].peer);
	}
}

/* ---- nothing has changed ---- */

static void
check_used(struct scene *scene, unsigned family)
{
	struct resting resting = begin(scene, family);
	struct takeover_session session = {.slot = SLOT};

	work(&resting, 2);
	/* Once is enough. */
	work(&resting, 2);
	take(&resting, &session);
	assert_true(session.leg[SHM_CLIENT].was_ahead && session.leg[SHM_SERVER].was_ahead);
	assert_int_equal(option(session.leg[SHM_CLIENT].fd, SO_REUSEADDR), 1);
	check_goes_on(&resting, &session);
	scene_end_session(&session);
	finish(&resting);
}

static void
test_used(void **state)
{
	check_used(*state, 4);
	check_used(*state, 6);
}

/* A leg that was not there on the other host is none here; the other one is used. */
static void
test_one_leg(void **state)
{
	struct resting resting = begin(*state, 4);
	struct takeover_session session = {.slot = SLOT};

	scene_set_state(*state, SLOT, SHM_SERVER, LEG_FAILED);
	work(&resting, 1);
	take(&resting, &session);
	assert_true(session.leg[SHM_CLIENT].was_ahead);
	assert_int_equal(session.leg[SHM_SERVER].fd, -1);
	assert_int_equal(session.leg[SHM_SERVER].error, 0);
	scene_end_session(&session);
	finish(&resting);
}

static void
test_who_does_not_rest(void **state)
{
	struct resting resting = begin(*state, 4);

	custody_of(&resting)->told_ms = RESTS_MS + 1;
	work(&resting, 0);
	custody_of(&resting)->told_ms = RESTS_MS;
	atomic_store(&custody_of(&resting)->state, SLOT_OPEN);
	work(&resting, 0);
	atomic_store(&custody_of(&resting)->state, SLOT_REPLICA);
	work(&resting, 2);
	finish(&resting);
}

/* ---- something has ---- */

static void
stored(struct resting *resting)
{
	struct record *record = scene_begin_record(resting->scene, SLOT);

	record->stored[SHM_CLIENT] = record->stored[SHM_SERVER] = 1;
	scene_publish(resting->scene, SLOT, record);
}

static void
written(struct resting *resting)
{
	struct record *record = scene_begin_record(resting->scene, SLOT);

	record->outlet[SHM_CLIENT].written = record->outlet[SHM_SERVER].written = 1;
	scene_publish(resting->scene, SLOT, record);
}

static void
other_window(struct resting *resting)
{
	for (int i = 0; i < SHM_LEGS; i++)
		scene_leg(resting->scene, SLOT, (enum shm_leg)i)->tcp.send_window++;
}

static void
other_mark(struct resting *resting)
{
	resting->scene->source.has_marks = true;
}

static void
other_peer(struct resting *resting)
{
	for (int i = 0; i < SHM_LEGS; i++)
		scene_leg(resting->scene, SLOT, (enum shm_leg)i)->peer.port ^= 1;
}

static void
time_has_jumped(struct resting *resting)
{
	resting->scene->source.gateway_ms += LEG_AHEAD_MS;
}

static void
no_record(struct resting *resting)
{
	atomic_store(&custody_of(resting)->generation, SCENE_GENERATION + 1);
}

typedef void change(struct resting *resting);

static change *const changes[] = {
    stored, written, other_window, other_mark, other_peer, time_has_jumped, no_record};

/* Nobody has said that it has: what was made is not used all the same, and is gone without a packet. */
static void
test_changed(void **state)
{
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		struct resting resting = begin(*state, 4);
		struct takeover_session session = {.slot = SLOT};
		uint32_t before = segments_in(resting.link[SHM_CLIENT].peer);

		work(&resting, 2);
		changes[i](&resting);
		takeover_session_take_ahead(&resting.scene->source, &resting.ahead, &session);
		assert_false(
		    session.leg[SHM_CLIENT].was_ahead || session.leg[SHM_SERVER].was_ahead);
		assert_int_equal(state_of(&resting, SHM_CLIENT), 0);
		assert_int_equal(state_of(&resting, SHM_SERVER), 0);
		assert_int_equal(segments_in(resting.link[SHM_CLIENT].peer), before);
		resting.scene->source.has_marks = false;
		finish(&resting);
	}
}

/* And is made as it is then. */
static void
test_made_anew(void **state)
{
	struct resting resting = begin(*state, 4);
	struct takeover_session session = {.slot = SLOT};

	work(&resting, 2);
	other_window(&resting);
	take(&resting, &session);
	assert_false(session.leg[SHM_CLIENT].was_ahead || session.leg[SHM_SERVER].was_ahead);
	check_goes_on(&resting, &session);
	scene_end_session(&session);
	finish(&resting);
}

/* The next look ends what is of no use, and makes what is. */
static void
test_told_of_a_change(void **state)
{
	struct resting resting = begin(*state, 4);

	work(&resting, 2);
	custody_of(&resting)->told_ms = NOW_MS;
	work(&resting, 0);
	assert_int_equal(state_of(&resting, SHM_SERVER), 0);
	resting.scene->source.now_ms = NOW_MS + TAKEOVER_AHEAD_REST_MS;
	resting.scene->source.gateway_ms += TAKEOVER_AHEAD_REST_MS;
	work(&resting, 2);
	/* This host has stood still: its stamps would fall behind. */
	resting.scene->source.gateway_ms += LEG_AHEAD_MS / 2;
	work(&resting, 2);
	assert_int_equal(state_of(&resting, SHM_SERVER), TCP_ESTABLISHED);
	atomic_store(&custody_of(&resting)->state, SLOT_FREE);
	takeover_ahead_prune(&resting.ahead, &resting.scene->shm);
	assert_int_equal(resting.ahead.legs, 0);
	assert_int_equal(state_of(&resting, SHM_SERVER), 0);
	finish(&resting);
}

/* ---- who makes them ---- */

/* It dies with them, and nobody hears of it. */
static void
test_killed(void **state)
{
	struct resting resting = begin(*state, 4);
	uint32_t before = segments_in(resting.link[SHM_CLIENT].peer);
	int status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		takeover_ahead_work(&resting.ahead, &resting.scene->source);
		if (resting.ahead.legs == 2 && state_of(&resting, SHM_CLIENT) == TCP_ESTABLISHED)
			kill(getpid(), SIGKILL);
		_exit(1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(state_of(&resting, SHM_CLIENT), 0);
	assert_int_equal(state_of(&resting, SHM_SERVER), 0);
	assert_int_equal(segments_in(resting.link[SHM_CLIENT].peer), before);
	finish(&resting);
}

/* It waits, and does not try each time. */
static void
test_no_descriptor(void **state)
{
	struct resting resting = begin(*state, 4);
	struct rlimit limit, none;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = 1;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	takeover_ahead_work(&resting.ahead, &resting.scene->source);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(resting.ahead.legs, 0);
	work(&resting, 0);
	resting.scene->source.now_ms = resting.ahead.again_ms;
	work(&resting, 2);
	finish(&resting);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_set_up, scene_tear_down)
	    TEST(test_used),
	    TEST(test_one_leg),
	    TEST(test_who_does_not_rest),
	    TEST(test_changed),
	    TEST(test_made_anew),
	    TEST(test_told_of_a_change),
	    TEST(test_killed),
	    TEST(test_no_descriptor),
#undef TEST
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
