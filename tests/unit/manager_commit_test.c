/* Candidate, commit, confirm timer and rollback, as a person sees them at the manager. */
#include "tests/unit/manager_harness.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include <cmocka.h>

#define LOOK_US	       20000
#define LOOKS	       500u
#define MINUTE_MS      60000u
#define CLASSES_OF_ONE 30u
#define NOTHING	       "% there is nothing to commit"

static void
done(struct person *person, const char *line)
{
	if (person_execute(person, line) != EX_OK)
		fail_msg("'%s' is refused: %s", line, text_string(&person->text));
}

static void
refused(struct person *person, const char *line, const char *why)
{
	int status = person_execute(person, line);

	if (status == EX_OK || !person_says(person, why))
		fail_msg("'%s': %d, %s", line, status, text_string(&person->text));
}

/* Events are not there at once. */
static void
shows(struct person *person, const char *line, const char *wanted)
{
	for (unsigned i = 0; i < LOOKS; i++) {
		done(person, line);
		if (person_says(person, wanted))
			return;
		if (strcmp(line, "show events") != 0)
			break;
		usleep(LOOK_US);
	}
	fail_msg("'%s' does not show '%s': %s", line, wanted, text_string(&person->text));
}

static void
done_number(struct person *person, const char *words, unsigned number)
{
	char line[64];

	snprintf(line, sizeof(line), "%s%u", words, number);
	done(person, line);
}

static bool
runs(struct person *person, const char *words)
{
	done(person, "show running-config");
	return person_says(person, words);
}

static void
collect(struct person *person, const char *line)
{
	done(person, "configure candidate");
	done(person, line);
	done(person, "end");
}

static void
pass_time(const struct gateway *gateway, uint64_t ms)
{
	atomic_fetch_add(shm_clock_floor(&gateway->shm), ms);
}

static void
await_running(struct person *person, const char *words)
{
	for (unsigned i = 0; i < LOOKS; i++) {
		if (runs(person, words))
			return;
		usleep(LOOK_US);
	}
	fail_msg("it does not run by %s: %s", words, text_string(&person->text));
}

static void
restart(struct gateway *gateway, struct person *person)
{
	person_close(person);
	gateway_stop_manager(gateway, SIGKILL, 0);
	gateway_start_manager(gateway);
	person_open(person, gateway);
}

static void
test_lines_are_collected(void **state)
{
	struct gateway *gateway = *state;
	struct person person, other;

	person_open(&person, gateway);
	person_open(&other, gateway);
	shows(&person, "show candidate", "! No candidate: nothing was changed");
	done(&person, "configure candidate");
	assert_string_equal(person.prompt, "smtpguard(config-candidate)# ");
	refused(&person, "nonsense", "% Invalid input detected at '^' marker.");
	refused(&person, "class-map inspection_default extra", "% Invalid input");
	done(&person, "hostname collected");
	done(&person, "policy-map type inspect esmtp strict");
	assert_string_equal(person.prompt, "smtpguard(config-candidate-pmap)# ");
	done(&person, "parameters");
	assert_string_equal(person.prompt, "smtpguard(config-candidate-pmap-p)# ");
	done(&person, "line-endings reject");
	done(&person, "do show version");
	/* One for all, and nothing of it is live. */
	shows(&other, "show candidate", "hostname collected\n");
	assert_true(person_says(&other, " by root\n"));
	assert_true(person_says(&other, "  line-endings reject\n"));
	assert_true(runs(&other, "hostname smtpguard\n"));
	collect(&other, "fixup protocol smtp 26");
	shows(&person, "show candidate", "fixup protocol smtp 26\n");
	done(&person, "end");
	assert_string_equal(person.prompt, "smtpguard# ");
	shows(&person, "show configuration diff", "--- running-config\n+++ candidate\n@@ -1,");
	assert_true(person_says(&person, "-hostname smtpguard\n+hostname collected\n"));
	restart(gateway, &person);
	shows(&person, "show candidate", "hostname collected\n");
	/* A line of EXEC is live, as ever. */
	done(&person, "hostname live");
	assert_true(runs(&person, "hostname live\n"));
	done(&person, "clear candidate");
	refused(&person, "clear candidate", "% there is no candidate");
	shows(&person, "show configuration diff", "");
	assert_int_equal(person.text.length, 0);
	person_close(&person);
	person_close(&other);
}

/* A candidate that says what runs is none. */
static void
test_no_change_is_no_candidate(void **state)
{
	struct gateway *gateway = *state;
	struct person person;

	person_open(&person, gateway);
	collect(&person, "hostname other");
	collect(&person, "hostname smtpguard");
	shows(&person, "show candidate", "! No candidate");
	refused(&person, "commit", NOTHING);
	refused(&person, "commit check", NOTHING);
	refused(&person, "commit confirmed 5", NOTHING);
	refused(&person, "commit confirmed 0", "% Invalid input");
	refused(&person, "commit confirmed 65536", "% Invalid input");
	refused(&person, "commit confirmed", "% Incomplete command");
	refused(&person, "rollback 1", "% rollback 1: there is none of that number");
	refused(&person, "rollback 11", "% Invalid input");
	done(&person, "disable");
	refused(&person, "commit", "% Invalid input");
	person_close(&person);
}

static void
test_commit_and_rollback(void **state)
{
	struct gateway *gateway = *state;
	struct person person;

	person_open(&person, gateway);
	collect(&person, "hostname one");
	shows(&person, "commit check", "The candidate can run\n");
	assert_false(runs(&person, "hostname one"));
	shows(&person, "commit", "Commit complete: +1 -1 lines\n");
	assert_true(runs(&person, "hostname one"));
	shows(&person, "show candidate", "! No candidate");
	shows(&person, "show events", "109050: root committed the candidate: +1 -1 lines");
	collect(&person, "hostname two");
	done(&person, "commit");
	shows(&person, "show configuration history", " 0  now");
	assert_true(person_says(&person, "\n 2  "));
	assert_false(person_says(&person, "\n 3  "));
	/* It is loaded, and runs by a commit. */
	shows(&person, "rollback 2", "The candidate is what ran until ");
	assert_true(runs(&person, "hostname two"));
	shows(&person, "show configuration diff", "-hostname two\n+hostname smtpguard\n");
	done(&person, "commit");
	assert_true(runs(&person, "hostname smtpguard"));
	restart(gateway, &person);
	done(&person, "rollback 1");
	shows(&person, "show candidate", "hostname two\n");
	done(&person, "rollback 0");
	shows(&person, "show candidate", "! No candidate");
	person_close(&person);
}

/* Whole or not at all; the candidate stays. */
static void
test_a_commit_that_fails(void **state)
{
	struct gateway *gateway = *state;
	struct person person;

	person_open(&person, gateway);
	collect(&person, "static (inside,outside) tcp 127.0.0.1 2525 127.0.0.1 2526");
	collect(&person, "static (inside,outside) tcp 127.0.0.1 9999 127.0.0.1 2526");
	refused(&person, "commit confirmed 5", "% static: cannot listen on 127.0.0.1:9999");
	assert_int_equal(gateway->table.count, 0);
	assert_false(runs(&person, "static"));
	shows(&person, "show candidate", "static (inside,outside) tcp 127.0.0.1 9999 ");
	assert_false(person_says(&person, "! Unconfirmed"));
	shows(&person, "show configuration history", " 0  now");
	assert_false(person_says(&person, "\n 1  "));
	atomic_store(&gateway->busy_port, 0);
	done(&person, "commit");
	assert_int_equal(gateway->table.count, 2);
	person_close(&person);
}

/* Each line is well formed, all of them together cannot be. */
static void
test_a_candidate_that_cannot_run(void **state)
{
	struct gateway *gateway = *state;
	struct person person;

	person_open(&person, gateway);
	done(&person, "configure candidate");
	for (unsigned i = 0; i < CLASSES_OF_ONE; i++)
		done_number(&person, "class-map c", i);
	for (unsigned i = 0; i <= CLASSES_MAX / CLASSES_OF_ONE; i++) {
		done_number(&person, "policy-map p", i);
		for (unsigned k = 0; k < CLASSES_OF_ONE; k++) {
			done_number(&person, "class c", k);
			done(&person, "no inspect esmtp");
		}
	}
	done(&person, "end");
	refused(&person, "commit check", "% policy-map p4: class c8 is beyond the 128 classes");
	refused(&person, "commit", "% policy-map p4: class c8 is beyond the 128 classes");
	assert_false(runs(&person, "policy-map p0"));
	shows(&person, "show candidate", "policy-map p4");
	person_close(&person);
}

/* What others have done meanwhile is not undone unseen. */
static void
test_an_outdated_candidate(void **state)
{
	struct gateway *gateway = *state;
	struct person person;

	person_open(&person, gateway);
	collect(&person, "hostname mine");
	done(&person, "fixup protocol smtp 26");
	refused(
	    &person, "commit", "% the running configuration was changed since the candidate began");
	refused(&person, "commit confirmed 1", "commit force");
	shows(&person, "commit check", "only `commit force` takes it");
	shows(&person, "show candidate", "the running configuration was changed meanwhile");
	shows(&person, "show configuration diff", "-fixup protocol smtp 26\n");
	done(&person, "no fixup protocol smtp 26");
	done(&person, "clear configure fixup");
	shows(&person, "commit check", "The candidate can run\n");
	done(&person, "fixup protocol smtp 26");
	done(&person, "commit force");
	assert_true(runs(&person, "hostname mine\n"));
	assert_false(person_says(&person, "fixup"));
	person_close(&person);
}

static void
test_not_confirmed_is_taken_back(void **state)
{
	struct gateway *gateway = *state;
	struct person person;

	person_open(&person, gateway);
	collect(&person, "hostname trial");
	shows(&person, "commit confirmed 5",
	    "taken back in 5 min unless another `commit` confirms it\n");
	assert_true(runs(&person, "hostname trial\n"));
	pass_time(gateway, MINUTE_MS);
	shows(&person, "show candidate", "it is taken back in 4 min 00 s\n");
	refused(&person, "write memory", "is taken back in 4 min 00 s; `commit` confirms it");
	refused(&person, "copy running-config startup-config", "is not confirmed");
	shows(&person, "fixup protocol smtp 26", "WARNING: the commit of root at ");
	restart(gateway, &person);
	shows(&person, "show configuration history", "it is taken back in 4 min 00 s\n");
	pass_time(gateway, 4 * MINUTE_MS - 1);
	assert_true(runs(&person, "hostname trial\n"));
	pass_time(gateway, 1);
	await_running(&person, "hostname smtpguard\n");
	assert_false(person_says(&person, "fixup"));
	shows(&person, "show events", "109052: The commit of root was not confirmed in time");
	shows(&person, "show candidate", "! No candidate");
	assert_false(person_says(&person, "! Unconfirmed"));
	/* What was tried can be had again. */
	shows(&person, "show configuration history", "the confirm timer\n");
	done(&person, "rollback 1");
	shows(&person, "show candidate", "hostname trial\n");
	done(&person, "write memory");
	person_close(&person);
}

static void
test_confirmed_stays(void **state)
{
	struct gateway *gateway = *state;
	struct person person;

	person_open(&person, gateway);
	collect(&person, "hostname trial");
	done(&person, "commit confirmed 1");
	/* It is set anew. */
	shows(&person, "commit confirmed 7", "The commit is taken back in 7 min unless");
	pass_time(gateway, 2 * MINUTE_MS);
	shows(&person, "commit", "Commit confirmed\n");
	pass_time(gateway, 60 * MINUTE_MS);
	restart(gateway, &person);
	sleep(2);
	assert_true(runs(&person, "hostname trial\n"));
	shows(&person, "show events", "109051: root confirmed the commit of root");
	refused(&person, "commit", NOTHING);
	done(&person, "write memory");
	person_close(&person);
}

/* A candidate upon it: the second commit confirms both, or both are taken back. */
static void
test_one_upon_the_other(void **state)
{
	struct gateway *gateway = *state;
	struct person person;

	person_open(&person, gateway);
	collect(&person, "hostname first");
	done(&person, "commit confirmed 5");
	collect(&person, "hostname second");
	shows(&person, "commit check", "The candidate can run");
	done(&person, "commit confirmed 9");
	pass_time(gateway, 6 * MINUTE_MS);
	sleep(2);
	assert_true(runs(&person, "hostname second\n"));
	pass_time(gateway, 3 * MINUTE_MS);
	await_running(&person, "hostname smtpguard\n");
	collect(&person, "hostname third");
	done(&person, "commit confirmed 5");
	collect(&person, "hostname fourth");
	done(&person, "commit");
	pass_time(gateway, 60 * MINUTE_MS);
	sleep(2);
	assert_true(runs(&person, "hostname fourth\n"));
	person_close(&person);
}

/* It cannot be taken back for want of an address: the rest is, and that one is tried again. */
static void
test_taken_back_as_far_as_can_be(void **state)
{
	struct gateway *gateway = *state;
	struct person person;

	person_open(&person, gateway);
	done(&person, "static (inside,outside) tcp 127.0.0.1 2525 127.0.0.1 2526");
	collect(&person, "no static (inside,outside) tcp 127.0.0.1 2525 127.0.0.1 2526");
	done(&person, "commit confirmed 1");
	assert_int_equal(gateway->table.count, 0);
	atomic_store(&gateway->busy_port, 2525);
	pass_time(gateway, MINUTE_MS);
	await_running(&person, "static (inside,outside)");
	shows(&person, "show events", "109022: Cannot listen on 127.0.0.1:2525");
	person_close(&person);
}

/* Another gateway runs by what is saved, and nothing waits for a confirmation. */
static void
test_a_fresh_start(void **state)
{
	struct gateway *gateway = *state;
	struct person person;

	person_open(&person, gateway);
	done(&person, "hostname saved");
	done(&person, "write memory");
	collect(&person, "hostname trial");
	done(&person, "commit confirmed 5");
	collect(&person, "hostname draft");
	person_close(&person);
	gateway_stop_manager(gateway, SIGTERM, 0);
	shm_detach(&gateway->shm);
	gateway_create_memory(gateway);
	gateway_start_manager(gateway);
	person_open(&person, gateway);
	assert_true(runs(&person, "hostname saved\n"));
	shows(&person, "show events",
	    "109054: The commit of root was not confirmed when the gateway");
	shows(&person, "show candidate", "hostname draft\n");
	assert_false(person_says(&person, "! Unconfirmed"));
	refused(&person, "commit", "was changed since the candidate began");
	person_close(&person);
}

static void
test_json(void **state)
{
	struct gateway *gateway = *state;
	struct person person;

	person_open(&person, gateway);
	person_ask(&person, CONTROL_EXECUTE, "show candidate", true);
	assert_int_equal(person_await(&person), EX_OK);
	assert_true(person_says(&person, "\"candidate\":null"));
	assert_true(person_says(&person, "\"confirm\":null"));
	collect(&person, "hostname one");
	done(&person, "commit confirmed 2");
	collect(&person, "hostname two");
	person_ask(&person, CONTROL_EXECUTE, "show candidate", true);
	assert_int_equal(person_await(&person), EX_OK);
	assert_true(person_says(&person, "\"seconds_left\":120"));
	assert_true(person_says(&person, "\"outdated\":false"));
	person_ask(&person, CONTROL_EXECUTE, "show configuration diff", true);
	assert_int_equal(person_await(&person), EX_OK);
	assert_true(person_says(&person, "\"-hostname one\",\"+hostname two\""));
	person_ask(&person, CONTROL_EXECUTE, "show configuration history", true);
	assert_int_equal(person_await(&person), EX_OK);
	assert_true(person_says(&person, "\"history\":[{\"number\":1,"));
	person_close(&person);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, gateway_setup, gateway_teardown)
	static const struct CMUnitTest tests[] = {
	    TEST(test_lines_are_collected),
	    TEST(test_no_change_is_no_candidate),
	    TEST(test_commit_and_rollback),
	    TEST(test_a_commit_that_fails),
	    TEST(test_a_candidate_that_cannot_run),
	    TEST(test_an_outdated_candidate),
	    TEST(test_not_confirmed_is_taken_back),
	    TEST(test_confirmed_stays),
	    TEST(test_one_upon_the_other),
	    TEST(test_taken_back_as_far_as_can_be),
	    TEST(test_a_fresh_start),
	    TEST(test_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
