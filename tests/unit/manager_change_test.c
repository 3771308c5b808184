/*
 * The manager dies at every step of a change, of saving and of erasing: what is found afterwards is
 * whole, the old or the new.  Compiled with failpoints.
 */
#include "shm/failpoint.h"
#include "tests/unit/manager_harness.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define STATIC "static (inside,outside) tcp 127.0.0.1 2525 127.0.0.1 2526"
#define PASSES 3u

static const char *const names[] = {
#define X(name) #name,
    FAILPOINTS(X)
#undef X
};

static char *
ask_for(struct gateway *gateway, const char *line)
{
	struct person person;
	char *text;

	person_open(&person, gateway);
	person_execute(&person, line);
	text = strdup(text_string(&person.text));
	assert_non_null(text);
	person_close(&person);
	return text;
}

static void
do_lines(struct gateway *gateway, const char *const *lines)
{
	struct person person;

	person_open(&person, gateway);
	for (; *lines != NULL; lines++)
		assert_int_equal(person_execute(&person, *lines), 0);
	person_close(&person);
}

/* One step of it, at which the manager may die; true: it has died. */
static bool
do_until_death(struct gateway *gateway, const char *line, enum failpoint point, unsigned pass)
{
	struct failpoint_plan *plan = shm_failpoint(&gateway->shm);
	struct person person;
	int status;

	person_open(&person, gateway);
	plan->owner = FAILPOINT_MANAGER;
	plan->point = point;
	plan->pass = pass;
	atomic_fetch_add(&plan->serial, 1);
	status = person_execute(&person, line);
	person_close(&person);
	failpoint_retire(plan, FAILPOINT_MANAGER);
	if (status >= 0) {
		assert_int_equal(status, 0);
		return false;
	}
	gateway_stop_manager(gateway, SIGKILL, 0);
	gateway_start_manager(gateway);
	return true;
}

/* Without the line that says when it was saved, and by whom. */
static bool
is_same(const char *one, const char *other)
{
	if (strncmp(one, "! Saved ", 8) == 0)
		one += strcspn(one, "\n");
	if (strncmp(other, "! Saved ", 8) == 0)
		other += strcspn(other, "\n");
	return strcmp(one, other) == 0;
}

struct change {
	const char *line;
	const char *const *before; /* makes what it is made upon */
	const char *shown;	   /* must be the old or the new */
};

/* Walks all points; each as often as it is passed, at most PASSES times. How many deaths. */
static unsigned
walk(void **state, const struct change *change)
{
	unsigned deaths = 0;

	for (unsigned point = 0; point < FAILPOINT_COUNT; point++) {
		for (unsigned pass = 1; pass <= PASSES; pass++) {
			struct gateway *gateway = *state;
			char *old, *new, *found;
			bool died;

			do_lines(gateway, change->before);
			old = ask_for(gateway, change->shown);
			died = do_until_death(gateway, change->line, (enum failpoint)point, pass);
			found = ask_for(gateway, change->shown);
			/* What it would have become. */
			do_lines(gateway, (const char *const[]){change->line, NULL});
			new = ask_for(gateway, change->shown);
			if (!is_same(found, old) && !is_same(found, new))
				fail_msg("%s pass %u: neither old nor new:\n%s\nold:\n%s\nnew:\n%s",
				    names[point], pass, found, old, new);
			free(old);
			free(new);
			free(found);
			deaths += died;
			assert_int_equal(gateway_teardown(state), 0);
			assert_int_equal(gateway_setup(state), 0);
			if (!died)
				break;
		}
	}
	return deaths;
}

static void
test_a_change_is_whole_or_absent(void **state)
{
	static const char *const before[] = {"hostname before", NULL};
	static const struct change change = {STATIC, before, "show running-config"};

	/* policy_filling, change_placed, _listed, _applied, _taken, file_written, file_placed */
	assert_in_range(walk(state, &change), 7, 7 * PASSES);
}

/* What is listened to is what the running configuration says. */
static void
test_listeners_fit_what_is_found(void **state)
{
	static const char *const before[] = {STATIC, NULL};
	static const enum failpoint points[] = {FAILPOINT_change_listed, FAILPOINT_change_applied,
	    FAILPOINT_change_taken, FAILPOINT_file_written, FAILPOINT_file_placed};

	for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
		struct gateway *gateway = *state;
		char *found;
		bool there;

		do_lines(gateway, before);
		assert_true(do_until_death(gateway, "no " STATIC, points[i], 1));
		found = ask_for(gateway, "show running-config");
		there = strstr(found, STATIC) != NULL;
		free(found);
		assert_int_equal(gateway->table.count, there);
		assert_int_equal(gateway_teardown(state), 0);
		assert_int_equal(gateway_setup(state), 0);
	}
}

static void
test_saving_is_whole_or_absent(void **state)
{
	static const char *const before[] = {"hostname saved", "write memory", STATIC, NULL};
	static const struct change change = {"write memory", before, "show startup-config"};

	/* file_written, file_linked, file_placed */
	assert_in_range(walk(state, &change), 3, 3 * PASSES);
}

static void
test_erasing_is_whole_or_absent(void **state)
{
	static const char *const before[] = {
	    "hostname one", "write memory", "hostname two", "write memory", NULL};
	static const struct change change = {"write erase", before, "show startup-config"};
	struct gateway *gateway = *state;
	char *old, *found;

	do_lines(gateway, before);
	old = ask_for(gateway, change.shown);
	assert_true(do_until_death(gateway, change.line, FAILPOINT_file_erased, 1));
	found = ask_for(gateway, change.shown);
	assert_string_equal(found, old);
	free(old);
	free(found);
}

/* What runs is the old configuration, and the candidate is there; or it is the new one, and it is taken back
 * in time. */
static void
expect_whole_commit(struct gateway *gateway, enum failpoint point, unsigned pass)
{
	char *running = ask_for(gateway, "show running-config");
	char *candidate = ask_for(gateway, "show candidate");
	bool is_new = strstr(running, "hostname after") != NULL;
	bool is_pending = strstr(candidate, "! Unconfirmed") != NULL;
	bool is_candidate = strstr(candidate, "hostname after") != NULL;

	if (is_new != is_pending || is_new == is_candidate ||
	    is_new == (strstr(running, "hostname before") != NULL))
		fail_msg("%s pass %u: running:\n%s\ncandidate:\n%s", names[point], pass, running,
		    candidate);
	free(running);
	free(candidate);
	if (!is_new)
		do_lines(gateway, (const char *const[]){"commit confirmed 5", NULL});
}

static void
expect_taken_back(struct gateway *gateway)
{
	atomic_fetch_add(shm_clock_floor(&gateway->shm), 5 * 60000u);
	for (unsigned i = 0; i < 500; i++) {
		char *running = ask_for(gateway, "show running-config");
		bool is_back = strstr(running, "hostname before") != NULL;

		free(running);
		if (is_back)
			return;
		usleep(20000);
	}
	fail_msg("it was not taken back");
}

static void
test_a_commit_is_whole_or_absent(void **state)
{
	static const char *const before[] = {
	    "hostname before", "configure candidate", "hostname after", "end", NULL};
	static const enum failpoint points[] = {FAILPOINT_change_placed, FAILPOINT_change_listed,
	    FAILPOINT_change_applied, FAILPOINT_change_taken, FAILPOINT_commit_prepared,
	    FAILPOINT_commit_live, FAILPOINT_file_written, FAILPOINT_file_placed};
	unsigned deaths = 0;

	for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
		bool died = true;

		for (unsigned pass = 1; died && pass <= PASSES; pass++) {
			struct gateway *gateway = *state;

			do_lines(gateway, before);
			died = do_until_death(gateway, "commit confirmed 5", points[i], pass);
			expect_whole_commit(gateway, points[i], pass);
			if (pass == 1)
				expect_taken_back(gateway);
			deaths += died;
			assert_int_equal(gateway_teardown(state), 0);
			assert_int_equal(gateway_setup(state), 0);
		}
	}
	/* Three files are written: history, confirm timer, running configuration. */
	assert_in_range(deaths, 6 + 2 * 3, 8 * PASSES);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, gateway_setup, gateway_teardown)
	const struct CMUnitTest tests[] = {
	    TEST(test_a_change_is_whole_or_absent),
	    TEST(test_listeners_fit_what_is_found),
	    TEST(test_saving_is_whole_or_absent),
	    TEST(test_erasing_is_whole_or_absent),
	    TEST(test_a_commit_is_whole_or_absent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
