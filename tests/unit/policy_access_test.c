/* Access-lists: every form of an address, order, remarks, what is refused, what comes back. */
#include "daemon/policy/tree.h"
#include "tests/unit/language_harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void
expect_entered_as(const char *line, const char *canonical)
{
	char printed[512];

	expect_quiet(line);
	snprintf(printed, sizeof(printed), "%s\n", canonical);
	assert_string_equal(print("access-list", false), printed);
	expect_comes_back();
	expect_done(canonical, false);
	expect_quiet("no access-list a");
}

static void
test_forms_of_an_address(void **state)
{
	static const char *const forms[][2] = {
	    {"any", "any"},
	    {"any4", "any4"},
	    {"any6", "any6"},
	    {"0.0.0.0 0.0.0.0", "any4"},
	    {"::/0", "any6"},
	    {"host 10.1.2.3", "host 10.1.2.3"},
	    {"host 2001:db8::1", "host 2001:db8::1"},
	    {"10.1.2.3", "host 10.1.2.3"},
	    {"2001:DB8:0::1", "host 2001:db8::1"},
	    {"10.1.2.3 255.255.255.255", "host 10.1.2.3"},
	    {"10.1.2.0 255.255.255.0", "10.1.2.0 255.255.255.0"},
	    {"128.0.0.0 128.0.0.0", "128.0.0.0 128.0.0.0"},
	    {"10.1.2.0/23", "10.1.2.0 255.255.254.0"},
	    {"2001:db8::/33", "2001:db8::/33"},
	    {"2001:db8::1/128", "host 2001:db8::1"},
	    {"192.0.0.0 192.0.0.0", "192.0.0.0 192.0.0.0"},
	};
	const unsigned count = sizeof(forms) / sizeof(forms[0]);

	(void)state;
	for (unsigned i = 0; i < count; i++) {
		for (unsigned k = 0; k < count; k++) {
			char typed[256], canonical[256];
			snprintf(typed, sizeof(typed), "access-list a deny ip %s %s", forms[i][0],
			    forms[k][0]);
			snprintf(canonical, sizeof(canonical),
			    "access-list a extended deny ip %s %s", forms[i][1], forms[k][1]);
			expect_entered_as(typed, canonical);
		}
	}
}

static void
test_ports(void **state)
{
	(void)state;
	expect_entered_as("access-list a permit tcp any 10.0.0.20 eq smtp",
	    "access-list a extended permit tcp any host 10.0.0.20 eq 25");
	expect_entered_as("access-list a extended permit tcp 10.0.0.0 255.0.0.0 any eq 587",
	    "access-list a extended permit tcp 10.0.0.0 255.0.0.0 any eq 587");
	expect_entered_as(
	    "access-list a permit tcp any any", "access-list a extended permit tcp any any");
	expect_refusal("access-list a permit ip any any eq 25", "ip has no ports");
	expect_invalid("access-list a permit tcp any any eq 0", 37);
	expect_invalid("access-list a permit tcp any eq 25 any", 30);
	expect_invalid("access-list a permit udp any any", 22);
}

static void
test_what_is_no_network(void **state)
{
	(void)state;
	expect_refusal("access-list a permit ip 10.0.0.0 0.0.0.255 any", "not one such as");
	expect_refusal("access-list a permit ip 10.0.0.0 255.0.255.0 any", "not one such as");
	expect_refusal("access-list a permit ip 10.0.0.1 255.0.0.0 any", "bits that its mask");
	expect_refusal("access-list a permit ip any 2001:db8::1/64", "bits that its mask");
	expect_refusal("access-list a permit ip 2001:db8:: 255.0.0.0 any", "X:X::/PREFIX");
	expect_refusal("access-list a permit ip host ::ffff:192.0.2.1 any", "A.B.C.D");
	expect_refusal("access-list a permit ip ::ffff:0:0/96 any", "A.B.C.D");
	expect_invalid("access-list a permit ip 2001:db8::/129 any", 25);
	expect_invalid("access-list a permit ip 10.0.0.0/33 any", 25);
	expect_invalid("access-list a permit ip 10.0.0.0/ any", 25);
	expect_invalid("access-list a permit ip /8 any", 25);
	expect_invalid("access-list a permit ip 255.0.0.0 any", 35);
	expect_invalid("access-list a permit ip any 10.0.0.300", 29);
	run("access-list a permit ip any");
	assert_int_equal(outcome.status, CLI_INCOMPLETE);
	run("access-list a");
	assert_int_equal(outcome.status, CLI_INCOMPLETE);
}

static void
test_lines_keep_their_order(void **state)
{
	(void)state;
	expect_quiet("access-list b remark of others");
	expect_quiet("access-list a remark  it's \"so\" ! and so on");
	expect_quiet("access-list a deny ip host 10.0.0.9 any");
	expect_quiet("access-list b permit ip any any");
	expect_quiet("access-list a permit ip 10.0.0.0 255.0.0.0 any");
	expect_done("access-list a deny ip 10.0.0.9 any", false);
	assert_string_equal(print("access-list", false),
	    "access-list b remark of others\n"
	    "access-list b extended permit ip any any\n"
	    "access-list a remark it's \"so\" ! and so on\n"
	    "access-list a extended deny ip host 10.0.0.9 any\n"
	    "access-list a extended permit ip 10.0.0.0 255.0.0.0 any\n");
	expect_comes_back();
	expect_warning("no access-list a permit ip host 10.0.0.9 any", "no such line");
	assert_false(outcome.changed);
	expect_quiet("no access-list a deny ip host 10.0.0.9 any");
	expect_quiet("no access-list a remark it's \"so\" ! and so on");
	expect_quiet("no access-list b");
	assert_string_equal(print("access-list", false),
	    "access-list a extended permit ip 10.0.0.0 255.0.0.0 any\n");
	expect_quiet("clear configure access-list a");
	assert_int_equal(config->access_lines, 0);
	expect_warning("no access-list a", "no access-list a");
	expect_warning("clear configure access-list a", "no access-list a");
	expect_warning("no access-list a permit ip any any", "no such line");
}

static void
test_a_list_in_use_stays(void **state)
{
	(void)state;
	expect_quiet("access-list a permit ip any any");
	expect_quiet("access-list a remark why");
	expect_quiet("class-map c");
	expect_quiet("match access-list a");
	expect_refusal("no access-list a", "in use by class-map c");
	expect_refusal("clear configure access-list a", "in use by class-map c");
	expect_quiet("no access-list a permit ip any any");
	expect_refusal("no access-list a remark why", "in use by class-map c");
	expect_comes_back();
	expect_done("class-map c", false);
	expect_quiet("no match access-list a");
	expect_quiet("no access-list a");
}

static void
test_bounds(void **state)
{
	char line[256];

	(void)state;
	for (unsigned i = 0; i < CONFIG_ACCESS_LINES_MAX; i++) {
		snprintf(line, sizeof(line), "access-list l%u permit ip any 10.0.%u.%u", i % 7,
		    i / 200, i % 200 + 1);
		expect_quiet(line);
	}
	expect_refusal("access-list l0 permit ip any any", "at most 1024");
	expect_comes_back();
	expect_quiet("no access-list l3");
	expect_quiet("access-list l0 permit ip any any");
	snprintf(line, sizeof(line), "access-list l0 remark %0100d", 0);
	expect_quiet(line);
	snprintf(line, sizeof(line), "access-list l0 remark %0101d", 0);
	expect_refusal(line, "at most 100");
	snprintf(line, sizeof(line), "access-list %041d permit ip any any", 0);
	expect_invalid(line, 13);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		test_forms_of_an_address, language_setup, language_teardown),
	    cmocka_unit_test_setup_teardown(test_ports, language_setup, language_teardown),
	    cmocka_unit_test_setup_teardown(
		test_what_is_no_network, language_setup, language_teardown),
	    cmocka_unit_test_setup_teardown(
		test_lines_keep_their_order, language_setup, language_teardown),
	    cmocka_unit_test_setup_teardown(
		test_a_list_in_use_stays, language_setup, language_teardown),
	    cmocka_unit_test_setup_teardown(test_bounds, language_setup, language_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
