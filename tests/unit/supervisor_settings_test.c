/* What the supervisor believes of the settings it is given, and how many sessions it allows. */
#include "daemon/supervisor/limits.h"
#include "daemon/supervisor/settings.h"
#include "shm/policy_area.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include <cmocka.h>

static struct settings
good(void)
{
	return (struct settings){
	    .magic = SETTINGS_MAGIC,
	    .version = SETTINGS_VERSION,
	    .workers = 2,
	    .sessions_max = 100,
	    .memory_max = 1u << 30,
	    .drain_ms = 30000,
	    .user = "nobody",
	    .log_target = "stderr",
	};
}

static void
test_good_settings_hold(void **state)
{
	struct settings settings = good();

	(void)state;
	assert_null(settings_check(&settings));
	settings.workers = 0;
	settings.drain_ms = 0;
	assert_null(settings_check(&settings));
}

static void
test_each_bad_field_is_named(void **state)
{
	struct settings settings;

	(void)state;
#define REFUSED(name, change)                                                                      \
	do {                                                                                       \
		settings = good();                                                                 \
		change;                                                                            \
		assert_string_equal(settings_check(&settings), name);                              \
	} while (0)
	REFUSED("version", settings.magic = 0);
	REFUSED("version", settings.version = SETTINGS_VERSION + 1);
	REFUSED("workers", settings.workers = SHM_WORKERS_MAX + 1);
	REFUSED("sessions_max", settings.sessions_max = 0);
	REFUSED("sessions_max", settings.sessions_max = UINT32_MAX);
	REFUSED("memory_max", settings.memory_max = 0);
	REFUSED("memory_max", settings.memory_max = UINT64_MAX);
	REFUSED("drain", settings.drain_ms = UINT32_MAX);
	REFUSED("user", settings.user[0] = '\0');
	REFUSED("user", memset(settings.user, 'x', sizeof(settings.user)));
	REFUSED("log.target", memset(settings.log_target, 'x', sizeof(settings.log_target)));
	REFUSED("metrics.listen",
	    memset(settings.metrics_listen, 'x', sizeof(settings.metrics_listen)));
}

static struct settings
pair(void)
{
	struct settings settings = good();

	settings.failover = (struct settings_failover){
	    .line = 1,
	    .degrade_after_ms = 500,
	    .node = "mx1",
	    .key_file = "/etc/smtpguard/failover.key",
	    .listen = {.family = 4, .port = 7925},
	    .peer = {.family = 6, .port = 7925},
	    .addresses = 1,
	    .address = {{.family = 6}},
	};
	return settings;
}

static void
test_each_bad_field_of_a_pair_is_named(void **state)
{
	struct settings settings = pair();

	(void)state;
	assert_null(settings_check(&settings));
	settings.failover.line = 0; /* no pair: nobody looks at the rest */
	settings.failover.addresses = UINT32_MAX;
	assert_null(settings_check(&settings));
#define PAIR_REFUSED(name, change)                                                                 \
	do {                                                                                       \
		struct settings_failover *failover = &settings.failover;                           \
		settings = pair();                                                                 \
		change;                                                                            \
		assert_string_equal(settings_check(&settings), "failover." name);                  \
	} while (0)
	PAIR_REFUSED("node", failover->node[0] = '\0');
	PAIR_REFUSED("node", memset(failover->node, 'x', sizeof(failover->node)));
	PAIR_REFUSED("peer_node", memset(failover->peer_node, 'x', sizeof(failover->peer_node)));
	PAIR_REFUSED("key_file", memset(failover->key_file, '/', sizeof(failover->key_file)));
	PAIR_REFUSED("key_file", failover->key_file[0] = 'k');
	PAIR_REFUSED("fifo", memset(failover->fifo, '/', sizeof(failover->fifo)));
	PAIR_REFUSED("commit", failover->commit = SETTINGS_COMMIT_STRICT + 1);
	PAIR_REFUSED("degrade_after", failover->degrade_after_ms = 0);
	PAIR_REFUSED("degrade_after", failover->degrade_after_ms = UINT32_MAX);
	PAIR_REFUSED("listen", failover->listen.family = 5);
	PAIR_REFUSED("listen", failover->listen.port = 0);
	PAIR_REFUSED("peer", failover->peer.family = 0);
	PAIR_REFUSED("witness", failover->witness.family = 1);
	PAIR_REFUSED("witness", failover->witness.family = 4);
	PAIR_REFUSED("addresses", failover->addresses = 0);
	PAIR_REFUSED("addresses", failover->addresses = SETTINGS_ADDRESSES_MAX + 1);
	PAIR_REFUSED("addresses", failover->addresses = 2);
}

static void
test_descriptors_bound_the_sessions(void **state)
{
	(void)state;
	assert_int_equal(limits_sessions(1u << 20, 32768, 4), 32768);
	assert_int_equal(limits_sessions(0, 32768, 4), 0);
	assert_int_equal(limits_sessions(LISTENERS_MAX, 32768, 4), 0);
	/* 9,000 sessions fit under 20,000 descriptors. */
	assert_true(limits_sessions(20000, 32768, 2) > 9000);
	assert_true(limits_sessions(20000, 32768, 2) < 10000);
	assert_true(limits_cpus() >= 1);
}

/* A manager that writes too little, too much, or nothing. */
static void
test_bad_managers_are_refused(void **state)
{
	static const struct {
		const char *script;
		int status;
	} managers[] = {
	    {"exit 78", EX_CONFIG},
	    {"exit 0", EX_SOFTWARE},
	    {"printf x >&3", EX_SOFTWARE},
	    {"head -c 100000 /dev/zero >&3; exit 0", EX_SOFTWARE},
	    {"kill -9 $$", EX_SOFTWARE},
	};
	struct settings settings;
	char directory[] = "/tmp/smtpguard-settings-XXXXXX", path[64];

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_non_null(mkdtemp(directory));
	assert_int_equal(chmod(directory, 0755), 0);
	snprintf(path, sizeof(path), "%s/manager", directory);
	for (size_t i = 0; i < sizeof(managers) / sizeof(managers[0]); i++) {
		FILE *file = fopen(path, "w");

		assert_non_null(file);
		fprintf(file, "#!/bin/sh\n%s\n", managers[i].script);
		fclose(file);
		assert_int_equal(chmod(path, 0755), 0);
		assert_int_equal(settings_read(path, "/dev/null", &settings), managers[i].status);
	}
	unlink(path);
	assert_int_equal(settings_read(path, "/dev/null", &settings), EX_OSERR);
	rmdir(directory);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_good_settings_hold),
	    cmocka_unit_test(test_each_bad_field_is_named),
	    cmocka_unit_test(test_each_bad_field_of_a_pair_is_named),
	    cmocka_unit_test(test_descriptors_bound_the_sessions),
	    cmocka_unit_test(test_bad_managers_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
