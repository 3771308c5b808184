#include "daemon/policy/cli.h"
#include "daemon/policy/compile.h"
#include "shm/slot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct config *config;
static struct cli_place place;
static struct compiled *compiled;

static int
setup(void **state)
{
	(void)state;
	config = config_create();
	compiled = malloc(sizeof(*compiled));
	place = (struct cli_place){.mode = CLI_CONFIG};
	return config == NULL || compiled == NULL;
}

static int
teardown(void **state)
{
	(void)state;
	config_free(config);
	free(compiled);
	return 0;
}

static void
run(const char *line)
{
	struct cli_outcome outcome;

	cli_execute(&place, config, line, &outcome);
	assert_int_equal(outcome.status, CLI_DONE);
}

static const struct inspect_policy *
policy_of(unsigned listener)
{
	const struct compiled_image *image =
	    &compiled->image[compiled->listeners.entry[listener].policy_slot];

	assert_true(compiled->listeners.entry[listener].policy_slot < compiled->images);
	assert_true(inspect_policy_check(image->bytes, image->size));
	return (const struct inspect_policy *)image->bytes;
}

static void
compile(void)
{
	assert_true(config_compile(config, compiled));
	assert_int_equal(compiled->errors, 0);
}

static void
test_nothing_listens(void **state)
{
	(void)state;
	compile();
	assert_int_equal(compiled->listeners.count, 0);
	assert_int_equal(compiled->images, 0);
}

static void
test_static_with_the_default_map(void **state)
{
	struct inspect_policy normal;

	(void)state;
	run("hostname mx-guard");
	run("static (inside,outside) 192.0.2.10 10.0.0.20 netmask 255.255.255.255 tcp 50 100");
	compile();
	assert_int_equal(compiled->listeners.count, 1);
	const struct listener_entry *entry = &compiled->listeners.entry[0];
	assert_int_equal(entry->mode, SLOT_INSPECT);
	assert_int_equal(entry->client_address, CLIENT_HIDDEN);
	assert_int_equal(entry->listen.family, 4);
	assert_int_equal(entry->listen.port, 25);
	assert_memory_equal(entry->listen.address, "\xc0\x00\x02\x0a", 4);
	assert_memory_equal(entry->server.address, "\x0a\x00\x00\x14", 4);
	assert_int_equal(entry->source.family, 0);
	assert_int_equal(entry->connections_max, 50);
	assert_int_equal(entry->embryonic_max, 100);
	assert_string_equal(compiled->image[0].name, "_default_esmtp_map");
	inspect_policy_default(&normal, "mx-guard", 8);
	assert_memory_equal(policy_of(0), &normal, sizeof(normal));
}

static void
test_parameters_arrive(void **state)
{
	(void)state;
	run("static (inside,outside) tcp 2001:db8::10 2525 10.0.0.20 26 source 10.0.0.1");
	run("policy-map type inspect esmtp strict");
	run("parameters");
	run("mask-banner text \"mx ESMTP\"");
	run("no allow-tls");
	run("line-endings reject");
	run("nul space");
	run("monitor-only");
	run("command-timeout 60");
	run("errors-max 5");
	run("allow-verb EXPN");
	run("no allow-extension SIZE");
	run("policy-map global_policy");
	run("class inspection_default");
	run("inspect esmtp strict");
	compile();
	const struct inspect_policy *policy = policy_of(0);
	assert_int_equal(policy->banner, INSPECT_BANNER_TEXT);
	assert_int_equal(policy->banner_length, 8);
	assert_memory_equal(policy->banner_text, "mx ESMTP", 8);
	assert_int_equal(policy->flags & (INSPECT_ALLOW_TLS | INSPECT_LOG_TLS), 0);
	assert_true(policy->flags & INSPECT_MONITOR_ONLY);
	assert_int_equal(policy->line_endings, INSPECT_LINES_REJECT);
	assert_int_equal(policy->nul, INSPECT_NUL_SPACE);
	assert_int_equal(policy->command_timeout_s, 60);
	assert_int_equal(policy->errors_max, 5);
	assert_true(policy->verbs >> inspect_verb_find("EXPN", 4) & 1);
	assert_false(policy->extensions >> inspect_extension_find("SIZE", 4) & 1);
	assert_int_equal(compiled->listeners.entry[0].listen.port, 2525);
	assert_int_equal(compiled->listeners.entry[0].server.port, 26);
	assert_int_equal(compiled->listeners.entry[0].source.family, 4);
	run("policy-map type inspect esmtp strict");
	run("parameters");
	run("mask-banner");
	run("allow-tls action log");
	run("greeting-delay 1500 action log");
	compile();
	assert_int_equal(policy_of(0)->banner, INSPECT_BANNER_NEUTRAL);
	assert_int_equal(policy_of(0)->banner_length, 0);
	assert_true(policy_of(0)->flags & INSPECT_ALLOW_TLS);
	assert_true(policy_of(0)->flags & INSPECT_LOG_TLS);
	assert_int_equal(policy_of(0)->greeting_delay_ms, 1500);
	assert_true(policy_of(0)->flags & INSPECT_LOG_EARLY);
	run("greeting-delay 500");
	compile();
	assert_int_equal(policy_of(0)->greeting_delay_ms, 500);
	assert_false(policy_of(0)->flags & INSPECT_LOG_EARLY);
}

/* ---- one map, on another host ---- */

static struct config *there;
static struct cli_place there_place;

static void
enter_there(void *context, const char *text)
{
	struct cli_outcome outcome;

	(void)context;
	cli_execute(&there_place, there, text, &outcome);
	if (outcome.status != CLI_DONE)
		fail_msg("'%s' is not understood: %s", text, outcome.message);
}

static void
expect_same_there(const char *name)
{
	struct config_writer writer = {.line = enter_there};
	struct compiled_image *image = malloc(2 * sizeof(*image));

	assert_non_null(image);
	there = config_create();
	there_place = (struct cli_place){.mode = CLI_CONFIG};
	config_print_map(config, name, &writer);
	assert_true(config_compile_map(config, name, &image[0]));
	assert_true(config_compile_map(there, name, &image[1]));
	assert_memory_equal(image[0].generation, image[1].generation, POLICY_HASH_SIZE);
	assert_int_equal(image[0].size, image[1].size);
	assert_memory_equal(image[0].bytes, image[1].bytes, image[0].size);
	config_free(there);
	free(image);
}

static void
test_a_map_by_its_lines(void **state)
{
	static const char *const lines[] = {"hostname mx", "policy-map type inspect esmtp strict",
	    "description what it is for", "parameters", "mask-banner text \"mx ESMTP\"",
	    "no allow-tls", "line-endings reject", "nul space", "monitor-only",
	    "command-timeout 60", "errors-max 5", "allow-verb EXPN", "no allow-extension SIZE",
	    "greeting-delay 1500 action log", "match cmd line length gt 100", "drop-connection log",
	    "match header line length gt 998", "reject 552 5.3.4 \"too long\" log",
	    "policy-map type inspect esmtp plain"};

	(void)state;
	for (unsigned i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		run(lines[i]);
	expect_same_there("strict");
	expect_same_there("plain");
	expect_same_there("_default_esmtp_map");
	expect_same_there("_compat_fixup_4_4");
	expect_same_there("");
}

static void
test_policy_by_interface(void **state)
{
	(void)state;
	run("static (inside,outside) 192.0.2.1 10.0.0.1");
	run("static (inside,dmz) 192.0.2.2 10.0.0.1");
	run("static (lab,partner) 192.0.2.3 10.0.0.1");
	run("policy-map type inspect esmtp strict");
	run("policy-map a");
	run("class inspection_default");
	run("inspect esmtp strict");
	run("policy-map b");
	run("class inspection_default");
	run("no inspect esmtp raw");
	run("service-policy a interface inside");
	run("service-policy b interface dmz");
	compile();
	const struct listener_entry *entry = compiled->listeners.entry;
	assert_string_equal(compiled->image[entry[0].policy_slot].name, "strict");
	assert_int_equal(entry[1].mode, SLOT_RAW);
	assert_string_equal(compiled->image[entry[1].policy_slot].name, "");
	assert_string_equal(compiled->image[entry[2].policy_slot].name, "_default_esmtp_map");
	run("no service-policy global_policy global");
	compile();
	assert_int_equal(entry[2].mode, SLOT_RELAY);
	assert_int_equal(entry[2].policy_slot, entry[1].policy_slot);
	assert_int_equal(compiled->images, 2);
}

static void
test_generation(void **state)
{
	uint8_t first[POLICY_HASH_SIZE];

	(void)state;
	run("static (inside,outside) 192.0.2.1 10.0.0.1");
	run("policy-map type inspect esmtp strict");
	run("policy-map global_policy");
	run("class inspection_default");
	run("inspect esmtp strict");
	compile();
	memcpy(first, compiled->image[0].generation, sizeof(first));
	run("static (inside,outside) 192.0.2.2 10.0.0.1");
	run("policy-map type inspect esmtp unused");
	compile();
	assert_memory_equal(compiled->image[0].generation, first, sizeof(first));
	run("hostname other");
	compile();
	assert_memory_not_equal(compiled->image[0].generation, first, sizeof(first));
	run("no hostname");
	run("policy-map type inspect esmtp strict");
	run("parameters");
	run("errors-max 3");
	compile();
	assert_memory_not_equal(compiled->image[0].generation, first, sizeof(first));
	run("no errors-max");
	compile();
	assert_memory_equal(compiled->image[0].generation, first, sizeof(first));
}

static void
test_every_map_in_use(void **state)
{
	char line[96];

	(void)state;
	for (unsigned i = 0; i < 15; i++) {
		snprintf(line, sizeof(line), "policy-map type inspect esmtp m%u", i);
		run(line);
		snprintf(line, sizeof(line), "policy-map p%u", i);
		run(line);
		run("class inspection_default");
		snprintf(line, sizeof(line), "inspect esmtp m%u", i);
		run(line);
		snprintf(line, sizeof(line), "service-policy p%u interface i%u", i, i);
		run(line);
		snprintf(line, sizeof(line), "static (in,i%u) 192.0.2.%u 10.0.0.1", i, i + 1);
		run(line);
	}
	run("static (in,out) 192.0.2.99 10.0.0.1");
	compile();
	assert_int_equal(compiled->images, 16);
	run("policy-map p14");
	run("class inspection_default");
	run("no inspect esmtp");
	compile();
	run("policy-map p14");
	run("class inspection_default");
	run("inspect esmtp m14");
	run("policy-map global_policy");
	run("class inspection_default");
	run("no inspect esmtp");
	compile();
	run("static (in,i0) 192.0.2.98 10.0.0.1");
	compile();
	assert_int_equal(compiled->listeners.count, 17);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_nothing_listens, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_static_with_the_default_map, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_parameters_arrive, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_a_map_by_its_lines, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_policy_by_interface, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_generation, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_every_map_in_use, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
