/*
 * record: what becomes of a record of the version before, of an older one and of a later one.  Compiled
 * three times: as this build, as one that is a version later (and converts), and as one that is two.
 */
#include "shm/record.h"
#include "shm/slot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define CONVERTS (SMTPGUARD_TEST_RECORD == 1)

static struct slot_session session;

/* As a program of that version has left it; what later versions added is not there. */
static void
leave(uint16_t version)
{
	struct record *draft;

	memset(&session, 0, sizeof(session));
	for (int i = 0; i < 2; i++) {
		draft = record_begin(&session, 7);
		draft->messages = 3;
		draft->version = version;
		if (version < RECORD_VERSION)
			draft->reserved[0] = 0;
		record_publish(&session, draft);
	}
}

static void
test_own(void **state)
{
	struct record record;

	(void)state;
	assert_true(record_reads(record_version()));
	leave(RECORD_VERSION);
	assert_true(record_read(&session, 7, &record));
	record_renew(&session, 7);
	assert_int_equal(record_current(&session)->sequence, 2);
}

static void
test_the_one_before(void **state)
{
	struct record record;
	const struct record *current;

	(void)state;
	assert_int_equal(record_reads(RECORD_VERSION - 1), CONVERTS);
	leave(RECORD_VERSION - 1);
	assert_int_equal(record_read(&session, 7, &record), CONVERTS);
	assert_true(record_read_any(&session, 7, &record));
	assert_int_equal(record.version, RECORD_VERSION - 1);
	record_renew(&session, 7);
	current = record_current(&session);
	assert_int_equal(current->version, CONVERTS ? RECORD_VERSION : RECORD_VERSION - 1);
	assert_int_equal(current->sequence, CONVERTS ? 3 : 2);
	assert_int_equal(current->messages, 3);
	assert_int_equal(record_read(&session, 7, &record), CONVERTS);
}

/* One that comes from another host. */
static void
test_converted(void **state)
{
	struct record record;

	(void)state;
	leave(RECORD_VERSION);
	record = *record_current(&session);
	assert_true(record_convert(&record, 7));
	assert_false(record_convert(&record, 8));
	record.messages++;
	assert_false(record_convert(&record, 7));
	leave(RECORD_VERSION - 1);
	record = *record_current(&session);
	assert_int_equal(record_convert(&record, 7), CONVERTS);
	assert_int_equal(record.version, CONVERTS ? RECORD_VERSION : RECORD_VERSION - 1);
	leave(RECORD_VERSION + 1);
	record = *record_current(&session);
	assert_false(record_convert(&record, 7));
}

static void
test_others(void **state)
{
	static const uint16_t versions[] = {RECORD_VERSION - 2, RECORD_VERSION + 1};
	struct record record;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		assert_false(record_reads(versions[i]));
		leave(versions[i]);
		assert_false(record_read(&session, 7, &record));
		assert_true(record_read_any(&session, 7, &record));
		record_renew(&session, 7);
		assert_int_equal(record_current(&session)->version, versions[i]);
	}
}

/* Damage is damage, whatever the version. */
static void
test_damage(void **state)
{
	struct record record;

	(void)state;
	leave(RECORD_VERSION - 1);
	session.record[0].commands ^= 1;
	session.record[1].commands ^= 1;
	assert_false(record_read(&session, 7, &record));
	assert_false(record_read_any(&session, 7, &record));
	leave(RECORD_VERSION - 1);
	assert_false(record_read_any(&session, 8, &record));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_own),
	    cmocka_unit_test(test_the_one_before),
	    cmocka_unit_test(test_converted),
	    cmocka_unit_test(test_others),
	    cmocka_unit_test(test_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
