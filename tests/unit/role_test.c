/* role: every rule has its place, every input an answer in every state, and hostile ones change nothing. */
#include "daemon/sync/role.h"

#include "daemon/sync/role_rules.h"
#include "daemon/sync/role_words.h"
#include "shm/event_ring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define B(name) (1u << ROLE_##name)

/* From where to where a state may change; all else would be a fault of a rule. */
static const uint16_t moves[ROLE_STATES] = {
    [ROLE_STANDALONE] = 0,
    [ROLE_WAITING] = B(CATCHUP) | B(RAISING) | B(FAULT),
    [ROLE_CATCHUP] = B(WAITING) | B(CATCHUP) | B(SYNCED) | B(RAISING) | B(FAULT),
    [ROLE_SYNCED] = B(WAITING) | B(CATCHUP) | B(ASKING) | B(RAISING) | B(FAULT),
    [ROLE_ASKING] = B(WAITING) | B(CATCHUP) | B(SYNCED) | B(RAISING) | B(FAULT),
    [ROLE_RAISING] = B(WAITING) | B(RESTORING) | B(ACTIVE) | B(DEGRADED) | B(YIELDING) | B(FAULT),
    [ROLE_RESTORING] = B(WAITING) | B(DEGRADED) | B(YIELDING) | B(FAULT),
    [ROLE_ACTIVE] = B(WAITING) | B(DEGRADED) | B(YIELDING) | B(FAULT),
    [ROLE_DEGRADED] = B(WAITING) | B(ACTIVE) | B(YIELDING) | B(FAULT),
    [ROLE_YIELDING] = B(WAITING) | B(ACTIVE) | B(DEGRADED) | B(FAULT),
    [ROLE_FAULT] = B(WAITING) | B(ACTIVE) | B(DEGRADED) | B(YIELDING),
};

static void
test_moves(void **state)
{
	uint16_t seen[ROLE_STATES] = {0};
	const struct role_rule *rule;

	(void)state;
	for (unsigned i = 0; (rule = role_rule_at(i)) != NULL; i++)
		for (unsigned from = 0; from < ROLE_STATES; from++)
			if (rule->to != ROLE_STATES && (rule->states >> from & 1) != 0)
				seen[from] |= (uint16_t)(1u << rule->to);
	for (unsigned from = 0; from < ROLE_STATES; from++)
		for (unsigned to = 0; to < ROLE_STATES; to++)
			if ((seen[from] >> to & 1) != (moves[from] >> to & 1))
				fail_msg("%s -> %s: %s", role_state_word(from), role_state_word(to),
				    (seen[from] >> to & 1) != 0 ? "may not be" : "is not there");
}

static bool
always(const struct role_rule *rule)
{
	return rule->guard == guard_always;
}

/* Behind one that always fits, no rule of the same state and input has a meaning. */
static void
test_no_rule_is_hidden(void **state)
{
	const struct role_rule *first, *later;

	(void)state;
	for (unsigned i = 0; (first = role_rule_at(i)) != NULL; i++)
		for (unsigned j = i + 1; always(first) && (later = role_rule_at(j)) != NULL; j++)
			if (later->input == first->input && (later->states & ~first->states) == 0)
				fail_msg("rule %u for '%s' is hidden by rule %u", j,
				    role_input_word(later->input), i);
}

/* What a change is told by stands in the catalogue. */
static void
test_events(void **state)
{
	static const uint32_t others[] = {104004, 109061};

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_non_null(event_describe(others[i]));
#define ROLE_STATE(name, word, door, release, follows, claims, event)                              \
	if (event_describe(event) == NULL)                                                         \
		fail_msg("event %u of %s is not in the catalogue", event, word);
#include "daemon/sync/role.def"
#undef ROLE_STATE
}

static void
test_words(void **state)
{
	(void)state;
	assert_string_equal(role_state_word(ROLE_STATES), "");
	assert_string_equal(role_input_word(ROLE_INPUTS), "");
	assert_string_equal(role_action_word(ROLE_ACTION_KINDS), "");
	assert_string_equal(role_timer_word(ROLE_TIMERS), "");
	assert_string_equal(role_path_word(ROLE_PATHS), "");
	assert_string_equal(role_reason_word(ROLE_REASONS), "");
	assert_string_equal(role_reason_text(ROLE_REASONS), "");
	assert_string_equal(role_refusal_word(ROLE_REFUSALS), "");
	assert_string_equal(role_refusal_text(ROLE_REFUSALS), "");
	for (unsigned i = 1; i < ROLE_REFUSALS; i++)
		assert_true(role_refusal_text(i)[0] != '\0');
	assert_false(role_door_open(ROLE_STATES));
	assert_false(role_follows(ROLE_STATES));
	assert_false(role_claims(ROLE_STATES));
	assert_int_equal(role_release(ROLE_STATES), ROLE_HELD);
}

static struct role_start
good_start(void)
{
	return (struct role_start){.pair = true, .epoch = {2, 2}, .node = "mx1"};
}

static void
test_start_that_does_not_hold(void **state)
{
	struct role_start start[6];
	struct role_result result;
	struct role role;

	(void)state;
	for (size_t i = 0; i < 6; i++)
		start[i] = good_start();
	assert_true(role_start(&role, &start[0], &result));
	start[0].side = 2;
	start[1].policy = ROLE_STRICT + 1;
	start[2].word = ROLE_WORD_STOP + 1;
	start[3].epoch.number = EPOCH_MAX + 1;
	start[4].epoch.base = 3;
	memset(start[5].node, 'x', sizeof(start[5].node));
	for (size_t i = 0; i < 6; i++) {
		assert_false(role_start(&role, &start[i], &result));
		assert_int_equal(result.count, 0);
	}
	start[0] = good_start();
	start[0].node[0] = '\0';
	assert_false(role_start(&role, &start[0], &result));
}

static void
expect_refused(const struct role_input *input)
{
	struct role_start start = good_start();
	struct role_result result;
	struct role role, before;

	start.serving = true;
	assert_true(role_start(&role, &start, &result));
	before = role;
	role_step(&role, input, &result);
	assert_int_equal(result.refusal, ROLE_NO_BAD_INPUT);
	assert_int_equal(result.count, 0);
	assert_memory_equal(&role, &before, sizeof(role));
}

static void
test_hostile_input(void **state)
{
	struct role_input input = {.kind = ROLE_IN_HELLO,
	    .hello = {.epoch = 3, .version = 1, .state = ROLE_ACTIVE, .side = 1}};

	(void)state;
	expect_refused(&input); /* no name */
	memset(input.hello.node, 'x', sizeof(input.hello.node));
	expect_refused(&input); /* a name without an end */
	snprintf(input.hello.node, sizeof(input.hello.node), "mx2");
	input.hello.state = 255;
	expect_refused(&input);
	input.hello.state = ROLE_ACTIVE;
	input.hello.epoch = UINT64_MAX;
	expect_refused(&input);
	expect_refused(&(struct role_input){.kind = ROLE_INPUTS});
	expect_refused(&(struct role_input){.kind = -1});
	expect_refused(&(struct role_input){.kind = ROLE_IN_LOST, .path = ROLE_PATHS});
	expect_refused(&(struct role_input){.kind = ROLE_IN_TIMER, .timer = ROLE_TIMERS});
	expect_refused(&(struct role_input){.kind = ROLE_IN_FENCED, .epoch = EPOCH_MAX + 1});
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_moves),
	    cmocka_unit_test(test_no_rule_is_hidden),
	    cmocka_unit_test(test_events),
	    cmocka_unit_test(test_words),
	    cmocka_unit_test(test_start_that_does_not_hold),
	    cmocka_unit_test(test_hostile_input),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
