#include "daemon/manager/settings_load.h"

#include "daemon/manager/units.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
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
	assert_non_null(strstr(text, "f.conf:8: failover: unknown key\n"));
	assert_non_null(strstr(text, "f.conf:9: metrics: unknown key\n"));
	text_free(&errors);
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
	    cmocka_unit_test(test_refusals),
	    cmocka_unit_test(test_nul_byte_is_refused),
	    cmocka_unit_test(test_units),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
