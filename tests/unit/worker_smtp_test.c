/*
 * The worker program with the real core: mail through it, and the ways a session can be ended.
 * Usage: worker_smtp_test WORKER WORKER-CRASH WORKER-OTHER
 */
#include "shm/chunk.h"
#include "shm/closed.h"
#include "shm/counters.h"
#include "shm/journal.h"
#include "shm/process.h"
#include "shm/spoken.h"
#include "tests/unit/worker_harness.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define SLOT 4u

static const char *program, *program_crash, *program_other;

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

static void
start(struct harness *harness, const char *which, unsigned index)
{
	harness->program = which;
	harness_start(harness, index);
}

/* What one side writes comes out at the other, word for word. */
static void
pass(struct harness *harness, enum shm_leg from, const char *text)
{
	harness_write(harness, SLOT, from, text);
	harness_expect(harness, SLOT, !from, text);
}

static void
greet(struct harness *harness)
{
	harness_session_open(harness, 0, SLOT, SLOT_INSPECT, true);
	harness_write(harness, SLOT, SHM_SERVER, "220 secret.example.org Vendor 1.2\r\n");
	harness_expect_line(harness, SLOT, SHM_CLIENT, "220 ");
	pass(harness, SHM_CLIENT, "EHLO client.example.org\r\n");
	harness_write(harness, SLOT, SHM_SERVER,
	    "250-mx\r\n250-XODD\r\n250-ENHANCEDSTATUSCODES\r\n250 PIPELINING\r\n");
	harness_expect_line(harness, SLOT, SHM_CLIENT, "250-");
	harness_expect_line(harness, SLOT, SHM_CLIENT, "250-ENHANCEDSTATUSCODES");
	harness_expect_line(harness, SLOT, SHM_CLIENT, "250 PIPELINING");
}

static void
mail(struct harness *harness)
{
	pass(harness, SHM_CLIENT, "MAIL FROM:<a@example.org>\r\n");
	pass(harness, SHM_SERVER, "250 2.1.0 ok\r\n");
	pass(harness, SHM_CLIENT, "RCPT TO:<b@example.org>\r\n");
	pass(harness, SHM_SERVER, "250 2.1.5 ok\r\n");
	pass(harness, SHM_CLIENT, "DATA\r\n");
	pass(harness, SHM_SERVER, "354 go\r\n");
	pass(harness, SHM_CLIENT, "Subject: x\r\n\r\n..dot\r\nend\r\n.\r\n");
	pass(harness, SHM_SERVER, "250 2.0.0 queued as 12\r\n");
}

static void
quit(struct harness *harness)
{
	pass(harness, SHM_CLIENT, "QUIT\r\n");
	harness_write(harness, SLOT, SHM_SERVER, "221 bye\r\n");
	shutdown(harness->session[SLOT].peer[SHM_SERVER], SHUT_WR);
	harness_expect_line(harness, SLOT, SHM_CLIENT, "221 ");
	assert_int_equal(harness_expect_end(harness, SLOT, SHM_CLIENT), 0);
	shutdown(harness->session[SLOT].peer[SHM_CLIENT], SHUT_WR);
	harness_wait_finished(harness, SLOT);
	assert_int_equal(harness->session[SLOT].resets, 0);
}

static struct record
record_now(struct harness *harness)
{
	struct record record;

	assert_true(record_read(
	    shm_session(&harness->shm, SLOT), harness->session[SLOT].generation, &record));
	return record;
}

static struct closed_entry
last_closed(struct harness *harness)
{
	struct closed_ring *ring = shm_closed(&harness->shm);
	struct closed_entry entry;

	assert_true(closed_tickets(ring) > 0);
	assert_true(closed_read(ring, closed_tickets(ring) - 1, &entry));
	return entry;
}

static void
test_mail_passes(void **state)
{
	struct harness *harness = *state;

	start(harness, program, 0);
	greet(harness);
	mail(harness);
	mail(harness);
	quit(harness);
	assert_int_equal(last_closed(harness).reason, CLOSE_FINS);
	assert_int_equal(last_closed(harness).messages, 2);
	assert_int_equal(counter_total(&harness->shm, COUNTER_messages_accepted), 2);
	assert_int_equal(chunk_count_free(&harness->shm), HARNESS_CHUNKS);
}

/* The worker dies between any two lines; versions of the core change with each death. */
static void
test_mail_survives_deaths(void **state)
{
	struct harness *harness = *state;
	const struct {
		enum shm_leg from;
		const char *text;
	} lines[] = {
	    {SHM_CLIENT, "MAIL FROM:<a@example.org>\r\n"},
	    {SHM_SERVER, "250 2.1.0 ok\r\n"},
	    {SHM_CLIENT, "RCPT TO:<b@example.org>\r\n"},
	    {SHM_SERVER, "250 2.1.5 ok\r\n"},
	    {SHM_CLIENT, "DATA\r\n"},
	    {SHM_SERVER, "354 go\r\n"},
	    {SHM_CLIENT, "Subject: x\r\n\r\nfirst\r\n"},
	    {SHM_CLIENT, "second\r\n.\r\n"},
	    {SHM_SERVER, "250 2.0.0 queued as 12\r\n"},
	};
	unsigned worker = 0;

	start(harness, program, 0);
	greet(harness);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		harness_write(harness, SLOT, lines[i].from, lines[i].text);
		harness_kill(harness, worker, SIGKILL);
		worker = !worker;
		start(harness, i % 2 == 0 ? program_other : program, worker);
		harness_adopt_all(harness, worker, 0);
		harness_expect(harness, SLOT, !lines[i].from, lines[i].text);
	}
	quit(harness);
	assert_int_equal(last_closed(harness).messages, 1);
	/* A worker that is killed before it has looked at what it was handed has adopted nothing. */
	assert_in_range(counter_total(&harness->shm, COUNTER_sessions_adopted), 4, 9);
	assert_int_equal(counter_total(&harness->shm, COUNTER_sessions_invalid), 0);
}

static void
expect_421(struct harness *harness, const char *beginning, enum close_reason reason)
{
	harness_expect_line(harness, SLOT, SHM_CLIENT, beginning);
	assert_int_equal(harness_expect_end(harness, SLOT, SHM_CLIENT), 0);
	shutdown(harness->session[SLOT].peer[SHM_CLIENT], SHUT_WR);
	shutdown(harness->session[SLOT].peer[SHM_SERVER], SHUT_WR);
	harness_wait_finished(harness, SLOT);
	assert_int_equal(last_closed(harness).reason, reason);
	assert_int_equal(chunk_count_free(&harness->shm), HARNESS_CHUNKS);
}

/* What waits behind DATA is remembered although none of it is consumed: when DATA is refused, the
 * message must not be read as commands. */
static void
test_content_before_refusal(void **state)
{
	struct harness *harness = *state;
	uint64_t before;
	unsigned looks = 0;

	start(harness, program, 0);
	greet(harness);
	pass(harness, SHM_CLIENT, "DATA\r\n");
	before = record_now(harness).sequence;
	harness_write(harness, SLOT, SHM_CLIENT, "MAIL FROM:<smuggled@example.org>\r\n");
	while (record_now(harness).sequence == before && harness_look(harness, &looks))
		continue;
	harness_write(harness, SLOT, SHM_SERVER, "503 5.5.1 need RCPT\r\n");
	harness_expect_line(harness, SLOT, SHM_CLIENT, "503 5.5.1 need RCPT");
	harness_expect_line(harness, SLOT, SHM_CLIENT, "554 5.5.1 ");
	assert_int_equal(harness_expect_end(harness, SLOT, SHM_SERVER), 0);
}

/* The same with a password whose line has no end yet: the record tells that it must be wiped. */
static void
test_secret_before_line_end(void **state)
{
	struct harness *harness = *state;
	unsigned looks = 0;

	start(harness, program, 0);
	greet(harness);
	harness_write(harness, SLOT, SHM_CLIENT, "AUTH PLAIN AGFsaWNlAHNlY3J");
	while ((record_now(harness).flags & RECORD_SECRET) == 0 && harness_look(harness, &looks))
		continue;
	assert_true(record_now(harness).flags & RECORD_SECRET);
}

/* Whether the text lies anywhere in the memory of chunks. */
static bool
chunks_hold(struct harness *harness, const char *text)
{
	for (uint32_t i = 0; i < harness->shm.chunks; i++)
		if (memmem(shm_chunk(&harness->shm, i), SHM_CHUNK_SIZE, text, strlen(text)) != NULL)
			return true;
	return false;
}

/* Both sides of an exchange are wiped, though the client's has gone long before the server's. */
static void
test_secrets_are_wiped(void **state)
{
	char content[4001];
	struct harness *harness = *state;
	const struct slot_session *shared = shm_session(&harness->shm, SLOT);
	unsigned looks = 0;

	start(harness, program, 0);
	greet(harness);
	pass(harness, SHM_CLIENT, "EHLO client.example.org\r\n");
	harness_write(harness, SLOT, SHM_SERVER, "250-mx\r\n250 AUTH CRAM-MD5\r\n");
	harness_expect_line(harness, SLOT, SHM_CLIENT, "250-");
	harness_expect_line(harness, SLOT, SHM_CLIENT, "250 AUTH");
	pass(harness, SHM_CLIENT, "AUTH CRAM-MD5\r\n");
	pass(harness, SHM_SERVER, "334 Y2hhbGxlbmdl\r\n");
	pass(harness, SHM_CLIENT, "cmVzcG9uc2Ux\r\n");
	harness_write(harness, SLOT, SHM_SERVER, "334 YW5vdGhlci4u\n");
	harness_expect(harness, SLOT, SHM_CLIENT, "334 YW5vdGhlci4u\r\n");
	pass(harness, SHM_CLIENT, "cmVzcG9uc2Uy\r\n");
	pass(harness, SHM_SERVER, "235 2.7.0 ok\r\n");
	mail(harness);
	pass(harness, SHM_CLIENT, "MAIL FROM:<a@example.org>\r\n");
	pass(harness, SHM_SERVER, "250 2.1.0 ok\r\n");
	pass(harness, SHM_CLIENT, "DATA\r\n");
	pass(harness, SHM_SERVER, "354 go\r\n");
	memset(content, 'x', sizeof(content));
	memcpy(content + sizeof(content) - 3, "\r\n", 3);
	for (size_t sent = 0; sent < 2 * SHM_CHUNK_SIZE; sent += sizeof(content) - 1)
		pass(harness, SHM_CLIENT, content);
	pass(harness, SHM_CLIENT, ".\r\n");
	pass(harness, SHM_SERVER, "250 2.0.0 queued as 12\r\n");
	pass(harness, SHM_CLIENT, "NOOP\r\n");
	pass(harness, SHM_SERVER, "250 2.0.0 ok\r\n");
	while (!(window_is_empty(&shared->input[SHM_CLIENT]) &&
		   window_is_empty(&shared->input[SHM_SERVER])) &&
	       harness_look(harness, &looks))
		continue;
	assert_true(window_is_empty(&shared->input[SHM_SERVER]));
	assert_false(chunks_hold(harness, "Y2hhbGxlbmdl"));
	assert_false(chunks_hold(harness, "cmVzcG9uc2Ux"));
	assert_false(chunks_hold(harness, "YW5vdGhlci4u"));
	assert_false(chunks_hold(harness, "cmVzcG9uc2Uy"));
}

static bool
has_spoken(struct harness *harness)
{
	bool noted = spoken_word(&harness->shm, SLOT / SPOKEN_BITS) >> SLOT % SPOKEN_BITS & 1;
	bool spoken = record_now(harness).flags & RECORD_SPOKEN;

	assert_int_equal(noted, spoken); /* while nothing is under way */
	return spoken;
}

/* Embryonic until something of the client's goes on: that is seen before the server has it. */
static void
test_first_valid_command_is_seen(void **state)
{
	struct harness *harness = *state;

	start(harness, program, 0);
	harness_session_open(harness, 0, SLOT, SLOT_INSPECT, true);
	harness_write(harness, SLOT, SHM_SERVER, "220 mx\r\n");
	harness_expect_line(harness, SLOT, SHM_CLIENT, "220 ");
	assert_false(has_spoken(harness));
	harness_write(harness, SLOT, SHM_CLIENT, "XYZZY\r\n");
	harness_expect_line(harness, SLOT, SHM_CLIENT, "500 ");
	assert_false(has_spoken(harness));
	pass(harness, SHM_CLIENT, "HELO client.example.org\r\n");
	assert_true(has_spoken(harness));
	/* Another worker's record says so too. */
	harness_kill(harness, 0, SIGKILL);
	start(harness, program, 1);
	harness_adopt_all(harness, 1, 0);
	harness_write(harness, SLOT, SHM_SERVER, "250 mx\r\n");
	harness_expect_line(harness, SLOT, SHM_CLIENT, "250 ");
	assert_true(has_spoken(harness));
	quit(harness);

	/* The slot's next session begins anew. */
	harness_session_open(harness, 1, SLOT, SLOT_RAW, true);
	harness_write(harness, SLOT, SHM_SERVER, "220 mx\r\n");
	harness_expect(harness, SLOT, SHM_CLIENT, "220 mx\r\n");
	assert_false(has_spoken(harness));
	pass(harness, SHM_CLIENT, "?");
	assert_true(has_spoken(harness));
}

static void
test_server_failed(void **state)
{
	struct harness *harness = *state;

	start(harness, program, 0);
	harness_session_open(harness, 0, SLOT, SLOT_INSPECT, false);
	harness_server_failed(harness, 0, SLOT, ECONNREFUSED);
	expect_421(harness, "421 ", CLOSE_CONNECT_FAILED);
}

static void
test_clear(void **state)
{
	struct harness *harness = *state;

	start(harness, program, 0);
	greet(harness);
	harness_say(harness, 0, HANDOVER_CLEAR, SLOT);
	expect_421(harness, "421 4.3.2 ", CLOSE_ADMINISTRATOR);
}

static void
test_drain(void **state)
{
	struct harness *harness = *state;

	start(harness, program, 0);
	greet(harness);
	harness_say(harness, 0, HANDOVER_DRAIN, 0);
	expect_421(harness, "421 4.3.2 ", CLOSE_SHUTDOWN);
}

/* A server that dies in the middle of a message: 451 or 421, never an accepted message. */
static void
test_server_reset(void **state)
{
	struct harness *harness = *state;
	struct linger hard = {.l_onoff = 1};

	start(harness, program, 0);
	greet(harness);
	setsockopt(
	    harness->session[SLOT].peer[SHM_SERVER], SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	close(harness->session[SLOT].peer[SHM_SERVER]);
	harness->session[SLOT].peer[SHM_SERVER] = -1;
	harness_expect_line(harness, SLOT, SHM_CLIENT, "421 ");
	assert_int_equal(harness_expect_end(harness, SLOT, SHM_CLIENT), 0);
	shutdown(harness->session[SLOT].peer[SHM_CLIENT], SHUT_WR);
	harness_wait_finished(harness, SLOT);
}

/* The word kills two workers by a fault at one position; then the session is ended without the
 * core, and the worker that ends it lives on. */
static void
test_poisoned(void **state)
{
	struct harness *harness = *state;
	const struct worker_pulse *pulse;
	uint64_t position;

	start(harness, program_crash, 0);
	greet(harness);
	harness_write(harness, SLOT, SHM_CLIENT, "NOOP XCRASHX\r\n");
	assert_int_equal(WTERMSIG(harness_kill(harness, 0, 0)), SIGSEGV);
	pulse = &shm_journal(&harness->shm, 0)->pulse;
	assert_int_equal(pulse->step_slot, SLOT);
	assert_int_equal(pulse->step_direction, SHM_CLIENT);
	position = pulse->step_position;
	start(harness, program_crash, 1);
	harness_adopt_all(harness, 1, 0);
	assert_int_equal(WTERMSIG(harness_kill(harness, 1, 0)), SIGSEGV);
	pulse = &shm_journal(&harness->shm, 1)->pulse;
	assert_int_equal(pulse->step_slot, SLOT);
	assert_int_equal(pulse->step_position, position);
	start(harness, program_crash, 0);
	harness_adopt_all(harness, 0, HANDOVER_TO_END);
	harness_expect_line(harness, SLOT, SHM_CLIENT, "421 4.3.0 ");
	assert_int_equal(harness_expect_end(harness, SLOT, SHM_CLIENT), 0);
	shutdown(harness->session[SLOT].peer[SHM_CLIENT], SHUT_WR);
	shutdown(harness->session[SLOT].peer[SHM_SERVER], SHUT_WR);
	harness_wait_finished(harness, SLOT);
	assert_int_equal(last_closed(harness).reason, CLOSE_POISONED);
	assert_int_equal(counter_total(&harness->shm, COUNTER_sessions_poisoned), 1);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_mail_passes, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_mail_survives_deaths, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_content_before_refusal, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_secret_before_line_end, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_secrets_are_wiped, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_first_valid_command_is_seen, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_server_failed, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_clear, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_drain, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_server_reset, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_poisoned, setup, teardown),
	};

	if (argc < 4) {
		fputs("usage: worker_smtp_test WORKER WORKER-CRASH WORKER-OTHER\n", stderr);
		return 64;
	}
	program = argv[1];
	program_crash = argv[2];
	program_other = argv[3];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
