/*
 * The worker program in a pair: nothing that a commit says is done before it is acknowledged.
 * Usage: worker_pair_test PATH-OF-WORKER
 */
#include "shm/chunk.h"
#include "shm/counters.h"
#include "shm/journal.h"
#include "tests/unit/worker_harness.h"
#include "worker/session.h"

#include <errno.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define SILENCE_MS 200
#define LEAST	   "250 2.0.0 OK\r\n"
#define BULK	   (50u * 1024u * 1024u)

static const char *program;

/* One worker, and nothing is acknowledged. */
static int
setup(void **state)
{
	static struct harness harness;

	harness_open(&harness, program);
	harness.bounds_input = true;
	harness_start(&harness, 0);
	harness_release(&harness, RELEASE_PAIRED);
	*state = &harness;
	return 0;
}

static int
teardown(void **state)
{
	harness_close(*state);
	return 0;
}

static struct record
record_of(struct harness *harness, uint32_t slot)
{
	struct record record;

	assert_true(record_read(
	    shm_session(&harness->shm, slot), harness->session[slot].generation, &record));
	return record;
}

/* The worker has committed so often for the session. */
static void
wait_for_sequence(struct harness *harness, uint32_t slot, uint64_t sequence)
{
	const struct slot_session *shared = shm_session(&harness->shm, slot);
	unsigned looks = 0;

	while ((atomic_load(&shared->generation) != harness->session[slot].generation ||
		   atomic_load(&shared->published) >> 1 < sequence) &&
	       harness_look(harness, &looks))
		continue;
	assert_int_equal(atomic_load(&shared->published) >> 1, sequence);
}

/* The next commit of the session; then it waits. */
static void
wait_for_next(struct harness *harness, uint32_t slot)
{
	const struct slot_sync *sync = &shm_custody(&harness->shm, slot)->sync;
	uint64_t known = release_slot_acknowledged(sync, harness->session[slot].generation);

	wait_for_sequence(harness, slot, known + 1);
}

static void
expect_nothing(struct harness *harness, uint32_t slot)
{
	harness_expect_silence(harness, slot, SHM_CLIENT, SILENCE_MS);
	harness_expect_silence(harness, slot, SHM_SERVER, SILENCE_MS);
}

/* Acknowledges whatever is committed until all is quiet. */
static void
settle(struct harness *harness)
{
	for (int quiet = 0; quiet < 3; quiet++) {
		if (standby_look(&harness->standby))
			quiet = -1;
		standby_acknowledge(&harness->standby);
		harness_listen(harness, HARNESS_LOOK_MS);
	}
}

static void
open_session(struct harness *harness, uint32_t slot, enum slot_mode mode)
{
	harness_session_open(harness, 0, slot, mode, true);
	wait_for_sequence(harness, slot, 1);
	settle(harness);
}

/* The gate keeps its first words until the standby has been told of it, and nothing else would tell. */
static void
test_a_server_is_told_of(void **state)
{
	struct harness *harness = *state;

	harness_session_open(harness, 0, 1, SLOT_INSPECT, false);
	wait_for_sequence(harness, 1, 1);
	settle(harness);
	wait_for_sequence(harness, 1, 1);
	harness_server_open(harness, 0, 1);
	wait_for_sequence(harness, 1, 2);
	settle(harness);
	wait_for_sequence(harness, 1, 2);
}

/* From the first word to the end of the connections. */
static void
test_each_act_waits(void **state)
{
	struct harness *harness = *state;

	open_session(harness, 1, SLOT_INSPECT);
	harness_write(harness, 1, SHM_SERVER, "220 mx ready\r\n");
	wait_for_next(harness, 1);
	expect_nothing(harness, 1);
	harness_acknowledge(harness);
	harness_expect_line(harness, 1, SHM_CLIENT, "220 ");
	harness_write(harness, 1, SHM_CLIENT, "HELO client.example.org\r\n");
	wait_for_next(harness, 1);
	expect_nothing(harness, 1);
	harness_acknowledge(harness);
	harness_expect(harness, 1, SHM_SERVER, "HELO client.example.org\r\n");
	harness_write(harness, 1, SHM_SERVER, "250 mx\r\n");
	settle(harness);
	harness_expect_line(harness, 1, SHM_CLIENT, "250 ");
	shutdown(harness->session[1].peer[SHM_SERVER], SHUT_WR);
	wait_for_next(harness, 1);
	expect_nothing(harness, 1);
	harness_acknowledge(harness);
	settle(harness);
	harness_expect_line(harness, 1, SHM_CLIENT, "421 ");
	assert_int_equal(harness_expect_end(harness, 1, SHM_CLIENT), 0);
	assert_int_equal(harness_expect_end(harness, 1, SHM_SERVER), 0);
	shutdown(harness->session[1].peer[SHM_CLIENT], SHUT_WR);
	/* Only the last commit is missing. */
	wait_for_next(harness, 1);
	harness_expect_silence(harness, 1, SHM_CLIENT, 0);
	assert_false(harness->session[1].finished);
	settle(harness);
	harness_wait_finished(harness, 1);
	assert_int_equal(harness->session[1].resets, 0);
	assert_int_equal(chunk_count_free(&harness->shm), HARNESS_CHUNKS);
}

static void
test_a_reset_waits(void **state)
{
	struct harness *harness = *state;
	struct linger hard = {.l_onoff = 1};

	open_session(harness, 2, SLOT_RAW);
	setsockopt(
	    harness->session[2].peer[SHM_CLIENT], SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	close(harness->session[2].peer[SHM_CLIENT]);
	harness->session[2].peer[SHM_CLIENT] = -1;
	wait_for_next(harness, 2);
	assert_int_equal(record_of(harness, 2).ending[SHM_SERVER], ENDING_RESET);
	harness_expect_silence(harness, 2, SHM_SERVER, SILENCE_MS);
	assert_int_equal(harness->session[2].resets, 0);
	harness_acknowledge(harness);
	settle(harness);
	harness_wait_finished(harness, 2);
	assert_true(harness->session[2].resets & HANDOVER_LEG(SHM_SERVER));
	assert_int_equal(harness_expect_end(harness, 2, SHM_SERVER), ECONNRESET);
}

/* Half a line leads to nothing, but its acknowledgement waits for a commit. */
static void
test_what_leads_to_nothing_is_stored(void **state)
{
	struct harness *harness = *state;

	open_session(harness, 3, SLOT_INSPECT);
	harness_write(harness, 3, SHM_SERVER, "220 mx ready\r\n");
	settle(harness);
	harness_expect_line(harness, 3, SHM_CLIENT, "220 ");
	harness_write(harness, 3, SHM_CLIENT, "HEL");
	wait_for_next(harness, 3);
	assert_int_equal(record_of(harness, 3).stored[SHM_CLIENT], 3);
	assert_int_equal(record_of(harness, 3).position[SHM_CLIENT], 0);
	/* What comes meanwhile is received, and stepped and committed afterwards. */
	harness_write(harness, 3, SHM_CLIENT, "O client");
	harness_write(harness, 3, SHM_CLIENT, ".example.org\r\n");
	harness_expect_silence(harness, 3, SHM_SERVER, SILENCE_MS);
	assert_int_equal(record_of(harness, 3).stored[SHM_CLIENT], 3);
	harness_acknowledge(harness);
	wait_for_next(harness, 3);
	assert_int_equal(record_of(harness, 3).position[SHM_CLIENT], 25);
	harness_expect_silence(harness, 3, SHM_SERVER, SILENCE_MS);
	harness_acknowledge(harness);
	harness_expect(harness, 3, SHM_SERVER, "HELO client.example.org\r\n");
}

static void
read_to(struct harness *harness, uint32_t slot, uint64_t end)
{
	static uint8_t bytes[65536];
	uint64_t got = 0;

	while (got < end) {
		ssize_t count =
		    recv(harness->session[slot].peer[SHM_SERVER], bytes, sizeof(bytes), 0);

		assert_true(count > 0);
		got += (uint64_t)count;
	}
	assert_int_equal(got, end);
}

/* More than one commit can report: the second one waits for the first. */
static void
test_one_commit_at_a_time(void **state)
{
	struct harness *harness = *state;
	static const char word[] = "HELP\r\n";
	char text[60 * (sizeof(word) - 1) + 1] = "";
	uint64_t sequence;

	open_session(harness, 18, SLOT_INSPECT);
	harness_write(harness, 18, SHM_SERVER, "220 mx ready\r\n");
	settle(harness);
	harness_expect_line(harness, 18, SHM_CLIENT, "220 ");
	for (size_t i = 0; i < 60; i++)
		memcpy(text + i * (sizeof(word) - 1), word, sizeof(word));
	sequence = record_of(harness, 18).sequence;
	harness_write(harness, 18, SHM_CLIENT, text);
	wait_for_next(harness, 18);
	expect_nothing(harness, 18);
	assert_int_equal(record_of(harness, 18).sequence, sequence + 1);
	assert_true(record_of(harness, 18).position[SHM_CLIENT] < strlen(text));
}

/* What the kernel has accepted of the client's, its FIN included. */
static uint64_t
accepted(struct harness *harness, uint32_t slot)
{
	struct tcp_info info;
	socklen_t length = sizeof(info);

	assert_int_equal(getsockopt(harness->session[slot].kept[SHM_CLIENT], IPPROTO_TCP, TCP_INFO,
			     &info, &length),
	    0);
	return info.tcpi_bytes_received;
}

static bool
has_all(struct harness *harness, uint32_t slot)
{
	struct record record = record_of(harness, slot);

	return record.stored[SHM_CLIENT] + record.end_stored[SHM_CLIENT] == accepted(harness, slot);
}

static void
wait_for_all(struct harness *harness, uint32_t slot)
{
	unsigned looks = 0;

	while (!has_all(harness, slot) && harness_look(harness, &looks))
		continue;
	assert_true(has_all(harness, slot));
}

/* The server takes nothing: what the kernel has accepted for it is stored all the same, within a
 * bound, and carried on by whoever adopts it. */
static void
test_blocked_input_is_stored(void **state)
{
	struct harness *harness = *state;
	struct record record;
	uint64_t sent;

	harness_acknowledge_always(harness, 0);
	harness_session_open(harness, 0, 4, SLOT_RAW, true);
	sent = harness_fill(harness, 4, SHM_CLIENT);
	wait_for_all(harness, 4);
	record = record_of(harness, 4);
	/* Both, what waits to be sent and what is stored, lie in one window. */
	assert_in_range(record.stored[SHM_CLIENT] - record.position[SHM_CLIENT], 1,
	    SESSION_HELD_MAX + SHM_CHUNK_SIZE + SHM_UNREAD_MAX);
	assert_true(HARNESS_CHUNKS - chunk_count_free(&harness->shm) <= SHM_WINDOW_CHUNKS);
	harness_kill(harness, 0, SIGKILL);
	harness_start(harness, 1);
	harness_adopt_all(harness, 1, 0);
	read_to(harness, 4, sent);
	assert_int_equal(counter_total(&harness->shm, COUNTER_sessions_invalid), 0);
}

static void
shrink(int fd, int which)
{
	const int bytes = 4096;

	assert_int_equal(setsockopt(fd, SOL_SOCKET, which, &bytes, sizeof(bytes)), 0);
}

static int
kept_option(struct harness *harness, uint32_t slot, int level, int option)
{
	int value = 0;
	socklen_t length = sizeof(value);

	assert_int_equal(
	    getsockopt(harness->session[slot].kept[SHM_CLIENT], level, option, &value, &length), 0);
	return value;
}

/* Another host's kernel has filled the window: this one accepts next to nothing until the leg is read again. */
static void
test_narrow_until_it_is_read(void **state)
{
	struct harness *harness = *state;
	const int offers = 4096;
	int narrow;
	uint64_t sent;

	harness_acknowledge_always(harness, 0);
	harness_session_open(harness, 0, 19, SLOT_RAW, true);
	sent = harness_fill(harness, 19, SHM_CLIENT);
	wait_for_all(harness, 19);
	harness_kill(harness, 0, SIGKILL);
	shm_custody(&harness->shm, 19)->leg[SHM_CLIENT].tcp.narrow = 1;
	shrink(harness->session[19].kept[SHM_CLIENT], SO_RCVBUF);
	narrow = kept_option(harness, 19, SOL_SOCKET, SO_RCVBUF);
	/* As some kernels do of themselves with such a buffer. */
	assert_int_equal(setsockopt(harness->session[19].kept[SHM_CLIENT], IPPROTO_TCP,
			     TCP_WINDOW_CLAMP, &offers, sizeof(offers)),
	    0);
	harness_start(harness, 1);
	harness_adopt_all(harness, 1, 0);
	harness_listen(harness, 500);
	assert_int_equal(kept_option(harness, 19, SOL_SOCKET, SO_RCVBUF), narrow);
	read_to(harness, 19, sent);
	assert_int_equal(kept_option(harness, 19, SOL_SOCKET, SO_RCVBUF), 2 * SHM_RECEIVE_BUFFER);
	assert_true(
	    kept_option(harness, 19, IPPROTO_TCP, TCP_WINDOW_CLAMP) >= (int)SHM_RECEIVE_BUFFER / 2);
	assert_int_equal(counter_total(&harness->shm, COUNTER_sessions_invalid), 0);
}

/* What the mail server's TCP has acknowledged, as a position of the output. */
static uint64_t
acknowledged_by_server(struct harness *harness, uint32_t slot)
{
	struct tcp_info info;
	socklen_t length = sizeof(info);

	assert_int_equal(getsockopt(harness->session[slot].kept[SHM_SERVER], IPPROTO_TCP, TCP_INFO,
			     &info, &length),
	    0);
	return info.tcpi_bytes_acked - 1; /* the SYN of an active open */
}

/* All that the server has not acknowledged, sent or not, is there to be sent by somebody else. */
static void
assert_kept(struct harness *harness, uint32_t slot)
{
	static uint8_t bytes[SHM_WINDOW_CHUNKS * SHM_CHUNK_SIZE];
	struct record record = record_of(harness, slot);
	const struct outlet *outlet = &record.outlet[SHM_SERVER];
	uint64_t acknowledged = acknowledged_by_server(harness, slot);
	uint64_t above = acknowledged - outlet->written;
	uint64_t left = outlet_pending(outlet) - above;
	int unacknowledged = 0;

	assert_true(outlet->written <= acknowledged);
	assert_int_equal(
	    ioctl(harness->session[slot].kept[SHM_SERVER], SIOCOUTQ, &unacknowledged), 0);
	assert_in_range(unacknowledged, 1, 256 * 1024);
	assert_true(left >= (uint64_t)unacknowledged);
	assert_true(window_read(&shm_session(&harness->shm, slot)->input[SHM_CLIENT], &harness->shm,
	    outlet->input + above, bytes, left));
}

static void
test_unacknowledged_output_stays(void **state)
{
	struct harness *harness = *state;
	uint64_t sent;

	harness_acknowledge_always(harness, 0);
	harness_session_open(harness, 0, 16, SLOT_RAW, true);
	sent = harness_fill(harness, 16, SHM_CLIENT);
	assert_kept(harness, 16);
	/* No event says that there is room again. */
	read_to(harness, 16, sent);
}

/* There is a pair, and just now no standby. */
static void
test_it_stays_for_a_standby_to_come(void **state)
{
	struct harness *harness = *state;
	uint64_t sent;

	release_keep(shm_release(&harness->shm), true);
	harness_release(harness, RELEASE_ALONE);
	harness_session_open(harness, 0, 17, SLOT_RAW, true);
	sent = harness_fill(harness, 17, SHM_CLIENT);
	assert_kept(harness, 17);
	/* Nobody wants it any more. */
	release_keep(shm_release(&harness->shm), false);
	harness_release(harness, RELEASE_ALONE);
	read_to(harness, 17, sent);
	harness_write(harness, 17, SHM_SERVER, "x");
	harness_expect(harness, 17, SHM_CLIENT, "x");
}

/* The standby would have to ask the peer of a session at rest what it has, if nobody told it. */
static void
test_at_rest_all_is_told(void **state)
{
	struct harness *harness = *state;
	struct record record;
	const struct outlet *outlet = &record.outlet[SHM_CLIENT];
	unsigned looks = 0;
	uint64_t sequence;

	harness_acknowledge_always(harness, 0);
	harness_session_open(harness, 0, 18, SLOT_RAW, true);
	harness_write(harness, 18, SHM_SERVER, "hello");
	harness_expect(harness, 18, SHM_CLIENT, "hello");
	record = record_of(harness, 18);
	assert_int_equal(outlet_pending(outlet), 5);
	while (outlet_pending(outlet) > 0 && harness_look(harness, &looks))
		record = record_of(harness, 18);
	assert_int_equal(outlet_pending(outlet), 0);
	assert_int_equal(outlet->written, 5);
	/* Once is enough. */
	sequence = record.sequence;
	harness_listen(harness, 2500);
	assert_int_equal(record_of(harness, 18).sequence, sequence);
	harness_write(harness, 18, SHM_CLIENT, "x");
	harness_expect(harness, 18, SHM_SERVER, "x");
}

/* Dies while it waits: who adopts the record waits too, and then does it once. */
static void
test_an_adopter_waits(void **state)
{
	struct harness *harness = *state;
	uint64_t sequence;

	open_session(harness, 5, SLOT_RAW);
	open_session(harness, 6, SLOT_RAW);
	harness_write(harness, 5, SHM_CLIENT, "committed");
	wait_for_next(harness, 5);
	harness_write(harness, 6, SHM_CLIENT, "sent");
	wait_for_next(harness, 6);
	harness_write(harness, 5, SHM_CLIENT, ", received");
	sequence = record_of(harness, 5).sequence;
	harness_kill(harness, 0, SIGKILL);
	/* Of the other one the standby had it, but nobody was there to do it. */
	standby_look(&harness->standby);
	release_acknowledge_slot(&shm_custody(&harness->shm, 6)->sync,
	    harness->session[6].generation, record_of(harness, 6).sequence, (uint64_t[]){4, 0});
	harness_start(harness, 1);
	harness_adopt_all(harness, 1, 0);
	harness_expect(harness, 6, SHM_SERVER, "sent");
	expect_nothing(harness, 5);
	assert_int_equal(record_of(harness, 5).sequence, sequence);
	settle(harness);
	harness_expect(harness, 5, SHM_SERVER, "committed, received");
	harness_expect_silence(harness, 5, SHM_SERVER, SILENCE_MS);
	harness_expect_silence(harness, 6, SHM_SERVER, 0);
}

/* The ends of a session, each adopted while it waits. */
static void
test_an_adopter_waits_for_the_end(void **state)
{
	struct harness *harness = *state;
	unsigned worker = 0;

	open_session(harness, 7, SLOT_RAW);
	shutdown(harness->session[7].peer[SHM_CLIENT], SHUT_WR);
	shutdown(harness->session[7].peer[SHM_SERVER], SHUT_WR);
	for (int step = 0; step < 4 && !harness->session[7].finished; step++) {
		bool more = standby_wait(&harness->standby, 1000);

		harness_kill(harness, worker, SIGKILL);
		chunk_sweep(&harness->shm, PROCESS_OWNER(worker, harness->serial));
		worker = !worker;
		harness_start(harness, worker);
		harness_adopt_all(harness, worker, 0);
		if (more)
			harness_listen(harness, SILENCE_MS);
		settle(harness);
	}
	assert_int_equal(harness_expect_end(harness, 7, SHM_CLIENT), 0);
	assert_int_equal(harness_expect_end(harness, 7, SHM_SERVER), 0);
	harness_wait_finished(harness, 7);
	assert_int_equal(harness->session[7].resets, 0);
	assert_int_equal(chunk_count_free(&harness->shm), HARNESS_CHUNKS);
}

/* What the slot's last session had acknowledged is not this one's. */
static void
test_the_slots_next_session_waits(void **state)
{
	struct harness *harness = *state;

	for (int round = 0; round < 2; round++) {
		open_session(harness, 8, SLOT_RAW);
		for (int i = 0; i < 3; i++) {
			harness_write(harness, 8, SHM_CLIENT, "x");
			wait_for_next(harness, 8);
			harness_expect_silence(harness, 8, SHM_SERVER, HARNESS_LOOK_MS);
			harness_acknowledge(harness);
			harness_expect(harness, 8, SHM_SERVER, "x");
		}
		shutdown(harness->session[8].peer[SHM_CLIENT], SHUT_WR);
		shutdown(harness->session[8].peer[SHM_SERVER], SHUT_WR);
		settle(harness);
		harness_wait_finished(harness, 8);
		for (int leg = 0; leg < SHM_LEGS; leg++)
			close(harness->session[8].peer[leg]);
	}
}

/* Whatever is acknowledged. */
static void
test_held_is_held(void **state)
{
	struct harness *harness = *state;

	harness_acknowledge_always(harness, 0);
	harness_session_open(harness, 0, 9, SLOT_RAW, true);
	harness_write(harness, 9, SHM_CLIENT, "a");
	harness_expect(harness, 9, SHM_SERVER, "a");
	harness_release(harness, RELEASE_HELD);
	harness_write(harness, 9, SHM_CLIENT, "b");
	harness_write(harness, 9, SHM_SERVER, "c");
	expect_nothing(harness, 9);
	harness_release(harness, RELEASE_PAIRED);
	harness_expect(harness, 9, SHM_SERVER, "b");
	harness_expect(harness, 9, SHM_CLIENT, "c");
	harness_release(harness, RELEASE_HELD);
	shutdown(harness->session[9].peer[SHM_SERVER], SHUT_WR);
	harness_expect_silence(harness, 9, SHM_CLIENT, SILENCE_MS);
	harness_release(harness, RELEASE_ALONE);
	assert_int_equal(harness_expect_end(harness, 9, SHM_CLIENT), 0);
}

/* What is there to be read. */
static uint64_t
read_there(int fd)
{
	char bytes[65536];
	ssize_t count = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	return count > 0 ? (uint64_t)count : 0;
}

/* What stops half-way because the peer takes nothing does not go on while everything is held. */
static void
test_held_stops_what_was_let_go(void **state)
{
	struct harness *harness = *state;
	static char text[100 * 1024];
	uint64_t got = 0;
	int server, unsent = 1;

	open_session(harness, 10, SLOT_RAW);
	server = harness->session[10].peer[SHM_SERVER];
	shrink(server, SO_RCVBUF);
	shrink(harness->session[10].kept[SHM_SERVER], SO_SNDBUF);
	memset(text, 'x', sizeof(text) - 1);
	harness_write(harness, 10, SHM_CLIENT, text);
	while (record_of(harness, 10).position[SHM_CLIENT] < sizeof(text) - 1)
		settle(harness);
	settle(harness);
	harness_release(harness, RELEASE_HELD);
	/* What the kernel has, it has. */
	while (unsent > 0) {
		got += read_there(server);
		assert_int_equal(
		    ioctl(harness->session[10].kept[SHM_SERVER], SIOCOUTQ, &unsent), 0);
	}
	got += read_there(server);
	assert_true(got < sizeof(text) - 1);
	harness_expect_silence(harness, 10, SHM_SERVER, SILENCE_MS);
	harness_release(harness, RELEASE_PAIRED);
	read_to(harness, 10, sizeof(text) - 1 - got);
}

/* The standby is lost: who waits goes on. */
static void
test_alone_lets_go(void **state)
{
	struct harness *harness = *state;

	open_session(harness, 11, SLOT_RAW);
	harness_write(harness, 11, SHM_CLIENT, "a");
	wait_for_next(harness, 11);
	harness_expect_silence(harness, 11, SHM_SERVER, SILENCE_MS);
	harness_release(harness, RELEASE_ALONE);
	harness_expect(harness, 11, SHM_SERVER, "a");
	harness_write(harness, 11, SHM_CLIENT, "b");
	harness_expect(harness, 11, SHM_SERVER, "b");
}

/* When a worker has seen that there is a pair, its records say all that it has received. */
static void
test_a_pair_begins_with_all_stored(void **state)
{
	struct harness *harness = *state;

	harness_release(harness, RELEASE_ALONE);
	harness_session_open(harness, 0, 12, SLOT_INSPECT, true);
	harness_write(harness, 12, SHM_SERVER, "220 mx ready\r\n");
	harness_expect_line(harness, 12, SHM_CLIENT, "220 ");
	harness_write(harness, 12, SHM_CLIENT, "HELO");
	harness_expect_silence(harness, 12, SHM_SERVER, SILENCE_MS);
	assert_int_equal(record_of(harness, 12).stored[SHM_CLIENT], 0);
	harness_release(harness, RELEASE_PAIRED);
	assert_int_equal(record_of(harness, 12).stored[SHM_CLIENT], 4);
}

/* The gateway stops, and nobody acknowledges: the sessions stay what they are. */
static void
test_a_stop_waits(void **state)
{
	struct harness *harness = *state;

	open_session(harness, 13, SLOT_INSPECT);
	open_session(harness, 14, SLOT_INSPECT);
	harness_write(harness, 13, SHM_SERVER, "220 mx ready\r\n");
	wait_for_next(harness, 13);
	harness_say(harness, 0, HANDOVER_DRAIN, 0);
	wait_for_next(harness, 14);
	expect_nothing(harness, 13);
	expect_nothing(harness, 14);
	settle(harness);
	harness_expect_line(harness, 13, SHM_CLIENT, "220 ");
	harness_expect_line(harness, 13, SHM_CLIENT, "421 ");
	harness_expect_line(harness, 14, SHM_CLIENT, "421 ");
}

static uint8_t
byte_at(uint64_t position)
{
	return (uint8_t)((position * 0x9e3779b97f4a7c15ull) >> 56);
}

static uint64_t
write_some(int fd, uint64_t from, uint64_t most)
{
	uint8_t bytes[16384];
	size_t length = most < sizeof(bytes) ? most : sizeof(bytes);
	ssize_t count;

	for (size_t i = 0; i < length; i++)
		bytes[i] = byte_at(from + i);
	count = length == 0 ? 0 : send(fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);
	return count > 0 ? (uint64_t)count : 0;
}

static uint64_t
read_some(int fd, uint64_t from)
{
	uint8_t bytes[65536];
	ssize_t count = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	for (ssize_t i = 0; i < count; i++)
		if (bytes[i] != byte_at(from + (uint64_t)i))
			fail_msg("another byte at %llu", (unsigned long long)from + i);
	return count > 0 ? (uint64_t)count : 0;
}

/* Writes until the kernel takes no more for so many looks; returns the position. */
static uint64_t
write_all(struct harness *harness, uint32_t slot, uint64_t from)
{
	for (unsigned quiet = 0; quiet < 10; quiet++) {
		uint64_t count = write_some(harness->session[slot].peer[SHM_CLIENT], from, BULK);

		from += count;
		if (count > 0)
			quiet = 0;
		else
			harness_listen(harness, HARNESS_LOOK_MS);
	}
	return from;
}

/* Writes until the worker leaves something with the kernel, which has room for more, because the server takes
 * nothing; returns the position. */
static uint64_t
write_until_left(struct harness *harness, uint32_t slot, uint64_t sent)
{
	unsigned looks = 0;

	while (!harness_is_stopped(harness, slot, SHM_CLIENT)) {
		sent += write_some(harness->session[slot].peer[SHM_CLIENT], sent, BULK);
		for (unsigned still = 0; still < 10; still++)
			assert_true(harness_look(harness, &looks));
	}
	return sent;
}

/* Nothing more is accepted, and what was is stored, for so many looks. */
static void
wait_until_still(struct harness *harness, uint32_t slot)
{
	uint64_t before = 0;

	for (unsigned still = 0; still < 3; still++) {
		unsigned looks = 0;

		wait_for_all(harness, slot);
		assert_true(harness_look(harness, &looks));
		if (accepted(harness, slot) != before)
			still = 0;
		before = accepted(harness, slot);
	}
}

static void
adopt_by(struct harness *harness, unsigned from, unsigned to)
{
	harness_kill(harness, from, SIGKILL);
	chunk_sweep(&harness->shm, PROCESS_OWNER(from, harness->serial));
	harness_start(harness, to);
	harness_adopt_all(harness, to, 0);
}

/* A session stands still while the host is alone.  When a pair begins all that the kernel has accepted is
 * stored, and what it accepts after that, though the server takes nothing; whoever adopts it reads no byte
 * twice. */
static void
test_a_full_leg_is_stored(void **state)
{
	struct harness *harness = *state;
	uint64_t sent, got = 0;
	unsigned looks = 0;

	harness_acknowledge_always(harness, 0);
	release_keep(shm_release(&harness->shm), true);
	harness_release(harness, RELEASE_ALONE);
	harness_session_open(harness, 0, 19, SLOT_RAW, true);
	sent = write_all(harness, 19, 0);
	/* The client has more than is accepted. */
	assert_true(accepted(harness, 19) < sent);
	assert_false(has_all(harness, 19));
	harness_release(harness, RELEASE_PAIRED);
	wait_for_all(harness, 19);
	sent = write_all(harness, 19, sent);
	wait_for_all(harness, 19);
	adopt_by(harness, 0, 1);
	wait_for_all(harness, 19);
	while (got < sent / 2 || !has_all(harness, 19)) {
		got += read_some(harness->session[19].peer[SHM_SERVER], got);
		assert_true(harness_look(harness, &looks));
	}
	while (got < sent) {
		uint64_t count = read_some(harness->session[19].peer[SHM_SERVER], got);

		got += count;
		assert_true(count > 0 || harness_look(harness, &looks));
	}
	harness_expect_silence(harness, 19, SHM_SERVER, SILENCE_MS);
	wait_for_all(harness, 19);
	assert_int_equal(counter_total(&harness->shm, COUNTER_sessions_invalid), 0);
}

/* Likewise the client's FIN behind input that does not move. */
static void
test_a_fin_behind_it_is_stored(void **state)
{
	struct harness *harness = *state;
	uint64_t sent, got = 0, more;
	unsigned looks = 0;

	harness_acknowledge_always(harness, 0);
	release_keep(shm_release(&harness->shm), true);
	harness_release(harness, RELEASE_ALONE);
	harness_session_open(harness, 0, 20, SLOT_RAW, true);
	sent = write_until_left(harness, 20, 0);
	harness_release(harness, RELEASE_PAIRED);
	wait_until_still(harness, 20);
	/* What it had left with the kernel is stored now, and the kernel's room is free for more. */
	sent = write_until_left(harness, 20, sent);
	wait_until_still(harness, 20);
	assert_int_equal(accepted(harness, 20), sent);
	/* It finds a leg that is full. */
	shutdown(harness->session[20].peer[SHM_CLIENT], SHUT_WR);
	while (accepted(harness, 20) == sent)
		assert_true(harness_look(harness, &looks));
	wait_for_all(harness, 20);
	assert_int_equal(record_of(harness, 20).end_stored[SHM_CLIENT], 1);
	assert_int_equal(record_of(harness, 20).end_seen[SHM_CLIENT], ENDING_NONE);
	adopt_by(harness, 0, 1);
	while (got < sent) {
		more = read_some(harness->session[20].peer[SHM_SERVER], got);
		got += more;
		assert_true(more > 0 || harness_look(harness, &looks));
	}
	assert_int_equal(harness_expect_end(harness, 20, SHM_SERVER), 0);
	close(harness->session[20].peer[SHM_SERVER]);
	harness->session[20].peer[SHM_SERVER] = -1;
	assert_int_equal(harness_expect_end(harness, 20, SHM_CLIENT), 0);
	harness_wait_finished(harness, 20);
	assert_int_equal(harness->session[20].resets, 0);
}

/* A large message passes, and the mode changes under it. */
static void
test_bulk_through_modes(void **state)
{
	static const enum release_mode modes[] = {
	    RELEASE_ALONE, RELEASE_PAIRED, RELEASE_HELD, RELEASE_PAIRED};
	struct harness *harness = *state;
	uint64_t sent = 0, got = 0;
	unsigned looks = 0, turns = 0;

	harness_acknowledge_always(harness, 1);
	harness_session_open(harness, 0, 15, SLOT_RAW, true);
	while (got < BULK) {
		uint64_t before = sent + got;

		sent += write_some(harness->session[15].peer[SHM_CLIENT], sent, BULK - sent);
		got += read_some(harness->session[15].peer[SHM_SERVER], got);
		/* While everything is held nothing moves. */
		if (got / (BULK / 16) > turns ||
		    release_mode(release_word(shm_release(&harness->shm))) == RELEASE_HELD)
			harness_release(harness, modes[turns++ % 4]);
		else if (sent + got == before)
			assert_true(harness_look(harness, &looks));
	}
	assert_true(turns >= 16);
	harness_expect_silence(harness, 15, SHM_SERVER, SILENCE_MS);
}

int
main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
	    TEST(test_a_server_is_told_of),
	    TEST(test_each_act_waits),
	    TEST(test_a_reset_waits),
	    TEST(test_what_leads_to_nothing_is_stored),
	    TEST(test_one_commit_at_a_time),
	    TEST(test_blocked_input_is_stored),
	    TEST(test_unacknowledged_output_stays),
	    TEST(test_it_stays_for_a_standby_to_come),
	    TEST(test_at_rest_all_is_told),
	    TEST(test_narrow_until_it_is_read),
	    TEST(test_an_adopter_waits),
	    TEST(test_an_adopter_waits_for_the_end),
	    TEST(test_the_slots_next_session_waits),
	    TEST(test_held_is_held),
	    TEST(test_held_stops_what_was_let_go),
	    TEST(test_alone_lets_go),
	    TEST(test_a_pair_begins_with_all_stored),
	    TEST(test_a_stop_waits),
	    TEST(test_a_full_leg_is_stored),
	    TEST(test_a_fin_behind_it_is_stored),
	    TEST(test_bulk_through_modes),
	};

	if (argc != 2) {
		fputs("usage: worker_pair_test WORKER\n", stderr);
		return 2;
	}
	program = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
