/* pair_policies: what sessions run by is kept, told as a text, and the same on another host. */
#include "daemon/manager/pair_policies.h"

#include "daemon/manager/policy_place.h"
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

#define SLOTS 4u

static struct shm here, there;
static struct pair_policies kept, taken;
static struct compiled *compiled;
static struct text why;

static int
set_up(void **state)
{
	const struct shm_plan plan = {.slots = SLOTS, .chunks = 1, .workers = 1};

	(void)state;
	text_init(&why, 4096);
	compiled = calloc(1, sizeof(*compiled));
	return compiled == NULL || shm_create(&here, &plan) != 0 || shm_create(&there, &plan) != 0;
}

static int
tear_down(void **state)
{
	(void)state;
	pair_policies_free(&kept);
	pair_policies_free(&taken);
	shm_detach(&here);
	shm_detach(&there);
	text_free(&why);
	free(compiled);
	return 0;
}

/* A static whose map does not allow lines longer than that. */
static struct config *
configured(unsigned length)
{
	static const char *const lines[] = {"static (inside,outside) 192.0.2.1 10.0.0.1",
	    "policy-map type inspect esmtp strict", "match cmd line length gt %u",
	    "drop-connection log", "policy-map global_policy", "class inspection_default",
	    "inspect esmtp strict"};
	struct config *config = config_create();
	struct cli_place place = {.mode = CLI_CONFIG};
	struct cli_outcome outcome;
	char line[80];

	assert_non_null(config);
	for (unsigned i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		snprintf(line, sizeof(line), "%s", lines[i]);
		if (i == 2)
			snprintf(line, sizeof(line), "match cmd line length gt %u", length);
		cli_execute(&place, config, line, &outcome);
		assert_int_equal(outcome.status, CLI_DONE);
	}
	return config;
}

static void
run_by(const struct config *config)
{
	assert_true(config_compile(config, compiled));
	assert_int_equal(policy_place(&here, compiled, 0), 0);
}

/* By what run_by() has placed. */
static void
begin_session(const struct shm *shm, uint32_t slot)
{
	struct slot_custody *custody = shm_custody(shm, slot);

	memcpy(&custody->policy_hash, compiled->image[0].generation, sizeof(custody->policy_hash));
	custody->policy_slot = policy_area_find(shm_policy(shm), custody->policy_hash);
	atomic_store(&custody->state, SLOT_OPEN);
}

static void
end_session(uint32_t slot)
{
	atomic_store(&shm_custody(&here, slot)->state, SLOT_FREE);
}

static bool
is_there(const uint8_t generation[POLICY_HASH_SIZE])
{
	uint64_t hash;

	memcpy(&hash, generation, sizeof(hash));
	return policy_area_find(shm_policy(&there), hash) != SHM_NO_SLOT;
}

static void
test_only_what_runs_and_is_gone(void **state)
{
	struct config *one = configured(100), *two = configured(200);

	(void)state;
	run_by(one);
	assert_false(pair_policies_change(&kept, &here, one, two));
	begin_session(&here, 1);
	assert_false(pair_policies_change(&kept, &here, one, one));
	assert_true(pair_policies_change(&kept, &here, one, two));
	assert_int_equal(kept.count, 1);
	assert_false(pair_policies_change(&kept, &here, one, two));
	assert_false(pair_policies_prune(&kept, &here));
	end_session(1);
	assert_true(pair_policies_prune(&kept, &here));
	assert_int_equal(kept.count, 0);
	config_free(one);
	config_free(two);
}

static void
test_the_other_host_makes_the_same(void **state)
{
	struct config *config[4];
	uint8_t generation[3][POLICY_HASH_SIZE];
	struct lines lines;

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		config[i] = configured(100 + i);
	for (unsigned i = 0; i < 3; i++) {
		run_by(config[i]);
		memcpy(generation[i], compiled->image[0].generation, POLICY_HASH_SIZE);
		begin_session(&here, i);
		assert_true(pair_policies_change(&kept, &here, config[i], config[i + 1]));
	}
	lines_init(&lines);
	assert_true(pair_policies_write(&kept, &lines));
	assert_true(pair_policies_read(&taken, &lines));
	assert_true(pair_policies_place(&taken, &there, &why));
	for (unsigned i = 0; i < 3; i++)
		assert_true(is_there(generation[i]));
	/* Nobody names them there, and they stay for all that. */
	for (unsigned i = 0; i < POLICY_SLOTS; i++) {
		struct config *other = configured(200 + i);

		assert_true(config_compile(other, compiled));
		assert_int_equal(policy_place(&there, compiled, taken.placed), 0);
		config_free(other);
	}
	for (unsigned i = 0; i < 3; i++)
		assert_true(is_there(generation[i]));
	lines_free(&lines);
	for (unsigned i = 0; i < 4; i++)
		config_free(config[i]);
}

static bool
read_lines(const char *const *text)
{
	struct lines lines;
	bool good;

	lines_init(&lines);
	for (; *text != NULL; text++)
		assert_true(lines_add(&lines, *text));
	good = pair_policies_read(&taken, &lines);
	lines_free(&lines);
	return good;
}

#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void
test_what_is_no_such_text(void **state)
{
	static const char *const bad[][4] = {{"hostname mx", NULL}, {"! policy", NULL},
	    {"! policy " HASH, NULL}, {"! policy x" HASH " strict", NULL},
	    {"! policy " HASH " 0123456789012345678901234567890123456789012345678901234567890123",
		NULL},
	    {"! policy " HASH " a", "! policy " HASH " b", NULL}};
	static const char *const other[] = {"! policy " HASH " strict", "hostname mx", NULL};
	static const char *const refused[] = {"! policy " HASH " strict", "no such line", NULL};
	static const char *const none[] = {NULL};

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(read_lines(bad[i]));
		assert_int_equal(taken.count, 0);
	}
	assert_true(read_lines(none));
	assert_true(pair_policies_place(&taken, &there, &why));
	assert_true(read_lines(other));
	assert_false(pair_policies_place(&taken, &there, &why));
	assert_non_null(strstr(text_string(&why), "strict is another one here"));
	text_clear(&why);
	assert_true(read_lines(refused));
	assert_false(pair_policies_place(&taken, &there, &why));
	assert_non_null(strstr(text_string(&why), "'no such line'"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_only_what_runs_and_is_gone, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_the_other_host_makes_the_same, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_what_is_no_such_text, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
