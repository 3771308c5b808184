#include "daemon/manager/settings_load.h"

#include "daemon/manager/units.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* libconfig 1.5 leaks the string it was reading when it finds a syntax error. */
const char *__lsan_default_suppressions(void);
const char *
__lsan_default_suppressions(void)
{
	return "leak:libconfig.so";
}

static bool
load(const char *source, struct settings *settings, struct text *errors)
{
	text_init(errors, 65536);
	return settings_load(settings, source, strlen(source), "f.conf", errors);
}

static void
test_empty_is_valid_and_gives_the_defaults(void **state)
{
	struct settings settings;
	struct text errors;

	(void)state;
	assert_true(load("", &settings, &errors));
	assert_int_equal(settings.magic, SETTINGS_MAGIC);
	assert_int_equal(settings.version, SETTINGS_VERSION);
	assert_int_equal(settings.workers, 0);
	assert_int_equal(settings.sessions_max, 32768);
	assert_int_equal(settings.memory_max, 1ull << 30);
	assert_int_equal(settings.drain_ms, 10000);
	assert_string_equal(settings.user, "smtpguard");
	assert_string_equal(settings.log_target, "journal");
	assert_string_equal(settings.metrics_listen, "");
	text_free(&errors);
}

static void
test_every_key(void **state)
{
	struct settings settings;
	struct text errors;

	(void)state;
	assert_true(load("workers = 3; sessions_max = 100;\nmemory_max = \"64 MiB\";\n"
			 "user = \"nobody\"; drain = \"1500 ms\";\n"
			 "log: { target = \"udp:[2001:db8::1]:514\"; };\n",
	    &settings, &errors));
	assert_int_equal(settings.workers, 3);
	assert_int_equal(settings.sessions_max, 100);
	assert_int_equal(settings.memory_max, 64ull << 20);
	assert_int_equal(settings.drain_ms, 1500);
	assert_string_equal(settings.user, "nobody");
	assert_string_equal(settings.log_target, "udp:[2001:db8::1]:514");
	text_free(&errors);
}

static void
test_all_errors_are_reported(void **state)
{
	struct settings settings;
	struct text errors;

	(void)state;
	assert_false(
	    load("workers = 65;\nmemory_max = 1073741824;\ncolour = \"red\";\n"
		 "log: {\n  target = \"syslog\";\n  level = 3;\n};\n"
		 "failover: { node = \"mx1\"; };\nmetrics: { listen = \"127.0.0.1:1\"; };\n",
		&settings, &errors));
	const char *text = text_string(&errors);
	assert_non_null(strstr(text, "f.conf:1: workers: out of range: 0 to 64\n"));
	assert_non_null(strstr(text, "f.conf:2: memory_max: must be a string with a unit"));
	assert_non_null(strstr(text, "f.conf:3: colour: unknown key\n"));
	assert_non_null(strstr(text, "f.conf:5: log.target: must be"));
	assert_non_null(strstr(text, "f.conf:6: log.level: unknown key\n"));
	assert_non_null(strstr(text, "f.conf:8: failover.peer: missing\n"));
	assert_non_null(strstr(text, "f.conf:9: metrics: unknown key\n"));
	text_free(&errors);
}

#define PAIR                                                                                       \
	"failover: {\n"                                                                            \
	"  node = \"mx1\";\n"                                                                      \
	"  listen = \"192.0.2.1\";\n"                                                              \
	"  peer = \"192.0.2.2:7000\";\n"                                                           \
	"  key_file = \"/etc/smtpguard/failover.key\";\n"                                          \
	"  addresses = [\"192.0.2.10\", \"2001:db8::10\"];\n"

static void
test_no_group_is_no_pair(void **state)
{
	struct settings settings;
	struct text errors;

	(void)state;
	assert_true(load("", &settings, &errors));
	assert_int_equal(settings.failover.line, 0);
	assert_int_equal(settings.failover.addresses, 0);
	text_free(&errors);
}

static void
test_pair_with_defaults(void **state)
{
	static const uint8_t listen[4] = {192, 0, 2, 1};
	struct settings settings;
	struct text errors;

	(void)state;
	assert_true(load("\n" PAIR "};", &settings, &errors));
	const struct settings_failover *failover = &settings.failover;
	assert_int_equal(failover->line, 2);
	assert_int_equal(failover->key_line, 6);
	assert_string_equal(failover->node, "mx1");
	assert_string_equal(failover->peer_node, "");
	assert_string_equal(failover->key_file, "/etc/smtpguard/failover.key");
	assert_string_equal(failover->fifo, "");
	assert_int_equal(failover->commit, SETTINGS_COMMIT_DEGRADE);
	assert_int_equal(failover->degrade_after_ms, 500);
	assert_int_equal(failover->witness.family, 0);
	assert_int_equal(failover->listen.family, 4);
	assert_memory_equal(failover->listen.address, listen, 4);
	assert_int_equal(failover->listen.port, SETTINGS_SYNC_PORT);
	assert_int_equal(failover->peer.port, 7000);
	assert_int_equal(failover->addresses, 2);
	assert_int_equal(failover->address[0].family, 4);
	assert_int_equal(failover->address[1].family, 6);
	assert_int_equal(failover->address[1].address[15], 0x10);
	text_free(&errors);
}

static void
test_pair_with_every_key(void **state)
{
	struct settings settings;
	struct text errors;

	(void)state;
	assert_true(load("failover: { node = \"mx1\"; peer_node = \"mx2\"; commit = \"strict\";\n"
			 "listen = \"[2001:db8::1]:7926\"; peer = \"2001:db8::2\";\n"
			 "key_file = \"/k\"; fifo = \"/run/f\"; degrade_after = \"2 s\";\n"
			 "witness = \"192.0.2.254:25\"; addresses = (\"192.0.2.10\"); };",
	    &settings, &errors));
	const struct settings_failover *failover = &settings.failover;
	assert_string_equal(failover->peer_node, "mx2");
	assert_string_equal(failover->fifo, "/run/f");
	assert_int_equal(failover->commit, SETTINGS_COMMIT_STRICT);
	assert_int_equal(failover->degrade_after_ms, 2000);
	assert_int_equal(failover->listen.family, 6);
	assert_int_equal(failover->listen.port, 7926);
	assert_int_equal(failover->peer.port, SETTINGS_SYNC_PORT);
	assert_int_equal(failover->witness.family, 4);
	assert_int_equal(failover->witness.port, 25);
	text_free(&errors);
}

static void
test_what_a_pair_must_have(void **state)
{
	static const char *const keys[] = {"node", "listen", "peer", "key_file", "addresses"};
	struct settings settings;
	struct text errors;

	(void)state;
	assert_false(load("\n\nfailover: {};", &settings, &errors));
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		char line[64];

		snprintf(line, sizeof(line), "f.conf:3: failover.%s: missing\n", keys[i]);
		assert_non_null(strstr(text_string(&errors), line));
	}
	text_free(&errors);
}

static void
expect_pair_error(const char *more, const char *error)
{
	char source[4096];
	struct settings settings;
	struct text errors;

	snprintf(source, sizeof(source), PAIR "%s };", more);
	if (load(source, &settings, &errors))
		fail_msg("taken: %s", more);
	if (strstr(text_string(&errors), error) == NULL)
		fail_msg("%s: %s", more, text_string(&errors));
	text_free(&errors);
}

static void
test_keys_of_a_pair_that_do_not_hold(void **state)
{
	(void)state;
#define AT "f.conf:7: failover."
	expect_pair_error("peer_node = \"mx1\";", AT "peer_node: is this host's own name (node)\n");
	expect_pair_error("peer_node = \"m x\";", AT "peer_node: must be a name");
	expect_pair_error(
	    "commit = \"sometimes\";", AT "commit: must be \"degrade\" or \"strict\"\n");
	expect_pair_error("commit = 1;", AT "commit: must be a string\n");
	expect_pair_error(
	    "degrade_after = \"50 ms\";", AT "degrade_after: out of range: 100 to 60000 ms\n");
	expect_pair_error("degrade_after = 500;", AT "degrade_after: must be a string with a unit");
	expect_pair_error("fifo = \"run/f\";", AT "fifo: must be a path that begins with '/'\n");
	expect_pair_error("fifo = \"/run/\\n\";", AT "fifo: must be a path");
	expect_pair_error("witness = \"mail.example.org\";", AT "witness: must be an address");
	expect_pair_error("witness = \"192.0.2.1\";",
	    AT "witness: must be a third host, not this one (listen)\n");
	expect_pair_error("witness = \"192.0.2.2:9\";",
	    AT "witness: must be a third host, not the other one (peer)\n");
	expect_pair_error("witness = \"192.0.2.10\";", AT "witness: is one of addresses");
	expect_pair_error("colour = 1;", AT "colour: unknown key\n");
#undef AT
}

static void
expect_refused(const char *key, const char *value, const char *error)
{
	char source[512];
	struct settings settings;
	struct text errors;

	snprintf(source, sizeof(source), "failover: { %s = %s; };", key, value);
	assert_false(load(source, &settings, &errors));
	snprintf(source, sizeof(source), "f.conf:1: failover.%s: %s", key, error);
	if (strstr(text_string(&errors), source) == NULL)
		fail_msg("%s = %s: %s", key, value, text_string(&errors));
	text_free(&errors);
}

static void
test_values_of_a_pair_that_do_not_hold(void **state)
{
	static const char *const addresses[] = {"\"\"", "\"192.0.2.1:0\"", "\"192.0.2.1:65536\"",
	    "\"192.0.2.1:\"", "\"192.0.2.1:x\"", "\"192.0.2\"", "\"[2001:db8::1\"",
	    "\"[2001:db8::1]x\"", "\"0.0.0.0\"", "\"::\"", "\"224.0.0.18\"", "\"255.255.255.255\"",
	    "\"ff02::12\"", "\"fe80::1\"", "\"::ffff:192.0.2.1\"", "\"mx2.example.org:7925\""};

	(void)state;
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++)
		expect_refused("peer", addresses[i], "must be an address of one host");
	expect_refused("peer", "3", "must be a string\n");
	expect_refused("node", "\"\"", "must be a name");
	expect_refused("node", "\"-x\"", "must be a name");
	expect_refused("key_file", "\"key\"", "must be a path");
	expect_refused("addresses", "\"192.0.2.10\"", "must be a list");
	expect_refused("addresses", "[]", "out of range: 1 to 64 addresses\n");
	expect_refused("addresses", "[ 1 ]", "must be a list of strings\n");
	expect_refused("addresses", "[ \"mx\" ]", "\"mx\" is no address of one host\n");
	expect_refused("addresses", "[ \"192.0.2.10:25\" ]", "\"192.0.2.10:25\" is no address");
	expect_refused(
	    "addresses", "[ \"192.0.2.10\", \"192.0.2.10\" ]", "\"192.0.2.10\" is there twice\n");
	expect_refused("addresses", "[ \"2001:db8::1\", \"2001:DB8:0::1\" ]",
	    "\"2001:DB8:0::1\" is there twice\n");
}

static void
test_relations_of_a_pair(void **state)
{
	struct settings settings;
	struct text errors;

	(void)state;
	assert_false(load("failover: { node = \"a\"; key_file = \"/k\";\nlisten = \"192.0.2.1\";\n"
			  "peer = \"192.0.2.1\";\naddresses = [\"192.0.2.1\"]; };",
	    &settings, &errors));
	const char *text = text_string(&errors);
	assert_non_null(strstr(text, "f.conf:3: failover.peer: is this host itself (listen)\n"));
	assert_non_null(strstr(text, "f.conf:2: failover.listen: is one of addresses"));
	assert_non_null(strstr(text, "f.conf:3: failover.peer: is one of addresses"));
	text_free(&errors);
	assert_false(load("failover: { node = \"a\"; key_file = \"/k\"; listen = \"192.0.2.1\";\n"
			  "peer = \"2001:db8::2\"; addresses = [\"192.0.2.10\"]; };",
	    &settings, &errors));
	assert_non_null(strstr(text_string(&errors),
	    "f.conf:2: failover.peer: must be of the same address family as listen\n"));
	text_free(&errors);
}

/* As many as there is room for, and one more. */
static void
test_most_addresses(void **state)
{
	(void)state;
	for (unsigned count = SETTINGS_ADDRESSES_MAX; count <= SETTINGS_ADDRESSES_MAX + 1;
	     count++) {
		struct text source, errors;
		struct settings settings;

		text_init(&source, 65536);
		text_add_string(&source,
		    "failover: { node = \"a\"; key_file = \"/k\";"
		    "listen = \"192.0.2.1\"; peer = \"192.0.2.2\"; addresses = [");
		for (unsigned i = 0; i < count; i++)
			text_printf(&source, "%s\"192.0.3.%u\"", i == 0 ? "" : ",", i);
		text_add_string(&source, "]; };");
		bool good = load(text_string(&source), &settings, &errors);
		assert_int_equal(good, count <= SETTINGS_ADDRESSES_MAX);
		assert_true(settings.failover.addresses <= SETTINGS_ADDRESSES_MAX);
		if (good)
			assert_int_equal(
			    settings.failover.address[count - 1].address[3], count - 1);
		text_free(&errors);
		text_free(&source);
	}
}

static void
test_refusals(void **state)
{
	static const char *const refused[] = {
	    "workers = -1;",
	    "workers = 4294967297;", /* cut to 1 by the parser */
	    "workers = 3000000000L;",
	    "workers = \"3\";",
	    "workers = true;",
	    "workers = 1.5;",
	    "sessions_max = 0;",
	    "memory_max = \"1\";",
	    "memory_max = \"1 gib\";",
	    "memory_max = \"99999999999999999999 B\";",
	    "memory_max = \"18446744073709551615 TiB\";",
	    "memory_max = \"1 MiB\";",
	    "drain = 10;",
	    "drain = \"10\";",
	    "drain = \"2 h\";",
	    "user = \"\";",
	    "user = \"-x\";",
	    "user = \"a b\";",
	    "user = 3;",
	    "log = \"stderr\";",
	    "log: { target = \"udp:host\"; };",
	    "log: { target = \"udp:host:0\"; };",
	    "log: { target = \"udp:host:65536\"; };",
	    "log: { target = \"udp:2001:db8::1:514\"; };",
	    "workers = 1; workers = 2;",
	    "workers = ",
	    "@include \"/etc/passwd\"",
	    "   @include \"x\"",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct settings settings;
		struct text errors;

		if (load(refused[i], &settings, &errors))
			fail_msg("taken: %s", refused[i]);
		assert_true(strncmp(text_string(&errors), "f.conf:1: ", 10) == 0);
		text_free(&errors);
	}
}

static void
test_nul_byte_is_refused(void **state)
{
	struct settings settings;
	struct text errors;

	(void)state;
	text_init(&errors, 4096);
	assert_false(settings_load(&settings, "workers = 1;\0x", 14, "f", &errors));
	text_free(&errors);
}

static void
test_units(void **state)
{
	uint64_t value;

	(void)state;
	assert_true(units_parse_size("16MiB", &value));
	assert_int_equal(value, 16ull << 20);
	assert_true(units_parse_size("7 B", &value));
	assert_int_equal(value, 7);
	assert_true(units_parse_time("2 min", &value));
	assert_int_equal(value, 120000);
	assert_false(units_parse_time("", &value));
	assert_false(units_parse_time("s", &value));
	assert_false(units_parse_time("-1 s", &value));
	assert_false(units_parse_time("1 s ", &value));
	assert_false(units_parse_size("1 s", &value));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_empty_is_valid_and_gives_the_defaults),
	    cmocka_unit_test(test_every_key),
	    cmocka_unit_test(test_all_errors_are_reported),
	    cmocka_unit_test(test_no_group_is_no_pair),
	    cmocka_unit_test(test_pair_with_defaults),
	    cmocka_unit_test(test_pair_with_every_key),
	    cmocka_unit_test(test_what_a_pair_must_have),
	    cmocka_unit_test(test_keys_of_a_pair_that_do_not_hold),
	    cmocka_unit_test(test_values_of_a_pair_that_do_not_hold),
	    cmocka_unit_test(test_relations_of_a_pair),
	    cmocka_unit_test(test_most_addresses),
	    cmocka_unit_test(test_refusals),
	    cmocka_unit_test(test_nul_byte_is_refused),
	    cmocka_unit_test(test_units),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
