/* door_plan: the text for nft(8) holds every part and address, and whatever is missing is named. */
#include "daemon/supervisor/door_plan.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct settings_failover
pair(const char *first, const char *second)
{
	struct settings_failover failover = {.line = 1};
	const char *const texts[] = {first, second};

	for (unsigned i = 0; i < 2 && texts[i]; i++) {
		struct shm_endpoint *address = &failover.address[failover.addresses++];

		address->family = strchr(texts[i], ':') ? 6 : 4;
		assert_int_equal(inet_pton(address->family == 4 ? AF_INET : AF_INET6, texts[i],
				     address->address),
		    1);
	}
	return failover;
}

/* As it is after `install`. */
static struct door_reading
whole(const struct settings_failover *failover)
{
	struct door_reading reading = {.table = true, .addresses = failover->addresses};

	memset(reading.set, true, sizeof(reading.set));
	memset(reading.chain, true, sizeof(reading.chain));
	for (unsigned i = 0; i < DOOR_CHAINS; i++)
		while (door_rule_at((enum door_chain)i, reading.rules[i]))
			reading.rules[i]++;
	memcpy(reading.address, failover->address, sizeof(reading.address));
	return reading;
}

static void
test_text(void **state)
{
	const struct settings_failover failover = pair("192.0.2.10", "2001:db8::10");
	char text[DOOR_TEXT_MAX];

	(void)state;
	assert_int_equal(door_plan_write(&failover, text, sizeof(text)), 0);
	assert_non_null(strstr(text, "table inet smtpguard {\n"));
	assert_non_null(strstr(text, "add element inet smtpguard floating4 { 192.0.2.10 }\n"));
	assert_non_null(strstr(text, "add element inet smtpguard floating6 { 2001:db8::10 }\n"));
	for (unsigned i = 0; i < DOOR_CHAINS; i++)
		for (unsigned k = 0; door_rule_at((enum door_chain)i, k); k++)
			assert_non_null(strstr(text, door_rule_at((enum door_chain)i, k)->comment));
	/* Whether it is open is nobody's business here. */
	assert_null(strstr(text, "flush set inet smtpguard open"));
	assert_null(strstr(text, "element inet smtpguard open"));
}

static void
test_text_of_the_most_addresses(void **state)
{
	struct settings_failover failover = pair("2001:db8:1111:2222:3333:4444:5555:6666", NULL);
	char text[DOOR_TEXT_MAX];
	size_t length;

	(void)state;
	while (failover.addresses < SETTINGS_ADDRESSES_MAX)
		failover.address[failover.addresses++] = failover.address[0];
	assert_int_equal(door_plan_write(&failover, text, sizeof(text)), 0);
	length = strlen(text);
	assert_int_equal(text[length - 1], '\n');
	assert_int_equal(door_plan_write(&failover, text, length), -ENOSPC);
	assert_int_equal(door_plan_write(&failover, text, length + 1), 0);
}

static void
expect(const struct settings_failover *failover, const struct door_reading *reading,
    enum door_state four, enum door_state six, const char *fault)
{
	struct door_status status = {.fault = "something of old"};

	door_plan_compare(failover, reading, &status);
	assert_int_equal(status.state[DOOR_IPV4], four);
	assert_int_equal(status.state[DOOR_IPV6], six);
	if (fault[0] == '\0')
		assert_string_equal(status.fault, "");
	else if (!strstr(status.fault, fault))
		fail_msg("%s: %s", fault, status.fault);
	assert_true(strlen(status.fault) < DOOR_FAULT_MAX - 1);
}

static void
test_whole(void **state)
{
	const struct settings_failover both = pair("192.0.2.10", "2001:db8::10");
	const struct settings_failover six = pair("2001:db8::10", NULL);
	struct door_reading reading = whole(&both);

	(void)state;
	expect(&both, &reading, DOOR_CLOSED, DOOR_CLOSED, "");
	reading.open = DOOR_BIT(DOOR_IPV6);
	expect(&both, &reading, DOOR_CLOSED, DOOR_OPEN, "");
	expect(&six, &reading, DOOR_ABSENT, DOOR_OPEN, "");
	reading.open = DOOR_BOTH;
	expect(&both, &reading, DOOR_OPEN, DOOR_OPEN, "");
	assert_int_equal(door_families(&six), DOOR_BIT(DOOR_IPV6));
}

static void
test_each_missing_part_is_named(void **state)
{
	const struct settings_failover both = pair("192.0.2.10", "2001:db8::10");
	const struct door_reading good = whole(&both);
	struct door_reading reading;

	(void)state;
#define MISSING(four, six, fault, change)                                                          \
	do {                                                                                       \
		reading = good;                                                                    \
		change;                                                                            \
		expect(&both, &reading, four, six, fault);                                         \
	} while (0)
	MISSING(DOOR_FAULT, DOOR_FAULT, "table inet smtpguard is not there", reading.table = false);
	MISSING(DOOR_FAULT, DOOR_FAULT, "is dormant", reading.dormant = true);
	MISSING(DOOR_FAULT, DOOR_FAULT, "set open of table", reading.set[DOOR_SET_open] = false);
	MISSING(DOOR_FAULT, DOOR_CLOSED, "set floating4 of table",
	    reading.set[DOOR_SET_floating4] = false);
	MISSING(DOOR_CLOSED, DOOR_FAULT, "set floating6 of table",
	    reading.set[DOOR_SET_floating6] = false);
	MISSING(DOOR_FAULT, DOOR_FAULT, "chain leaving of table",
	    reading.chain[DOOR_CHAIN_leaving] = false);
	MISSING(DOOR_FAULT, DOOR_FAULT, "chain leaving has a rule that is not the door's",
	    reading.rules[DOOR_CHAIN_leaving]++);
	MISSING(DOOR_CLOSED, DOOR_FAULT,
	    "rule \"diverted, to a floating address, IPv6\" of chain "
	    "leaving is not at its place",
	    reading.rules[DOOR_CHAIN_leaving]--);
	MISSING(DOOR_FAULT, DOOR_FAULT, "rule \"open: passes", {
		reading.strange[DOOR_CHAIN_passage] = true;
		reading.at[DOOR_CHAIN_passage] = 0;
	});
	MISSING(DOOR_FAULT, DOOR_CLOSED, "192.0.2.10 is not in the set floating4",
	    reading.address[0].address[3] = 11);
	MISSING(DOOR_CLOSED, DOOR_FAULT, "2001:db8::10 is not in the set floating6",
	    reading.addresses = 1);
}

/* An open door of which a part is missing is no open door. */
static void
test_fault_is_above_open(void **state)
{
	const struct settings_failover both = pair("192.0.2.10", "2001:db8::10");
	struct door_reading reading = whole(&both);

	(void)state;
	reading.open = DOOR_BOTH;
	reading.dormant = true;
	expect(&both, &reading, DOOR_FAULT, DOOR_FAULT, "dormant");
}

/* What is missing for a family that the pair does not have is no fault. */
static void
test_absent_family_needs_nothing(void **state)
{
	const struct settings_failover four = pair("192.0.2.10", NULL);
	struct door_reading reading = whole(&four);

	(void)state;
	reading.set[DOOR_SET_floating6] = false;
	reading.rules[DOOR_CHAIN_leaving]--;
	expect(&four, &reading, DOOR_CLOSED, DOOR_ABSENT, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_text),
	    cmocka_unit_test(test_text_of_the_most_addresses),
	    cmocka_unit_test(test_whole),
	    cmocka_unit_test(test_each_missing_part_is_named),
	    cmocka_unit_test(test_fault_is_above_open),
	    cmocka_unit_test(test_absent_family_needs_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
