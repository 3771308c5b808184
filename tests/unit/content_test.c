#include "worker/inspect/content.h"
#include "worker/inspect/criterion_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct scene {
	struct inspect state;
	struct inspect_policy policy;
	struct inspect_input input;
	struct inspect_output out;
	struct builder build;
};

static struct scene scene;

/* One rule; the content begins. */
static void
begin(enum inspect_criterion criterion, uint32_t limit, enum inspect_action action, unsigned flags)
{
	memset(&scene, 0, sizeof(scene));
	inspect_policy_default(&scene.policy, "mx", 2);
	scene.policy.rules = 1;
	scene.policy.rule[0] = (struct inspect_rule){.criterion = (uint8_t)criterion,
	    .action = (uint8_t)action,
	    .flags = (uint8_t)flags,
	    .limit = limit};
	inspect_policy_finish(&scene.policy);
	scene.input = (struct inspect_input){.from = INSPECT_CLIENT,
	    .scan = inspect_scan_best(),
	    .room = {INSPECT_EDITS_MAX, INSPECT_EDITS_MAX}};
	output_begin(&scene.build, &scene.state, &scene.policy, &scene.input, &scene.out);
	content_begin(&scene.state);
}

static size_t
take(const char *text)
{
	return content_take(&scene.build, (const uint8_t *)text, strlen(text));
}

static uint32_t
hits(void)
{
	return scene.out.hit_count ? scene.out.hits[0].times : 0;
}

/* 4 GiB without a line end: the length counted does not begin anew, and what comes is passed. */
static void
test_endless_line(void **state)
{
	static const uint32_t limits[] = {998, UINT32_MAX - 1, UINT32_MAX};
	static char text[300];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	for (unsigned i = 0; i < 6; i++) {
		begin(CRITERION_BODY_LINE_LENGTH, limits[i / 2], INSPECT_ACTION_LOG,
		    i % 2 ? INSPECT_RULE_NOT : 0);
		take("\r\n");
		assert_int_equal(scene.state.content_part, CONTENT_BODY);
		scene.state.column = UINT32_MAX - 100;
		scene.state.line_judged = limits[i / 2] == 998 ? 999 : 0;
		for (unsigned times = 0; times < 3; times++)
			assert_int_equal(take(text), sizeof(text) - 1);
		assert_int_equal(scene.state.column, UINT32_MAX);
		assert_int_equal(hits(), i == 2);
		assert_int_equal(take("\r\nx"), 3);
		assert_int_equal(scene.state.column, 1);
		assert_true(content_end(&scene.build));
		assert_int_equal(hits(), i == 2 || i == 5);
	}
}

/* Content begins anew wherever the one before it has stopped. */
static void
test_nothing_stays_behind(void **state)
{
	static const char *const begun[] = {"Content-Type: a/b; boundary=b\r", "\r", "Cc: x\r",
	    "Content-Type: a/b; boundary=b; name=x\r\n\r\n--b\r",
	    "Content-Type: message/rfc822\r\n "};
	struct inspect fresh;

	(void)state;
	for (size_t i = 0; i < sizeof(begun) / sizeof(begun[0]); i++) {
		begin(CRITERION_MIME_FILENAME_LENGTH, 5, INSPECT_ACTION_LOG, 0);
		memcpy(&fresh, &scene.state, sizeof(fresh));
		assert_int_equal(take(begun[i]), strlen(begun[i]));
		content_begin(&scene.state);
		assert_memory_equal(&scene.state, &fresh, offsetof(struct inspect, extra.boundary));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_endless_line),
	    cmocka_unit_test(test_nothing_stays_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
