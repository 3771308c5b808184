/*
 * door_netlink: in a network of the test's own, with the door as nft(8) makes it.  Where no network can
 * be made, or there is no nft(8), the tests are skipped.
 */
#include "daemon/supervisor/door_netlink.h"

#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define ROUNDS 200

static const struct settings_failover pair = {
    .line = 1,
    .addresses = 3,
    .address = {{.family = 4, .address = {192, 0, 2, 10}},
	{.family = 4, .address = {192, 0, 2, 11}},
	{.family = 6, .address = {0x20, 0x01, 0x0d, 0xb8, [15] = 0x10}}},
};

/* Its exit status; 127: there is no nft(8). */
static int
run_nft(const char *script)
{
	size_t length = strlen(script);
	int ends[2], status;
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		dup2(ends[0], STDIN_FILENO);
		close(ends[0]);
		close(ends[1]);
		execlp("nft", "nft", "-f", "-", NULL);
		_exit(127);
	}
	close(ends[0]);
	assert_int_equal(write(ends[1], script, length), length);
	close(ends[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void
nft(const char *script)
{
	if (run_nft(script) != 0)
		fail_msg("nft does not take: %s", script);
}

static void
install(void)
{
	char text[DOOR_TEXT_MAX];

	assert_int_equal(door_plan_write(&pair, text, sizeof(text)), 0);
	nft(text);
}

/* A network without a door. */
static int
set_up(void **state)
{
	(void)state;
	if (geteuid() != 0 || unshare(CLONE_NEWNET) < 0 || run_nft("") == 127)
		*state = (void *)"skip";
	return 0;
}

static void
need_network(void **state)
{
	if (*state)
		skip();
}

static void
expect(unsigned open, const char *fault)
{
	struct door_status status = {0};
	struct door_reading reading;

	assert_int_equal(door_netlink_read(&reading), 0);
	door_plan_compare(&pair, &reading, &status);
	if (fault[0] == '\0') {
		assert_string_equal(status.fault, "");
		assert_int_equal(reading.open, open);
	} else if (!strstr(status.fault, fault)) {
		fail_msg("%s: %s", fault, status.fault);
	}
}

static void
test_no_door(void **state)
{
	need_network(state);
	expect(0, "table inet smtpguard is not there");
	assert_int_equal(door_netlink_open(DOOR_BOTH), -ENOENT);
	assert_int_equal(door_netlink_close(), -ENOENT);
}

static void
test_open_and_close(void **state)
{
	need_network(state);
	install();
	expect(0, "");
	assert_int_equal(door_netlink_open(DOOR_BIT(DOOR_IPV6)), 0);
	expect(DOOR_BIT(DOOR_IPV6), "");
	assert_int_equal(door_netlink_open(DOOR_BOTH), 0);
	expect(DOOR_BOTH, "");
	assert_int_equal(door_netlink_open(DOOR_BOTH), 0);
	install(); /* again: it stays open */
	expect(DOOR_BOTH, "");
	assert_int_equal(door_netlink_close(), 0);
	expect(0, "");
	assert_int_equal(door_netlink_close(), 0);
}

static void
test_what_is_missing(void **state)
{
	static const struct {
		const char *script, *fault;
	} cases[] = {
	    {"flush chain inet smtpguard arriving\n", "rule \"to a floating address, IPv4\""},
	    {"insert rule inet smtpguard arriving accept\n",
		"rule \"to a floating address, IPv4\""},
	    {"add rule inet smtpguard leaving accept\n", "has a rule that is not the door's"},
	    {"add rule inet smtpguard passage accept comment \"closed: is dropped without a "
	     "word\"\n",
		"has a rule that is not the door's"},
	    {"delete chain inet smtpguard leaving\n", "chain leaving of table"},
	    {"delete chain inet smtpguard leaving\n"
	     "add chain inet smtpguard leaving { type filter hook output priority 0; }\n",
		"chain leaving of table"},
	    {"delete chain inet smtpguard leaving\nadd chain inet smtpguard leaving\n",
		"chain leaving of table"},
	    {"delete element inet smtpguard floating4 { 192.0.2.11 }\n",
		"192.0.2.11 is not in the set floating4"},
	    {"flush set inet smtpguard floating6\n", "2001:db8::10 is not in the set floating6"},
	    {"add table inet smtpguard { flags dormant; }\n", "is dormant"},
	    {"flush ruleset\n", "table inet smtpguard is not there"},
	};

	need_network(state);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		nft("flush ruleset\n");
		install();
		expect(0, "");
		nft(cases[i].script);
		expect(0, cases[i].fault);
	}
}

static void
test_generation_tells_of_every_change(void **state)
{
	uint32_t before, same, after;

	need_network(state);
	nft("flush ruleset\n");
	install();
	assert_int_equal(door_netlink_generation(&before), 0);
	assert_int_equal(door_netlink_generation(&same), 0);
	assert_int_equal(same, before);
	assert_int_equal(door_netlink_open(DOOR_BOTH), 0);
	assert_int_equal(door_netlink_generation(&after), 0);
	assert_int_not_equal(after, before);
}

static double
now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/* Printed, not judged: other work on the machine counts too. */
static void
test_how_long_it_takes(void **state)
{
	struct door_reading reading;
	double moving = 0, reading_us = 0, worst = 0;

	need_network(state);
	nft("flush ruleset\n");
	install();
	for (int i = 0; i < ROUNDS; i++) {
		double began = now_us(), took;

		assert_int_equal(
		    i % 2 == 0 ? door_netlink_open(DOOR_BOTH) : door_netlink_close(), 0);
		took = now_us() - began;
		moving += took;
		worst = took > worst ? took : worst;
		began = now_us();
		assert_int_equal(door_netlink_read(&reading), 0);
		reading_us += now_us() - began;
	}
	printf("opening or closing: %.0f us, at most %.0f us; looking: %.0f us\n", moving / ROUNDS,
	    worst, reading_us / ROUNDS);
}

static void
test_without_the_right_to(void **state)
{
	int status;
	pid_t pid;

	need_network(state);
	pid = fork();
	if (pid == 0) {
		if (setresuid(65534, 65534, 65534) < 0)
			_exit(1);
		_exit(door_netlink_close() == -EPERM ? 0 : 2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_no_door),
	    cmocka_unit_test(test_open_and_close),
	    cmocka_unit_test(test_what_is_missing),
	    cmocka_unit_test(test_generation_tells_of_every_change),
	    cmocka_unit_test(test_how_long_it_takes),
	    cmocka_unit_test(test_without_the_right_to),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
