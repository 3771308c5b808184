/*
 * Clients that had no session on the other host yet: what is not known of them, and what becomes of each.  They are
 * real ones on the loopback device.
 */
#include "daemon/supervisor/takeover_embryo.h"

#include "daemon/supervisor/dispatch.h"
#include "daemon/supervisor/leg.h"
#include "daemon/supervisor/supervisor.h"
#include "loopback.h"
#include "shm/embryos.h"
#include "shm/succession.h"
#include "supervisor_fixture.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define SLOTS	 4u
#define SEEN_MS	 1000u
#define NEVER_US 900000u /* who has not answered by then is gone */
#define LOOKS	 400u
#define LOOK_US	 5000u

struct scene {
	struct supervisor supervisor;
	int server;
};

/* ---- a supervisor that takes over ---- */

static int
set_up(void **state)
{
	const struct shm_plan plan = {.slots = SLOTS, .chunks = 32, .workers = 1};
	struct scene *scene = calloc(1, sizeof(*scene));
	struct supervisor *supervisor = &scene->supervisor;

	assert_non_null(scene);
	*state = scene;
	scene->server = -1;
	gate_child_init(supervisor);
	takeover_init(supervisor);
	supervisor_fixture_add_worker(supervisor);
	supervisor_fixture_open(supervisor, &plan);
	supervisor->spare = dup(supervisor->epoll);
	supervisor->gateway_ms = SEEN_MS;
	return 0;
}

static int
tear_down(void **state)
{
	struct scene *scene = *state;
	struct supervisor *supervisor = &scene->supervisor;

	takeover_embryo_drop(supervisor);
	supervisor_fixture_close(supervisor);
	if (supervisor->spare >= 0)
		close(supervisor->spare);
	if (scene->server >= 0)
		close(scene->server);
	free(scene);
	return 0;
}

/* A static of that address, before a server that is there. */
static void
listen_at(struct scene *scene, const struct shm_endpoint *listen)
{
	struct listener *listener = &scene->supervisor.listeners.listener[0];

	listener->entry.listen = *listen;
	listener->entry.server = loopback_address(listen->family, 3, 0);
	scene->server = loopback_listen(&listener->entry.server, 8);
	scene->supervisor.listeners.count = 1;
}

/* As the gate has read it in the SYN-ACK; the host that had it is lost. */
static struct embryo
lose(struct loopback *link)
{
	struct slot_leg leg = {.local = link->local, .peer = link->remote};
	struct embryo embryo = {
	    .number = 1, .seen_ms = SEEN_MS, .local = link->local, .peer = link->remote};

	assert_int_equal(leg_dump(link->ours, &leg, false, SEEN_MS), 0);
	embryo.send_next = leg.tcp.send_sequence;
	embryo.receive_next = leg.tcp.receive_sequence;
	embryo.timestamp = leg.tcp.timestamp;
	embryo.window = UINT16_MAX;
	embryo.window_scale =
	    leg.tcp.options & TCPI_OPT_WSCALE ? leg.tcp.receive_scale : EMBRYO_NO_SCALE;
	if (leg.tcp.options & TCPI_OPT_SACK)
		embryo.options |= EMBRYO_SACK;
	if (leg.tcp.options & TCPI_OPT_TIMESTAMPS)
		embryo.options |= EMBRYO_TIMESTAMPS;
	assert_int_equal(leg_end(link->ours, true), 0);
	close(link->ours);
	link->ours = -1;
	return embryo;
}

static struct loopback
lost_client(struct scene *scene, unsigned family)
{
	struct loopback link = loopback_connect(family, false);
	struct embryo embryo = lose(&link);

	embryos_add(shm_embryos(&scene->supervisor.shm), &embryo);
	return link;
}

/* Until all have their end, or have arrived. */
static void
look(struct scene *scene)
{
	for (unsigned i = 0; i < LOOKS && scene->supervisor.takeover.embryos > 0; i++) {
		takeover_embryo_look(&scene->supervisor, 0);
		usleep(LOOK_US);
	}
	assert_int_equal(scene->supervisor.takeover.embryos, 0);
}

static void
expect_silence(int fd)
{
	char byte;

	assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
}

/* ---- what becomes of it ---- */

static void
check_arrives(struct scene *scene, unsigned family)
{
	const struct custody *custody = &scene->supervisor.custody;
	struct loopback link = lost_client(scene, family);

	listen_at(scene, &link.local);
	takeover_embryo_restore(&scene->supervisor);
	assert_int_equal(scene->supervisor.takeover.embryos, 1);
	assert_int_equal(loopback_state(&link.local, &link.remote), TCP_ESTABLISHED);
	takeover_embryo_ask(&scene->supervisor);
	look(scene);
	assert_int_equal(custody->in_use, 1);
	assert_true(
	    shm_custody(&scene->supervisor.shm, 0)->leg[SHM_CLIENT].peer.port == link.remote.port);
	expect_silence(link.peer);
	loopback_expect_passes(link.peer, custody->slot[0].fd[SHM_CLIENT]);
	loopback_expect_passes(custody->slot[0].fd[SHM_CLIENT], link.peer);
	close(link.peer);
}

static void
test_arrives(void **state)
{
	loopback_enter();
	check_arrives(*state, 4);
}

static void
test_arrives_by_ipv6(void **state)
{
	loopback_enter();
	check_arrives(*state, 6);
}

static void
test_does_not_answer(void **state)
{
	struct scene *scene = *state;
	struct loopback link;

	loopback_enter();
	link = lost_client(scene, 4);
	listen_at(scene, &link.local);
	loopback_deafen(link.peer);
	takeover_embryo_restore(&scene->supervisor);
	takeover_embryo_ask(&scene->supervisor);
	for (uint64_t waited_us = 0; waited_us < NEVER_US; waited_us += 100000) {
		takeover_embryo_look(&scene->supervisor, waited_us);
		assert_int_equal(scene->supervisor.takeover.embryos, 1);
	}
	takeover_embryo_look(&scene->supervisor, NEVER_US);
	assert_int_equal(scene->supervisor.takeover.embryos, 0);
	assert_int_equal(scene->supervisor.custody.in_use, 0);
	assert_int_equal(loopback_state(&link.local, &link.remote), 0);
	loopback_hear(link.peer);
	expect_silence(link.peer);
	close(link.peer);
}

/* It answers by a reset. */
static void
test_is_gone(void **state)
{
	struct scene *scene = *state;
	struct loopback link;

	loopback_enter();
	link = lost_client(scene, 4);
	listen_at(scene, &link.local);
	assert_int_equal(leg_end(link.peer, true), 0);
	close(link.peer);
	takeover_embryo_restore(&scene->supervisor);
	assert_int_equal(scene->supervisor.takeover.embryos, 1);
	takeover_embryo_ask(&scene->supervisor);
	look(scene);
	assert_int_equal(scene->supervisor.custody.in_use, 0);
}

static void
expect_made(struct scene *scene, uint32_t count)
{
	takeover_embryo_restore(&scene->supervisor);
	assert_int_equal(scene->supervisor.takeover.embryos, count);
	takeover_embryo_drop(&scene->supervisor);
	assert_int_equal(scene->supervisor.takeover.embryos, 0);
}

static void
test_is_too_old(void **state)
{
	struct scene *scene = *state;
	struct loopback link;

	loopback_enter();
	link = lost_client(scene, 4);
	listen_at(scene, &link.local);
	scene->supervisor.gateway_ms = SEEN_MS + TAKEOVER_EMBRYO_MS;
	expect_made(scene, 1);
	/* Dropped without a packet. */
	assert_int_equal(loopback_state(&link.local, &link.remote), 0);
	expect_silence(link.peer);
	scene->supervisor.gateway_ms++;
	expect_made(scene, 0);
	close(link.peer);
}

/* Of the other host: a session of that client which is over, though its peers may not know. */
static void
add_over(struct scene *scene, const struct loopback *link)
{
	const struct shm *shm = &scene->supervisor.shm;
	struct slot_custody *public = shm_custody(shm, 0);
	struct slot_leg *leg = &public->leg[SHM_CLIENT];
	struct record *record;

	leg->local = link->local;
	leg->peer = link->remote;
	assert_int_equal(leg_dump(link->ours, leg, false, SEEN_MS), 0);
	atomic_store(&leg->state, LEG_OPEN);
	atomic_store(&public->generation, 1);
	atomic_store(&shm_session(shm, 0)->generation, 1);
	record = record_begin(shm_session(shm, 0), 1);
	record->ending[SHM_CLIENT] = ENDING_FIN;
	record->end_stored[SHM_CLIENT] = true;
	record_publish(shm_session(shm, 0), record);
	atomic_store(&shm_succession(shm)->replicas, 1);
	atomic_store(&public->state, SLOT_REPLICA);
}

/* Its port serves another connection by now, or it would not have been let go. */
static void
test_of_a_port_that_was_used(void **state)
{
	struct scene *scene = *state;
	struct supervisor *supervisor = &scene->supervisor;
	struct embryo embryo;
	struct loopback link;

	loopback_enter();
	link = loopback_connect(4, false);
	add_over(scene, &link);
	embryo = lose(&link);
	embryos_add(shm_embryos(&supervisor->shm), &embryo);
	listen_at(scene, &link.local);
	supervisor->can_repair = true;
	assert_int_equal(takeover_restore(supervisor, 3), 0);
	assert_int_equal(supervisor->takeover.embryos, 1);
	assert_int_equal(supervisor->takeover.status.lost, 0);
	assert_int_equal(custody_leg_state(&supervisor->custody, 0, SHM_CLIENT), LEG_ENDED);
	takeover_embryo_ask(supervisor);
	look(scene);
	assert_int_equal(supervisor->custody.in_use, 2);
	takeover_drop(supervisor);
	close(link.peer);
}

static void
test_nobody_listens(void **state)
{
	struct scene *scene = *state;
	struct shm_endpoint other;
	struct loopback link;

	loopback_enter();
	link = lost_client(scene, 4);
	expect_made(scene, 0);
	other = link.local;
	other.port++;
	listen_at(scene, &other);
	expect_made(scene, 0);
	close(link.peer);
}

static void
test_a_hostile_writer(void **state)
{
	struct scene *scene = *state;
	struct embryos *embryos = shm_embryos(&scene->supervisor.shm);
	struct shm_endpoint listen;

	loopback_enter();
	listen = loopback_address(4, 1, 25);
	listen_at(scene, &listen);
	memset(embryos->entry, 0xff, sizeof(embryos->entry));
	atomic_store(&embryos->count, UINT32_MAX);
	expect_made(scene, 0);
}

/* ---- what is not known of it ---- */

/* By Linux with the scales 10, 7 and 0, Windows, and who has room for a few octets. */
static void
test_scale(void **state)
{
	(void)state;
	assert_int_equal(takeover_embryo_scale(63), 7);
	assert_int_equal(takeover_embryo_scale(502), 4);
	assert_int_equal(takeover_embryo_scale(64240), 0);
	assert_int_equal(takeover_embryo_scale(14600), 0);
	assert_int_equal(takeover_embryo_scale(7300), 1);
	assert_int_equal(takeover_embryo_scale(7301), 0);
	assert_int_equal(takeover_embryo_scale(513), 4);
	assert_int_equal(takeover_embryo_scale(1), 13);
	assert_int_equal(takeover_embryo_scale(0), 14);
	assert_int_equal(takeover_embryo_scale(UINT32_MAX), 0);
}

static void
test_plan(void **state)
{
	struct embryo embryo = {
	    .local.family = 4,
	    .peer.family = 4,
	    .send_next = 100,
	    .receive_next = 200,
	    .window_scale = 7,
	};
	struct leg_plan plan;

	(void)state;
	takeover_embryo_plan(&embryo, 1000, &plan);
	assert_int_equal(plan.tcp.send_scale, 0);
	assert_int_equal(plan.tcp.receive_scale, 7);
	assert_true(plan.tcp.options & TCPI_OPT_WSCALE);
	assert_int_equal(plan.tcp.mss, 536);
	embryo.window_scale = EMBRYO_NO_SCALE;
	embryo.peer.family = 6;
	takeover_embryo_plan(&embryo, 1000, &plan);
	assert_false(plan.tcp.options & TCPI_OPT_WSCALE);
	assert_int_equal(plan.tcp.mss, 1220);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_scale),
	    cmocka_unit_test(test_plan),
	    TEST(test_arrives),
	    TEST(test_arrives_by_ipv6),
	    TEST(test_does_not_answer),
	    TEST(test_is_gone),
	    TEST(test_is_too_old),
	    TEST(test_of_a_port_that_was_used),
	    TEST(test_nobody_listens),
	    TEST(test_a_hostile_writer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
