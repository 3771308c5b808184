/*
 * The worker program when chunks are short: who waits is served when there are some, who stands still
 * while he holds some is ended, who moves is not.
 * Usage: worker_shortage_test WORKER
 */
#include "shm/chunk.h"
#include "shm/closed.h"
#include "shm/counters.h"
#include "shm/event_ring.h"
#include "tests/unit/worker_harness.h"
#include "worker/shedding.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define OTHER	    (HARNESS_SLOTS - 1)
#define SESSIONS    40u
#define RESERVE	    (HARNESS_CHUNKS / (HARNESS_WORKERS * 4 * CHUNK_SHED) / 2) /* half of the share */
#define SHED_421    "421 4.3.2 System short of memory"
#define LEAST	    "250 2.0.0 ok\r\n"
#define NOT_SPUN_MS 300 /* of at least two seconds */

static const char *program;
static uint32_t serial;

static int
setup(void **state)
{
	static struct harness harness;

	harness_open(&harness, program);
	*state = &harness;
	return 0;
}

static int
teardown(void **state)
{
	harness_close(*state);
	return 0;
}

/* What the supervisor would say if so many chunks were free. */
static void
publish(struct harness *harness, uint32_t free)
{
	chunk_level_publish(
	    &harness->shm, (struct chunk_level){.used = HARNESS_CHUNKS - free, .serial = ++serial});
}

/* Nothing is free, at each new count, until so many sessions were ended. */
static void
press(struct harness *harness, uint64_t ended)
{
	unsigned looks = 0;

	while (counter_total(&harness->shm, COUNTER_sessions_shed) < ended &&
	       harness_look(harness, &looks))
		publish(harness, 0);
	assert_int_equal(counter_total(&harness->shm, COUNTER_sessions_shed), ended);
}

static void
wait_for_chunks(struct harness *harness, uint32_t used)
{
	unsigned looks = 0;

	while (chunk_count_free(&harness->shm) != HARNESS_CHUNKS - used &&
	       harness_look(harness, &looks))
		continue;
	assert_int_equal(chunk_count_free(&harness->shm), HARNESS_CHUNKS - used);
}

static void
pass(struct harness *harness, uint32_t slot, enum shm_leg from, const char *text)
{
	harness_write(harness, slot, from, text);
	harness_expect(harness, slot, !from, text);
}

static void
greet(struct harness *harness, uint32_t slot)
{
	harness_session_open(harness, 0, slot, SLOT_INSPECT, true);
	harness_write(harness, slot, SHM_SERVER, "220 mx ready\r\n");
	harness_expect_line(harness, slot, SHM_CLIENT, "220 ");
	pass(harness, slot, SHM_CLIENT, "EHLO client.example.org\r\n");
	harness_write(harness, slot, SHM_SERVER, "250-mx\r\n250 ENHANCEDSTATUSCODES\r\n");
	harness_expect_line(harness, slot, SHM_CLIENT, "250-");
	harness_expect_line(harness, slot, SHM_CLIENT, "250 ");
}

static unsigned
last_reason(struct harness *harness)
{
	static struct closed_entry entry;
	struct closed_ring *ring = shm_closed(&harness->shm);

	assert_true(closed_read(ring, closed_tickets(ring) - 1, &entry));
	return entry.reason;
}

/* How often the worker has written this event. */
static unsigned
count_events(struct harness *harness, uint32_t id)
{
	struct event event;
	uint64_t cursor = 0, lost = 0;
	unsigned count = 0;

	while (event_ring_read(shm_events(&harness->shm, 0), &cursor, &event, &lost))
		count += event.id == id;
	return count;
}

/* Half a command is held in a whole chunk; an idle session holds none. */
static void
test_standing_still_is_ended(void **state)
{
	struct harness *harness = *state;

	harness_start(harness, 0);
	greet(harness, 1);
	greet(harness, 2);
	harness_write(harness, 1, SHM_CLIENT, "MAIL FR");
	wait_for_chunks(harness, 1);
	/* Enough is free: nothing happens to it. */
	publish(harness, HARNESS_CHUNKS / CHUNK_SHED);
	harness_expect_silence(harness, 1, SHM_CLIENT, 800);
	press(harness, 1);
	harness_expect_line(harness, 1, SHM_CLIENT, SHED_421);
	assert_int_equal(harness_expect_end(harness, 1, SHM_CLIENT), 0);
	assert_int_equal(harness_expect_end(harness, 1, SHM_SERVER), 0);
	wait_for_chunks(harness, 0);
	close(harness->session[1].peer[SHM_CLIENT]);
	close(harness->session[1].peer[SHM_SERVER]);
	harness->session[1].peer[SHM_CLIENT] = harness->session[1].peer[SHM_SERVER] = -1;
	harness_wait_finished(harness, 1);
	assert_int_equal(last_reason(harness), CLOSE_SHORTAGE);
	assert_int_equal(count_events(harness, 109034), 1);
	for (int i = 0; i < 5; i++) {
		publish(harness, 0);
		pass(harness, 2, SHM_CLIENT, "NOOP\r\n");
		pass(harness, 2, SHM_SERVER, LEAST);
	}
	assert_int_equal(counter_total(&harness->shm, COUNTER_sessions_shed), 1);
}

/* The first to have come is the first to go, and only as many as are missing. */
static void
test_the_oldest_are_ended(void **state)
{
	struct harness *harness = *state;
	const uint32_t missing = 52, ended = missing / HARNESS_WORKERS + 1;
	const uint32_t free = HARNESS_CHUNKS / CHUNK_SHED + 1 - missing;

	harness_start(harness, 0);
	for (uint32_t slot = 0; slot < SESSIONS; slot++)
		greet(harness, slot);
	wait_for_chunks(harness, 0);
	for (uint32_t slot = 0; slot < SESSIONS; slot++) {
		harness_write(harness, slot, SHM_CLIENT, "MAIL FR");
		wait_for_chunks(harness, slot + 1);
	}
	/* The first goes on, and is the last from then on. */
	harness_write(harness, 0, SHM_CLIENT, "OM:<a@b.example>\r\n");
	harness_expect(harness, 0, SHM_SERVER, "MAIL FROM:<a@b.example>\r\n");
	wait_for_chunks(harness, SESSIONS - 1);
	harness_write(harness, 0, SHM_CLIENT, "RCPT");
	wait_for_chunks(harness, SESSIONS);
	harness_expect_silence(
	    harness, 0, SHM_CLIENT, (int)(SHEDDING_GRACE_MS * free / (missing + free)) + 500);
	publish(harness, free);
	for (uint32_t slot = 1; slot <= ended; slot++)
		harness_expect_line(harness, slot, SHM_CLIENT, SHED_421);
	assert_int_equal(counter_total(&harness->shm, COUNTER_sessions_shed), ended);
	for (uint32_t slot = ended + 1; slot < SESSIONS; slot++)
		harness_expect_silence(harness, slot, SHM_CLIENT, 20);
	harness_expect_silence(harness, 0, SHM_CLIENT, 20);
}

/* Bytes that come one by one do not help, nor does it that the server writes more and more. */
static void
test_small_steps_are_no_progress(void **state)
{
	struct harness *harness = *state;
	unsigned looks = 0;

	harness_start(harness, 0);
	greet(harness, 1);
	while (counter_total(&harness->shm, COUNTER_sessions_shed) == 0 &&
	       harness_look(harness, &looks)) {
		harness_write(harness, 1, SHM_CLIENT, "x");
		publish(harness, 0);
	}
	assert_int_equal(counter_total(&harness->shm, COUNTER_sessions_shed), 1);
	harness_expect_line(harness, 1, SHM_CLIENT, SHED_421);
}

/* Who reads nothing cannot be told anything either. */
static void
test_who_does_not_read_is_reset(void **state)
{
	struct harness *harness = *state;

	harness_start(harness, 0);
	harness_session_open(harness, 0, 1, SLOT_RAW, true);
	harness_session_open(harness, 0, 2, SLOT_RAW, true);
	pass(harness, 1, SHM_CLIENT, "x");
	assert_true(harness_fill(harness, 1, SHM_SERVER) > 4 * SHM_CHUNK_SIZE);
	press(harness, 1);
	harness_wait_finished(harness, 1);
	assert_int_equal(harness->session[1].resets, 3);
	assert_int_equal(last_reason(harness), CLOSE_SHORTAGE);
	pass(harness, 2, SHM_CLIENT, "y");
	wait_for_chunks(harness, 0);
}

static void
shrink(int fd, int which)
{
	const int bytes = 4096;

	assert_int_equal(setsockopt(fd, SOL_SOCKET, which, &bytes, sizeof(bytes)), 0);
}

/* What is committed for the client and has not left. */
static uint64_t
pending(struct harness *harness, uint32_t slot)
{
	struct record record;

	assert_true(record_read(
	    shm_session(&harness->shm, slot), harness->session[slot].generation, &record));
	return outlet_pending(&record.outlet[SHM_CLIENT]);
}

/* The client asks and does not read, the server answers at length, until the gateway holds what no
 * socket has taken. */
static void
clog_client(struct harness *harness, uint32_t slot)
{
	static const char ask[] = "RCPT TO:<b@b.example>\r\n";
	const int client = harness->session[slot].peer[SHM_CLIENT];
	const int server = harness->session[slot].peer[SHM_SERVER];
	char said[512], reply[512];
	unsigned looks = 0;

	memset(reply, 'x', sizeof(reply));
	memcpy(reply, "250 ", 4);
	memcpy(reply + sizeof(reply) - 2, "\r\n", 2);
	while (pending(harness, slot) < 2 * SHM_CHUNK_SIZE) {
		bool moved = send(client, ask, sizeof(ask) - 1, MSG_DONTWAIT | MSG_NOSIGNAL) > 0;

		for (ssize_t n; (n = recv(server, said, sizeof(said), MSG_DONTWAIT)) > 0;)
			for (ssize_t i = 0; i < n; i++)
				if (said[i] == '\n')
					send(server, reply, sizeof(reply), MSG_NOSIGNAL);
		assert_true(moved || harness_look(harness, &looks));
	}
}

/* Its last words are not taken: the next time it is reset. */
static void
test_last_words_do_not_hold_on(void **state)
{
	struct harness *harness = *state;

	harness_start(harness, 0);
	greet(harness, 1);
	pass(harness, 1, SHM_CLIENT, "MAIL FROM:<a@b.example>\r\n");
	pass(harness, 1, SHM_SERVER, LEAST);
	shrink(harness->session[1].peer[SHM_CLIENT], SO_RCVBUF);
	shrink(harness->session[1].kept[SHM_CLIENT], SO_SNDBUF);
	clog_client(harness, 1);
	press(harness, 1);
	assert_false(harness->session[1].finished);
	press(harness, 2);
	harness_wait_finished(harness, 1);
	wait_for_chunks(harness, 0);
}

/* While no worker lives: all chunks become another slot's, or nobody's. */
static void
fill_pool(struct harness *harness, uint32_t owner)
{
	for (uint32_t chunk = 0; chunk < HARNESS_CHUNKS; chunk++)
		atomic_store(&shm_chunk_owners(&harness->shm)[chunk], owner);
}

static uint64_t
cpu_ms(const struct harness *harness)
{
	struct timespec used;
	clockid_t clock;

	assert_int_equal(clock_getcpuclockid(harness->worker[0].pid, &clock), 0);
	assert_int_equal(clock_gettime(clock, &used), 0);
	return (uint64_t)used.tv_sec * 1000 + (uint64_t)used.tv_nsec / 1000000;
}

/* Many wait for a chunk: it costs next to nothing, and all go on when there are chunks again. */
static void
test_waiting_is_quiet(void **state)
{
	struct harness *harness = *state;
	unsigned looks = 0;
	uint64_t before;

	fill_pool(harness, OTHER + 1);
	harness_start(harness, 0);
	for (uint32_t slot = 0; slot < SESSIONS; slot++) {
		harness_session_open(harness, 0, slot, SLOT_INSPECT, true);
		harness_write(harness, slot, SHM_SERVER, "220 mx ready\r\n");
	}
	while (counter_total(&harness->shm, COUNTER_chunks_waited) < SESSIONS &&
	       harness_look(harness, &looks))
		continue;
	assert_true(counter_total(&harness->shm, COUNTER_chunks_waited) >= SESSIONS);
	before = cpu_ms(harness);
	harness_expect_silence(harness, 0, SHM_CLIENT, 2000);
	assert_true(cpu_ms(harness) - before < NOT_SPUN_MS);
	/* Few serve them one after the other, one more than is kept for what is held already. */
	publish(harness, HARNESS_CHUNKS / CHUNK_SHORT - 1);
	for (uint32_t chunk = 7; chunk <= 7 + RESERVE; chunk++)
		atomic_store(&shm_chunk_owners(&harness->shm)[chunk], CHUNK_FREE);
	for (uint32_t slot = 0; slot < SESSIONS; slot++)
		harness_expect_line(harness, slot, SHM_CLIENT, "220 ");
}

/* Half a command from each, with a pool of as many chunks as there are sessions; then the other half,
 * which takes a chunk more for the reply. */
static void
hold_the_pool(struct harness *harness, uint32_t free_left)
{
	unsigned looks = 0;

	harness_start(harness, 0);
	for (uint32_t slot = 0; slot < SESSIONS; slot++)
		greet(harness, slot);
	wait_for_chunks(harness, 0);
	harness_kill(harness, 0, SIGKILL);
	fill_pool(harness, OTHER + 1);
	for (uint32_t chunk = 0; chunk < SESSIONS; chunk++)
		atomic_store(&shm_chunk_owners(&harness->shm)[chunk], CHUNK_FREE);
	harness_start(harness, 0);
	harness_adopt_all(harness, 0, 0);
	for (uint32_t slot = 0; slot < SESSIONS; slot++)
		harness_write(harness, slot, SHM_CLIENT, "MAIL FR");
	while (chunk_count_free(&harness->shm) != free_left && harness_look(harness, &looks))
		continue;
	assert_int_equal(chunk_count_free(&harness->shm), free_left);
	for (uint32_t slot = 0; slot < SESSIONS; slot++)
		harness_write(harness, slot, SHM_CLIENT, "UNK\r\n");
}

/* All hold what there is and wait for more of it: some are ended, so the others go on. */
static void
test_all_wait_for_each_other(void **state)
{
	struct harness *harness = *state;
	uint32_t ended = 0, went_on = 0;

	hold_the_pool(harness, 0);
	harness_expect_silence(harness, 0, SHM_CLIENT, 500);
	for (uint32_t slot = 0; slot < SESSIONS; slot++) {
		const int client = harness->session[slot].peer[SHM_CLIENT];
		unsigned looks = 0;
		ssize_t got;
		char line[3];

		while ((got = recv(client, line, sizeof(line), MSG_DONTWAIT)) < 0 &&
		       errno == EAGAIN && harness_look(harness, &looks))
			publish(harness, chunk_count_free(&harness->shm));
		ended += got < 0 && errno == ECONNRESET;
		went_on += got == 3 && memcmp(line, "501", 3) == 0;
	}
	assert_int_equal(ended + went_on, SESSIONS);
	assert_true(ended > 0);
	assert_true(went_on > 0);
	assert_int_equal(counter_total(&harness->shm, COUNTER_sessions_shed), ended);
}

/* What is kept back while chunks are short is enough for one after the other to go on. */
static void
test_the_reserve_suffices(void **state)
{
	struct harness *harness = *state;

	publish(harness, HARNESS_CHUNKS / CHUNK_SHORT - 1);
	hold_the_pool(harness, RESERVE);
	for (uint32_t slot = 0; slot < SESSIONS; slot++)
		harness_expect_line(harness, slot, SHM_CLIENT, "501 ");
	assert_int_equal(counter_total(&harness->shm, COUNTER_sessions_shed), 0);
}

int
main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(test_standing_still_is_ended),
	    TEST(test_the_oldest_are_ended),
	    TEST(test_small_steps_are_no_progress),
	    TEST(test_who_does_not_read_is_reset),
	    TEST(test_last_words_do_not_hold_on),
	    TEST(test_waiting_is_quiet),
	    TEST(test_all_wait_for_each_other),
	    TEST(test_the_reserve_suffices),
	};

	if (argc < 2) {
		fputs("usage: worker_shortage_test WORKER\n", stderr);
		return 64;
	}
	program = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
