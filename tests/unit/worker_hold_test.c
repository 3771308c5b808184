/*
 * The worker program with rules that refuse content: what is held back stays back, also when the
 * worker dies, and the second part of the inspection state is not lost with it.
 * Usage: worker_hold_test WORKER WORKER-CRASH
 */
#include "shm/chunk.h"
#include "shm/counters.h"
#include "shm/policy_area.h"
#include "tests/unit/worker_harness.h"
#include "worker/inspect/criterion_table.h"
#include "worker/inspect/policy.h"

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

#define SLOT	    4u
#define OTHER	    9u
#define RULE_HEADER 0u
#define RULE_NAME   1u
#define LINE_50	    "1234567890123456789012345678901234567890123456789 "

static const char *program, *program_crash;

static void
add_rule(struct inspect_policy *policy, enum inspect_criterion criterion, uint32_t limit)
{
	policy->rule[policy->rules++] = (struct inspect_rule){
	    .criterion = (uint8_t)criterion, .action = INSPECT_ACTION_REJECT, .limit = limit};
}

static int
setup(void **state)
{
	static struct harness harness;
	struct inspect_policy *policy;

	harness_open(&harness, program);
	policy = (struct inspect_policy *)(void *)shm_policy(&harness.shm)->slot[0].image;
	policy->rules = 0;
	add_rule(policy, CRITERION_HEADER_LINE_LENGTH, 90);
	add_rule(policy, CRITERION_MIME_FILENAME_LENGTH, 20);
	inspect_policy_finish(policy);
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

/* The worker dies, another adopts. */
static void
die(struct harness *harness, unsigned from)
{
	harness_kill(harness, from, SIGKILL);
	start(harness, program, !from);
	harness_adopt_all(harness, !from, 0);
}

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
	harness_write(harness, SLOT, SHM_SERVER, "220 mx ready\r\n");
	harness_expect_line(harness, SLOT, SHM_CLIENT, "220 ");
	pass(harness, SHM_CLIENT, "EHLO client.example.org\r\n");
	harness_write(harness, SLOT, SHM_SERVER, "250-mx\r\n250 CHUNKING\r\n");
	harness_expect_line(harness, SLOT, SHM_CLIENT, "250-");
	harness_expect_line(harness, SLOT, SHM_CLIENT, "250 CHUNKING");
}

static void
envelope(struct harness *harness)
{
	pass(harness, SHM_CLIENT, "MAIL FROM:<a@example.org>\r\n");
	pass(harness, SHM_SERVER, "250 2.1.0 ok\r\n");
	pass(harness, SHM_CLIENT, "RCPT TO:<b@example.org>\r\n");
	pass(harness, SHM_SERVER, "250 2.1.5 ok\r\n");
}

static void
open_content(struct harness *harness, const char *which)
{
	start(harness, which, 0);
	greet(harness);
	envelope(harness);
	pass(harness, SHM_CLIENT, "DATA\r\n");
	pass(harness, SHM_SERVER, "354 go\r\n");
}

static struct record
record_now(struct harness *harness)
{
	struct record record;

	assert_true(record_read(
	    shm_session(&harness->shm, SLOT), harness->session[SLOT].generation, &record));
	return record;
}

/* Waits until so many octets are held. */
static void
expect_held(struct harness *harness, uint32_t held)
{
	unsigned looks = 0;

	while (record_now(harness).outlet[SHM_SERVER].held != held && harness_look(harness, &looks))
		continue;
	assert_int_equal(record_now(harness).outlet[SHM_SERVER].held, held);
}

/* Likewise until there is, or is not, a second part of the state. */
static void
expect_extra(struct harness *harness, bool extra)
{
	unsigned looks = 0;

	while ((record_now(harness).extra_length != 0) != extra && harness_look(harness, &looks))
		continue;
	assert_int_equal(record_now(harness).extra_length != 0, extra);
}

static void
finish(struct harness *harness)
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

/* The header waits for its end, with an idle while and a death between; then all leaves at once. */
static void
test_held_header_survives(void **state)
{
	struct harness *harness = *state;

	open_content(harness, program);
	harness_write(harness, SLOT, SHM_CLIENT, "Subject: x\r\n");
	expect_held(harness, 12);
	harness_expect_silence(harness, SLOT, SHM_SERVER, 500);
	die(harness, 0);
	harness_expect_silence(harness, SLOT, SHM_SERVER, 200);
	harness_write(harness, SLOT, SHM_CLIENT, "From: y\r\n");
	expect_held(harness, 21);
	die(harness, 1);
	harness_write(harness, SLOT, SHM_CLIENT, "\r\nbody\r\n.\r\n");
	harness_expect(harness, SLOT, SHM_SERVER, "Subject: x\r\nFrom: y\r\n\r\nbody\r\n.\r\n");
	pass(harness, SHM_SERVER, "250 2.0.0 queued\r\n");
	finish(harness);
	assert_int_equal(chunk_count_free(&harness->shm), HARNESS_CHUNKS);
	assert_int_equal(counter_total(&harness->shm, COUNTER_sessions_invalid), 0);
}

/* Refused while held: the server gets no octet of the message, and the end of its leg. */
static void
test_held_header_is_refused(void **state)
{
	struct harness *harness = *state;

	open_content(harness, program);
	harness_write(harness, SLOT, SHM_CLIENT, "Subject: x\r\nX: " LINE_50);
	expect_held(harness, 12 + 53);
	die(harness, 0);
	harness_write(harness, SLOT, SHM_CLIENT, LINE_50 "\r\n");
	assert_int_equal(harness_expect_end(harness, SLOT, SHM_SERVER), ECONNRESET);
	harness_expect_silence(harness, SLOT, SHM_CLIENT, 100);
	harness_write(harness, SLOT, SHM_CLIENT, "\r\nbody\r\n.\r\n");
	harness_expect_line(harness, SLOT, SHM_CLIENT, "554 ");
	assert_int_equal(counter_total_rule(&harness->shm, 0, RULE_HEADER), 1);
	assert_int_equal(counter_total_rule(&harness->shm, 0, RULE_NAME), 0);
	harness_write(harness, SLOT, SHM_CLIENT, "QUIT\r\n");
	harness_expect_line(harness, SLOT, SHM_CLIENT, "221 ");
	shutdown(harness->session[SLOT].peer[SHM_CLIENT], SHUT_WR);
	harness_wait_finished(harness, SLOT);
	assert_int_equal(harness->session[SLOT].resets, HANDOVER_LEG(SHM_SERVER));
	assert_int_equal(chunk_count_free(&harness->shm), HARNESS_CHUNKS);
}

/* A chunk that was held whole: the server is told RSET and nothing else. */
static void
test_held_chunk_is_refused(void **state)
{
	struct harness *harness = *state;

	start(harness, program, 0);
	greet(harness);
	envelope(harness);
	harness_write(harness, SLOT, SHM_CLIENT, "BDAT 107 LAST\r\nX: " LINE_50);
	expect_held(harness, 15 + 53);
	die(harness, 0);
	harness_write(harness, SLOT, SHM_CLIENT, LINE_50 "\r\n\r\n");
	harness_expect(harness, SLOT, SHM_SERVER, "RSET\r\n");
	harness_write(harness, SLOT, SHM_SERVER, "250 2.0.0 ok\r\n");
	harness_expect_line(harness, SLOT, SHM_CLIENT, "554 ");
	envelope(harness);
	finish(harness);
}

/* A session that is ended without the core: what is held never leaves, and nobody waits for it. */
static void
test_poisoned_while_held(void **state)
{
	struct harness *harness = *state;

	open_content(harness, program_crash);
	harness_write(harness, SLOT, SHM_CLIENT, "Content-Type: text/plain;\r\n");
	expect_held(harness, 27);
	harness_write(harness, SLOT, SHM_CLIENT, "\tname=XCRASHX\r\n");
	assert_int_equal(WTERMSIG(harness_kill(harness, 0, 0)), SIGSEGV);
	start(harness, program, 1);
	harness_adopt_all(harness, 1, HANDOVER_TO_END);
	assert_int_equal(harness_expect_end(harness, SLOT, SHM_SERVER), 0);
	harness_expect_line(harness, SLOT, SHM_CLIENT, "421 ");
	assert_int_equal(harness_expect_end(harness, SLOT, SHM_CLIENT), 0);
	shutdown(harness->session[SLOT].peer[SHM_CLIENT], SHUT_WR);
	shutdown(harness->session[SLOT].peer[SHM_SERVER], SHUT_WR);
	harness_wait_finished(harness, SLOT);
	assert_int_equal(harness->session[SLOT].resets, 0);
	assert_int_equal(chunk_count_free(&harness->shm), HARNESS_CHUNKS);
}

#define MULTIPART "Content-Type: multipart/mixed; boundary=\"a b\"\r\n"
#define PART	  "--a b\r\nContent-Disposition: attachment;\r\n filename=\"123456789 123456789 1"

/* The boundary, then half a field of a part, are known to the next worker. */
static void
test_extra_survives(void **state)
{
	struct harness *harness = *state;

	open_content(harness, program);
	harness_write(harness, SLOT, SHM_CLIENT, MULTIPART "\r\n");
	harness_expect(harness, SLOT, SHM_SERVER, MULTIPART "\r\n");
	expect_extra(harness, true);
	die(harness, 0);
	pass(harness, SHM_CLIENT, "preamble\r\n" PART);
	expect_extra(harness, true);
	die(harness, 1);
	harness_write(harness, SLOT, SHM_CLIENT, "\"\r\n\r\ntext\r\n--a b--\r\n.\r\n");
	harness_expect_line(harness, SLOT, SHM_CLIENT, "554 ");
	assert_int_equal(counter_total_rule(&harness->shm, 0, RULE_NAME), 1);
	expect_extra(harness, false);
	assert_true(window_is_empty(&shm_session(&harness->shm, SLOT)->extension));
}

/* A second part that was damaged: the session is ended, as with any record that does not hold. */
static void
test_extra_damaged(void **state)
{
	struct harness *harness = *state;
	struct record record;
	uint8_t *bytes;
	size_t length;

	open_content(harness, program);
	harness_write(harness, SLOT, SHM_CLIENT, MULTIPART "\r\n");
	harness_expect(harness, SLOT, SHM_SERVER, MULTIPART "\r\n");
	expect_extra(harness, true);
	harness_kill(harness, 0, SIGKILL);
	record = record_now(harness);
	bytes = window_span(&shm_session(&harness->shm, SLOT)->extension, &harness->shm,
	    record.extra_half * (uint64_t)RECORD_EXTRA_SIZE, record.extra_length, &length);
	assert_non_null(bytes);
	bytes[length - 1] ^= 1;
	start(harness, program, 1);
	harness_adopt_all(harness, 1, 0);
	harness_wait_finished(harness, SLOT);
	assert_int_equal(harness->session[SLOT].resets, 3);
	assert_int_equal(counter_total(&harness->shm, COUNTER_sessions_invalid), 1);
	assert_int_equal(chunk_count_free(&harness->shm), HARNESS_CHUNKS);
}

/* While no worker lives: of the slot's chunks only the client's input stays, and every other chunk of
 * the pool becomes another slot's. */
static void
take_chunks(struct harness *harness)
{
	struct slot_session *shared = shm_session(&harness->shm, SLOT);
	_Atomic uint32_t *owners = shm_chunk_owners(&harness->shm);
	struct chunk_cache cache;

	chunk_cache_init(&cache, 0);
	window_release_all(&shared->input[SHM_SERVER], &harness->shm, &cache, false);
	for (int leg = 0; leg < SHM_LEGS; leg++)
		window_release_all(&shared->text[leg], &harness->shm, &cache, false);
	for (uint32_t chunk = 0; chunk < HARNESS_CHUNKS; chunk++)
		if (atomic_load(&owners[chunk]) != SLOT + 1)
			atomic_store(&owners[chunk], OTHER + 1);
}

static void
give_chunks(struct harness *harness)
{
	_Atomic uint32_t *owners = shm_chunk_owners(&harness->shm);

	for (uint32_t chunk = 0; chunk < HARNESS_CHUNKS; chunk++)
		if (atomic_load(&owners[chunk]) == OTHER + 1)
			atomic_store(&owners[chunk], CHUNK_FREE);
}

/* Without a chunk for the second part the session waits, and goes on when there is one. */
static void
test_extra_finds_no_chunk(void **state)
{
	struct harness *harness = *state;
	unsigned looks = 0;

	open_content(harness, program);
	harness_write(harness, SLOT, SHM_CLIENT, "Subject: x\r\n");
	expect_held(harness, 12);
	expect_extra(harness, false);
	harness_kill(harness, 0, SIGKILL);
	take_chunks(harness);
	start(harness, program, 1);
	harness_adopt_all(harness, 1, 0);
	harness_write(harness, SLOT, SHM_CLIENT, MULTIPART);
	while (counter_total(&harness->shm, COUNTER_chunks_waited) == 0 &&
	       harness_look(harness, &looks))
		continue;
	assert_true(counter_total(&harness->shm, COUNTER_chunks_waited) > 0);
	harness_expect_silence(harness, SLOT, SHM_SERVER, 200);
	expect_held(harness, 12);
	expect_extra(harness, false);
	give_chunks(harness);
	expect_held(harness, 12 + sizeof(MULTIPART) - 1);
	expect_extra(harness, true);
	harness_write(harness, SLOT, SHM_CLIENT, "\r\nbody\r\n.\r\n");
	harness_expect(harness, SLOT, SHM_SERVER, "Subject: x\r\n" MULTIPART "\r\nbody\r\n.\r\n");
	pass(harness, SHM_SERVER, "250 2.0.0 queued\r\n");
	finish(harness);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_held_header_survives, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_held_header_is_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_held_chunk_is_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_poisoned_while_held, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_extra_survives, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_extra_damaged, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_extra_finds_no_chunk, setup, teardown),
	};

	if (argc < 3) {
		fputs("usage: worker_hold_test WORKER WORKER-CRASH\n", stderr);
		return 64;
	}
	program = argv[1];
	program_crash = argv[2];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
