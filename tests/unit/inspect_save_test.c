#include "worker/inspect/ledger.h"
#include "worker/inspect/phase.h"
#include "worker/inspect/save.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct inspect
fresh(enum inspect_mode mode)
{
	struct inspect_policy policy;
	struct inspect session;

	inspect_policy_default(&policy, "mx", 2);
	inspect_init(&session, &policy, mode, 5000);
	return session;
}

static void
test_round_trip(void **state)
{
	struct inspect before = fresh(INSPECT_MODE_INSPECT), after;
	uint8_t saved[INSPECT_STATE_SIZE];

	(void)state;
	assert_true(sizeof(before) <= INSPECT_STATE_SIZE);
	ledger_add(&before, VERB_NOOP, 0, OWN_NONE);
	size_t length = inspect_save(&before, saved, sizeof(saved));
	assert_int_equal(length, offsetof(struct inspect, extra));
	assert_true(inspect_load(&after, saved, length, NULL, 0));
	assert_memory_equal(&before, &after, length);
	assert_int_equal(inspect_save(&before, saved, length - 1), 0);
	assert_false(inspect_load(&after, saved, length - 1, NULL, 0));
	assert_false(inspect_load(&after, saved, 0, NULL, 0));
}

/* Each of these alone makes a state that the core must not be given. */
static void
test_refuses_what_cannot_be(void **state)
{
	struct inspect session;

	(void)state;
#define REFUSED(change)                                                                            \
	do {                                                                                       \
		session = fresh(INSPECT_MODE_INSPECT);                                             \
		assert_true(save_check(&session));                                                 \
		change;                                                                            \
		assert_false(save_check(&session));                                                \
	} while (0)
	REFUSED(session.magic++);
	REFUSED(session.version++);
	REFUSED(session.size--);
	REFUSED(session.flags = STATE_FLAGS_ALL + 1);
	REFUSED(session.mode = INSPECT_MODE_RAW + 1);
	REFUSED(session.phase = PHASE_COUNT);
	REFUSED(session.phase = PHASE_OPAQUE);
	REFUSED(session.phase = PHASE_ENDED);
	REFUSED(session.flags = STATE_OPAQUE);
	REFUSED(session.reason = INSPECT_REASON_SHORTAGE + 1);
	REFUSED(session.mail = MAIL_STATES);
	REFUSED(session.body = BODY_AT_COUNT);
	REFUSED(session.drain_reply = OWN_COUNT);
	REFUSED(session.sender_length = SENDER_MAX + 1);
	REFUSED(session.sync = LEDGER_OTHER);
	REFUSED(session.sync = VERB_DATA);
	REFUSED(session.ending[0] = INSPECT_ABORT + 1);
	REFUSED(session.ending[0] = session.ending[1] = INSPECT_FIN);
	REFUSED(session.ledger_first = LEDGER_ENTRIES);
	REFUSED(session.ledger_count = LEDGER_ENTRIES + 1);
	REFUSED(session.shown = UINT64_MAX);
#undef REFUSED
}

/* The second part, with what the core could not have put there. */
static void
test_refuses_extra(void **state)
{
	struct inspect session = fresh(INSPECT_MODE_INSPECT), after;
	uint8_t first[INSPECT_SAVED_SIZE], second[INSPECT_EXTRA_SIZE];

	(void)state;
#define LOADS(change, good)                                                                        \
	do {                                                                                       \
		session = fresh(INSPECT_MODE_INSPECT);                                             \
		memset(&session.extra, 0, sizeof(session.extra));                                  \
		session.content_flags = CONTENT_FIELD;                                             \
		session.extra.field_length = 9;                                                    \
		session.extra.boundaries = 2;                                                      \
		session.extra.boundary[1].length = 5;                                              \
		change;                                                                            \
		size_t length = inspect_save(&session, first, sizeof(first));                      \
		size_t more = inspect_save_extra(&session, second, sizeof(second));                \
		assert_int_equal(inspect_load(&after, first, length, second, more), good);         \
	} while (0)
	LOADS(, true);
	LOADS(session.content_flags = CONTENT_DASHES, true);
	LOADS(session.content_flags = 0; session.extra.field_length = 0, true);
	LOADS(session.content_flags = 0, false);
	LOADS(session.extra.field_length = 0, false);
	LOADS(session.content_flags |= CONTENT_DASHES, false);
	LOADS(session.content_flags = CONTENT_FLAGS_ALL + 1, false);
	LOADS(session.content_part = CONTENT_PARTS, false);
	LOADS(session.extra.field_length = 1003, true);
	LOADS(session.content_flags = CONTENT_DASHES; session.extra.field_length = 1003, false);
	LOADS(session.extra.field_shrunk = 1; session.extra.field_lost = 7, true);
	LOADS(session.extra.field_lost = 7, false);
	LOADS(session.extra.field_shrunk = 2, false);
	LOADS(session.content_flags = CONTENT_DASHES; session.extra.field_shrunk = 1, false);
	LOADS(session.extra.boundary[0].length = 6, false);
	LOADS(session.extra.boundary[1].length = CONTENT_BOUNDARY_MAX + 1, false);
	LOADS(session.extra.boundary[0].digest = 2, false);
	LOADS(session.extra.boundary[0].spare = 1, false);
	LOADS(session.extra.boundaries = CONTENT_BOUNDARIES, false);
	LOADS(session.extra.boundaries = 0, true);
#undef LOADS
	session = fresh(INSPECT_MODE_INSPECT);
	session.content_flags = CONTENT_FIELD;
	session.extra.field_length = 9;
	size_t length = inspect_save(&session, first, sizeof(first));
	size_t more = inspect_save_extra(&session, second, sizeof(second));
	for (size_t cut = 0; cut < more; cut++)
		assert_false(inspect_load(&after, first, length, second, cut));
	assert_int_equal(inspect_save_extra(&session, second, more - 1), 0);
}

static void
test_last_words(void **state)
{
	struct inspect session = fresh(INSPECT_MODE_INSPECT);

	(void)state;
	const char *words =
	    inspect_last_words((uint8_t *)&session, offsetof(struct inspect, extra));
	assert_non_null(words);
	assert_memory_equal(words, "421 ", 4);
	session = fresh(INSPECT_MODE_RAW);
	assert_null(inspect_last_words((uint8_t *)&session, offsetof(struct inspect, extra)));
	assert_null(inspect_last_words((uint8_t *)&session, 3));
}

static void
test_phases(void **state)
{
	struct inspect session = fresh(INSPECT_MODE_INSPECT);

	(void)state;
	for (unsigned phase = 0; phase < PHASE_COUNT; phase++)
		assert_non_null(inspect_phase_name(phase));
	assert_null(inspect_phase_name(PHASE_COUNT));
	assert_true(phase_move(&session, PHASE_COMMAND));
	assert_true(phase_move(&session, PHASE_CONTENT));
	assert_false(phase_move(&session, PHASE_COMMAND)); /* not without an answer to the end */
	assert_int_equal(session.phase, PHASE_ENDED);
	assert_int_equal(session.ending[INSPECT_SERVER], INSPECT_ABORT);
	assert_true(save_check(&session));
}

static void
test_policy(void **state)
{
	struct inspect_policy policy;

	(void)state;
	inspect_policy_default(&policy, "mx.example.org", 14);
	assert_true(inspect_policy_check(&policy, sizeof(policy)));
	assert_false(inspect_policy_check(&policy, sizeof(policy) - 1));
	policy.hostname[0] = '\r';
	assert_false(inspect_policy_check(&policy, sizeof(policy)));
	inspect_policy_default(&policy, "mx.example.org", 14);
	policy.header_hold = INSPECT_HOLD_MAX + 1;
	assert_false(inspect_policy_check(&policy, sizeof(policy)));
	policy.header_hold = INSPECT_HOLD_MAX;
	assert_true(inspect_policy_check(&policy, sizeof(policy)));
	policy.verbs |= UINT64_C(1) << VERB_BURL;
	assert_false(inspect_policy_check(&policy, sizeof(policy)));
	assert_null(inspect_verb_name(inspect_verb_find("BURL", 4)));
	assert_null(inspect_extension_name(inspect_extension_find("ATRN", 4)));
	assert_string_equal(inspect_verb_name(inspect_verb_find("etrn", 4)), "ETRN");
}

/* Rules that no compiler makes. */
static void
test_rules(void **state)
{
	struct inspect_policy policy;
	struct inspect_rule *rule = &policy.rule[0];

	(void)state;
#define CHECKED(change, good)                                                                      \
	do {                                                                                       \
		inspect_policy_default(&policy, "mx", 2);                                          \
		change;                                                                            \
		inspect_policy_finish(&policy);                                                    \
		assert_int_equal(inspect_policy_check(&policy, sizeof(policy)), good);             \
	} while (0)
#define REJECT(number, detail)                                                                     \
	do {                                                                                       \
		rule->action = INSPECT_ACTION_REJECT;                                              \
		rule->code = number;                                                               \
		rule->enhanced_length = (uint8_t)strlen(detail);                                   \
		memcpy(rule->enhanced, detail, strlen(detail));                                    \
	} while (0)
	CHECKED(, true);
	CHECKED(rule->action = INSPECT_ACTION_MASK, false);
	CHECKED(rule->flags = 4, false);
	CHECKED(rule->set = 1, false);
	CHECKED(rule->reserved0[4] = 1, false);
	CHECKED(rule->code = 554, false);
	CHECKED(policy.rule[2].limit = 1, false);
	CHECKED(policy.compat = INSPECT_COMPATS, false);
	CHECKED(policy.hostname_length = INSPECT_HOSTNAME_MAX + 1, false);
	CHECKED(policy.hostname_length = 0, false);
	CHECKED(policy.banner = INSPECT_BANNER_TEXT, false);
	CHECKED(policy.reserved3[sizeof(policy.reserved3) - 1] = 1, false);
	CHECKED(REJECT(0, ""), true);
	CHECKED(REJECT(450, "4.7.1"), true);
	CHECKED(REJECT(554, "5.128.25"), true);
	CHECKED(REJECT(0, "5.7.1"), true);
	CHECKED(REJECT(0, "4.7.1"), false);
	CHECKED(REJECT(399, ""), false);
	CHECKED(REJECT(600, ""), false);
	CHECKED(REJECT(550, "5"), false);
	CHECKED(REJECT(550, "5.7"), false);
	CHECKED(REJECT(550, "5.7."), false);
	CHECKED(REJECT(550, "5.7.1.1"), false);
	CHECKED(REJECT(550, "5.1234.1"), false);
	CHECKED(REJECT(550, "5.a.1"), false);
	CHECKED(REJECT(550, ""); rule->enhanced_length = 9, false);
	CHECKED(REJECT(550, ""); rule->text_length = INSPECT_REJECT_MAX + 1, false);
	CHECKED(REJECT(550, ""); rule->text_length = 1; rule->text[0] = '\n', false);
#undef REJECT
#undef CHECKED
	inspect_policy_default(&policy, "mx", 2);
	rule->criterion = INSPECT_CRITERIA_MAX;
	assert_false(inspect_policy_check(&policy, sizeof(policy)));
	inspect_policy_default(&policy, "mx", 2);
	policy.rules = INSPECT_RULES_MAX + 1;
	assert_false(inspect_policy_check(&policy, sizeof(policy)));
	inspect_policy_default(&policy, "mx", 2);
	policy.needs = 0;
	assert_false(inspect_policy_check(&policy, sizeof(policy)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_round_trip),
	    cmocka_unit_test(test_refuses_what_cannot_be),
	    cmocka_unit_test(test_refuses_extra),
	    cmocka_unit_test(test_last_words),
	    cmocka_unit_test(test_phases),
	    cmocka_unit_test(test_policy),
	    cmocka_unit_test(test_rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
