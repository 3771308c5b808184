/*
 * The worker program itself: sessions through it, and through its death at random instants.
 * Usage: worker_life_test PATH-OF-WORKER
 */
#include "shm/chunk.h"
#include "shm/closed.h"
#include "shm/counters.h"
#include "shm/process.h"
#include "tests/unit/worker_harness.h"
#include "worker/session.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static const char *program;
static uint64_t seed;

/* xorshift64: the same instants for the same seed. */
static unsigned
dice(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned)(seed >> 33);
}

static int
setup(void **state)
{
	static struct harness harness;

	harness_open(&harness, program);
	harness_start(&harness, 0);
	*state = &harness;
	return 0;
}

static int
teardown(void **state)
{
	harness_close(*state);
	return 0;
}

static void
test_raw_both_ways(void **state)
{
	struct harness *harness = *state;

	harness_session_open(harness, 0, 3, SLOT_RAW, true);
	harness_write(harness, 3, SHM_SERVER, "hello from the server\n");
	harness_expect(harness, 3, SHM_CLIENT, "hello from the server\n");
	harness_write(harness, 3, SHM_CLIENT, "and back");
	harness_expect(harness, 3, SHM_SERVER, "and back");
	shutdown(harness->session[3].peer[SHM_CLIENT], SHUT_WR);
	assert_int_equal(harness_expect_end(harness, 3, SHM_SERVER), 0);
	harness_write(harness, 3, SHM_SERVER, "last words");
	shutdown(harness->session[3].peer[SHM_SERVER], SHUT_WR);
	harness_expect(harness, 3, SHM_CLIENT, "last words");
	assert_int_equal(harness_expect_end(harness, 3, SHM_CLIENT), 0);
	harness_wait_finished(harness, 3);
	assert_int_equal(harness->session[3].resets, 0);
	assert_int_equal(chunk_count_free(&harness->shm), HARNESS_CHUNKS);
	assert_int_equal(counter_total(&harness->shm, COUNTER_sessions_closed), 1);
	assert_int_equal(closed_tickets(shm_closed(&harness->shm)), 1);
}

static void
test_reset_passes(void **state)
{
	struct harness *harness = *state;
	struct linger hard = {.l_onoff = 1};

	harness_session_open(harness, 0, 5, SLOT_RAW, true);
	harness_write(harness, 5, SHM_CLIENT, "x");
	harness_expect(harness, 5, SHM_SERVER, "x");
	setsockopt(
	    harness->session[5].peer[SHM_CLIENT], SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	close(harness->session[5].peer[SHM_CLIENT]);
	harness->session[5].peer[SHM_CLIENT] = -1;
	harness_wait_finished(harness, 5);
	assert_int_equal(chunk_count_free(&harness->shm), HARNESS_CHUNKS);
}

/* An idle session holds no chunk, and wakes up again. */
static void
test_idle_gives_back(void **state)
{
	struct harness *harness = *state;
	unsigned looks = 0;

	harness_session_open(harness, 0, 7, SLOT_RAW, true);
	harness_write(harness, 7, SHM_CLIENT, "x");
	harness_expect(harness, 7, SHM_SERVER, "x");
	while (chunk_count_free(&harness->shm) != HARNESS_CHUNKS && harness_look(harness, &looks))
		continue;
	assert_int_equal(chunk_count_free(&harness->shm), HARNESS_CHUNKS);
	harness_write(harness, 7, SHM_CLIENT, "y");
	harness_expect(harness, 7, SHM_SERVER, "y");
	harness_write(harness, 7, SHM_SERVER, "z");
	harness_expect(harness, 7, SHM_CLIENT, "z");
}

/* A record that was damaged costs its session alone. */
static void
test_damage_costs_one(void **state)
{
	struct harness *harness = *state;
	struct slot_session *broken = shm_session(&harness->shm, 1);
	uint64_t before;

	for (uint32_t slot = 1; slot <= 2; slot++) {
		harness_session_open(harness, 0, slot, SLOT_RAW, true);
		harness_write(harness, slot, SHM_CLIENT, "abc");
		harness_expect(harness, slot, SHM_SERVER, "abc");
	}
	harness_kill(harness, 0, SIGKILL);
	before = record_current(broken)->sequence;
	broken->record[0].position[0] ^= 4;
	broken->record[1].position[0] ^= 4;
	harness_start(harness, 1);
	harness_adopt_all(harness, 1, 0);
	harness_wait_finished(harness, 1);
	assert_int_equal(harness->session[1].resets, 3);
	assert_int_equal(harness_expect_end(harness, 1, SHM_CLIENT), ECONNRESET);
	harness_write(harness, 2, SHM_CLIENT, "def");
	harness_expect(harness, 2, SHM_SERVER, "def");
	assert_int_equal(counter_total(&harness->shm, COUNTER_sessions_invalid), 1);
	/* A standby may have acknowledged the record that was damaged: this is a later one. */
	assert_true(record_current(broken)->sequence > before);
}

/* Hand-overs that fit no slot are refused without harm. */
static void
test_refuses_what_does_not_fit(void **state)
{
	struct harness *harness = *state;

	harness_session_open(harness, 0, 9, SLOT_RAW, true);
	harness->session[9].generation++;
	harness_say(harness, 0, HANDOVER_CLEAR, 9);
	harness_adopt(harness, 0, 9, 0);
	harness->session[9].generation--;
	harness_adopt(harness, 0, 9, 0);
	harness_write(harness, 9, SHM_CLIENT, "still here");
	harness_expect(harness, 9, SHM_SERVER, "still here");
}

/* A client that takes nothing stops its server, within the bound; when it takes again, all comes.
 */
static void
test_slow_reader_is_bounded(void **state)
{
	struct harness *harness = *state;
	static uint8_t bytes[65536];
	const uint32_t most = getenv(HARNESS_PAIRED) != NULL
				  ? SHM_WINDOW_CHUNKS
				  : 2 * SESSION_HELD_MAX / SHM_CHUNK_SIZE;
	uint64_t sent, got = 0;

	harness_session_open(harness, 0, 11, SLOT_RAW, true);
	sent = harness_fill(harness, 11, SHM_SERVER);
	assert_in_range(HARNESS_CHUNKS - chunk_count_free(&harness->shm), 4, most);
	harness_write(harness, 11, SHM_CLIENT, "the other way is free");
	harness_expect(harness, 11, SHM_SERVER, "the other way is free");
	while (got < sent) {
		ssize_t count =
		    recv(harness->session[11].peer[SHM_CLIENT], bytes, sizeof(bytes), 0);

		assert_true(count > 0);
		got += (uint64_t)count;
	}
	assert_int_equal(got, sent);
}

/* A session that cannot be told to end, because its peer takes nothing, is reset. */
static void
test_clear_of_a_blocked_session(void **state)
{
	struct harness *harness = *state;

	harness_session_open(harness, 0, 12, SLOT_RAW, true);
	harness_fill(harness, 12, SHM_SERVER);
	harness_say(harness, 0, HANDOVER_CLEAR, 12);
	harness_wait_finished(harness, 12);
	assert_int_equal(chunk_count_free(&harness->shm), HARNESS_CHUNKS);
}

/*
 * Streams through deaths.  Each direction of each session carries bytes that follow from their
 * position, in pieces of random size; readers stop and go.  Workers are killed at random instants.
 */
#define STREAMS	     12u
#define STREAM_BYTES (2048u * 1024u)
#define DEATHS	     25u
#define STUCK_US     30000000u

struct stream {
	uint64_t written;
	uint64_t read;
	bool closed;
	bool ended;
};

static uint8_t
byte_at(uint32_t slot, int leg, uint64_t position)
{
	uint64_t mixed =
	    (position / 7 + slot * 1315423911u + (unsigned)leg * 77u) * 0x9e3779b97f4a7c15ull;

	return (uint8_t)(mixed >> 32);
}

static void
stream_write(struct harness *harness, uint32_t slot, int leg, struct stream *stream)
{
	uint8_t bytes[16384];
	size_t length = 1 + (size_t)dice() % sizeof(bytes);
	ssize_t count;

	if (stream->closed)
		return;
	if (length > STREAM_BYTES - stream->written)
		length = STREAM_BYTES - stream->written;
	for (size_t i = 0; i < length; i++)
		bytes[i] = byte_at(slot, leg, stream->written + i);
	count = send(harness->session[slot].peer[leg], bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (count < 0 && errno != EAGAIN)
		fail_msg("slot %u leg %d: send: %s", slot, leg, strerror(errno));
	if (count > 0)
		stream->written += (uint64_t)count;
	if (stream->written == STREAM_BYTES) {
		shutdown(harness->session[slot].peer[leg], SHUT_WR);
		stream->closed = true;
	}
}

/* What the other leg sent comes out of this one. */
static void
stream_read(struct harness *harness, uint32_t slot, int leg, struct stream *stream)
{
	uint8_t bytes[16384];
	ssize_t count;

	if (stream->ended)
		return;
	count = recv(harness->session[slot].peer[leg], bytes, 1 + (size_t)dice() % sizeof(bytes),
	    MSG_DONTWAIT);
	if (count < 0 && errno == EAGAIN)
		return;
	if (count < 0)
		fail_msg("slot %u leg %d: recv: %s", slot, leg, strerror(errno));
	for (ssize_t i = 0; i < count; i++)
		if (bytes[i] != byte_at(slot, !leg, stream->read + (uint64_t)i))
			fail_msg("slot %u leg %d: other byte at %llu", slot, leg,
			    (unsigned long long)(stream->read + (uint64_t)i));
	stream->read += (uint64_t)count;
	if (count == 0) {
		assert_int_equal(stream->read, STREAM_BYTES);
		stream->ended = true;
	}
}

/* Octets that have come and gone so far. */
static uint64_t
streams_moved(const struct stream stream[STREAMS][SHM_LEGS])
{
	uint64_t moved = 0;

	for (uint32_t slot = 0; slot < STREAMS; slot++)
		for (int leg = 0; leg < SHM_LEGS; leg++)
			moved += stream[slot][leg].written + stream[slot][leg].read;
	return moved;
}

static bool
streams_turn(struct harness *harness, struct stream stream[STREAMS][SHM_LEGS])
{
	bool done = true;

	for (uint32_t slot = 0; slot < STREAMS; slot++)
		for (int leg = 0; leg < SHM_LEGS; leg++) {
			if (dice() % 3 != 0)
				stream_write(harness, slot, leg, &stream[slot][leg]);
			if (dice() % 3 != 0)
				stream_read(harness, slot, leg, &stream[slot][!leg]);
			done = done && stream[slot][leg].ended;
		}
	return done;
}

static uint64_t
now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void
one_death(struct harness *harness, unsigned *worker)
{
	int status = harness_kill(harness, *worker, SIGKILL);

	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGKILL);
	chunk_sweep(&harness->shm, PROCESS_OWNER(*worker, harness->serial));
	*worker = !*worker;
	harness_start(harness, *worker);
	harness_adopt_all(harness, *worker, 0);
}

static void
test_streams_survive_deaths(void **state)
{
	struct harness *harness = *state;
	static struct stream stream[STREAMS][SHM_LEGS];
	unsigned worker = 0, deaths = 0;
	uint64_t moved_us = now_us(), next = moved_us + 2000, moved = 0;

	memset(stream, 0, sizeof(stream));
	for (uint32_t slot = 0; slot < STREAMS; slot++)
		harness_session_open(harness, 0, slot, SLOT_RAW, true);
	while (!streams_turn(harness, stream)) {
		harness_listen(harness, 0);
		if (now_us() >= next && deaths < DEATHS) {
			one_death(harness, &worker);
			deaths++;
			next = now_us() + dice() % 20000;
		}
		if (streams_moved(stream) != moved)
			moved_us = now_us();
		moved = streams_moved(stream);
		assert_true(now_us() - moved_us < STUCK_US);
	}
	for (uint32_t slot = 0; slot < STREAMS; slot++) {
		harness_wait_finished(harness, slot);
		assert_int_equal(harness->session[slot].resets, 0);
	}
	print_message("%u deaths\n", deaths);
	assert_true(deaths > 0);
	assert_int_equal(counter_total(&harness->shm, COUNTER_sessions_invalid), 0);
	assert_int_equal(chunk_count_free(&harness->shm), HARNESS_CHUNKS);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_raw_both_ways, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_reset_passes, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_idle_gives_back, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_damage_costs_one, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_refuses_what_does_not_fit, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_slow_reader_is_bounded, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_clear_of_a_blocked_session, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_streams_survive_deaths, setup, teardown),
	};

	if (argc < 2) {
		fputs("usage: worker_life_test PATH-OF-WORKER [SEED]\n", stderr);
		return 64;
	}
	program = argv[1];
	seed = 0x9e3779b97f4a7c15ull ^ (argc > 2 ? strtoull(argv[2], NULL, 10) : 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
