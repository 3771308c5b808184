#include "daemon/policy/tree.h"
#include "tests/unit/language_harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void
test_factory(void **state)
{
	(void)state;
	assert_string_equal(print(NULL, false), "hostname smtpguard\n"
						"!\n"
						"policy-map global_policy\n"
						" class inspection_default\n"
						"  inspect esmtp\n"
						"!\n"
						"service-policy global_policy global\n");
	expect_comes_back();
}

static void
test_a_whole_configuration(void **state)
{
	(void)state;
	expect_quiet("hostname mx-guard");
	expect_quiet("static (inside,outside) 192.0.2.10 10.0.0.20 netmask 255.255.255.255 tcp 50 "
		     "100     ! listen address, server");
	expect_quiet("static (inside,outside) tcp 2001:db8::10 25 2001:db8::20 2525 tcp 0 0 source "
		     "2001:db8::10");
	expect_quiet("static (dmz,outside) tcp 192.0.2.11 smtp 2001:db8::20 25");
	expect_quiet("policy-map type inspect esmtp strict");
	expect_quiet(" description it's \"quoted\" ! to the end?");
	expect_done(" parameters", false);
	expect_quiet("  mask-banner text \"mx.example.org \\\"ESMTP\\\" ! ?\"");
	expect_quiet("  no allow-tls");
	expect_quiet("  line-endings reject");
	expect_quiet("  nul space");
	expect_quiet("  monitor-only");
	expect_quiet("  command-timeout 60");
	expect_quiet("  errors-max 5");
	expect_done("policy-map global_policy", false);
	expect_quiet(" description everything");
	expect_done(" class inspection_default", false);
	expect_quiet("  inspect esmtp strict");
	assert_string_equal(print(NULL, false),
	    "hostname mx-guard\n"
	    "!\n"
	    "static (inside,outside) 192.0.2.10 10.0.0.20 netmask 255.255.255.255 tcp 50 100\n"
	    "static (inside,outside) tcp 2001:db8::10 25 2001:db8::20 2525 source 2001:db8::10\n"
	    "static (dmz,outside) tcp 192.0.2.11 25 2001:db8::20 25 netmask 255.255.255.255\n"
	    "!\n"
	    "policy-map type inspect esmtp strict\n"
	    " description it's \"quoted\" ! to the end?\n"
	    " parameters\n"
	    "  mask-banner text \"mx.example.org \\\"ESMTP\\\" ! ?\"\n"
	    "  no allow-tls\n"
	    "  line-endings reject\n"
	    "  nul space\n"
	    "  monitor-only\n"
	    "  command-timeout 60\n"
	    "  errors-max 5\n"
	    "!\n"
	    "policy-map global_policy\n"
	    " description everything\n"
	    " class inspection_default\n"
	    "  inspect esmtp strict\n"
	    "!\n"
	    "service-policy global_policy global\n");
	expect_comes_back();
}

static void
test_sections(void **state)
{
	(void)state;
	expect_quiet("static (inside,outside) 192.0.2.10 10.0.0.20");
	expect_quiet("policy-map type inspect esmtp strict");
	assert_string_equal(print("hostname", false), "hostname smtpguard\n");
	assert_string_equal(print("static", false),
	    "static (inside,outside) 192.0.2.10 10.0.0.20 netmask 255.255.255.255\n");
	assert_string_equal(
	    print("policy-map type", false), "policy-map type inspect esmtp strict\n");
	assert_string_equal(
	    print("service-policy", false), "service-policy global_policy global\n");
	assert_string_equal(print("stat", false), "");
	assert_non_null(strstr(print("policy-map", false), "!\npolicy-map global_policy\n"));
	assert_non_null(strstr(print(NULL, true), "policy-map type inspect esmtp "
						  "_default_esmtp_map\n description"));
	assert_non_null(strstr(print("policy-map", true), "inspect esmtp _default_esmtp_map\n"));
}

static void
test_no_forms(void **state)
{
	struct config *factory = config_create();

	(void)state;
	expect_quiet("hostname mx");
	expect_quiet("no hostname");
	expect_quiet("hostname mx");
	expect_refusal("no hostname other", "mx");
	expect_quiet("no hostname mx");
	expect_quiet("static (inside,outside) 192.0.2.10 10.0.0.20 tcp 50 100");
	expect_quiet("no static (inside,outside) 192.0.2.10 10.0.0.20 netmask 255.255.255.255");
	expect_quiet("policy-map type inspect esmtp strict");
	expect_quiet("description text");
	expect_quiet("no description");
	expect_quiet("no policy-map type inspect esmtp strict");
	assert_true(config_equal(config, factory));
	expect_quiet("policy-map second");
	expect_quiet("class inspection_default");
	expect_quiet("inspect esmtp");
	expect_quiet("service-policy second interface outside");
	expect_quiet("no service-policy second interface outside");
	expect_done("policy-map second", false);
	expect_quiet("no class inspection_default");
	expect_quiet("no policy-map second");
	assert_true(config_equal(config, factory));
	config_free(factory);
}

static void
test_no_of_parameters(void **state)
{
	(void)state;
	expect_quiet("policy-map type inspect esmtp strict");
	expect_done("parameters", false);
	static const char *const lines[] = {"line-endings reject", "nul space", "monitor-only",
	    "command-timeout 60", "errors-max 5", "junk-max 7", "auth-failures-max 3",
	    "recipients-max 100", "message-size-max 4294967295", "data-rate-min 0",
	    "header-hold 4096", "greeting-delay 2000", "greeting-delay 60000 action log"};
	for (unsigned i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		char no[64];
		snprintf(no, sizeof(no), "no %s", lines[i]);
		expect_quiet(lines[i]);
		expect_done(lines[i], false);
		assert_non_null(strstr(print(NULL, false), lines[i]));
		expect_comes_back();
		expect_quiet(no);
		assert_string_equal(
		    print("policy-map type", false), "policy-map type inspect esmtp strict\n");
	}
	expect_quiet("no mask-banner");
	assert_non_null(strstr(print(NULL, false), "  no mask-banner\n"));
	expect_comes_back();
	expect_quiet("mask-banner classic");
	assert_non_null(strstr(print(NULL, false), "  mask-banner classic\n"));
	expect_quiet("mask-banner");
	assert_non_null(strstr(print(NULL, false), "  mask-banner\n"));
	expect_quiet("allow-tls action log");
	assert_non_null(strstr(print(NULL, false), "  allow-tls action log\n"));
	expect_comes_back();
}

static void
test_sets(void **state)
{
	(void)state;
	expect_quiet("policy-map type inspect esmtp strict");
	expect_done("parameters", false);
	expect_quiet("allow-verb expn");
	expect_done("allow-verb EXPN", false);
	assert_non_null(strstr(print(NULL, false), "  allow-verb EXPN\n"));
	expect_comes_back();
	expect_quiet("no allow-verb EXPN");
	expect_done("no allow-verb EXPN", false);
	expect_quiet("no allow-extension SIZE");
	assert_non_null(strstr(print(NULL, false), "  no allow-extension SIZE\n"));
	expect_comes_back();
	expect_quiet("allow-extension SIZE");
	expect_refusal("no allow-verb NOOP MAIL", "4.5.1");
	expect_refusal("allow-verb STARTTLS", "allow-tls");
	expect_refusal("allow-extension starttls", "allow-tls");
	run("allow-verb WIZ");
	assert_int_equal(outcome.status, CLI_INVALID);
	assert_int_equal(outcome.column, 12);
}

static void
test_what_the_factory_has_can_go(void **state)
{
	(void)state;
	expect_quiet("static (inside,outside) 192.0.2.10 10.0.0.20");
	expect_warning("no service-policy global_policy global", "192.0.2.10");
	expect_comes_back();
	expect_quiet("no policy-map global_policy");
	expect_comes_back();
	expect_warning("policy-map p", "");
	expect_quiet("class inspection_default");
	expect_quiet("inspect esmtp");
	expect_quiet("service-policy p global");
	expect_comes_back();
	expect_quiet("policy-map global_policy");
	expect_comes_back();
	expect_quiet("class inspection_default");
	expect_comes_back();
	expect_warning("no service-policy p global", "192.0.2.10");
	expect_comes_back();
	expect_warning("service-policy global_policy interface outside", "192.0.2.10");
	expect_comes_back();
	expect_done("policy-map global_policy", false);
	expect_done("class inspection_default", false);
	expect_quiet("inspect esmtp");
	expect_comes_back();
}

static void
test_treatments(void **state)
{
	(void)state;
	expect_quiet("static (inside,outside) 192.0.2.10 10.0.0.20");
	expect_quiet("static (inside,outside) 192.0.2.11 10.0.0.20");
	expect_quiet("policy-map type inspect esmtp m");
	expect_refusal("no policy-map type inspect esmtp _default_esmtp_map", "built in");
	expect_refusal("policy-map type inspect esmtp _own", "built in");
	expect_refusal("policy-map type inspect esmtp raw", "not a name");
	expect_done("policy-map global_policy", false);
	expect_done("class inspection_default", false);
	expect_refusal("inspect esmtp unknown", "unknown");
	expect_quiet("inspect esmtp m");
	expect_refusal("no policy-map type inspect esmtp m", "global_policy");
	expect_refusal("no policy-map global_policy", "service-policy");
	expect_refusal("no inspect esmtp other", "other");
	expect_warning("no inspect esmtp m", "192.0.2.10 and 1 more");
	assert_non_null(strstr(print(NULL, false), "  no inspect esmtp\n"));
	expect_comes_back();
	expect_warning("no inspect esmtp raw", "WARNING");
	assert_non_null(strstr(print(NULL, false), "  no inspect esmtp raw\n"));
	expect_comes_back();
	expect_quiet("inspect esmtp _default_esmtp_map");
	assert_non_null(strstr(print(NULL, false), "  inspect esmtp\n"));
	expect_refusal("class ironport_esa", "class-map ironport_esa");
	expect_refusal("service-policy unknown global", "unknown");
}

static void
test_statics(void **state)
{
	(void)state;
	expect_quiet("static (inside,outside) 192.0.2.10 10.0.0.20");
	expect_done("static (inside,outside) 192.0.2.10 10.0.0.20 netmask 255.255.255.255", false);
	expect_quiet("static (inside,outside) 192.0.2.10 10.0.0.20 50 100");
	assert_non_null(strstr(print(NULL, false), "tcp 50 100"));
	expect_refusal("static (inside,outside) 192.0.2.10 10.0.0.21", "already taken");
	expect_refusal("static (inside,other) tcp 192.0.2.10 25 10.0.0.20 25", "already taken");
	expect_quiet("static (inside,outside) tcp 192.0.2.10 587 10.0.0.20 587");
	expect_refusal("static (inside,outside) 192.0.2.11 10.0.0.20 netmask 255.255.255.0",
	    "netmask 255.255.255.0");
	expect_refusal(
	    "static (inside,outside) 2001:db8::1 10.0.0.20 netmask 255.255.255.255", "no netmask");
	expect_refusal("static (inside,outside) 192.0.2.11 192.0.2.11", "own server");
	expect_refusal("static (inside,outside) 0.0.0.0 10.0.0.20", "0.0.0.0");
	expect_refusal("static (inside,outside) 192.0.2.11 224.0.0.1", "multicast");
	expect_refusal("static (inside,outside) 192.0.2.11 ff02::1", "multicast");
	expect_refusal("static (inside,outside) fe80::1 10.0.0.20", "link-local");
	expect_refusal("static (inside,outside) ::ffff:192.0.2.1 10.0.0.20", "A.B.C.D");
	expect_refusal("static (inside,outside) :: 10.0.0.20", "not the address of a host");
	expect_refusal("static (inside,outside) 192.0.2.11 10.0.0.20 source 2001:db8::1", "family");
	expect_warning("no static (inside,outside) 192.0.2.99 10.0.0.20", "no such static");
	assert_false(outcome.changed);
	expect_warning("no static (inside,outside) 192.0.2.10 10.0.0.99", "no such static");
}

static void
test_limits(void **state)
{
	char line[512];

	(void)state;
	for (unsigned i = 0; i < CONFIG_STATICS_MAX; i++) {
		snprintf(line, sizeof(line), "static (inside,outside) tcp 192.0.2.1 %u 10.0.0.1 25",
		    i + 1);
		expect_quiet(line);
	}
	expect_refusal("static (inside,outside) 192.0.2.2 10.0.0.1", "at most 256");
	for (unsigned i = 0; i < CONFIG_MAPS_MAX; i++) {
		snprintf(line, sizeof(line), "policy-map type inspect esmtp m%u", i);
		expect_quiet(line);
	}
	expect_refusal("policy-map type inspect esmtp more", "at most 15");
	expect_comes_back();
	expect_warning("no service-policy global_policy global", "WARNING");
	expect_quiet("no policy-map global_policy");
	for (unsigned i = 0; i < CONFIG_POLICIES_MAX - 1; i++) {
		snprintf(line, sizeof(line), "policy-map p%u", i);
		expect_quiet(line);
		snprintf(line, sizeof(line), "service-policy p%u interface i%u", i, i);
		expect_done(line, true);
	}
	expect_refusal("policy-map more", "at most 16");
	expect_refusal("service-policy p0 interface more", "at most 16");
	expect_comes_back();
	expect_done("policy-map global_policy", true);
	expect_done("service-policy global_policy global", true);
	expect_comes_back();
	snprintf(line, sizeof(line), "policy-map type inspect esmtp %041d", 0);
	run(line);
	assert_int_equal(outcome.status, CLI_INVALID);
	expect_done("policy-map type inspect esmtp m0", false);
	snprintf(line, sizeof(line), "description %0200d", 0);
	expect_quiet(line);
	snprintf(line, sizeof(line), "description %0201d", 0);
	expect_refusal(line, "at most 200");
	expect_done("parameters", false);
	snprintf(line, sizeof(line), "mask-banner text %0127d", 0);
	expect_quiet(line);
	snprintf(line, sizeof(line), "mask-banner text %0128d", 0);
	expect_refusal(line, "at most 127");
	expect_refusal("mask-banner text \"f\xc3\xbcr\"", "ASCII");
	expect_comes_back();
}

static void
test_clones_are_apart(void **state)
{
	struct config *clone = config_clone(config);

	(void)state;
	assert_true(config_equal(config, clone));
	expect_quiet("hostname other");
	expect_quiet("policy-map type inspect esmtp m");
	assert_false(config_equal(config, clone));
	assert_string_equal(clone->hostname, "smtpguard");
	assert_int_equal(clone->maps, 0);
	config_free(clone);
	config_free(NULL);
}

static void
test_what_is_gone_is_told(void **state)
{
	struct cli_place inside;

	(void)state;
	expect_quiet("policy-map type inspect esmtp m");
	expect_done("parameters", false);
	inside = place;
	expect_quiet("no policy-map type inspect esmtp m");
	place = inside;
	expect_refusal("mask-banner", "does not exist any more");
	expect_done("exit", false);
	expect_refusal("parameters", "does not exist any more");
	expect_refusal("description x", "does not exist any more");
	expect_done("end", false);
}

/* What `all` adds to a map says what holds in it, and can be entered. */
static void
test_a_map_with_its_defaults(void **state)
{
	static const char header[] = "policy-map type inspect esmtp strict\n";
	char *save = NULL;

	(void)state;
	expect_quiet("policy-map type inspect esmtp strict");
	expect_done("parameters", false);
	expect_quiet("no allow-tls");
	expect_quiet("no allow-verb VRFY");
	char *text = strdup(strstr(print("policy-map", true), header));
	assert_non_null(text);
	*strstr(text, "\n!") = '\0';
	assert_non_null(strstr(text, "\n  no allow-tls\n"));
	assert_non_null(strstr(text, "\n  header-hold 65536\n"));
	assert_null(strstr(text, "STARTTLS"));
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		run(line);
		assert_int_equal(outcome.status, CLI_DONE);
	}
	free(text);
}

/* As people typed them. */
static void
test_lines_of_operators(void **state)
{
	static const char *const lines[] = {"end", "enable", "configure terminal",
	    "static (inside,outside) 1.1.1.1 192.168.1.1 netmask 255.255.255.255 tcp 50 100",
	    "policy-map global_policy", "class inspection_default", "no inspect esmtp", "exit",
	    "exit"};

	(void)state;
	for (unsigned i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		run(lines[i]);
		assert_int_equal(outcome.status, CLI_DONE);
	}
	assert_int_equal(place.mode, CLI_CONFIG);
	assert_non_null(strstr(print(NULL, false), "  no inspect esmtp\n"));
	expect_comes_back();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_factory, language_setup, language_teardown),
	    cmocka_unit_test_setup_teardown(
		test_a_whole_configuration, language_setup, language_teardown),
	    cmocka_unit_test_setup_teardown(test_sections, language_setup, language_teardown),
	    cmocka_unit_test_setup_teardown(test_no_forms, language_setup, language_teardown),
	    cmocka_unit_test_setup_teardown(
		test_no_of_parameters, language_setup, language_teardown),
	    cmocka_unit_test_setup_teardown(test_sets, language_setup, language_teardown),
	    cmocka_unit_test_setup_teardown(
		test_what_the_factory_has_can_go, language_setup, language_teardown),
	    cmocka_unit_test_setup_teardown(test_treatments, language_setup, language_teardown),
	    cmocka_unit_test_setup_teardown(test_statics, language_setup, language_teardown),
	    cmocka_unit_test_setup_teardown(test_limits, language_setup, language_teardown),
	    cmocka_unit_test_setup_teardown(
		test_clones_are_apart, language_setup, language_teardown),
	    cmocka_unit_test_setup_teardown(
		test_what_is_gone_is_told, language_setup, language_teardown),
	    cmocka_unit_test_setup_teardown(
		test_a_map_with_its_defaults, language_setup, language_teardown),
	    cmocka_unit_test_setup_teardown(
		test_lines_of_operators, language_setup, language_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
